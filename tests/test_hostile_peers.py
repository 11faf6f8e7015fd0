"""Hostile bytes and many clients at once, over sockets: each answer comes in time, and none is a 500."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

import precond
from aiohttp_server import OLD, TAG, write
from cases import Answer
from conftest import CHANGES_FILES, CHANGES_PROCESS
from filesystems import as_nobody
from precond import DEFAULT, Outcome
from stale_servers import ADAPTERS, Connections
from vectors import DIRECTORY, KEYWORDS

DEADLINE = 60  # seconds, for each read
NAMES = "1", "2"  # the two ways that each adapter has
NOBODY = 65534
BIG = 16 << 20  # bytes, of a sparse file: more than all buffers between server and client hold
READERS = 8
CALM = 30  # answers, before the next thing happens to the file
REFUSED = {0, 400, 413, 414, 431}  # 0: the server closes without a word
ANSWERED = {200, 206, 304, 412, 416}


class Served(NamedTuple):
    port: int
    directory: Path
    connections: Connections

    def status(self, name: str, **fields: bytes) -> int:
        """Over a connection that is kept while the server keeps it."""
        lines = {key.replace("_", "-"): value.decode("latin-1") for key, value in fields.items()}
        try:
            return self.connections.ask("GET", name, lines).status
        except (ConnectionError, http.client.HTTPException):
            return 0

    def lives(self) -> bool:
        """Whether an honest client is still answered."""
        return all(self.status(name, if_none_match=TAG.encode()) == 304 for name in NAMES)


@pytest.fixture(scope="module", params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def served(adapter: str) -> Iterator[Served]:
    """In a directory that nobody may come to, whatever other tests do with those above that of pytest."""
    server = ADAPTERS[adapter]
    with (
        TemporaryDirectory() as temporary,
        server.interface.serving(server.application(Path(temporary), DEFAULT)) as port,
        closing(Connections(port)) as connections,
    ):
        for name in NAMES:
            write(Path(temporary, name))
        yield Served(int(port), Path(temporary), connections)


# -- Bytes ---------------------------------------------------------------------------------------------------


def values() -> list[bytes]:
    """Every field value and date of the vectors."""
    found: set[Any] = set()
    for path in DIRECTORY.glob("*.json"):
        for vector in json.loads(path.read_text("ascii")):
            found |= {vector.get("value"), vector.get("etag"), vector.get("last_modified")}
            found |= {value for _, value in vector.get("fields", ())}
    return sorted(value.encode("latin-1") for value in found if isinstance(value, str))


VALUES = values()
ON_ONE_LINE = [value for value in VALUES if not re.search(rb"[\r\n]", value)]
CONDITIONAL = [keyword for keyword in KEYWORDS.values() if keyword != "range"]
OUTCOMES = {Outcome.NOT_MODIFIED: {304}, Outcome.PRECONDITION_FAILED: {412}, Outcome.IGNORE_RANGE: {200}}


def right_statuses(served: Served, keyword: str, value: bytes) -> set[int]:
    """What the rules say of a value, as it was sent or as servers strip it that know more blanks than two."""
    st = (served.directory / NAMES[0]).stat()
    found = set()
    for each in (value, value.decode("latin-1").strip()):
        fields: dict[str, Any] = {"range": b"bytes=0-", keyword: each}
        found |= OUTCOMES.get(precond.evaluate(st, "GET", **fields), {200, 206, 416})
    return found


@pytest.mark.parametrize("keyword", CONDITIONAL)
def test_values_of_the_vectors(served: Served, keyword: str) -> None:
    wrong = []
    for number, value in enumerate(ON_ONE_LINE):
        status = served.status(NAMES[number % 2], **{keyword: value, "range": b"bytes=0-"})
        may_be_refused = re.search(rb"[^\t -~\x80-\xff]", value) and status in REFUSED
        if status not in right_statuses(served, keyword, value) and not may_be_refused:
            wrong.append((value, status))
    assert wrong == []
    assert len(ON_ONE_LINE) > 500
    assert served.lives()


def request(name: str, *lines: bytes, keep: bool = False) -> bytes:
    first = f"GET /{name} HTTP/1.1\r\nHost: localhost".encode()
    return b"\r\n".join((first, b"Connection: " + (b"keep-alive" if keep else b"close"), *lines, b"", b""))


def statuses(served: Served, sent: bytes) -> set[int]:
    """All that come back over a connection of its own."""
    found = b""
    with closing(socket.create_connection(("127.0.0.1", served.port), DEADLINE)) as peer:
        with suppress(ConnectionError):  # refused before all was sent; there may be an answer
            peer.sendall(sent)
        with suppress(ConnectionError):
            while data := peer.recv(1 << 16):
                found += data
    return {int(status) for status in re.findall(rb"^HTTP/1\.1 (\d+)", found, re.MULTILINE)} or {0}


def test_values_that_end_the_line(served: Served) -> None:
    """What comes behind is another line, or another request."""
    broken = [value for value in VALUES if value not in ON_ONE_LINE]
    for value in broken:
        for name in KEYWORDS:
            sent = request(NAMES[0], name.encode() + b": " + value)
            assert statuses(served, sent) <= REFUSED | ANSWERED, (name, value)
    assert len(broken) > 10
    assert served.lives()


FLOODS = {
    "many-lines": [b'If-None-Match: "x"'] * 10_000,
    "hundreds-of-lines": [b'If-None-Match: "x"'] * 300,
    "hundreds-of-dates": [b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"] * 100,
    "many-names": [b"X-%d: x" % number for number in range(10_000)],
    "long-name": [b"If-None-Match" * 5_000 + b": x"],
    "no-end": [b'If-None-Match: "' + b"x" * (1 << 20)],
    "no-colon": [b"If-None-Match"],
    "folded": [b'If-None-Match: "x",', b' "y"'],
    "empty-name": [b": x"],
    "every-field": [name.encode() + b': "' + b"," * 8_000 + b'"' for name in KEYWORDS],
}


@pytest.mark.parametrize("flood", FLOODS)
def test_header_floods(served: Served, flood: str) -> None:
    for name in NAMES:
        assert statuses(served, request(name, *FLOODS[flood])) <= REFUSED | ANSWERED
    assert served.lives()


LONG = [b'"', b",", b" ", b'"a", ', b"W/", b'W/"', b"\xff", b"*", b"Sun, "]


@pytest.mark.parametrize("keyword", CONDITIONAL)
def test_fields_of_64_kib(served: Served, keyword: str) -> None:
    """And of 7 KiB, which every server hands on."""
    for number, part in enumerate(LONG):
        name = NAMES[number % 2]
        short, long = (part * (size // len(part)) for size in (7 << 10, 64 << 10))
        found = served.status(name, **{keyword: short, "range": b"bytes=0-"})
        assert found in right_statuses(served, keyword, short), part
        found = served.status(name, **{keyword: long, "range": b"bytes=0-"})
        assert found in REFUSED | right_statuses(served, keyword, long), part
    assert served.lives()


# -- Peers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["3", "4"])
@CHANGES_FILES
def test_many_that_read_nothing(served: Served, name: str) -> None:
    """More of them than waitress has threads; who asks meanwhile does not wait for them."""
    os.truncate(write(served.directory / name), BIG)
    with ExitStack() as stack:
        for _ in range(READERS):
            peer = stack.enter_context(closing(socket.socket()))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(DEADLINE)
            peer.connect(("127.0.0.1", served.port))
            peer.sendall(request(name))
            assert peer.recv(1) == b"H"
        assert served.lives()


class Instant(NamedTuple):
    """What had happened to a file: versions are numbered from 1.

    made        the newest
    gone        the newest of those that had been replaced or deleted
    forbidden   the last that was not to be read
    """

    made: int = 0
    gone: int = 0
    forbidden: int = 0


class Storm:
    """A file that is there in one version after the other, is deleted, and may not be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = Instant()
        self.contents: list[bytes] = [b""]
        self.tags: list[str] = [""]
        self.statuses: Counter[int] = Counter()
        self.steps = itertools.cycle([self.replace, self.replace, self.forbid, self.replace, self.delete])
        self.replace()

    def replace(self) -> None:
        made = self.now.made + 1
        self.contents.append(b"version %d" % made)
        new = write(self.path.with_name("new"), self.contents[-1], OLD + made)
        self.tags.append(precond.etag(new.stat()))
        new.replace(self.path)
        self.now = self.now._replace(made=made, gone=made - 1)

    def forbid(self) -> None:
        self.path.chmod(0)
        self.now = self.now._replace(forbidden=self.now.made)

    def delete(self) -> None:
        self.path.unlink()
        self.now = self.now._replace(gone=self.now.made)

    def answered(self, answer: Answer, asked: Instant) -> None:
        assert answer.status in (200, 304, 401, 403, 404)
        if answer.status in (200, 304):
            version = self.tags.index(answer.fields["etag"])
            assert version > asked.gone
            assert answer.body == (self.contents[version] if answer.status == 200 else b"")
            # The right to read is looked for at the path, where another version may have come meanwhile.
            replaced = answer.status == 304 and self.now.made > version
            assert version != asked.forbidden or replaced
        self.statuses[answer.status] += 1
        if self.statuses.total() % CALM == 0:
            next(self.steps)()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    lines = (line.split(": ", 1) for line in head[1:-2])
    fields = {name.lower(): value for name, value in lines}
    status = int(head[0].split()[1])
    length = 0 if status == 304 else int(fields["content-length"])
    return Answer(status, fields, await reader.readexactly(length))


async def ask_again_and_again(port: int, storm: Storm, requests: int, at_once: int) -> None:
    """Over one connection, and over another where the server closes it."""
    left = requests
    while left:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            kept = True
            while kept and left:
                asked = storm.now
                sent = request(storm.path.name, b"If-None-Match: " + storm.tags[-1].encode(), keep=True)
                writer.write(sent * at_once)
                for _ in range(at_once):
                    answer = await asyncio.wait_for(read_answer(reader), DEADLINE)
                    storm.answered(answer, asked)
                    kept = answer.fields.get("connection") != "close"
                left -= at_once


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@CHANGES_PROCESS
def test_a_thousand_at_once_while_files_change_vanish_and_may_not_be_read(
    served: Served, adapter: str
) -> None:
    async def everybody(port: int, storms: list[Storm]) -> None:
        clients = (ask_again_and_again(port, storms[n % 2], requests, at_once) for n in range(connections))
        await asyncio.gather(*clients)

    # Waitress takes 100 connections, those among them that it is closing, as it does after each 304.
    connections, requests, at_once = (48, 12, 1) if adapter == "wsgi" else (90, 24, 12)
    storms = [Storm(served.directory / name) for name in ("5", "6")]
    if not os.geteuid():
        os.chown(served.directory, NOBODY, NOBODY)
    # What is imported by the first that need it may be where nobody can read it.
    assert {served.status(name) for name in ("5", "6", "7")} == {200, 404}
    with as_nobody(storms[0].path):
        asyncio.run(everybody(served.port, storms))
    for storm in storms:
        assert storm.statuses.total() == connections * requests / len(storms)
        assert {200, 304, 404} < storm.statuses.keys()
        assert {401, 403} & storm.statuses.keys()
