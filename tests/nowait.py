"""Each adapter with nowait and without, and how often a thread is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

import aiohttp_server
import precond.aiohttp
import precond.starlette
from asgi_server import exchange
from test_nowait import warm

OLD = 1_700_000_000_123_456_789
SIZE = 95
TAG = f'"{OLD:x}-{SIZE:x}"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
CONDITIONS = [
    {"If-None-Match": TAG},
    {"If-None-Match": "*"},
    {"If-Modified-Since": DATE},
    {"If-Match": '"other"'},
    {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"},
]


class Reply(NamedTuple):
    """A response, and how often a thread was waited for on the way to it."""

    status: int
    fields: dict[str, str]
    body: bytes
    hops: int

    @property
    def sent(self) -> tuple[int, dict[str, str], bytes]:
        """What has to be the same each time: not the boundary of several ranges."""
        content_type = self.fields.get("content-type", "")
        _, _, boundary = content_type.partition("multipart/byteranges; boundary=")
        if not boundary:
            return self.status, self.fields, self.body
        body = self.body.replace(boundary.encode(), b"boundary")
        return self.status, {**self.fields, "content-type": "multipart/byteranges"}, body


Ask = Callable[..., Reply]


# -- Each adapter, and what of it takes to ask it ------------------------------------------------------------


def count_hops(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The jobs of threads that were waited for."""
    jobs: list[object] = []
    in_executor, in_thread = asyncio.BaseEventLoop.run_in_executor, anyio.to_thread.run_sync

    def run_in_executor(loop: Any, executor: Any, job: Any, *args: Any) -> Any:
        if job.__name__ != "close":  # which nothing waits for
            jobs.append(job)
        return in_executor(loop, executor, job, *args)

    async def run_sync(job: Any, *args: Any, **options: Any) -> Any:
        jobs.append(job)
        return await in_thread(job, *args, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", run_in_executor)
    monkeypatch.setattr(anyio.to_thread, "run_sync", run_sync)
    return jobs


def asking(hops: list[object], ask: Callable[..., Any]) -> Ask:
    def asked(target: str, fields: Any = (), method: str = "GET") -> Reply:
        del hops[:]
        answer = ask(target, method, [*dict(fields).items()] if isinstance(fields, dict) else [*fields])
        return Reply(
            answer.status,
            {name: value for name, value in answer.fields.items() if name != "date"},
            answer.body,
            len(hops),
        )

    return asked


@contextmanager
def aiohttp_static(directory: Path, hops: list[object], **options: Any) -> Iterator[Ask]:
    with aiohttp_server.serving_static(directory, **options) as port:
        yield asking(
            hops, lambda target, method, fields: aiohttp_server.ask(port, "/static/" + target, method, fields)
        )


@contextmanager
def aiohttp_file(directory: Path, hops: list[object], of: Any = Path, **options: Any) -> Iterator[Ask]:
    async def handler(request: Any) -> Any:
        return precond.aiohttp.FileResponse(of(directory / request.match_info["name"]), **options)

    app = aiohttp_server.web.Application()
    app.router.add_get("/{name:.*}", handler)
    with aiohttp_server.serving(app) as port:
        yield asking(
            hops, lambda target, method, fields: aiohttp_server.ask(port, "/" + target, method, fields)
        )


def over_asgi(app: Any, hops: list[object]) -> Ask:
    def ask(target: str, method: str, fields: list[tuple[str, str]]) -> Any:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]

        async def with_headers(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "headers": headers}, receive, send)

        return asyncio.run(exchange(with_headers, "/files/" + target, method))

    return asking(hops, ask)


@contextmanager
def starlette_static(directory: Path, hops: list[object], **options: Any) -> Iterator[Ask]:
    if "follow_symlinks" in options:
        options["follow_symlink"] = options.pop("follow_symlinks")
    files = precond.starlette.StaticFiles(directory=directory, **options)
    files.config_checked = True
    yield over_asgi(Starlette(routes=[Mount("/files", files)]), hops)


@contextmanager
def starlette_file(directory: Path, hops: list[object], of: Any = Path, **options: Any) -> Iterator[Ask]:
    async def endpoint(request: Any) -> Any:
        return precond.starlette.FileResponse(of(directory / request.path_params["name"]), **options)

    yield over_asgi(Starlette(routes=[Route("/files/{name:path}", endpoint)]), hops)


STATIC = {"aiohttp.static": aiohttp_static, "starlette.StaticFiles": starlette_static}
ALL = {**STATIC, "aiohttp.FileResponse": aiohttp_file, "starlette.FileResponse": starlette_file}


@contextmanager
def both_ways(kind: Any, directory: Path, hops: list[object], **options: Any) -> Iterator[tuple[Ask, Ask]]:
    with ExitStack() as stack:
        at_once, in_thread = (
            stack.enter_context(kind(directory, hops, nowait=nowait, **options)) for nowait in (True, False)
        )
        yield at_once, in_thread


def is_to_be_had() -> bool:
    try:
        warm(__file__)
    except BlockingIOError:
        return False
    return True


AT_ONCE = is_to_be_had()


def check(both: tuple[Ask, Ask], target: str, fields: Any, method: str = "GET", *, at_once: bool) -> Reply:
    """The answer is the same, and found at once or not. Asked again, as anyone may have memory dropped."""
    in_thread, asked = (ask(target, fields, method) for ask in reversed(both))
    for _ in range(20 * (at_once and AT_ONCE)):
        if not asked.hops:
            break
        asked = both[0](target, fields, method)
    assert asked.sent == in_thread.sent
    assert in_thread.hops > 0
    assert (asked.hops == 0) == (at_once and AT_ONCE)
    return asked
