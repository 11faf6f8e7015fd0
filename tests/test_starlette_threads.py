"""precond.starlette: whose threads it looks in, and what they wait for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio

import precond._starlette
from asgi_server import exchange
from precond._starlette import in_thread
from precond.starlette import FileResponse, StaticFiles
from starlette_file import TAG, write

CONDITIONAL = {"If-None-Match": TAG}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["StaticFiles", "FileResponse"])
def app(request: pytest.FixtureRequest, path: Path) -> Any:
    """The file of `path` at /file.txt, by each of the two classes, always from a thread."""
    if request.param == "FileResponse":
        return FileResponse(path, nowait=False)
    files = StaticFiles(directory=path.parent, nowait=False)
    files.config_checked = True
    return files


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose thread each job was given to."""
    given: list[str] = []
    in_executor, run_sync = asyncio.BaseEventLoop.run_in_executor, anyio.to_thread.run_sync

    def to_executor(*args: Any) -> Any:
        given.append("asyncio")
        return in_executor(*args)

    async def to_anyio(*args: Any, **options: Any) -> Any:
        given.append("anyio")
        return await run_sync(*args, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", to_executor)
    monkeypatch.setattr(anyio.to_thread, "run_sync", to_anyio)
    return given


@pytest.mark.parametrize("headers", [CONDITIONAL, {"If-Match": '"other"'}])
def test_a_final_answer_takes_one_job(app: Any, headers: dict[str, str], jobs: list[str]) -> None:
    assert asyncio.run(exchange(app, "/file.txt", headers=headers)).status in (304, 412)
    assert jobs == ["asyncio"]


def test_the_first_job_of_a_request_without_condition_is_anyios(app: Any, jobs: list[str]) -> None:
    assert asyncio.run(exchange(app, "/file.txt")).status == 200
    assert jobs[0] == "anyio"
    assert "asyncio" not in jobs


def test_trio_has_the_threads_of_anyio(app: Any, jobs: list[str]) -> None:
    async def main() -> int:
        return (await exchange(app, "/file.txt", headers=CONDITIONAL)).status

    assert anyio.run(main, backend="trio") == 304
    assert jobs == ["anyio"]


def test_trio_as_a_guest_of_asyncio_has_the_threads_of_anyio(app: Any, jobs: list[str]) -> None:
    async def as_guest() -> int:
        return (await exchange(app, "/file.txt", headers=CONDITIONAL)).status

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        trio.lowlevel.start_guest_run(
            as_guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result
        )
        return (await done).unwrap()

    assert asyncio.run(main()) == 304
    assert "anyio" in jobs


def test_it_waits_for_no_job_of_the_application(app: Any) -> None:
    """Neither for the threads of anyio nor for those of the event loop's executor."""

    async def main() -> None:
        go_on = threading.Event()
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        busy = [
            asyncio.ensure_future(anyio.to_thread.run_sync(go_on.wait, 30)),
            asyncio.ensure_future(asyncio.to_thread(go_on.wait, 30)),
        ]
        await asyncio.sleep(0)
        try:
            assert (await exchange(app, "/file.txt", headers=CONDITIONAL)).status == 304
            assert not any(job.done() for job in busy)
        finally:
            go_on.set()
            await asyncio.gather(*busy)

    asyncio.run(main())


def fail() -> None:
    raise BlockingIOError("of the job")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_error_of_a_job_is_raised_by_itself(backend: str) -> None:
    async def main() -> None:
        with pytest.raises(BlockingIOError, match="of the job") as error:
            await in_thread(fail)
        assert error.value.__context__ is None

    anyio.run(main, backend=backend)


def test_where_no_job_is_taken_any_more_anyio_has_threads(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a thread that goes on when the main one has ended."""
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    monkeypatch.setattr(precond._starlette, "_threads", ended)
    assert asyncio.run(exchange(app, "/file.txt", headers=CONDITIONAL)).status == 304


def test_a_job_for_which_no_thread_can_be_started_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the queue by then, and a thread that gets free would run it beside anyio's."""
    start = threading.Thread.start

    def refuse_ours(thread: threading.Thread) -> None:
        if thread.name.startswith("ours") and "ours_0" not in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    async def main() -> None:
        go_on = threading.Event()
        busy = asyncio.ensure_future(in_thread(go_on.wait, 30))
        await asyncio.sleep(0)
        assert await in_thread(ran.append, "once") is None
        go_on.set()
        await busy

    ran: list[str] = []
    with ThreadPoolExecutor(2, "ours") as pool:
        monkeypatch.setattr(precond._starlette, "_threads", pool)
        monkeypatch.setattr(threading.Thread, "start", refuse_ours)
        asyncio.run(main())
    assert ran == ["once"]


def test_the_event_loop_does_not_wait_for_a_request_that_was_cancelled(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    waited = []
    look = type(app)._look

    def waiting(*args: Any) -> Any:
        begun.set()
        waited.append(go_on.wait(30))
        return look(*args)

    monkeypatch.setattr(type(app), "_look", waiting)

    async def main() -> None:
        task = asyncio.ensure_future(exchange(app, "/file.txt", headers=CONDITIONAL))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert waited == []
    go_on.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_child_process_has_threads_of_its_own(path: Path) -> None:
    child = FORKING.format(tests=os.path.dirname(__file__), path=str(path), tag=TAG)
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["304", "304"]


FORKING = """
import asyncio, os, signal, sys
sys.path[:0] = [{tests!r}]
from asgi_server import exchange
from precond.starlette import FileResponse

def ask():
    sent = asyncio.run(exchange(FileResponse({path!r}, nowait=False), headers={{"If-None-Match": {tag!r}}}))
    print(sent.status, flush=True)

ask()
child = os.fork()
if child == 0:
    signal.alarm(30)
    ask()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_look_up_of_the_application_sees_the_context_of_its_request(path: Path, jobs: list[str]) -> None:
    tenant: ContextVar[str] = ContextVar("tenant")

    class OfTenant(StaticFiles):
        def lookup_path(self, path: str) -> Any:
            return super().lookup_path(f"{tenant.get()}/{path}")

    (path.parent / "a").mkdir()
    write(path.parent / "a" / "own.txt")
    files = OfTenant(directory=path.parent)
    files.config_checked = True

    async def main() -> int:
        tenant.set("a")
        return (await exchange(files, "/own.txt", headers=CONDITIONAL)).status

    assert asyncio.run(main()) == 304
    assert jobs == ["anyio"]
