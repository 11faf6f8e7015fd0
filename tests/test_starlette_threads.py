"""precond.starlette: whose threads it looks in, and how many of them at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

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


def borrowed() -> float:
    return anyio.to_thread.current_default_thread_limiter().borrowed_tokens


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


def test_a_job_counts_for_the_limit_of_the_application(app: Any, jobs: list[str]) -> None:
    """What would exceed it waits until a thread is free, and as long as that takes."""

    async def main() -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = 1
        await limiter.acquire_on_behalf_of("the application")
        asked = asyncio.ensure_future(exchange(app, "/file.txt", headers=CONDITIONAL))
        while limiter.statistics().tasks_waiting == 0:
            await asyncio.sleep(0)
        assert not asked.done()
        limiter.release_on_behalf_of("the application")
        assert (await asked).status == 304
        assert borrowed() == 0

    asyncio.run(main())
    assert jobs == ["anyio"]


def test_a_job_is_counted_while_it_runs() -> None:
    async def main() -> None:
        running, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def job(answer: int) -> int:
            loop.call_soon_threadsafe(running.set)
            assert go_on.wait(30)
            return answer

        asked = asyncio.ensure_future(in_thread(job, 7))
        await running.wait()
        assert borrowed() == 1
        go_on.set()
        assert await asked == 7
        assert borrowed() == 0

    asyncio.run(main())


def fail() -> None:
    raise BlockingIOError("of the job")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_error_of_a_job_is_raised_and_leaves_nothing_counted(backend: str) -> None:
    async def main() -> None:
        with pytest.raises(BlockingIOError, match="of the job"):
            await in_thread(fail)
        assert borrowed() == 0

    anyio.run(main, backend=backend)


def test_a_request_that_is_cancelled_leaves_nothing_counted(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait_first(function: Callable[..., Any]) -> Callable[..., Any]:
        def waiting(*args: Any) -> Any:
            begun.set()
            go_on.wait(30)
            return function(*args)

        return waiting

    monkeypatch.setattr(type(app), "_look", wait_first(type(app)._look))

    async def main() -> None:
        task = asyncio.ensure_future(exchange(app, "/file.txt", headers=CONDITIONAL))
        await asyncio.to_thread(begun.wait, 30)
        assert borrowed() == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert borrowed() == 0
        go_on.set()

    asyncio.run(main())


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
