"""precond.aiohttp: what an answer costs, in jobs of threads, descriptors and system calls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiohttp_server import (
    FILE,
    NEW,
    SIZE,
    TAG,
    ask,
    descriptors,
    replace,
    serving_file,
    serving_static,
    write,
)
from cases import content
from clients import needs
from conftest import CHANGES_FILES, PURE
from precond import _aiohttp
from precond.aiohttp import FileResponse

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")

WAYS = pytest.mark.parametrize("way", ["static", "FileResponse"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["static", "FileResponse"])
def port(request: pytest.FixtureRequest, path: Path) -> Iterator[int]:
    """Answers always from a thread."""
    with serving_file(path, request.param, nowait=False) as number:
        yield number


# -- Descriptors and threads ---------------------------------------------------------------------------------


@CHANGES_FILES
def test_concurrent_requests_and_deletions(port: int, path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            replace(path)
            path.unlink()
            write(path.with_name("old")).replace(path)

    def client(number: int) -> set[int]:
        fields = [[], [("If-None-Match", TAG)], [("If-Match", TAG)], [("Range", "bytes=0-9")]][number % 4]
        statuses = set()
        for _ in range(60):
            answer = ask(port, FILE, fields=fields)
            statuses.add(answer.status)
            if answer.status == 200:
                assert answer.body == (content(SIZE) if answer.fields["etag"] == TAG else NEW)
        return statuses

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            statuses = set().union(*pool.map(client, range(8)))
    finally:
        stop.set()
        churning.join()
    assert statuses <= {200, 206, 304, 404, 412}
    assert descriptors(path) == 0


def test_a_response_that_a_middleware_drops_closes_its_file(path: Path) -> None:
    @web.middleware
    async def dropping(request: web.Request, handler: Any) -> web.StreamResponse:
        await handler(request)
        return web.Response(text="instead")

    with serving_static(path.parent, dropping) as port:
        for _ in range(10):
            assert ask(port, FILE).body == b"instead"
        gc.collect()
        assert descriptors(path) == 0


def test_a_cancelled_request_closes_its_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, going_on = threading.Event(), threading.Event()
    real = _aiohttp.open_regular

    def open_regular(path: str) -> tuple[int, os.stat_result]:
        result = real(path)
        opened.set()
        going_on.wait(10)
        return result

    async def cancel() -> None:
        task = asyncio.create_task(FileResponse(path).prepare(make_mocked_request("GET", "/")))
        await asyncio.to_thread(opened.wait, 10)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        going_on.set()

    monkeypatch.setattr(_aiohttp, "open_regular", open_regular)
    asyncio.run(cancel())
    gc.collect()
    assert descriptors(path) == 0


@pytest.mark.parametrize(
    "fields, status",
    [
        ([("If-None-Match", TAG)], 304),
        ([("If-Match", '"other"')], 412),
        ([("Range", "bytes=900-")], 416),
        ([("Range", "bytes=1-2")], 206),
        ([], 200),
    ],
)
def test_one_hop_to_a_thread(
    port: int, path: Path, monkeypatch: pytest.MonkeyPatch, fields: list[tuple[str, str]], status: int
) -> None:
    """Besides the one that closes an opened file, for which nothing waits."""
    hops = Counter[str]()
    real = asyncio.BaseEventLoop.run_in_executor

    def run_in_executor(loop: Any, executor: Any, function: Any, *args: Any) -> Any:
        hops[function.__name__] += 1
        return real(loop, executor, function, *args)

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", run_in_executor)
    assert ask(port, FILE, fields=fields).status == status
    assert descriptors(path) == 0
    assert hops.pop("close", 0) == (status in (200, 206))
    assert hops.total() == 1


# -- System calls --------------------------------------------------------------------------------------------

TRACED = """
import sys
from aiohttp_server import serving_file
from pathlib import Path
import precond.aiohttp

if sys.argv[3] == "without a look":
    precond.aiohttp.look_waiting = lambda *args: None  # as where there are no such calls
with serving_file(Path(sys.argv[1]), sys.argv[2], nowait=False) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


@WAYS
@pytest.mark.parametrize("look", ["by a look", "without a look"])
@pytest.mark.parametrize("status, field", [(304, ("If-None-Match", TAG)), (412, ("If-Match", '"other"'))])
def test_system_calls(
    path: Path, tmp_path: Path, way: str, look: str, status: int, field: tuple[str, str]
) -> None:
    """The file itself is looked at once, and not opened: openat2 gives what it is asked by, with O_PATH."""
    log = tmp_path / "calls"
    command = [
        needs("strace"),
        "-f",
        "-e",
        "trace=file",
        "-o",
        str(log),
        sys.executable,
        "-c",
        TRACED,
        str(path),
        way,
        look,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert ask(int(server.stdout.readline()), FILE, fields=[field]).status == status
        server.stdin.close()
        server.wait(30)
    calls = [line.partition(" ")[2].strip() for line in log.read_text().splitlines() if f'"{path}"' in line]
    names = Counter(call.partition("(")[0] for call in calls if "execve" not in call)
    assert all("O_PATH" in call for call in calls if call.startswith("openat2"))
    if look == "by a look" and not PURE:  # os.stat takes another call
        assert ("openat2" if way == "static" else "statx") in names, calls
    looked = sum(names.pop(name, 0) for name in ("stat", "lstat", "newfstatat", "statx", "openat2"))
    assert looked == 1, calls
    assert set(names) <= {"access", "faccessat", "faccessat2"}, calls
