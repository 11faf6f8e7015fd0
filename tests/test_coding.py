"""Content types, content codings, and the siblings of precond.wsgi.StaticFiles that hold them."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import precond._wsgi
from conftest import CHANGES_FILES, CHANGES_PROCESS
from filesystems import as_nobody
from precond._coding import accepted, guessed_type
from precond.wsgi import StaticFiles
from wsgi_call import Reply, call

CODINGS = ("br", "gzip")
STAMP = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    "field, expected",
    [
        ("", []),
        ("gzip", ["gzip"]),
        ("gzip, br", ["br", "gzip"]),
        ("GZip,\tBR", ["br", "gzip"]),
        ("x-gzip", ["gzip"]),
        ("gzip, deflate, br, zstd", ["br", "gzip"]),
        ("br;q=0.5, gzip;q=0.8", ["gzip", "br"]),
        ("br;q=0.5, gzip ; Q=0.501", ["gzip", "br"]),
        ("br;q=0, gzip", ["gzip"]),
        ("br;q=0.000, gzip;q=0.001", ["gzip"]),
        ("br;q=1.000, gzip;q=1.", ["br", "gzip"]),
        ("*", ["br", "gzip"]),
        ("*;q=0", []),
        ("*;q=0, gzip", ["gzip"]),
        ("gzip;q=0, *", ["br"]),
        ("gzip;q=0.5, *", ["br"]),
        ("identity", []),
        ("identity, gzip", ["gzip"]),
        ("identity;q=1, gzip;q=0.5", []),
        ("identity;q=0.5, gzip;q=0.5, br;q=0.4", ["gzip"]),
        ("identity;q=0, gzip;q=0.1", ["gzip"]),
        ("identity;q=0", []),
        (", ,gzip,", ["gzip"]),
        ("gzip;q=2, br;q=0.1234", []),
        ("gzip;level=1, br q=1", []),
        ("gzip;q=, br;q=.5", []),
        ("gz\xefp, \x00", []),
    ],
)
def test_accepted(field: str, expected: list[str]) -> None:
    assert accepted(CODINGS, field) == expected


def test_the_server_breaks_ties() -> None:
    assert accepted(("gzip", "br"), "br, gzip") == ["gzip", "br"]


@given(st.text(st.characters(max_codepoint=255)))
def test_no_value_raises(field: str) -> None:
    assert set(accepted(CODINGS, field)) <= set(CODINGS)


@pytest.mark.parametrize("field", ["," * 10**6, "a;q=" + "0" * 10**6, ";q=0" * 10**5, "gzip" + " " * 10**6])
def test_long_values_take_no_longer_than_their_length(field: str) -> None:
    accepted(CODINGS, field)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/a/page.html", "text/html"),
        ("/a/style.css", "text/css"),
        ("/a/data.json", "application/json"),
        ("/a/archive.tar.gz", "application/gzip"),
        ("/a/page.html.bz2", "application/x-bzip2"),
        ("/a/data:x,y", "application/octet-stream"),
        ("/a/no-extension", "application/octet-stream"),
    ],
)
def test_guessed_type(path: str, expected: str) -> None:
    assert guessed_type(path) == expected


# -- Siblings ------------------------------------------------------------------------------------------------

PLAIN = b"body {}" * 100
CODED = {"br": b"not really Brotli", "gzip": gzip.compress(PLAIN)}
NAMES = {"br": "style.css.br", "gzip": "style.css.gz"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {"style.css": PLAIN, "alone.css": PLAIN, **{NAMES[coding]: CODED[coding] for coding in CODED}}
    for number, (name, content) in enumerate(files.items()):
        (tmp_path / name).write_bytes(content)
        stamp = STAMP + number * 10**9
        os.utime(tmp_path / name, ns=(stamp, stamp))
    return tmp_path


@pytest.fixture
def app(root: Path) -> StaticFiles:
    return StaticFiles(root, siblings=CODINGS)


def coding(reply: Reply) -> str | None:
    return reply["content-encoding"] if "content-encoding" in reply.names() else None


@pytest.mark.parametrize(
    "field, expected",
    [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip"),
        ("identity, br;q=0.5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_best_coding_is_sent(app: StaticFiles, method: str, field: str, expected: str | None) -> None:
    reply = call(app, "/style.css", method, accept_encoding=field)
    content = PLAIN if expected is None else CODED[expected]
    assert coding(reply) == expected
    assert reply.body == (content if method == "GET" else b"")
    assert (reply["content-length"], reply["content-type"]) == (str(len(content)), "text/css")
    assert reply["vary"] == "Accept-Encoding"


def test_each_coding_has_its_own_validators(app: StaticFiles) -> None:
    replies = {field: call(app, "/style.css", accept_encoding=field) for field in ("identity", "gzip", "br")}
    assert len({reply["etag"] for reply in replies.values()}) == 3
    assert len({reply["last-modified"] for reply in replies.values()}) == 3
    for asked in replies:
        for field, reply in replies.items():
            again = call(app, "/style.css", accept_encoding=asked, if_none_match=reply["etag"])
            assert again.status == (304 if asked == field else 200)
            assert again["vary"] == "Accept-Encoding"
            assert again["etag"] == replies[asked]["etag"]


def test_vary_is_on_every_answer(app: StaticFiles) -> None:
    for fields, status in (
        ({}, 200),
        ({"range": "bytes=0-1"}, 206),
        ({"if_none_match": "*"}, 304),
        ({"if_match": '"x"'}, 412),
        ({"range": "bytes=9999-"}, 416),
    ):
        for field in ("", "gzip"):
            reply = call(app, "/style.css", accept_encoding=field, **fields)
            assert (reply.status, reply["vary"]) == (status, "Accept-Encoding")


def test_ranges_are_of_the_coded_bytes(app: StaticFiles) -> None:
    reply = call(app, "/style.css", accept_encoding="gzip", range="bytes=1-3")
    assert (reply.status, reply.body, coding(reply)) == (206, CODED["gzip"][1:4], "gzip")
    assert reply["content-range"] == f"bytes 1-3/{len(CODED['gzip'])}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "sizes, codings",
    [
        ((700, 700), (None, None)),
        ((700, 699), (None, "gzip")),
        ((699, 699), ("br", None)),
        ((699, 700), ("br", None)),
    ],
)
def test_a_sibling_without_a_tag_of_its_own_is_not_sent(
    root: Path, app: StaticFiles, method: str, sizes: tuple[int, int], codings: tuple[str | None, ...]
) -> None:
    """RFC 9110 section 8.8.3.3: who has the tag of one would take it for the other's."""
    for name, size in zip(NAMES.values(), sizes, strict=True):
        (root / name).write_bytes(name[-1:].encode() * size)
        os.utime(root / name, ns=(STAMP, STAMP))
    tags: dict[str, str | None] = {}
    for field, expected in zip(NAMES, codings, strict=True):
        reply = call(app, "/style.css", method, accept_encoding=field)
        assert (coding(reply), reply["vary"]) == (expected, "Accept-Encoding")
        assert tags.setdefault(reply["etag"], expected) == expected
        again = call(app, "/style.css", method, accept_encoding=field, if_none_match=reply["etag"])
        assert (again.status, again["vary"]) == (304, "Accept-Encoding")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fields", [{}, {"if_none_match": "*"}, {"if_match": '"x"'}])
@CHANGES_PROCESS
def test_a_sibling_that_may_not_be_read_hides_nothing(
    root: Path, app: StaticFiles, method: str, fields: dict[str, str]
) -> None:
    (root / NAMES["gzip"]).chmod(0)
    with as_nobody(root / "style.css"):
        plain = call(app, "/style.css", method, **fields)
        assert plain.status in (200, 304, 412)
        assert call(app, "/style.css", method, accept_encoding="gzip", **fields) == plain
        assert coding(call(app, "/style.css", accept_encoding="gzip, br;q=0.5")) == "br"


@CHANGES_FILES
def test_a_sibling_that_goes_before_it_is_opened_hides_nothing(
    app: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = precond._wsgi.open_regular

    def open_regular(name: str) -> tuple[int, os.stat_result]:
        if name.endswith(".gz"):
            os.unlink(name)
        return real(name)

    monkeypatch.setattr(precond._wsgi, "open_regular", open_regular)
    assert call(app, "/style.css", accept_encoding="gzip") == call(app, "/style.css")


def test_trouble_with_a_sibling_is_the_servers_own(app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_regular(name: str) -> tuple[int, os.stat_result]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(precond._wsgi, "open_regular", open_regular)
    with pytest.raises(OSError, match="Too many"):
        call(app, "/style.css", accept_encoding="gzip")


@pytest.mark.parametrize("field", ["", "gzip", "br"])
def test_no_date_in_if_range_is_strong(root: Path, app: StaticFiles, field: str) -> None:
    """One second's stamp may be that of the file and of its siblings: the client may hold bytes of either."""
    for name in NAMES.values():
        os.utime(root / name, ns=(STAMP, STAMP))
    reply = call(app, "/style.css", accept_encoding=field)
    for name, status in (("last-modified", 200), ("etag", 206)):
        fields = {"range": "bytes=2-", "if_range": reply[name]}
        assert call(app, "/style.css", accept_encoding=field, **fields).status == status
    assert (
        call(StaticFiles(root), "/style.css", range="bytes=2-", if_range=reply["last-modified"]).status == 206
    )


def test_no_sibling(app: StaticFiles) -> None:
    reply = call(app, "/alone.css", accept_encoding="gzip")
    assert (reply.body, coding(reply), reply["vary"]) == (PLAIN, None, "Accept-Encoding")


def test_a_sibling_by_its_own_name(app: StaticFiles) -> None:
    reply = call(app, "/style.css.gz", accept_encoding="gzip")
    assert (reply.body, coding(reply), reply["content-type"]) == (CODED["gzip"], None, "application/gzip")


def test_siblings_are_only_looked_for_where_asked(root: Path) -> None:
    reply = call(StaticFiles(root), "/style.css", accept_encoding="gzip, br")
    assert (reply.body, coding(reply)) == (PLAIN, None)
    assert "vary" not in reply.names()


@CHANGES_FILES
def test_a_sibling_alone_is_not_the_file(root: Path, app: StaticFiles) -> None:
    (root / "style.css").unlink()
    assert call(app, "/style.css", accept_encoding="gzip").status == 404


@CHANGES_FILES
def test_what_is_no_regular_file_is_no_sibling(root: Path, app: StaticFiles) -> None:
    (root / "style.css.br").unlink()
    (root / "style.css.br").mkdir()
    assert coding(call(app, "/style.css", accept_encoding="br, gzip")) == "gzip"


def test_a_sibling_of_the_index(root: Path) -> None:
    app = StaticFiles(root, siblings=CODINGS, index="style.css", headers=[("Vary", "Origin")])
    reply = call(app, "/", accept_encoding="gzip")
    assert (reply.body, coding(reply)) == (CODED["gzip"], "gzip")
    assert [value for name, value in reply.fields if name == "Vary"] == ["Origin", "Accept-Encoding"]
