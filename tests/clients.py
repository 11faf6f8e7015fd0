"""Directories served by each adapter over a real server, and the programs that ask for them."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import pytest
from aiohttp import web
from playwright.sync_api import Page, sync_playwright
from starlette.datastructures import Headers

import aiohttp_server
import asgi_server
import precond.aiohttp
import precond.starlette
import precond.wsgi
from cases import Answer
from wsgi_server import run_waitress

T = TypeVar("T")

FIRST = 1_700_000_000_123_456_789
JUST_AFTER = FIRST + 1
"""In the same second, so that only the entity-tag tells the two versions apart."""
SECONDS_AFTER = FIRST + 2 * 10**9
TIMEOUT = 120  # seconds, for one run of a program; none comes near it where the machine is not busy


def needs(program: str) -> str:
    """The path of the program. Where it is missing the test is skipped, but fails where PRECOND_CI is set."""
    path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if path is None:
        lacking(f"{program} is not installed")
    return path


def lacking(reason: str) -> NoReturn:
    """Skip the test, but fail it where PRECOND_CI is set: by .ci/run, which has installed all programs."""
    if os.environ.get("PRECOND_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


# -- Origins -------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """A request that reached the origin: its path and field names, in lower case, and how it was answered."""

    path: str
    status: int
    names: frozenset[str]

    @property
    def conditional(self) -> bool:
        return bool(self.names & {"if-none-match", "if-modified-since"})


class Origin:
    """A directory on a port of 127.0.0.1, and what it was asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self.seen: list[Seen] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def write(self, name: str, data: bytes, mtime_ns: int = FIRST) -> Path:
        """Replace the file by one with this stamp."""
        temporary = self.directory / ".new"
        temporary.write_bytes(data)
        os.utime(temporary, ns=(mtime_ns, mtime_ns))
        return temporary.replace(self.directory / name)

    def about(self, name: str) -> list[Seen]:
        """The requests for one file, in their order."""
        return [seen for seen in self.seen if seen.path == f"/{name}"]

    def statuses(self, name: str) -> list[int]:
        return [seen.status for seen in self.about(name)]

    def note(self, path: str, status: int, names: Iterable[str]) -> None:
        self.seen.append(Seen(path, status, frozenset(name.lower() for name in names)))


@contextmanager
def _aiohttp(origin: Origin) -> Iterator[int]:
    async def note(request: web.Request, response: web.StreamResponse) -> None:
        origin.note(request.path, response.status, request.headers)

    app = web.Application()
    app.add_routes([precond.aiohttp.static("/", origin.directory)])
    app.on_response_prepare.append(note)
    with aiohttp_server.serving(app) as port:
        yield port


@contextmanager
def _starlette(origin: Origin) -> Iterator[int]:
    files = precond.starlette.StaticFiles(directory=origin.directory)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                origin.note(scope["path"], message["status"], Headers(scope=scope))
            await send(message)

        await files(scope, receive, noting)

    with asgi_server.serving(app) as port:
        yield port


@contextmanager
def _wsgi(origin: Origin) -> Iterator[int]:
    files = precond.wsgi.StaticFiles(origin.directory)

    def app(environ: Any, start_response: Any) -> Any:
        def noting(status: str, *arguments: Any) -> Any:
            names = [name[5:].replace("_", "-") for name in environ if name.startswith("HTTP_")]
            origin.note(environ["PATH_INFO"], int(status[:3]), names)
            return start_response(status, *arguments)

        return files(environ, noting)

    yield from run_waitress(app)


ADAPTERS = {"aiohttp": _aiohttp, "starlette": _starlette, "wsgi": _wsgi}


@contextmanager
def serving(adapter: str, directory: Path) -> Iterator[Origin]:
    origin = Origin(directory)
    with ADAPTERS[adapter](origin) as port:
        origin.port = port
        yield origin


# -- Programs ------------------------------------------------------------------------------------------------


def run(*command: str | os.PathLike[str]) -> str:
    """What the program writes to its standard output; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    """Without proxies: all is on this host. And without the sanitizer that our own code may run under."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name != "LD_PRELOAD"
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(log: Path, port: int, *command: str | os.PathLike[str]) -> Iterator[None]:
    """A server that is a program, from when it takes connections to the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=_environment())
        try:
            until(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None, log.read_text("utf-8", "replace")
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until(happens: Callable[[], T]) -> T:
    """What it gives, once that is true."""
    deadline = time.monotonic() + TIMEOUT
    while not (result := happens()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return result


@contextmanager
def browsing(profile: Path) -> Iterator[Page]:
    """A page of Chromium, which has what it had cached in this profile."""
    program = needs("chromium")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=["--no-proxy-server"], env={**_environment()}
        )
        with context:
            yield context.pages[0]


def shown(page: Page) -> str:
    """The text in the <pre> of the page, when its scripts have put it there."""
    page.wait_for_function("document.querySelector('pre').textContent")
    return page.inner_text("pre")


def get(port: int, name: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        fields = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()
