"""Directories behind each adapter with a policy, and behind stock classes: over real servers and, where an
application can be called as it is, by calls."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import aiohttp_server
import asgi_server
import precond.aiohttp
import precond.starlette
import precond.wsgi
import wsgi_call
from cases import Answer
from precond import DEFAULT, Outcome, Policy
from precond.asgi import ConditionalMiddleware, respond
from stale_world import Ask
from wsgi_server import run_waitress


class Interface(NamedTuple):
    """serving  an application on a port of 127.0.0.1
    calling how to ask it directly; None where that cannot be done
    """

    serving: Callable[[Any], AbstractContextManager[int]]
    calling: Callable[[Any], AbstractContextManager[Ask]] | None


class Server(NamedTuple):
    """name         for the table
    package         whose release is told; empty for the one at hand
    application     serves a directory, by a policy where it knows any
    """

    name: str
    package: str
    interface: Interface
    application: Callable[[Path, Policy], Any]

    @property
    def release(self) -> str:
        return version(self.package) if self.package else "this one"


# -- Interfaces ----------------------------------------------------------------------------------------------


@contextmanager
def _calling_asgi(app: Any) -> Iterator[Ask]:
    """In the loop of a thread, of the threads that ask."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def ask(method: str, name: str, fields: Mapping[str, str]) -> Answer:
        exchange = asgi_server.exchange(app, f"/{name}", method, fields)
        try:
            sent = asyncio.run_coroutine_threadsafe(exchange, loop).result(60)
        except Exception as error:
            return _failed(error)
        return Answer(sent.status, sent.fields, sent.body)

    try:
        yield ask
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _calling_wsgi(app: Any) -> Iterator[Ask]:
    def ask(method: str, name: str, fields: Mapping[str, str]) -> Answer:
        variables = {key.lower().replace("-", "_"): value for key, value in fields.items()}
        try:
            reply = wsgi_call.call(app, f"/{name}", method, **variables)
        except Exception as error:
            return _failed(error)
        return Answer(reply.status, {key.lower(): value for key, value in reply.fields}, reply.body)

    yield ask


def _failed(error: Exception) -> Answer:
    """As a server does."""
    return Answer(500, {}, repr(error).encode())


_AIOHTTP: Final = Interface(aiohttp_server.serving, None)
_ASGI: Final = Interface(asgi_server.serving, _calling_asgi)
_WSGI: Final = Interface(contextmanager(run_waitress), _calling_wsgi)


def _is_odd(name: str) -> bool:
    """Of two ways to serve a file, half of the files go each."""
    return int(name) % 2 == 1


# -- precond -------------------------------------------------------------------------------------------------


def _aiohttp(directory: Path, policy: Policy) -> Any:
    async def respond(request: web.Request) -> web.StreamResponse:
        return precond.aiohttp.FileResponse(directory / request.match_info["name"], policy=policy)

    app = web.Application()
    app.router.add_get(r"/{name:\d*[13579]}", respond)
    app.add_routes([precond.aiohttp.static("/", directory, policy=policy)])
    return app


def _starlette(directory: Path, policy: Policy) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"][1:]
        if not _is_odd(name):
            return await files(scope, receive, send)
        try:
            await precond.starlette.FileResponse(directory / name, policy=policy)(scope, receive, send)
        except (RuntimeError, PermissionError) as error:  # RuntimeError: there is none
            status = 403 if isinstance(error, PermissionError) else 404
            await Response(status_code=status)(scope, receive, send)

    files = _mounted(precond.starlette.StaticFiles(directory=directory, policy=policy))
    return app


def _mounted(files: StaticFiles) -> Starlette:
    return Starlette(routes=[Mount("/", files)])


def _asgi(directory: Path, policy: Policy) -> Any:
    """By respond() and, for the others, by an application that knows no conditions behind the middleware."""

    async def answer(scope: Any, send: Any, *, conditional: bool) -> None:
        try:
            file, now_ns, st = _open(directory / scope["path"][1:])
        except (FileNotFoundError, PermissionError) as error:
            return await _send(send, 403 if isinstance(error, PermissionError) else 404, b"")
        with file:
            outcome = await respond(scope, send, st, policy=policy) if conditional else Outcome.IGNORE_RANGE
            if outcome not in (Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED):
                first, last = _range(scope) if outcome is Outcome.PROCEED else (0, None)
                etag, date = policy.validators(st, now_ns=now_ns)
                content = file.read()
                status = 200 if (first, last) == (0, None) else 206 if first < len(content) else 416
                part = content[first:last] if status != 416 else b""
                await _send(send, status, part, ("etag", etag), ("last-modified", date))

    async def unconditional(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, send, conditional=False)

    middleware = ConditionalMiddleware(unconditional, policy=policy)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if _is_odd(scope["path"][1:]):
            await middleware(scope, receive, send)
        else:
            await answer(scope, send, conditional=True)

    return app


def _open(path: Path) -> tuple[BinaryIO, int, os.stat_result]:
    """A file, an instant, and the stat that its path had after that."""
    while True:
        file = path.open("rb")
        now_ns = time.time_ns()
        with suppress(FileNotFoundError):
            st = path.stat()
            if os.path.samestat(st, os.fstat(file.fileno())):
                return file, now_ns, st
        file.close()


def _range(scope: Any) -> tuple[int, int | None]:
    match = re.fullmatch(rb"bytes=(\d+)-(\d*)", dict(scope["headers"]).get(b"range", b""))
    if match is None:
        return 0, None
    return int(match[1]), int(match[2]) + 1 if match[2] else None


async def _send(send: Any, status: int, body: bytes, *fields: tuple[str, str | None]) -> None:
    headers = [(name.encode(), value.encode()) for name, value in fields if value is not None]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _wsgi(directory: Path, policy: Policy) -> Any:
    return precond.wsgi.StaticFiles(directory, policy=policy)


# -- Stock ---------------------------------------------------------------------------------------------------


def _stock_aiohttp(directory: Path, policy: Policy) -> Any:
    app = web.Application()
    app.router.add_static("/", directory)
    return app


def _stock_starlette(directory: Path, policy: Policy) -> Any:
    return _mounted(StaticFiles(directory=directory))


def _absent(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


def _werkzeug(directory: Path, policy: Policy) -> Any:
    from werkzeug.middleware.shared_data import SharedDataMiddleware

    return SharedDataMiddleware(_absent, {"/": str(directory)})


def _whitenoise(directory: Path, policy: Policy) -> Any:
    from whitenoise import WhiteNoise  # type: ignore[import-untyped]

    return WhiteNoise(_absent, root=directory, autorefresh=True)


ADAPTERS: Final = {
    "aiohttp": Server("precond.aiohttp", "", _AIOHTTP, _aiohttp),
    "starlette": Server("precond.starlette", "", _ASGI, _starlette),
    "asgi": Server("precond.asgi", "", _ASGI, _asgi),
    "wsgi": Server("precond.wsgi", "", _WSGI, _wsgi),
}
STOCK: Final = {
    "stock-aiohttp": Server("aiohttp, `add_static`", "aiohttp", _AIOHTTP, _stock_aiohttp),
    "stock-starlette": Server("Starlette, `StaticFiles`", "starlette", _ASGI, _stock_starlette),
    "stock-werkzeug": Server("Werkzeug, `SharedDataMiddleware`", "werkzeug", _WSGI, _werkzeug),
    "stock-whitenoise": Server("WhiteNoise, `autorefresh`", "whitenoise", _WSGI, _whitenoise),
}


# -- Requests ------------------------------------------------------------------------------------------------


class Connections:
    """A connection for each thread, which is kept while the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def ask(self, method: str, name: str, fields: Mapping[str, str]) -> Answer:
        kept = hasattr(self._local, "connection")
        if not kept:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._all.append(self._local.connection)
        try:
            return _answer(self._local.connection, method, name, fields)
        except (ConnectionError, http.client.HTTPException):
            self._local.connection.close()
            del self._local.connection
            if not kept:
                raise
            return self.ask(method, name, fields)

    def close(self) -> None:
        for connection in self._all:
            connection.close()


def _answer(
    connection: http.client.HTTPConnection, method: str, name: str, fields: Mapping[str, str]
) -> Answer:
    connection.request(method, f"/{name}", headers=dict(fields))
    if hasattr(socket, "TCP_QUICKACK"):  # uvicorn sends a body when its fields have been acknowledged
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    response = connection.getresponse()
    return Answer(
        response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    )


@contextmanager
def serving(server: Server, directory: Path, policy: Policy = DEFAULT) -> Iterator[list[Ask]]:
    """How the directory can be asked for: over sockets and, where that is possible, by calls."""
    app = server.application(directory, policy)
    with ExitStack() as stack:
        port = stack.enter_context(server.interface.serving(app))
        connections = stack.enter_context(closing(Connections(port)))
        ways: list[Ask] = [connections.ask]
        if server.interface.calling is not None:
            ways.append(stack.enter_context(server.interface.calling(app)))
        yield ways
