"""Answers found in the event loop: the same as those from a thread, and only where nothing can wait."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aiohttp_server
from cases import cases, make_file, policies
from conftest import CHANGES_PROCESS
from filesystems import as_nobody
from nowait import (
    ALL,
    AT_ONCE,
    CONDITIONS,
    DATE,
    OLD,
    SIZE,
    STATIC,
    TAG,
    Ask,
    aiohttp_file,
    aiohttp_static,
    both_ways,
    check,
    count_hops,
    starlette_file,
    starlette_static,
)
from precond import Policy, _backend
from test_nowait import TextPath

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    return count_hops(monkeypatch)


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest) -> Any:
    return ALL[request.param]


@pytest.fixture(params=STATIC)
def static(request: pytest.FixtureRequest) -> Any:
    return STATIC[request.param]


@pytest.fixture
def both(tmp_path: Path, kind: Any, hops: list[object]) -> Iterator[tuple[Ask, Ask]]:
    """The file at file.txt, with nowait and without."""
    with both_ways(kind, tmp_path, hops) as pair:
        yield pair


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return aiohttp_server.write(tmp_path / "file.txt")


# -- At once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", policies(), ids=repr)
def test_every_case(
    tmp_path_factory: pytest.TempPathFactory, kind: Any, hops: list[object], policy: Policy
) -> None:
    directory = tmp_path_factory.mktemp("cases")
    with both_ways(kind, directory, hops, policy=policy) as pair:
        for case in cases(policy):
            path = make_file(directory, case)
            fields = [line for line in case.lines if line[0].lower() != "host"]
            replies = [ask(path.name, fields, case.method) for ask in pair]
            if replies[0].status in (304, 412):
                check(pair, path.name, fields, case.method, at_once=True)
            assert replies[0].sent == replies[1].sent
            assert replies[0].status in case.statuses


@pytest.mark.parametrize("fields", CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_thread_is_asked(both: tuple[Ask, Ask], path: Path, fields: dict[str, str], method: str) -> None:
    reply = check(both, "file.txt", fields, method, at_once=True)
    assert reply.status == (412 if "If-Match" in fields or "If-Unmodified-Since" in fields else 304)
    assert reply.body == b""


@pytest.mark.parametrize("of", [str, TextPath, Path])
@pytest.mark.parametrize("kind", [aiohttp_file, starlette_file])
def test_paths_of_any_type(tmp_path: Path, path: Path, kind: Any, hops: list[object], of: Any) -> None:
    with both_ways(kind, tmp_path, hops, of=of) as pair:
        assert check(pair, "file.txt", {"If-None-Match": TAG}, at_once=True).status == 304
        assert check(pair, "file.txt", {}, at_once=False).body == path.read_bytes()


@CHANGES_PROCESS
def test_a_relative_directory(
    tmp_path: Path, path: Path, static: Any, hops: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    with both_ways(static, Path(tmp_path.name), hops) as pair:
        assert check(pair, "file.txt", {"If-None-Match": TAG}, at_once=True).status == 304
        assert check(pair, "file.txt", {}, at_once=False).body == path.read_bytes()


def test_what_the_application_sets(tmp_path: Path, path: Path, hops: list[object]) -> None:
    own = {"ETag": '"own"', "Cache-Control": "max-age=60", "X-Own": "1"}
    for kind in (aiohttp_file, starlette_file):
        with both_ways(kind, tmp_path, hops, headers=own) as pair:
            assert check(pair, "file.txt", {"If-None-Match": '"own"'}, at_once=True).fields["x-own"] == "1"
            assert (
                check(pair, "file.txt", {"If-Modified-Since": DATE}, at_once=True).fields["etag"] == '"own"'
            )
            assert check(pair, "file.txt", {"If-Match": TAG}, at_once=True).status == 412
            assert check(pair, "file.txt", {"If-None-Match": TAG}, at_once=False).status == 200


def test_a_status_that_has_no_preconditions(tmp_path: Path, path: Path, hops: list[object]) -> None:
    for kind, option in ((aiohttp_file, "status"), (starlette_file, "status_code")):
        with both_ways(kind, tmp_path, hops, **{option: 404}) as pair:
            assert check(pair, "file.txt", {"If-None-Match": TAG}, at_once=False).status == 404


# -- From a thread after all ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-9"}, {"Range": "bytes=0-9", "If-Range": TAG}])
def test_what_has_no_condition_does_not_pay(
    both: tuple[Ask, Ask], path: Path, kind: Any, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is not starlette_static:
        never(monkeypatch, lambda: True)
    assert check(both, "file.txt", fields, at_once=False).status in (200, 206)


def test_it_can_be_switched_off(both: tuple[Ask, Ask], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the event loop: a thread may look so, where that is all there is to do."""
    never(monkeypatch, lambda: asyncio._get_running_loop() is not None)
    reply = both[1]("file.txt", {"If-None-Match": TAG})
    assert (reply.status, reply.hops) == (304, 1)


def never(monkeypatch: pytest.MonkeyPatch, forbidden: Callable[[], bool]) -> None:
    def look_nowait(*args: Any) -> Any:
        assert not forbidden(), "looked"
        return _backend.look_nowait(*args)

    for module in ("precond.aiohttp", "precond.starlette"):
        monkeypatch.setattr(f"{module}.look_nowait", look_nowait)


@pytest.mark.parametrize("fields", [{"If-None-Match": '"other"'}, {"If-Match": TAG}, {"If-Match": "*"}])
def test_a_200(both: tuple[Ask, Ask], path: Path, kind: Any, fields: dict[str, str]) -> None:
    assert check(both, "file.txt", fields, at_once=False).status == 200
    assert check(both, "file.txt", fields, "HEAD", at_once=kind is starlette_static).status == 200


@pytest.mark.parametrize(("method", "thread", "at_once"), [("GET", 2, 1), ("HEAD", 1, 0)])
def test_a_200_of_starlette_saves_the_job_of_the_look_up(
    tmp_path: Path, path: Path, hops: list[object], method: str, thread: int, at_once: int
) -> None:
    """Starlette takes four jobs for a small file: the look-up, and to open, read and close it."""
    with both_ways(starlette_static, tmp_path, hops) as (without, with_thread):
        expected = with_thread("file.txt", {}, method)
        reply = without("file.txt", {}, method)
        assert reply.sent == expected.sent
        assert expected.hops == thread
        assert reply.hops == (at_once if AT_ONCE else thread)


def test_what_is_not_in_memory(both: tuple[Ask, Ask], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("precond.aiohttp", "precond.starlette"):
        monkeypatch.setattr(f"{module}.look_nowait", lambda *args: None)
    for fields in CONDITIONS:
        reply = check(both, "file.txt", fields, at_once=False)
        assert reply.hops == 1


@pytest.mark.parametrize("target", ["none.txt", "below", "below/", "", "file.txt/x", "a" * 300, "fifo"])
def test_what_is_no_file(tmp_path: Path, path: Path, static: Any, hops: list[object], target: str) -> None:
    (tmp_path / "below").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with both_ways(static, tmp_path, hops) as pair:
        for fields in CONDITIONS:
            assert check(pair, target, fields, at_once=False).status in (403, 404)


@pytest.mark.parametrize("name", ["file.txt.gz", "file.txt.br"])
def test_siblings(tmp_path: Path, path: Path, hops: list[object], name: str) -> None:
    aiohttp_server.write(tmp_path / name, b"compressed", OLD + 1)
    for kind in (aiohttp_static, aiohttp_file):
        with both_ways(kind, tmp_path, hops) as pair:
            for accepted in ("", "gzip, br"):
                fields = {"If-None-Match": "*", "Accept-Encoding": accepted}
                assert check(pair, "file.txt", fields, at_once=False).fields["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("sibling", [b"compressed", b"x" * SIZE])
@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_an_own_tag_beside_a_sibling(
    tmp_path: Path, path: Path, hops: list[object], sibling: bytes, accepted: str
) -> None:
    aiohttp_server.write(tmp_path / "file.txt.gz", sibling)
    with both_ways(aiohttp_file, tmp_path, hops, headers={"ETag": '"own"'}) as pair:
        for fields in ({"If-None-Match": '"own"'}, {"If-Match": '"own"'}, {"Range": "bytes=0-1"}, {}):
            reply = check(pair, "file.txt", {**fields, "Accept-Encoding": accepted}, at_once=False)
            assert reply.fields.get("etag", 'W/"own"') == 'W/"own"'
            assert reply.fields["vary"] == "Accept-Encoding"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_that_may_not_be_read(tmp_path: Path, path: Path, static: Any, hops: list[object]) -> None:
    with both_ways(static, tmp_path, hops) as pair:
        path.chmod(0)
        with as_nobody(path):
            for fields in CONDITIONS:
                for method in ("GET", "HEAD"):
                    assert check(pair, "file.txt", fields, method, at_once=False).status in (401, 403)
        path.chmod(0o644)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_that_may_not_be_read_is_an_error_in_starlette(
    tmp_path: Path, path: Path, hops: list[object]
) -> None:
    with both_ways(starlette_file, tmp_path, hops) as pair:
        path.chmod(0)
        with as_nobody(path):
            for ask in pair:
                for fields in (*CONDITIONS, {}):
                    with pytest.raises(PermissionError):
                        ask("file.txt", fields)
