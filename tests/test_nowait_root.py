"""Answers found in the event loop: none of what is outside, and none but the framework's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

import aiohttp_server
import precond.aiohttp
import precond.asgi
import precond.starlette
from conftest import CHANGES_PROCESS
from filesystems import as_nobody
from nowait import (
    AT_ONCE,
    CONDITIONS,
    OLD,
    SIZE,
    STATIC,
    TAG,
    both_ways,
    check,
    count_hops,
    over_asgi,
    starlette_static,
)
from precond import Outcome

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    return count_hops(monkeypatch)


@pytest.fixture(params=STATIC)
def static(request: pytest.FixtureRequest) -> Any:
    return STATIC[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return aiohttp_server.write(tmp_path / "file.txt")


# -- The root ------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What is served, all of it and what is beside it in memory."""
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    for file in (tmp_path / "secret.txt", root / "file.txt", root / "below" / "file.txt"):
        aiohttp_server.write(file).stat()
    return root


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize(
    "target",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "below/../../secret.txt",
        "./../secret.txt",
        "../root/../secret.txt",
        "file.txt/../../secret.txt",
        "{root}/file.txt",
        "/{root}/file.txt",
        "%2f{root}/file.txt",
        "file.txt%00",
        "%00",
        "..",
        "\\file.txt",
    ],
)
def test_no_way_out(root: Path, static: Any, hops: list[object], target: str, follow: bool) -> None:
    aiohttp_server.write(root / "\\file.txt", b"of Windows")
    target = target.format(root=root)
    if static is starlette_static:
        target = target.replace("%2e", ".").replace("%2f", "/").replace("%00", "\0")
    with both_ways(static, root, hops, follow_symlinks=follow) as pair:
        for fields in CONDITIONS[:2]:
            replies = [ask(target, fields) for ask in pair]
            assert replies[0].sent == replies[1].sent
            assert replies[0].status in (403, 404) or target == "\\file.txt"


@pytest.mark.parametrize("target", ["below/file.txt", "./file.txt", "below//file.txt", "below/./file.txt"])
def test_names_inside(root: Path, static: Any, hops: list[object], target: str) -> None:
    with both_ways(static, root, hops) as pair:
        assert check(pair, target, CONDITIONS[0], at_once=True).status == 304


@pytest.mark.parametrize("follow", [False, True])
def test_symbolic_links(root: Path, static: Any, hops: list[object], follow: bool) -> None:
    (root / "to-file").symlink_to("file.txt")
    (root / "to-below").symlink_to("below", target_is_directory=True)
    (root / "to-secret").symlink_to("../secret.txt")
    (root / "out").symlink_to("..", target_is_directory=True)
    with both_ways(static, root, hops, follow_symlinks=follow) as pair:
        for target in ("to-file", "to-below/file.txt"):
            assert check(pair, target, CONDITIONS[0], at_once=False).status == 304
        for target in ("to-secret", "out/secret.txt", "out/root/to-secret"):
            status = check(pair, target, CONDITIONS[0], at_once=False).status
            assert status == (304 if follow else 404)


def test_a_root_that_is_replaced(root: Path, static: Any, hops: list[object]) -> None:
    """As at a deployment: no answer is made from the directory that was there."""
    with both_ways(static, root, hops) as pair:
        assert check(pair, "file.txt", CONDITIONS[0], at_once=True).status == 304
        root.rename(root.with_name("old"))
        root.mkdir()
        aiohttp_server.write(root / "file.txt", b"new", OLD + 10**9)
        assert check(pair, "file.txt", CONDITIONS[0], at_once=False).status == 200
        fields = {"If-None-Match": f'"{OLD + 10**9:x}-3"'}
        assert check(pair, "file.txt", fields, at_once=True).status == 304
        root.rename(root.with_name("second"))
        root.symlink_to("old")
        if static is starlette_static:  # which looks each time what the link leads to
            assert check(pair, "file.txt", CONDITIONS[0], at_once=False).status == 304
        else:
            assert check(pair, "file.txt", CONDITIONS[0], at_once=False).status == 404


# -- What is one framework's ---------------------------------------------------------------------------------


def test_html_and_several_directories(
    tmp_path: Path, hops: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    statics = tmp_path / "precond_more_assets" / "statics"
    (statics / "page").mkdir(parents=True)
    (statics.parent / "__init__.py").touch()
    for name in ("index.html", "page/index.html", "404.html"):
        aiohttp_server.write(statics / name)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "first").mkdir()
    options = {"packages": ["precond_more_assets"], "html": True}
    with both_ways(starlette_static, tmp_path / "first", hops, **options) as pair:
        for target, status in (
            ("", 304),
            ("page/", 304),
            ("page", 307),
            ("page/index.html", 304),
            ("none", 404),
        ):
            assert check(pair, target, CONDITIONS[0], at_once=False).status == status
        aiohttp_server.write(tmp_path / "first" / "index.html", b"")
        assert check(pair, "index.html", {"If-None-Match": "*"}, at_once=True).status == 304
    nowhere = Starlette(routes=[Mount("/files", precond.starlette.StaticFiles())])
    assert over_asgi(nowhere, hops)("index.html", CONDITIONS[0]).status == 404


@pytest.mark.parametrize("has_404", [False, True])
def test_the_index_of_a_directory(root: Path, hops: list[object], has_404: bool) -> None:
    """Where the path ends as that of a directory, and nothing else is there to be served."""
    for name in ("index.html", "below/index.html", "404.html")[: 2 + has_404]:
        aiohttp_server.write(root / name)
    (root / "empty").mkdir()
    (root / "odd" / "index.html").mkdir(parents=True)
    with both_ways(starlette_static, root, hops, html=True) as pair:
        for target in ("", "below/", "below//", "./below/", "file.txt/"):
            assert check(pair, target, CONDITIONS[0], at_once=True).status == 304
            assert check(pair, target, CONDITIONS[3], at_once=True).status == 412
            assert check(pair, target, {}, at_once=False).status == 200
        assert check(pair, "below", CONDITIONS[0], at_once=False).status == 307
        assert check(pair, "../root/", CONDITIONS[0], at_once=False).status == 304
        for target in ("empty/", "odd/", "none/", "none"):
            assert check(pair, target, CONDITIONS[0], at_once=False).status == 404
    with both_ways(starlette_static, root, hops) as pair:
        for target in ("", "below/"):
            assert check(pair, target, CONDITIONS[0], at_once=False).status == 404


@CHANGES_PROCESS
def test_the_index_is_that_of_a_directory_which_is_served(tmp_path: Path, hops: list[object]) -> None:
    """Where Starlette finds no directory for itself, none is looked into."""
    first, second, outside = (tmp_path / name for name in ("first", "second", "outside"))
    for directory in (first, second / "page", outside):
        directory.mkdir(parents=True)
    os.mkfifo(first / "page")
    aiohttp_server.write(second / "page" / "index.html")
    aiohttp_server.write(first / "file.txt")
    (first / "out").symlink_to(outside)
    (outside / "index.html").symlink_to(first / "file.txt")
    for nowait in (True, False):
        files = precond.starlette.StaticFiles(directory=first, html=True, nowait=nowait)
        files.all_directories = [str(first), str(second)]
        ask = over_asgi(Starlette(routes=[Mount("/files", files)]), hops)
        (first / "file.txt").chmod(0o644)
        for target in ("page/", "out/"):
            for fields in ({}, CONDITIONS[0], {"If-None-Match": '"other"'}):
                assert ask(target, fields).status == 404
        (first / "file.txt").chmod(0)
        with as_nobody(first / "file.txt"):
            for fields in ({}, CONDITIONS[0], {"If-None-Match": '"other"'}):
                assert ask("file.txt/", fields).status == 401


@pytest.mark.parametrize("html", [False, True])
def test_one_job_finds_that_there_is_nothing(root: Path, hops: list[object], html: bool) -> None:
    """As for each route of an application that has one page, and answers with it what is not there."""

    class OnePage(precond.starlette.StaticFiles):
        async def get_response(self, path: str, scope: Any) -> Any:
            try:
                return await super().get_response(path, scope)
            except HTTPException as error:
                if error.status_code != 404:
                    raise
                return await super().get_response("file.txt", scope)

    files = OnePage(directory=root, html=html)
    files.config_checked = True
    ask = over_asgi(Starlette(routes=[Mount("/files", files)]), hops)
    for target in ("route", "some/route/", "file.txt/route"):
        reply = ask(target, CONDITIONS[0])
        assert (reply.status, reply.hops) == (304, 1 if AT_ONCE else 2)


def test_a_subclass_that_looks_elsewhere(root: Path, hops: list[object]) -> None:
    class Elsewhere(precond.starlette.StaticFiles):
        def lookup_path(self, path: str) -> Any:
            return super().lookup_path(os.path.join("below", path))

    class Dated(precond.starlette.StaticFiles):
        def file_response(self, full_path: Any, stat_result: os.stat_result, *args: Any) -> Any:
            response = super().file_response(full_path, stat_result, *args)
            response.headers["x-inode"] = str(stat_result.st_ino)
            return response

    aiohttp_server.write(root / "below" / "file.txt", b"elsewhere")
    answer = over_asgi(Elsewhere(directory=root), hops)("../file.txt", CONDITIONS[0])
    assert answer.body == b"elsewhere"
    answer = over_asgi(Dated(directory=root), hops)("../file.txt", CONDITIONS[0])
    assert (answer.status, answer.fields["x-inode"]) == (304, str((root / "file.txt").stat().st_ino))


def test_a_subclass_that_sets_fields_by_the_stat(path: Path, hops: list[object]) -> None:
    class Dated(precond.starlette.FileResponse):
        def set_stat_headers(self, stat_result: Any) -> None:
            super().set_stat_headers(stat_result)
            self.headers["x-inode"] = str(stat_result.st_ino)

    answer = over_asgi(Dated(path), hops)("", CONDITIONS[0])
    assert (answer.status, answer.fields["x-inode"]) == (304, str(path.stat().st_ino))


@pytest.mark.parametrize(
    "make",
    [
        lambda: precond.aiohttp.static("/", ".", nowait=1),  # type: ignore[arg-type]
        lambda: precond.aiohttp.FileResponse("x", nowait=None),  # type: ignore[arg-type]
        lambda: precond.starlette.StaticFiles(directory=".", nowait="no"),  # type: ignore[arg-type]
        lambda: precond.starlette.FileResponse("x", nowait=0),  # type: ignore[arg-type]
        lambda: asyncio.run(precond.asgi.stat("x", nowait=None)),  # type: ignore[arg-type]
    ],
)
def test_nowait_is_a_bool(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"nowait: expected bool, got (int|str|NoneType)"):
        make()


# -- ASGI ----------------------------------------------------------------------------------------------------


def stat_of(path: Path, hops: list[object], **options: Any) -> tuple[Any, int]:
    del hops[:]
    return asyncio.run(precond.asgi.stat(path, **options)), len(hops)


def test_stat(path: Path, hops: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = path.stat()
    for _ in range(20):
        st, count = stat_of(path, hops)
        assert (st.st_mtime_ns, st.st_size, st.st_mode) == (OLD, SIZE, wanted.st_mode)
        if not count:
            break
    assert count == (not AT_ONCE)
    assert stat_of(path, hops, nowait=False) == (wanted, 1)

    def refuse(path: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(precond.asgi, "stat_nowait", refuse)
    assert stat_of(path, hops) == (wanted, 1)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        stat_of(path, hops)


def test_stat_and_respond(path: Path, hops: list[object]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        outcome = await precond.asgi.respond(scope, send, await precond.asgi.stat(path))
        assert outcome is Outcome.NOT_MODIFIED

    assert over_asgi(app, hops)("", CONDITIONS[0]).fields == {"etag": TAG}
