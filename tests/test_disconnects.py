"""Clients that go away, at every point of a request and of its answer: no file and no socket stays open."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from cases import content
from clients import ADAPTERS, FIRST, Origin, get, serving, until

SMALL = 95
WHOLE = 64 << 20  # bytes, of a sparse file: more than all buffers between server and client hold
BUFFER = 1 << 16
TAG = f'"{FIRST:x}-{SMALL:x}"'

REQUESTS = {
    "200": "GET",
    "206": "GET\nRange: bytes=10-",
    "304": f"GET\nIf-None-Match: {TAG}",
    "412": 'GET\nIf-Match: "other"',
    "416": "GET\nRange: bytes=95-",
    "HEAD": "HEAD",
}

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc"),
    pytest.mark.thread_unsafe(reason="counts the descriptors of the process"),
]


class Server(NamedTuple):
    origin: Origin
    at_rest: int  # descriptors of this process, which are the server's, while nobody is connected

    @property
    def port(self) -> int:
        return int(self.origin.port)


@pytest.fixture(scope="module", params=ADAPTERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(request.param, tmp_path_factory.mktemp("served")) as origin:
        origin.write("small", content(SMALL))
        big = origin.write("big", b"")
        os.truncate(big, WHOLE)
        os.utime(big, ns=(FIRST, FIRST))
        for name in ("small", "big"):  # what is opened once and kept
            get(origin.port, name)
        yield Server(origin, min(_sampled()))


def _sampled() -> Iterator[int]:
    """While the server closes what it has answered."""
    for _ in range(20):
        time.sleep(0.02)
        yield len(descriptors())


def descriptors() -> list[str]:
    """What the descriptors of this process lead to."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return found


@contextmanager
def nothing_stays_open(server: Server) -> Iterator[None]:
    """And the server goes on answering."""
    yield
    assert get(server.port, "small").body == content(SMALL)
    until(lambda: len(descriptors()) <= server.at_rest)
    assert not [path for path in descriptors() if path.startswith(str(server.origin.directory))]


def request(target: str, name: str) -> bytes:
    method, *fields = REQUESTS[name].split("\n")
    return "\r\n".join([f"{method} /{target} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]).encode()


def connect(server: Server) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    return connection


def leave(connection: socket.socket, *, politely: bool) -> None:
    """Close: with FIN, or with RST, as a client that is killed or loses what it had not read."""
    if not politely:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read(connection: socket.socket, number: int) -> bytes:
    """So many bytes, or fewer where the server closes first."""
    data = b""
    while len(data) < number and (more := connection.recv(min(number - len(data), BUFFER))):
        data += more
    return data


def length_of_answer(server: Server, sent: bytes) -> int:
    with closing(connect(server)) as connection:
        connection.sendall(sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return len(read(connection, WHOLE))


@pytest.mark.parametrize("politely", [True, False])
def test_within_the_request(server: Server, politely: bool) -> None:
    sent = request("small", "206")
    with nothing_stays_open(server):
        for number in range(len(sent) + 1):
            connection = connect(server)
            connection.sendall(sent[:number])
            leave(connection, politely=politely)


@pytest.mark.parametrize("politely", [True, False])
@pytest.mark.parametrize("name", REQUESTS)
def test_within_a_short_answer(server: Server, name: str, politely: bool) -> None:
    sent = request("small", name)
    length = length_of_answer(server, sent) - len("Connection: close\r\n")
    assert length > 50
    with nothing_stays_open(server):
        for number in range(0, length, 1 if name == "200" else 7):
            connection = connect(server)
            connection.sendall(sent)
            assert len(read(connection, number)) == number
            leave(connection, politely=politely)


@pytest.mark.parametrize("politely", [True, False])
@pytest.mark.parametrize("name", ["200", "206"])
def test_within_a_long_answer_many_at_once(server: Server, name: str, politely: bool) -> None:
    """None of them reads what it does not want, so the server is kept waiting in the middle of the file."""
    sent = request("big", name)
    with nothing_stays_open(server):
        connections = [connect(server) for _ in range(24)]
        for connection in connections:
            connection.sendall(sent)
        for number, connection in enumerate(connections):
            assert read(connection, number * 10_007 + 1).startswith(b"H")
        assert len(descriptors()) > 2 * len(connections)  # both ends of each, at least
        for connection in connections:
            leave(connection, politely=politely)
