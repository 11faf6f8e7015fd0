"""precond.starlette: what an answer costs, in descriptors and system calls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import starlette.responses

import precond
import precond._starlette
import precond.starlette
from asgi_server import exchange
from clients import needs
from conftest import CHANGES_PROCESS
from precond.starlette import FileResponse, StaticFiles
from starlette_file import OLD, PATHSEND, SIZE, TAG, get, write

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["StaticFiles", "FileResponse"])
def app(request: pytest.FixtureRequest, path: Path) -> Any:
    """The file of `path` at /file.txt, by each of the two classes, always from a thread."""
    if request.param == "StaticFiles":
        return StaticFiles(directory=path.parent, nowait=False)
    return FileResponse(path, nowait=False)


def test_no_digest_and_no_media_type_for_a_304(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = StaticFiles(directory=path.parent)
    monkeypatch.setattr(starlette.responses.hashlib, "md5", None)  # type: ignore[attr-defined]
    assert get(app).status == 200
    monkeypatch.setattr(starlette.responses, "guess_type", None)
    assert get(app, {"If-None-Match": TAG}).status == 304


def test_whatever_a_look_up_of_the_application_gives_is_asked_for_if_it_may_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(StaticFiles):
        def lookup_path(self, path: str) -> Any:
            st = SimpleNamespace(st_mode=0o100644, st_mtime_ns=OLD, st_ctime_ns=OLD, st_size=SIZE)
            return os.path.join(self.all_directories[0], path), st

    asked: list[str] = []
    monkeypatch.setattr(precond.starlette, "is_readable", lambda path: asked.append(path) or True)
    assert get(Own(directory=path.parent), {"If-None-Match": TAG}).status == 304
    assert asked == [str(path)]


def is_open(path: Path) -> bool:
    inodes = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            inodes.append(os.stat(int(number)).st_ino)
    return path.stat().st_ino in inodes


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")


@needs_proc
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-9"},
        {"Range": "bytes=500-"},
        {"Range": "bytes=9-0"},
        {"Range": "bytes=0-9", "If-Range": '"other"'},
        {"If-None-Match": TAG},
        {"If-Match": '"other"'},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
@CHANGES_PROCESS
def test_no_descriptor_is_left(app: Any, path: Path, headers: dict[str, str]) -> None:
    for more in ({}, PATHSEND):
        get(app, headers, **more)
    assert not is_open(path)


@needs_proc
@pytest.mark.parametrize("headers", [{}, {"If-None-Match": '"other"'}])
def test_no_descriptor_is_left_where_the_request_is_cancelled(
    path: Path, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of a thread goes on when the one who waits for it has gone."""
    opening, go_on, opened = threading.Event(), threading.Event(), threading.Event()
    opens = precond._starlette.open_regular

    def slowly(path: Any) -> Any:
        opening.set()
        go_on.wait(30)
        try:
            return opens(path)
        finally:
            opened.set()

    monkeypatch.setattr(precond._starlette, "open_regular", slowly)

    async def cancel() -> None:
        task = asyncio.ensure_future(exchange(FileResponse(path), headers=headers))
        await asyncio.to_thread(opening.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await asyncio.to_thread(opened.wait, 30)

    asyncio.run(cancel())
    for _ in range(500):  # until the job has returned what nobody waits for
        gc.collect()
        if not is_open(path):
            return
        time.sleep(0.01)
    pytest.fail("the file is still open")


CHILD = """
import asyncio, os, sys
sys.path[:0] = [{tests!r}]
import precond.starlette
from asgi_server import exchange
from precond.starlette import FileResponse, StaticFiles

precond.starlette.look_nowait = lambda *args: None  # as of a file that is not in memory
path = {path!r}
async def main():
    for app in (
        StaticFiles(directory=os.path.dirname(path), nowait=False),
        FileResponse(path, nowait=False),
    ):
        for headers in ({{}}, {{"If-None-Match": {tag!r}}}, {{"If-Match": '"other"'}}):
            sent = await exchange(app, "/file.txt", headers=headers)
            os.access(f"/answered/{{type(app).__name__}}/{{sent.status}}", os.R_OK)
asyncio.run(main())
"""


def in_one_line(traced: str) -> Iterator[str]:
    """Each call, also where that of another thread was written in the middle of it."""
    begun = {}
    for line in traced.splitlines():
        thread, _, call = line.partition("] ") if line.startswith("[pid") else ("", "", line)
        if call.endswith(" <unfinished ...>"):
            begun[thread] = call.removesuffix(" <unfinished ...>")
        elif call.startswith("<... "):
            yield begun.pop(thread, "") + call.partition(" resumed>")[2]
        else:
            yield call


def test_the_system_calls_of_a_304_and_a_412(path: Path) -> None:
    """One stat of the file, whether it may be read, and no open; the look-up's realpath() asks besides if
    each step is a link."""
    child = CHILD.format(tests=os.path.dirname(__file__), path=str(path), tag=TAG)
    traced = subprocess.run(
        [needs("strace"), "-f", "-qq", "-e", "trace=%file,%desc", sys.executable, "-c", child],
        capture_output=True,
        text=True,
        check=True,
    )
    calls: list[str] = []
    of_answer: dict[str, list[str]] = {}
    for line in in_one_line(traced.stderr):
        if '"/answered/' in line:
            of_answer[line.partition('"/answered/')[2].partition('"')[0]] = calls
            calls = []
        elif f'"{path}"' in line and "readlink" not in line and "AT_SYMLINK_NOFOLLOW" not in line:
            calls.append(line.partition("(")[0].split()[-1])
    assert len(of_answer) == 6
    for name, (first, *others) in of_answer.items():
        assert first in ("stat", "newfstatat", "statx"), (name, first)
        if not name.endswith("/200"):
            assert len(others) == 1, (name, others)
            assert others[0] in ("access", "faccessat", "faccessat2"), (name, others)
