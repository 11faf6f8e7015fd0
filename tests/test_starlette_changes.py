"""precond.starlette: files that change while they are served, and files that were just written."""

from __future__ import annotations

import http.client
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.exceptions import HTTPException

import precond
import precond._serving
import precond._starlette
import precond.starlette
from asgi_server import serving
from cases import content
from conftest import CHANGES_FILES
from precond.starlette import FileResponse, StaticFiles
from starlette_file import OLD, OWN, PATHSEND, SINCE, SIZE, TAG, get, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["StaticFiles", "FileResponse"])
def app(request: pytest.FixtureRequest, path: Path) -> Any:
    """The file of `path` at /file.txt, by each of the two classes."""
    return StaticFiles(directory=path.parent) if request.param == "StaticFiles" else FileResponse(path)


# -- The file changes meanwhile ------------------------------------------------------------------------------


def change_before_open(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let `change` happen after the file was looked up and before it is opened."""
    opens = precond._starlette.open_regular

    def changing(path: Any) -> Any:
        change()
        return opens(path)

    monkeypatch.setattr(precond._starlette, "open_regular", changing)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"If-Match": TAG}, 412),
        ({"If-Unmodified-Since": SINCE}, 412),
        ({"Range": "bytes=0-9", "If-Range": TAG}, 200),
        ({"Range": "bytes=0-2"}, 206),
        ({"If-None-Match": f'"{OLD + 10**9:x}-3"'}, 304),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_opened_file_decides(
    app: Any, path: Path, headers: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_before_open(monkeypatch, lambda: write(path, b"new", OLD + 10**9))
    sent = get(app, headers)
    assert sent.status == status
    if status in (200, 206):
        assert sent.body == b"new"
    assert sent.fields.get("etag") == (None if status == 412 else f'"{OLD + 10**9:x}-3"')


def test_a_range_is_of_the_opened_file_with_pathsend_too(
    app: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_before_open(monkeypatch, lambda: write(path, b"new", OLD + 10**9))
    sent = get(app, {"Range": "bytes=0-1"}, **PATHSEND)
    assert (sent.body, sent.fields["etag"]) == (b"ne", f'"{OLD + 10**9:x}-3"')


@CHANGES_FILES
def test_what_was_opened_is_sent_though_it_is_replaced(app: Any, path: Path) -> None:
    async def replace(message: Any) -> None:
        if message["type"] == "http.response.start":
            path.unlink()
            write(path, b"new")

    sent = get(app, on_send=replace)
    assert (sent.fields["etag"], sent.body) == (TAG, content(SIZE))


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


WRONG = {
    "missing": (Path.unlink, "does not exist"),
    "directory": (replace_by_directory, "is not a file"),
    "fifo": (replace_by_fifo, "is not a file"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize(
    ("method", "late"),
    [("GET", False), ("HEAD", False), ("GET", True)],
    ids=["GET", "HEAD", "after the look-up"],
)
def test_what_is_no_file(
    app: Any, path: Path, kind: str, method: str, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, reason = WRONG[kind]
    if late:
        change_before_open(monkeypatch, lambda: spoil(path))
    else:
        spoil(path)
    if isinstance(app, StaticFiles):
        with pytest.raises(HTTPException) as error:
            get(app, method=method)
        assert error.value.status_code == 404
    else:
        with pytest.raises(RuntimeError, match=rf"File at path .* {reason}\."):
            get(app, method=method)


def test_a_directory_that_becomes_a_file_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace() -> None:
        shutil.rmtree(path.parent)
        write(path.parent)

    change_before_open(monkeypatch, replace)
    with pytest.raises(HTTPException) as error:
        get(StaticFiles(directory=path.parent))
    assert error.value.status_code == 404


@pytest.mark.parametrize("kind", [PermissionError, BlockingIOError])
def test_errors_of_the_file_system(app: Any, kind: type[OSError], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Any) -> Any:
        raise kind

    monkeypatch.setattr(precond._starlette, "open_regular", fail)
    if kind is PermissionError and isinstance(app, StaticFiles):
        with pytest.raises(HTTPException) as error:
            get(app)
        assert error.value.status_code == 401
    else:
        with pytest.raises(kind):
            get(app)


class SmallChunks(FileResponse):
    chunk_size = 10


@pytest.mark.parametrize("ranges", [None, "bytes=0-49", "bytes=0-9,20-49"])
@pytest.mark.parametrize("left", [0, 5, 10, 15])
@CHANGES_FILES
def test_a_file_that_shrinks_leaves_the_response_incomplete(
    path: Path, ranges: str | None, left: int
) -> None:
    sent = []

    async def shrink(message: Any) -> None:
        sent.append(message)
        os.truncate(path, left)

    with pytest.raises(RuntimeError, match="is shorter than expected"):
        get(SmallChunks(path), {"Range": ranges} if ranges else None, on_send=shrink)
    assert all(message.get("more_body", True) for message in sent)


@pytest.mark.parametrize("asked", [None, "bytes=0-"])
@CHANGES_FILES
def test_bytes_that_a_file_grows_by_are_not_sent(path: Path, asked: str | None) -> None:
    async def grow(message: Any) -> None:
        if message["type"] == "http.response.start":
            with path.open("ab") as file:
                file.write(b"more")

    sent = get(SmallChunks(path), {"Range": asked} if asked else None, on_send=grow)
    assert sent.body == content(SIZE)


def test_a_connection_ends_with_a_file_that_shrinks(tmp_path: Path) -> None:
    path = write(tmp_path / "large.bin", b"x" * 4_000_000)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def shrinking(message: Any) -> None:
            await send(message)
            os.truncate(path, 100_000)

        await FileResponse(path)(scope, receive, shrinking)

    with serving(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead):
            response.read()
        connection.close()


# -- A file that was just written ----------------------------------------------------------------------------


@pytest.fixture
def naps(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept after `path` was written anew, which for the adapter is 5 ms ago."""
    slept: list[float] = []
    sleep = anyio.sleep

    async def sleeping(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    def time_ns() -> int:
        return written + 5_000_000 + round(sum(slept) * 1e9)

    path.write_bytes(b"new")
    written = path.stat().st_mtime_ns
    for module in (precond.starlette, precond._starlette, precond._serving):
        monkeypatch.setattr(module, "time", SimpleNamespace(time_ns=time_ns))
    monkeypatch.setattr(anyio, "sleep", sleeping)
    return slept


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_entity_tag_of_a_young_file_is_waited_for(
    app: Any, path: Path, method: str, naps: list[float]
) -> None:
    tag = precond.etag(path.stat())
    assert get(app, {"If-None-Match": tag}, method).status == 304
    assert naps == []
    sent = get(app, method=method)
    assert (sent.status, sent.fields["etag"], naps) == (200, tag, [0.02])


def test_an_old_file_is_not_waited_for(app: Any, path: Path, naps: list[float]) -> None:
    write(path)
    assert get(app).fields["etag"] == TAG
    assert naps == []


def test_what_a_young_file_has_become_decides(
    path: Path, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    young = precond.etag(path.stat())

    async def change(seconds: float) -> None:
        write(path, b"newer")

    monkeypatch.setattr(anyio, "sleep", change)
    assert get(FileResponse(path), {"If-Match": young}).status == 412


def test_nothing_waits_for_a_stamp_of_whole_seconds(app: Any, path: Path, naps: list[float]) -> None:
    write(path, b"new", path.stat().st_mtime_ns // 10**9 * 10**9)
    assert get(app).status == 200
    assert naps == []


@CHANGES_FILES
def test_what_was_read_is_sent_with_no_validator_of_another_file(
    app: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stamp would have been waited for, had it been asked a little later, by the event loop."""
    stamp = OLD // 10**9 * 10**9
    now_ns = stamp + 2 * 10**9 - 25_000_000
    read = precond._starlette.File.read

    def slowly(file: Any) -> None:
        nonlocal now_ns
        read(file)
        now_ns += 10_000_000

    async def replace(seconds: float) -> None:
        os.replace(write(path.with_name("other"), b"old!"), path)

    write(path, b"new!", stamp)
    for module in (precond.starlette, precond._starlette, precond._serving):
        monkeypatch.setattr(module, "time", SimpleNamespace(time_ns=lambda: now_ns))
    monkeypatch.setattr(precond._starlette.File, "read", slowly)
    monkeypatch.setattr(anyio, "sleep", replace)
    sent = get(app)
    assert (sent.status, sent.body) == (200, b"new!")
    assert "etag" not in sent.fields


def test_nothing_waits_where_no_entity_tag_is_to_come(path: Path, naps: list[float]) -> None:
    assert get(FileResponse(path, headers={"ETag": OWN})).fields["etag"] == OWN
    assert get(FileResponse(path, status_code=404)).status == 404
    assert get(FileResponse(path, policy=precond.Policy(etag=False))).status == 200
    assert naps == []
