"""The servers that servers.py drives: what they serve, how one is started and asked, and what it has cost."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import psutil

from apps import aiohttp_apps, nginx, starlette_apps
from request import STAMP, with_others

_TIMEOUT: Final = 60  # seconds; to start takes most of a first answer


class Server(NamedTuple):
    """`way` is a class of the framework, or "constant"; `code` says whose class."""

    framework: str
    way: str
    code: str

    def __str__(self) -> str:
        return " ".join(filter(None, self))


SERVERS: Final = [
    *(Server("aiohttp", *app) for app in aiohttp_apps.APPS),
    *(Server("starlette", *app) for app in starlette_apps.APPS),
    *(Server("nginx", *app) for app in nginx.APPS),
]

UNCONDITIONAL: Final = Server("starlette", "FileResponse", "stock")
"""Evaluates no precondition, and sends the file where others answer 304."""


class Job(NamedTuple):
    """A request, for a file of so many bytes."""

    name: str
    size: int
    status: int
    range: str = ""
    connections: int = 16


CONDITIONAL: Final = Job("304", 2**10, 304)
JOBS: Final = [
    CONDITIONAL,
    Job("200, 1 KiB", 2**10, 200),
    Job("200, 10 MiB", 10 * 2**20, 200, connections=2),  # so that some are complete within a second
    Job("206, 1 MiB of 10 MiB", 10 * 2**20, 206, "bytes=1048576-2097151"),
]


def asked_of(server: Server) -> list[Job]:
    return [CONDITIONAL] if server.way == "constant" else JOBS


def expected(server: Server, job: Job) -> int:
    return 200 if job is CONDITIONAL and server == UNCONDITIONAL else job.status


def make_files(directory: Path) -> None:
    """Those that are asked for, with stamps that are settled."""
    for size in {job.size for job in JOBS}:
        path = directory / f"{size}.bin"
        path.write_bytes(b"x" * size)
        os.utime(path, ns=(STAMP, STAMP))


# -- A server that runs --------------------------------------------------------------------------------------


class Origin:
    """A server on a port of 127.0.0.1."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.port = port
        self._process = process

    def url(self, job: Job) -> str:
        return f"http://127.0.0.1:{self.port}/{job.size}.bin"

    def cpu(self) -> float:
        """Seconds of a processor that it has used, its workers included."""
        used = [process.cpu_times() for process in [self._process, *self._process.children()]]
        return float(sum(times.user + times.system for times in used))

    def fields(self, job: Job) -> dict[str, str]:
        """Of a request for the job, with the tag that this server has given to the file."""
        asked = {"range": job.range} if job.range else {}
        if job is CONDITIONAL:
            asked["if-none-match"] = self.ask(job, with_others({})).getheader("ETag", '"none"')
        fields = with_others(asked)
        del fields["host"]  # that of the server is sent by whoever asks
        return fields

    def ask(self, job: Job, fields: dict[str, str]) -> http.client.HTTPResponse:
        """One request, over a connection of its own; the content is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
        with closing(connection):
            connection.request("GET", f"/{job.size}.bin", headers={**fields, "Connection": "close"})
            response = connection.getresponse()
            response.read()
            return response


@contextmanager
def running(server: Server, directory: Path, core: int | None = None) -> Iterator[Origin]:
    """The server in a process of its own, on one core, until the end of the block.

    Its socket listens before it starts, so that the first request waits until it is there.
    """
    with (
        TemporaryDirectory(prefix="precond-server-") as state,
        socket.create_server(("127.0.0.1", 0)) as listener,
        open(Path(state, "log"), "w+b") as log,
    ):
        port = listener.getsockname()[1]
        descriptor = listener.fileno()
        if server.framework == "nginx":
            command = nginx.command(server.way, server.code, directory, Path(state), port)
        else:
            command = [sys.executable, str(Path(__file__).with_name("serve.py")), *server]
            command += [str(directory), str(descriptor)]
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        process = subprocess.Popen(
            [*pinned, *command],
            stdout=log,
            stderr=log,
            pass_fds=[descriptor],
            env={**os.environ, "NGINX": f"{descriptor};"},  # how nginx hands sockets on to its successor
        )
        try:
            yield Origin(port, psutil.Process(process.pid))
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
