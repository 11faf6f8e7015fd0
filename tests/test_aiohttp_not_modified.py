"""A 304 of precond.aiohttp is prepared in fewer steps than aiohttp's own, to the same bytes."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import hdrs, web, web_response
from aiohttp.abc import AbstractStreamWriter

from aiohttp_server import TAG, ask, serving, serving_response, write
from precond.aiohttp import FileResponse

Change = Callable[[web.StreamResponse], object]

CHANGES: dict[str, Change] = {
    "nothing": lambda response: None,
    "Cache-Control": lambda response: response.headers.add("Cache-Control", "no-cache"),
    "Date": lambda response: response.headers.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    "Server": lambda response: response.headers.add("Server", "another"),
    "Connection": lambda response: response.headers.add("Connection", "close"),
    "a cookie": lambda response: response.set_cookie("seen", "1"),
    "no cookie": lambda response: (response.set_cookie("seen", "1"), response.cookies.clear()),
    "the end of the connection": lambda response: response.force_close(),
    "compression": lambda response: response.enable_compression(),
    "chunks": lambda response: response.enable_chunked_encoding(),
}
"""What an application does to a response before it is prepared."""

REQUESTS = {
    "HTTP/1.1": "GET {} HTTP/1.1\r\nHost: a\r\n",
    "HEAD": "HEAD {} HTTP/1.1\r\nHost: a\r\n",
    "HTTP/1.1 to be closed": "GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
    "HTTP/1.0": "GET {} HTTP/1.0\r\n",
    "HTTP/1.0 to be kept": "GET {} HTTP/1.0\r\nConnection: keep-alive\r\n",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=[True, False], ids=["at once", "in a thread"])
def nowait(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def talk(port: int, request: str) -> str:
    """What is sent after this request and, if the connection stays open, one that ends it; without dates."""
    last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(f"{request}If-None-Match: {TAG}\r\n\r\n".encode())
        received = b"".join(itertools.takewhile(bytes.strip, answers))
        with contextlib.suppress(ConnectionError):
            connection.sendall(last.encode())
            received += answers.read()
    return re.sub(r"(?m)^Date: .*(?<!1994 08:49:37 GMT)\r$", "Date: now\r", received.decode())


@pytest.fixture
def port(request: pytest.FixtureRequest, path: Path, nowait: bool) -> Iterator[int]:
    """The file, and a 304 of aiohttp's own, changed in the same way."""
    change = CHANGES[request.param]
    fields = {hdrs.ETAG: TAG}
    if request.param == "compression":
        fields = {"Vary": "Accept-Encoding", hdrs.ETAG: f"W/{TAG}"}

    async def file(request: web.Request) -> web.StreamResponse:
        response = FileResponse(path, nowait=nowait)
        change(response)
        return response

    async def constant(request: web.Request) -> web.StreamResponse:
        response = web.Response(status=304)
        change(response)
        response.enable_compression(web.ContentCoding.identity)  # of nothing
        response.headers.update(fields)
        return response

    async def last(request: web.Request) -> web.StreamResponse:
        return web.Response(text="the last one")

    async def prepared(request: web.Request, response: web.StreamResponse) -> None:
        assert response.prepared
        assert response.keep_alive is not None
        response.headers["X-Prepared"] = ",".join([str(response.status), *response.headers])

    app = web.Application()
    app.add_routes([web.get("/file", file), web.get("/constant", constant), web.get("/last", last)])
    app.on_response_prepare.append(prepared)
    with serving(app) as number:
        yield number


@pytest.mark.parametrize(
    "port, sent",
    [
        pair
        for pair in itertools.product(CHANGES, REQUESTS)
        if pair[0] != "chunks" or "1.0" not in pair[1]  # aiohttp answers these with an error
    ],
    indirect=["port"],
)
def test_its_bytes_are_those_of_a_constant_304(port: int, sent: str) -> None:
    request = REQUESTS[sent]
    answered = talk(port, request.format("/file"))
    assert answered.startswith(("HTTP/1.1 304 Not Modified\r\n", "HTTP/1.0 304 Not Modified\r\n"))
    assert answered == talk(port, request.format("/constant"))


def test_it_names_the_server_that_the_application_has_set(
    path: Path, monkeypatch: pytest.MonkeyPatch, nowait: bool
) -> None:
    monkeypatch.setattr(web_response, "SERVER_SOFTWARE", "mine")
    with serving_response(lambda: FileResponse(path, nowait=nowait)) as port:
        answer = ask(port, fields=[("If-None-Match", TAG)])
        assert (answer.status, answer.fields["server"]) == (304, "mine")


def test_it_is_prepared_once(path: Path, nowait: bool) -> None:
    writers: list[AbstractStreamWriter | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        response = FileResponse(path, nowait=nowait)
        writers.append(request.writer)
        for _ in range(2):
            writers.append(await response.prepare(request))
        assert response.task is request.task
        await response.write_eof()
        writers.append(await response.prepare(request))
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    with serving(app) as port:
        assert ask(port, fields=[("If-None-Match", TAG)]).status == 304
    first, second, third, after = writers
    assert first is second is third is not None
    assert after is None
