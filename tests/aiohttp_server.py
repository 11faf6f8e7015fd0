"""A real aiohttp server in a thread of its own, and requests to it over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import precond.aiohttp
from cases import Answer, content

FILE = "/static/file.txt"
OLD = 1_700_000_000_123_456_789
SIZE = 95
TAG = f'"{OLD:x}-{SIZE:x}"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"


def write(path: Path, data: bytes | None = None, mtime_ns: int = OLD) -> Path:
    """A file whose stamp is settled."""
    path.write_bytes(content(SIZE) if data is None else data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


NEW = b"new content, and longer than that which stood here before; " * 3


def replace(path: Path) -> None:
    """Put a file with that content and a later stamp in its place."""
    write(path.with_name("new"), NEW, OLD + 10**9).replace(path)


@contextmanager
def serving(app: web.Application, **options: Any) -> Iterator[int]:
    """The application on a port of 127.0.0.1, until the end of the block."""
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, **options)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stopped = asyncio.Event()
        started.set_result((runner.addresses[0][1], asyncio.get_running_loop(), stopped))
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    port, loop, stopped = started.result(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()


@contextmanager
def serving_response(respond: Callable[[], web.StreamResponse], *middlewares: Any) -> Iterator[int]:
    """What respond() gives, at any path and by any method."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return respond()

    app = web.Application(middlewares=middlewares)
    app.router.add_route("*", "/{path:.*}", handler)
    with serving(app) as port:
        yield port


@contextmanager
def serving_static(directory: Any, *middlewares: Any, **options: Any) -> Iterator[int]:
    """The directory at /static."""
    app = web.Application(middlewares=middlewares)
    app.add_routes([precond.aiohttp.static("/static", directory, **options)])
    with serving(app) as port:
        yield port


@contextmanager
def serving_file(path: Path, way: str, **options: Any) -> Iterator[int]:
    """The file, whose name is that of FILE, at FILE: by "static", or by "FileResponse"."""
    if way == "static":
        with serving_static(path.parent, **options) as port:
            yield port
    else:
        with serving_response(lambda: precond.aiohttp.FileResponse(path, **options)) as port:
            yield port


def ask(port: int, target: str = "/", method: str = "GET", fields: Iterable[tuple[str, str]] = ()) -> Answer:
    """One request, with no other fields but Host; repeated lines of the answer are joined by ", "."""
    return ask_all(port, [(target, method, fields)])[0]


def ask_all(port: int, requests: Iterable[tuple[str, str, Iterable[tuple[str, str]]]]) -> list[Answer]:
    """The same over one connection, which has to outlive every answer but the last."""
    answers: list[Answer] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        for target, method, fields in requests:
            assert not answers or connection.sock is not None
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in fields:
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            names = {name.lower() for name, _ in response.getheaders()}
            answers.append(
                Answer(response.status, {name: response.getheader(name, "") for name in names}, body)
            )
    return answers


def descriptors(path: Path) -> int:
    """How many of this process lead to the file, after those that are being closed are closed."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors are looked up in /proc")
    for _ in range(200):
        leading = 0
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                leading += os.readlink(f"/proc/self/fd/{name}").startswith(str(path))
        if not leading:
            break
        time.sleep(0.01)
    return leading
