"""precond.aiohttp: files beside which compressed ones stand, and compression on the way."""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

import precond._aiohttp
from aiohttp_server import DATE, FILE, OLD, SIZE, TAG, ask, serving_file, serving_response, write
from cases import content
from conftest import CHANGES_FILES, CHANGES_PROCESS
from filesystems import as_nobody
from precond.aiohttp import FileResponse


def etag_of(path: Path) -> str:
    return precond.etag(os.stat(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["static", "FileResponse"])
def port(request: pytest.FixtureRequest, path: Path) -> Iterator[int]:
    with serving_file(path, request.param) as number:
        yield number


# -- Siblings ------------------------------------------------------------------------------------------------


@pytest.fixture
def siblings(path: Path) -> dict[str, Path]:
    return {
        "": path,
        "gzip": write(path.with_name("file.txt.gz"), gzip.compress(content(SIZE)), OLD + 1),
        "br": write(path.with_name("file.txt.br"), b"brotli, for all we know", OLD + 2),
    }


@pytest.mark.parametrize(
    "accepted, coding",
    [
        (None, ""),
        ("", ""),
        ("gzip", "gzip"),
        ("GZip, deflate", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br", "br"),
        ("gzip, br;q=0", "gzip"),
        ("gzip;q=0.000", ""),
        ("deflate", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_siblings(
    port: int, siblings: dict[str, Path], accepted: str | None, coding: str, method: str
) -> None:
    fields = [] if accepted is None else [("Accept-Encoding", accepted)]
    tag = etag_of(siblings[coding])
    full = ask(port, FILE, method, fields)
    assert full.status == 200
    assert full.fields["etag"] == tag
    assert full.fields["vary"] == "Accept-Encoding"
    assert full.fields["content-type"] == "text/plain"
    assert full.fields.get("content-encoding", "") == coding
    assert full.body == (siblings[coding].read_bytes() if method == "GET" else b"")
    match = ask(port, FILE, method, [*fields, ("If-None-Match", tag)])
    assert match.status == 304
    assert set(match.fields) == {"date", "server", "etag", "vary"}
    assert match.fields["etag"] == tag
    for other in {etag_of(path) for path in siblings.values()} - {tag}:
        assert ask(port, FILE, method, [*fields, ("If-None-Match", other)]).status == 200
        failed = ask(port, FILE, method, [*fields, ("If-Match", other)])
        assert (failed.status, failed.fields["vary"]) == (412, "Accept-Encoding")
    part = ask(port, FILE, "GET", [*fields, ("Range", "bytes=2-4"), ("If-Range", tag)])
    assert (part.status, part.body) == (206, siblings[coding].read_bytes()[2:5])
    assert part.fields["vary"] == "Accept-Encoding"
    assert ask(port, FILE, fields=[*fields, ("Range", "bytes=900-")]).fields["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "sizes, codings",
    [
        ((SIZE, SIZE), ("", "")),
        ((SIZE, SIZE - 1), ("", "gzip")),
        ((SIZE - 1, SIZE - 1), ("br", "")),
        ((SIZE - 1, SIZE), ("br", "")),
    ],
)
def test_a_sibling_without_a_tag_of_its_own_is_not_sent(
    port: int, path: Path, method: str, sizes: tuple[int, int], codings: tuple[str, str]
) -> None:
    """RFC 9110 section 8.8.3.3: who has the tag of one would take it for the other's."""
    for extension, size in zip(("br", "gz"), sizes, strict=True):
        write(path.with_name(f"file.txt.{extension}"), b"x" * size)
    tags: dict[str, str] = {}
    for accepted, coding in zip(("br", "gzip"), codings, strict=True):
        fields = [("Accept-Encoding", accepted)]
        answer = ask(port, FILE, method, fields)
        assert answer.fields.get("content-encoding", "") == coding
        assert answer.fields["vary"] == "Accept-Encoding"
        assert tags.setdefault(answer.fields["etag"], coding) == coding
        match = ask(port, FILE, method, [*fields, ("If-None-Match", answer.fields["etag"])])
        assert (match.status, match.fields["vary"]) == (304, "Accept-Encoding")


def unlink(path: Path) -> None:
    path.unlink()


def to_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


CONDITIONS: list[list[tuple[str, str]]] = [[], [("If-None-Match", TAG)], [("If-Match", '"other"')]]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fields", CONDITIONS)
@CHANGES_PROCESS
def test_a_sibling_that_may_not_be_read_hides_nothing(
    port: int, path: Path, siblings: dict[str, Path], method: str, fields: list[tuple[str, str]]
) -> None:
    siblings["gzip"].chmod(0)
    with as_nobody(path):
        answer = ask(port, FILE, method, [*fields, ("Accept-Encoding", "gzip")])
        assert answer == ask(port, FILE, method, fields)._replace(fields=answer.fields)
        assert answer.fields.get("etag", TAG) == TAG
        assert "content-encoding" not in answer.fields
        assert answer.fields["vary"] == "Accept-Encoding"
        answer = ask(port, FILE, "GET", [("Accept-Encoding", "gzip, br;q=0.5")])
        assert answer.fields["content-encoding"] == "br"


@pytest.mark.parametrize("change", [unlink, to_directory])
@CHANGES_FILES
def test_a_sibling_that_goes_before_it_is_opened_hides_nothing(
    port: int,
    path: Path,
    siblings: dict[str, Path],
    change: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = precond._aiohttp.open_regular

    def open_regular(name: str) -> tuple[int, os.stat_result]:
        if name.endswith(".gz"):
            change(Path(name))
        return real(name)

    monkeypatch.setattr(precond._aiohttp, "open_regular", open_regular)
    answer = ask(port, FILE, fields=[("Accept-Encoding", "gzip")])
    assert (answer.status, answer.body, answer.fields["etag"]) == (200, content(SIZE), TAG)
    assert answer.fields["vary"] == "Accept-Encoding"


def test_trouble_with_a_sibling_is_the_servers_own(
    port: int, siblings: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_regular(name: str) -> tuple[int, os.stat_result]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(precond._aiohttp, "open_regular", open_regular)
    assert ask(port, FILE, fields=[("Accept-Encoding", "gzip")]).status == 500


@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_no_date_in_if_range_is_strong_beside_siblings(port: int, path: Path, accepted: str) -> None:
    """One second's stamp is that of the file and of its siblings: the client may hold bytes of either."""
    fields = [("Accept-Encoding", accepted), ("Range", "bytes=2-4"), ("If-Range", DATE)]
    assert ask(port, FILE, fields=fields).status == 206
    sibling = write(path.with_name("file.txt.gz"), gzip.compress(content(SIZE)), OLD)
    answer = ask(port, FILE, fields=fields)
    assert (answer.status, answer.fields["last-modified"]) == (200, DATE)
    assert answer.body == (sibling if accepted else path).read_bytes()
    tag = answer.fields["etag"]
    assert ask(port, FILE, fields=[*fields[:2], ("If-Range", tag)]).status == 206


@CHANGES_FILES
def test_a_file_of_which_only_a_sibling_is_there(port: int, path: Path, siblings: dict[str, Path]) -> None:
    path.unlink()
    assert ask(port, FILE, fields=[("Accept-Encoding", "gzip")]).status == 200
    answer = ask(port, FILE)
    assert (answer.status, answer.fields["vary"]) == (404, "Accept-Encoding")


@CHANGES_FILES
def test_a_symbolic_link_is_no_sibling(
    port: int, path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = write(tmp_path_factory.mktemp("outside") / "secret", b"secret")
    path.with_name("file.txt.gz").symlink_to(secret)
    path.with_name("file.txt.br").mkdir()
    answer = ask(port, FILE, fields=[("Accept-Encoding", "gzip, br")])
    assert answer.body == content(SIZE)
    assert "vary" not in answer.fields


@pytest.mark.parametrize(
    "own, sent",
    [
        ("Cookie", "Cookie, Accept-Encoding"),
        ("Cookie, accept-encoding", "Cookie, accept-encoding"),
        ("*", "*"),
    ],
)
def test_vary_is_added_to(path: Path, siblings: dict[str, Path], own: str, sent: str) -> None:
    with serving_response(lambda: FileResponse(path, headers={"Vary": own})) as port:
        assert ask(port).fields["vary"] == sent
        assert ask(port, fields=[("If-None-Match", TAG)]).fields["vary"] == sent


OWN = '"rev-17"'


@pytest.mark.parametrize("accepted", ["", "gzip", "gzip, br"])
@pytest.mark.parametrize("own", [OWN, f" {OWN}", f"W/{OWN}"])
def test_an_own_tag_of_several_codings_is_weak(
    path: Path, siblings: dict[str, Path], accepted: str, own: str
) -> None:
    """RFC 9110 section 8.8.3.3: it is one for them all."""
    accepting = [("Accept-Encoding", accepted)]
    ranged = [*accepting, ("Range", "bytes=1-2")]
    with serving_response(lambda: FileResponse(path, headers={"ETag": own})) as port:
        for method in ("GET", "HEAD"):
            assert ask(port, "/", method, accepting).fields["etag"] == f"W/{OWN}"
            for tag in (OWN, f"W/{OWN}"):
                match = ask(port, "/", method, [*accepting, ("If-None-Match", tag)])
                assert (match.status, match.fields["etag"]) == (304, f"W/{OWN}")
                assert ask(port, "/", method, [*accepting, ("If-Match", tag)]).status == 412
        part = ask(port, fields=ranged)
        assert (part.status, part.fields["etag"]) == (206, f"W/{OWN}")
        for tag in (OWN, f"W/{OWN}"):
            assert ask(port, fields=[*ranged, ("If-Range", tag)]).status == 200
    for malformed in ("rev-17", '"rev', f"{OWN}, {OWN}"):
        with serving_response(lambda given=malformed: FileResponse(path, headers={"ETag": given})) as port:
            assert ask(port, fields=accepting).fields["etag"] == malformed


# -- Compression on the way ----------------------------------------------------------------------------------


def compressed(path: Path, force: web.ContentCoding | None = None) -> FileResponse:
    response = FileResponse(path, chunk_size=16)
    response.enable_compression(force)
    return response


@CHANGES_FILES
def test_compression_on_the_way(path: Path) -> None:
    accepting = [("Accept-Encoding", "deflate")]
    with serving_response(lambda: compressed(path)) as port:
        full = ask(port, fields=[*accepting, ("Range", "bytes=0-3")])
        assert (full.status, full.fields["content-encoding"]) == (200, "deflate")
        assert zlib.decompress(full.body) == content(SIZE)
        assert full.fields["etag"] == f"W/{TAG}"
        assert full.fields["vary"] == "Accept-Encoding"
        assert not {"accept-ranges", "content-length"} & set(full.fields)
        match = ask(port, fields=[*accepting, ("If-None-Match", f"W/{TAG}")])
        assert (match.status, match.body) == (304, b"")
        assert set(match.fields) == {"date", "server", "etag", "vary"}
        assert ask(port, fields=[*accepting, ("If-Match", TAG)]).status == 412
        head = ask(port, "/", "HEAD", accepting)
        assert (head.status, head.body, head.fields["etag"]) == (200, b"", f"W/{TAG}")
        assert not {"content-encoding", "content-length"} & set(head.fields)
        plain = ask(port)
        assert (plain.body, plain.fields["content-length"]) == (content(SIZE), str(SIZE))
    path.unlink()
    with serving_response(lambda: compressed(path)) as port:
        assert ask(port, fields=accepting).status == 404


@pytest.mark.parametrize("accepted", ["", "deflate"])
def test_an_own_tag_of_what_may_be_compressed_is_weak(path: Path, accepted: str) -> None:
    def respond() -> FileResponse:
        response = FileResponse(path, headers={"ETag": OWN})
        response.enable_compression()
        return response

    accepting = [("Accept-Encoding", accepted)]
    with serving_response(respond) as port:
        for method in ("GET", "HEAD"):
            assert ask(port, "/", method, accepting).fields["etag"] == f"W/{OWN}"
            match = ask(port, "/", method, [*accepting, ("If-None-Match", f"W/{OWN}")])
            assert (match.status, match.fields["etag"]) == (304, f"W/{OWN}")
            assert ask(port, "/", method, [*accepting, ("If-Match", OWN)]).status == 412


def test_a_sibling_is_not_compressed_again(path: Path, siblings: dict[str, Path]) -> None:
    with serving_response(lambda: compressed(path, web.ContentCoding.deflate)) as port:
        answer = ask(port, fields=[("Accept-Encoding", "gzip, deflate")])
        assert answer.fields["content-encoding"] == "gzip"
        assert answer.fields["etag"] == etag_of(siblings["gzip"])
        assert gzip.decompress(answer.body) == content(SIZE)
        fields = [("Accept-Encoding", "gzip"), ("Range", "bytes=1-2")]
        assert ask(port, fields=fields).body == siblings["gzip"].read_bytes()[1:3]
