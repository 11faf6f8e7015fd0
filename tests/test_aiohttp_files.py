"""precond.aiohttp and what becomes of files: missing, forbidden, special, young, replaced, removed or cut."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web_fileresponse
from aiohttp.test_utils import make_mocked_request

import precond
from aiohttp_server import (
    DATE,
    FILE,
    NEW,
    OLD,
    SIZE,
    TAG,
    ask,
    descriptors,
    replace,
    serving_file,
    serving_response,
    serving_static,
    write,
)
from cases import content
from conftest import CHANGES_FILES, CHANGES_PROCESS
from filesystems import as_nobody
from precond import _aiohttp
from precond.aiohttp import FileResponse

WAYS = pytest.mark.parametrize("way", ["static", "FileResponse"])
CONDITIONS = [[], [("If-None-Match", "*")], [("If-Match", '"other"')], [("If-None-Match", TAG)]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["static", "FileResponse"])
def port(request: pytest.FixtureRequest, path: Path) -> Iterator[int]:
    with serving_file(path, request.param) as number:
        yield number


# -- What cannot be served -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@CHANGES_FILES
def test_404_comes_first(port: int, path: Path, fields: list[tuple[str, str]], method: str) -> None:
    path.unlink()
    answer = ask(port, FILE, method, fields)
    assert (answer.status, answer.body, answer.fields["content-length"]) == (404, b"", "0")


@pytest.mark.parametrize("name", ["a" * 300, "file.txt/x", "nul\0", "\udcff\ud800"])
def test_paths_that_cannot_be_are_missing(path: Path, name: str) -> None:
    with serving_response(lambda: FileResponse(path.with_name("x").parent / name)) as port:
        assert ask(port).status == 404


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("of", ["file", "directory"])
@WAYS
@CHANGES_PROCESS
def test_403_comes_first(tmp_path: Path, way: str, of: str) -> None:
    directory = tmp_path / "served"
    directory.mkdir()
    (directory / "below").mkdir()
    path = write(directory / "below" / "file.txt")
    closed = path if of == "file" else path.parent
    target = FILE.replace("file", "below/file")
    options: Any = contextlib.nullcontext()
    with options, contextlib.ExitStack() as stack:
        if way == "static":
            port = stack.enter_context(serving_static(directory))
        else:
            port = stack.enter_context(serving_response(lambda: FileResponse(path)))
        assert ask(port, target).status == 200
        mode = closed.stat().st_mode
        closed.chmod(0)
        stack.callback(closed.chmod, mode)
        with as_nobody(closed):
            for fields in CONDITIONS:
                for method in ("GET", "HEAD"):
                    assert ask(port, target, method, fields).status == 403


@pytest.mark.parametrize("name, status", [("missing", 404), (".", 403)])
def test_what_cannot_be_served_has_no_fields_of_the_200(tmp_path: Path, name: str, status: int) -> None:
    """Who was given its tag, or may keep the answer for a minute, would not see the file that comes."""
    freshness = dict.fromkeys(("Cache-Control", "CDN-Cache-Control", "Surrogate-Control"), "max-age=60")
    of_200 = {"ETag": '"v1"', "Last-Modified": DATE, **freshness}
    with serving_response(lambda: FileResponse(tmp_path / name, headers={**of_200, "X-Own": "1"})) as port:
        for fields in CONDITIONS:
            answer = ask(port, fields=fields)
            assert (answer.status, answer.fields["x-own"]) == (status, "1")
            assert not {name.lower() for name in of_200} & set(answer.fields)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the length of a socket's name is limited


def make_directory(path: Path) -> None:
    path.mkdir()


SPECIAL = pytest.mark.parametrize(
    "make",
    [
        make_directory,
        pytest.param(make_fifo, marks=pytest.mark.skipif(os.name != "posix", reason="FIFOs are POSIX's")),
        pytest.param(make_socket, marks=pytest.mark.skipif(os.name != "posix", reason="so are their names")),
    ],
)


@SPECIAL
@pytest.mark.parametrize("fields", CONDITIONS)
@CHANGES_FILES
def test_what_is_no_regular_file_is_forbidden(
    port: int, path: Path, make: Callable[[Path], None], fields: list[tuple[str, str]]
) -> None:
    path.unlink()
    make(path)
    for method in ("GET", "HEAD"):
        assert ask(port, FILE, method, fields).status == 403


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="devices are POSIX's")
def test_a_device_is_forbidden() -> None:
    with serving_response(lambda: FileResponse("/dev/null")) as port:
        assert ask(port).status == 403


# -- Between stat and open -----------------------------------------------------------------------------------


@pytest.fixture
def before_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What to do once, after the first stat and before the file is opened."""
    todo: list[Callable[[], object]] = []
    real = _aiohttp.open_regular

    def open_regular(path: str) -> tuple[int, os.stat_result]:
        if todo:
            todo.pop()()
        return real(path)

    monkeypatch.setattr(_aiohttp, "open_regular", open_regular)
    yield todo
    assert not todo


def test_the_opened_file_makes_the_validators(
    port: int, path: Path, before_open: list[Callable[[], object]]
) -> None:
    before_open.append(lambda: replace(path))
    answer = ask(port, FILE)
    assert (answer.status, answer.body) == (200, NEW)
    assert answer.fields["etag"] == precond.etag(os.stat(path)) != TAG


@pytest.mark.parametrize(
    "fields, status",
    [
        ([("If-Match", TAG)], 412),
        ([("If-Match", "*")], 200),
        ([("If-Range", TAG), ("Range", "bytes=1-2")], 200),
        ([("Range", "bytes=100-")], 206),
        ([("If-None-Match", f'"{OLD + 10**9:x}-{len(NEW):x}"')], 304),
    ],
)
def test_what_had_passed_is_checked_again(
    port: int,
    path: Path,
    before_open: list[Callable[[], object]],
    fields: list[tuple[str, str]],
    status: int,
) -> None:
    before_open.append(lambda: replace(path))
    if status == 206:
        write(path, b"0" * 101)
    answer = ask(port, FILE, fields=fields)
    assert answer.status == status
    assert answer.body == {200: NEW, 206: NEW[100:]}.get(status, b"")


def test_a_file_that_goes_is_missing(port: int, path: Path, before_open: list[Callable[[], object]]) -> None:
    before_open.append(path.unlink)
    assert ask(port, FILE).status == 404


@pytest.mark.parametrize(
    "number, status",
    [
        (errno.EMFILE, 500),
        (errno.EIO, 500),
        (errno.EACCES, 403),
        (errno.ELOOP, 404),
        (errno.EOPNOTSUPP, 404),  # a socket, where it is not ENXIO
    ],
)
@CHANGES_PROCESS
def test_the_servers_own_trouble_is_no_404(
    port: int,
    before_open: list[Callable[[], object]],
    caplog: pytest.LogCaptureFixture,
    number: int,
    status: int,
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    before_open.append(fail)
    answer = ask(port, FILE)
    assert (answer.status, "etag" in answer.fields) == (status, False)
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [getattr(error, "errno", None) for error in logged] == [number] * (status == 500)
    assert ask(port, FILE).status == 200


@SPECIAL
def test_a_file_that_turns_into_something_else_is_forbidden(
    port: int, path: Path, before_open: list[Callable[[], object]], make: Callable[[Path], None]
) -> None:
    before_open.append(lambda: make(path))
    before_open[0] = lambda: (path.unlink(), make(path))
    # A socket cannot be opened, which is not known to be anything but an absence.
    assert ask(port, FILE).status == (404 if make is make_socket else 403)


@pytest.mark.parametrize("status, field", [(304, ("If-None-Match", TAG)), (412, ("If-Match", '"other"'))])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_304_and_412_never_open_the_file(
    port: int, monkeypatch: pytest.MonkeyPatch, status: int, field: tuple[str, str], method: str
) -> None:
    monkeypatch.setattr(_aiohttp, "open_regular", None)
    assert ask(port, FILE, method, [field]).status == status
    assert ask(port, FILE, "HEAD").status == 200
    assert ask(port, FILE, "GET", [("Range", "bytes=900-")]).status == 416


# -- Young files ---------------------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The threads that have waited, by how they are called."""
    counter: Counter[str] = Counter()
    real = time.sleep

    def sleep(seconds: float) -> None:
        counter[threading.current_thread().name] += 1
        real(seconds)

    monkeypatch.setattr(_aiohttp.time, "sleep", sleep)
    return counter


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_just_written_is_waited_for(port: int, path: Path, waits: Counter[str], method: str) -> None:
    for _ in range(100):
        path.write_bytes(b"written now")
        if path.stat().st_mtime_ns % 10**9:  # a whole second is waited for no longer than anything else
            break
    answer = ask(port, FILE, method)
    assert answer.status == 200
    assert answer.fields["etag"] == precond.etag(os.stat(path))
    assert len(waits) <= 1
    assert all(name.startswith("asyncio_") for name in waits)  # a thread of the executor


def test_a_slow_thread_does_not_settle_a_stamp(
    port: int, path: Path, waits: Counter[str], before_open: list[Callable[[], object]]
) -> None:
    """Between the stat and the look at the clock there may be another write with the same stamp."""
    real = os.fstat

    def slow_stat(descriptor: int) -> os.stat_result:
        st = real(descriptor)
        threading.Event().wait(0.03)
        return st

    def rewrite() -> None:
        stamp = time.time_ns() - 10**7 | 1
        os.utime(path, ns=(stamp, stamp))

    before_open.append(rewrite)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fstat", slow_stat)
        assert ask(port, FILE).fields["etag"] == precond.etag(os.stat(path))
    assert waits.total() == 1


def test_nothing_waits_on_the_way_to_a_304(port: int, path: Path, waits: Counter[str]) -> None:
    ahead = time.time_ns() + 10**7 | 1
    os.utime(path, ns=(ahead, ahead))
    for fields, status in (([("If-None-Match", "*")], 304), ([("If-Match", '"other"')], 412)):
        assert ask(port, FILE, fields=fields).status == status
    assert not waits


def test_what_is_written_during_the_wait_counts(
    port: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        write(path, b"written meanwhile")

    monkeypatch.setattr(_aiohttp, "settles_soon", lambda *_: True)
    monkeypatch.setattr(_aiohttp.time, "sleep", sleep)
    answer = ask(port, FILE)
    assert (answer.body, answer.fields["etag"]) == (b"written meanwhile", precond.etag(os.stat(path)))
    write(path)
    assert ask(port, FILE, fields=[("If-Match", TAG)]).status == 412
    assert descriptors(path) == 0


def test_only_files_that_carry_a_tag_are_waited_for(path: Path, waits: Counter[str]) -> None:
    def young(**options: Any) -> FileResponse:
        now = time.time_ns() | 1
        os.utime(path, ns=(now, now))
        return FileResponse(path, **options)

    never = precond.Policy(etag=False)
    for options in ({"policy": never}, {"headers": {"ETag": '"own"'}}, {"status": 404}):
        with serving_response(functools.partial(young, **options)) as port:
            assert ask(port).body == content(SIZE)
    assert not waits


# -- While it is sent ----------------------------------------------------------------------------------------


LARGE = 64 << 20


def receive_while(port: int, change: Callable[[], object], head: str = "HTTP/1.1") -> bytes:
    """All that comes, where the file changes after its first bytes have come."""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(f"GET {FILE} {head}\r\nHost: x\r\nAccept-Encoding: deflate\r\n\r\n".encode())
        received = [client.recv(4096)]
        change()
        with contextlib.suppress(ConnectionResetError):
            received.extend(iter(lambda: client.recv(1 << 20), b""))
    return b"".join(received)


@pytest.mark.parametrize("native", [True, False])
def test_a_file_that_shrinks_ends_the_connection(
    port: int, path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(web_fileresponse, "NOSENDFILE", not native)
    os.truncate(path, LARGE)
    os.utime(path, ns=(OLD, OLD))
    head, _, body = receive_while(port, lambda: os.truncate(path, 10)).partition(b"\r\n\r\n")
    assert f"Content-Length: {LARGE}".encode() in head
    assert len(body) < LARGE
    assert ask(port, FILE).body == path.read_bytes()
    assert descriptors(path) == 0


@pytest.mark.parametrize("head", ["HTTP/1.1", "HTTP/1.0"])
@CHANGES_FILES
def test_compressed_content_that_is_cut_off_does_not_look_whole(path: Path, head: str) -> None:
    def respond() -> FileResponse:
        response = FileResponse(path)
        response.enable_compression()
        return response

    with path.open("wb") as file:
        for _ in range(LARGE >> 22):
            file.write(os.urandom(1 << 20))
    with serving_response(respond) as port:
        received = receive_while(port, lambda: os.truncate(path, 10), head)
    assert b"Content-Encoding: deflate" in received
    if head == "HTTP/1.1":
        assert not received.endswith(b"0\r\n\r\n")
    else:
        inflating = zlib.decompressobj()
        inflating.decompress(received.partition(b"\r\n\r\n")[2])
        assert not inflating.eof


def test_without_sendfile(port: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sendfile(*args: object) -> int:
        raise NotImplementedError  # as uvloop does

    monkeypatch.setattr(asyncio.BaseEventLoop, "sendfile", sendfile)
    write(path, content(1 << 20))
    assert ask(port, FILE).body == content(1 << 20)
    assert ask(port, FILE, fields=[("Range", "bytes=5-700000")]).body == content(1 << 20)[5:700_001]


def test_a_client_that_has_gone(path: Path) -> None:
    async def respond() -> None:
        request = make_mocked_request("GET", "/")
        request.protocol.transport = None
        with pytest.raises(ConnectionResetError):
            await FileResponse(path).prepare(request)

    asyncio.run(respond())
    assert descriptors(path) == 0
