"""precond.wsgi.StaticFiles and FileApp, one request at a time."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

import precond
import precond._wsgi
import precond.wsgi
from conftest import CHANGES_FILES
from precond.wsgi import FileApp, StaticFiles
from wsgi_call import CONTENT, DATE, STAMP, TAG, call, environ, is_404, make_root, run, write

LATER = "Tue, 14 Nov 2023 22:13:22 GMT"
posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no such file on Windows")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path)


@pytest.fixture
def app(root: Path) -> StaticFiles:
    return StaticFiles(root)


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every body that was made, to see whether its file is closed."""
    made = []

    class Recorded(precond._wsgi.FilePart):
        def __init__(self, file: Any, part: range) -> None:
            super().__init__(file, part)
            self.file = file
            made.append(self)

    monkeypatch.setattr(precond._wsgi, "FilePart", Recorded)
    return made


# -- 200 -----------------------------------------------------------------------------------------------------


def test_get(app: StaticFiles) -> None:
    reply = call(app, "/page.html")
    assert (reply.status, reply.body) == (200, CONTENT)
    assert dict(reply.fields) == {
        "Content-Type": "text/html",
        "Content-Length": str(len(CONTENT)),
        "Accept-Ranges": "bytes",
        "ETag": TAG,
        "Last-Modified": DATE,
    }


@pytest.mark.parametrize("fields", [{}, {"range": "bytes=0-1"}, {"if_none_match": '"other"'}])
def test_head_has_the_fields_of_get(app: StaticFiles, fields: dict[str, str]) -> None:
    reply = call(app, "/page.html", "HEAD", **fields)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.fields == call(app, "/page.html").fields


@CHANGES_FILES
def test_empty_file(root: Path, app: StaticFiles) -> None:
    write(root / "empty", b"")
    reply = call(app, "/empty")
    assert (reply.status, reply.body, reply["content-length"]) == (200, b"", "0")
    assert reply["content-type"] == "application/octet-stream"
    assert call(app, "/empty", range="bytes=-1").status == 200
    assert call(app, "/empty", range="bytes=0-").status == 416


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods(app: StaticFiles, method: str) -> None:
    for path in ("/page.html", "/missing"):
        reply = call(app, path, method, if_match='"other"')
        assert (reply.status, reply["allow"]) == (405, "GET, HEAD")


def test_file_wrapper(app: StaticFiles) -> None:
    """The server's wrapper is used, but finds no descriptor: with one it would send a short body as whole."""
    variables = {**environ("/page.html"), "wsgi.file_wrapper": FileWrapper}
    content = app(variables, lambda *_: list)
    assert isinstance(content, FileWrapper)
    assert not hasattr(content.filelike, "fileno")
    assert content.filelike.read() == CONTENT
    content.close()


def test_extra_fields(root: Path) -> None:
    extra = [
        ("Cache-Control", "max-age=60"),
        ("Access-Control-Allow-Origin", "*"),
        ("Example-Cache-Control", "max-age=60"),
        ("Surrogate-Control", "max-age=60"),
        ("Content-Disposition", "inline"),
    ]
    app = StaticFiles(root, headers=extra)
    assert set(extra) < set(call(app, "/page.html").fields)
    assert set(extra) < set(call(app, "/page.html", range="bytes=0-1").fields)
    not_modified = call(app, "/page.html", if_none_match=TAG)
    assert dict(not_modified.fields) == {"ETag": TAG, **dict(extra[:4])}
    names = {name.lower() for name, _ in extra}
    for fields in ({"if_match": '"x"'}, {"range": "bytes=99-"}):
        assert call(app, "/page.html", **fields).names() & names == {"access-control-allow-origin"}
    assert "access-control-allow-origin" not in call(app, "/missing").names()


# -- Preconditions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_304(app: StaticFiles, method: str) -> None:
    reply = call(app, "/page.html", method, if_none_match=TAG)
    assert (reply.status, reply.fields, reply.body) == (304, [("ETag", TAG)], b"")
    reply = call(app, "/page.html", method, if_modified_since=LATER)
    assert reply.status == 304


def test_304_without_an_entity_tag(root: Path) -> None:
    app = StaticFiles(root, policy=precond.Policy(etag=False))
    reply = call(app, "/page.html", if_modified_since=DATE)
    assert (reply.status, reply.fields) == (304, [("Last-Modified", DATE)])


def test_412(app: StaticFiles) -> None:
    reply = call(app, "/page.html", if_match='"other"')
    assert (reply.status, reply.body) == (412, b"412 Precondition Failed\n")
    assert reply.names() == {"content-type", "content-length"}
    head = call(app, "/page.html", "HEAD", if_match='"other"')
    assert (head.status, head.fields, head.body) == (412, reply.fields, b"")


def test_policy(root: Path) -> None:
    app = StaticFiles(root, policy=precond.Policy(weak=True, if_modified_since="exact", last_modified=True))
    assert call(app, "/page.html")["etag"] == f"W/{TAG}"
    assert call(app, "/page.html", if_match=TAG).status == 412
    assert call(app, "/page.html", if_modified_since=LATER).status == 200
    bare = StaticFiles(root, policy=precond.Policy(etag=False, last_modified=False))
    assert call(bare, "/page.html").names() == {"content-type", "content-length", "accept-ranges"}


def test_304_and_412_cost_one_stat_and_no_open(app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no stat_nowait, or it has to refuse."""
    monkeypatch.setattr(precond._wsgi, "look_nowait", lambda *args: None)
    stats = []
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: stats.append(path) or lstat(path))
    monkeypatch.setattr(precond._wsgi, "open_regular", lambda path: pytest.fail("opened"))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waited"))
    assert call(app, "/page.html", if_none_match="*").status == 304
    assert call(app, "/page.html", if_match='"x"').status == 412
    assert len(stats) == 2


def opening(monkeypatch: pytest.MonkeyPatch, first: Any) -> None:
    """Run `first` between the look-up of a file and its opening."""
    real = precond._wsgi.open_regular

    def open_regular(path: str) -> tuple[int, os.stat_result]:
        first(Path(path))
        return real(path)

    monkeypatch.setattr(precond._wsgi, "open_regular", open_regular)


NEW = b"new bytes"
NEW_STAMP = STAMP + 10**9
NEW_TAG = f'"{NEW_STAMP:x}-{len(NEW):x}"'


def replace(path: Path) -> None:
    os.replace(write(path.with_name("temporary"), NEW, NEW_STAMP), path)


@pytest.mark.parametrize(
    "fields, status, body",
    [
        ({}, 200, NEW),
        ({"if_none_match": '"x"'}, 200, NEW),
        ({"if_match": TAG}, 412, b"412 Precondition Failed\n"),
        ({"if_unmodified_since": DATE}, 412, b"412 Precondition Failed\n"),
        ({"if_none_match": NEW_TAG}, 304, b""),
        ({"range": "bytes=0-2", "if_range": TAG}, 200, NEW),
        ({"range": "bytes=0-2", "if_range": NEW_TAG}, 206, None),
    ],
)
def test_a_file_that_is_replaced_before_it_is_opened(
    app: StaticFiles,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, str],
    status: int,
    body: bytes | None,
) -> None:
    opening(monkeypatch, replace)
    reply = call(app, "/page.html", **fields)
    if status == 206:  # the request was evaluated on the old file first, so its Range is honoured only anew
        assert (reply.status, reply.body) == (206, NEW[:3])
    else:
        assert (reply.status, reply.body) == (status, body)
    if status != 412:
        assert reply["etag"] == NEW_TAG


def test_a_file_that_is_deleted_before_it_is_opened(
    app: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(monkeypatch, Path.unlink)
    assert is_404(call(app, "/page.html"))


@posix
def test_a_fifo_that_comes_before_it_is_opened(app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_fifo(path: Path) -> None:
        path.unlink()
        os.mkfifo(path)

    opening(monkeypatch, to_fifo)
    assert is_404(call(app, "/page.html"))


def test_a_socket_that_comes_before_it_is_opened(app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported on socket")  # of macOS and the BSDs

    opening(monkeypatch, refuse)
    assert is_404(call(app, "/page.html"))


def test_the_servers_own_trouble_is_no_404(app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(path: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    opening(monkeypatch, too_many)
    with pytest.raises(OSError, match="Too many open files"):
        call(app, "/page.html")


def test_a_file_just_written_is_waited_for(
    root: Path, app: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late, but with an entity-tag."""
    slept = []
    written = []

    def touch(path: Path) -> None:
        now = time.time_ns() | 1  # never a whole second
        os.utime(path, ns=(now, now))
        written.append(now)

    real = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.append(seconds) or real(seconds))
    opening(monkeypatch, touch)
    reply = call(app, "/page.html")
    assert reply.status == 200
    assert reply["etag"] == f'"{os.stat(root / "page.html").st_mtime_ns:x}-{len(CONTENT):x}"'
    # On a machine that is very busy the stamp had settled by itself.
    assert slept == [0.02] or time.time_ns() - written[0] > 20_000_000


def test_an_unsettled_file_is_not_waited_for_on_the_way_to_304(
    root: Path, app: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = time.time_ns() + 3600 * 10**9 | 1
    write(root / "page.html", stamp=future)
    tag = precond.etag(os.stat(root / "page.html"))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waited"))
    reply = call(app, "/page.html", if_none_match=tag)
    assert (reply.status, reply.fields) == (304, [])
    reply = call(app, "/page.html")  # nor for a stamp that does not settle in 20 ms
    assert reply.names() == {"content-type", "content-length", "accept-ranges"}


# -- Ranges --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, first, last",
    [("bytes=3-6", 3, 6), ("bytes=10-", 10, 16), ("bytes=-4", 13, 16), ("bytes=0-99", 0, 16)],
)
def test_206(app: StaticFiles, value: str, first: int, last: int) -> None:
    reply = call(app, "/page.html", range=value)
    assert (reply.status, reply.body) == (206, CONTENT[first : last + 1])
    assert dict(reply.fields) == {
        **dict(call(app, "/page.html").fields),
        "Content-Length": str(last - first + 1),
        "Content-Range": f"bytes {first}-{last}/{len(CONTENT)}",
    }


def test_206_through_a_file_wrapper(app: StaticFiles) -> None:
    reply = run(app, {**environ("/page.html", range="bytes=3-6"), "wsgi.file_wrapper": FileWrapper})
    assert (reply.status, reply.body) == (206, CONTENT[3:7])


def test_416(app: StaticFiles, bodies: list[Any]) -> None:
    reply = call(app, "/page.html", range="bytes=17-")
    assert (reply.status, reply.body.split()[0]) == (416, b"416")
    assert reply["content-range"] == f"bytes */{len(CONTENT)}"
    assert reply.names() == {"content-type", "content-length", "content-range"}
    assert bodies == []


def test_416_where_if_range_is_true(app: StaticFiles) -> None:
    """A choice of docs/rules.md: section 14.2, where step 5 of 13.2.2 can be read as 200."""
    etag = call(app, "/page.html")["etag"]
    assert call(app, "/page.html", range="bytes=17-", if_range=etag).status == 416
    assert call(app, "/page.html", range="bytes=17-", if_range='"other"').status == 200


@pytest.mark.parametrize("value", ["bytes=0-1,3-4", "lines=1-2", "bytes=4-3", "bytes=x", ""])
def test_ranges_that_are_ignored(app: StaticFiles, value: str) -> None:
    reply = call(app, "/page.html", range=value)
    assert (reply.status, reply.body) == (200, CONTENT)


@pytest.mark.parametrize(
    "if_range, status",
    [(TAG, 206), (DATE, 206), (f"W/{TAG}", 200), ('"other"', 200), (LATER, 200), ("", 200), ("junk", 200)],
)
def test_if_range(app: StaticFiles, if_range: str, status: int) -> None:
    assert call(app, "/page.html", range="bytes=0-1", if_range=if_range).status == status
    assert call(app, "/page.html", if_range=if_range).status == 200


# -- Sending -------------------------------------------------------------------------------------------------


def test_a_file_that_becomes_shorter(root: Path, app: StaticFiles, bodies: list[Any]) -> None:
    content = app(environ("/page.html"), lambda *_: list)
    os.truncate(root / "page.html", 5)
    chunks = iter(content)
    assert next(chunks) == CONTENT[:5]
    with pytest.raises(EOFError):
        next(chunks)
    bodies[0].close()


def test_a_file_that_becomes_longer(root: Path, app: StaticFiles, bodies: list[Any]) -> None:
    content = app(environ("/page.html"), lambda *_: list)
    with (root / "page.html").open("ab") as file:
        file.write(b"more")
    assert b"".join(content) == CONTENT
    bodies[0].close()


def test_the_file_is_closed_after_the_last_byte_or_before(app: StaticFiles, bodies: list[Any]) -> None:
    call(app, "/page.html")
    call(app, "/page.html", range="bytes=0-1")
    app(environ("/page.html"), lambda *_: list).close()  # type: ignore[attr-defined]
    assert [body.file.closed for body in bodies] == [True] * 3
    call(app, "/page.html", "HEAD")
    assert len(bodies) == 3


def test_the_file_is_closed_where_the_server_fails(app: StaticFiles, bodies: list[Any]) -> None:
    def failing(*_: object) -> Any:
        raise RuntimeError("failed")

    for path in ("/page.html", "/missing"):
        with pytest.raises(RuntimeError, match="failed"):
            app(environ(path), failing)
    with pytest.raises(RuntimeError, match="failed"):
        app({**environ("/page.html"), "wsgi.file_wrapper": failing}, lambda *_: list)
    assert [body.file.closed for body in bodies] == [True, True]


# -- FileApp -------------------------------------------------------------------------------------------------


def test_file_app(root: Path) -> None:
    app = FileApp(root / "page.html", headers=[("Cache-Control", "no-cache")])
    for path in ("/", "/page.html", "/any/thing"):
        reply = call(app, path)
        assert (reply.status, reply.body, reply["etag"]) == (200, CONTENT, TAG)
        assert (reply["content-type"], reply["cache-control"]) == ("text/html", "no-cache")
    assert call(app, "/", if_none_match=TAG).status == 304
    assert call(app, "/", "PUT").status == 405
    assert call(app, "/", range="bytes=0-0").body == CONTENT[:1]
    typed = FileApp(str(root / "page.html"), content_type="text/x-page", policy=precond.Policy(etag=False))
    assert call(typed, "/")["content-type"] == "text/x-page"
    assert "etag" not in call(typed, "/").names()


@CHANGES_FILES
def test_the_file_of_a_file_app_comes_and_goes(root: Path) -> None:
    app = FileApp(root / "later")
    assert is_404(call(app, "/", if_match='"x"'))
    write(root / "later")
    assert call(app, "/").status == 200


def test_relative_names_stay_what_they_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    apps = [StaticFiles("."), FileApp("page.html")]
    monkeypatch.chdir(root.parent)
    assert [call(app, "/page.html").status for app in apps] == [200, 200]


# -- Arguments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"directory": 3}, TypeError),
        ({"directory": "missing"}, ValueError),
        ({"directory": "root/page.html"}, ValueError),
        ({"policy": "weak"}, TypeError),
        ({"index": "sub/index.html"}, ValueError),
        ({"index": ".."}, ValueError),
        ({"index": ""}, ValueError),
        ({"siblings": ["deflate"]}, ValueError),
        ({"siblings": "br"}, ValueError),
        ({"headers": [("A", "b", "c")]}, TypeError),
        ({"headers": [(b"A", b"b")]}, TypeError),
        ({"headers": {"Name": "value"}}, TypeError),
        ({"headers": [("etag", '"x"')]}, ValueError),
        ({"headers": [("Content-Length", "1")]}, ValueError),
    ],
)
def test_wrong_arguments(
    root: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], error: type[Exception]
) -> None:
    monkeypatch.chdir(root.parent)
    with pytest.raises(error, match=f"^{next(iter(wrong))}: "):
        StaticFiles(**{"directory": root, **wrong})


@pytest.mark.parametrize("wrong", [{"path": None}, {"path": b"x"}, {"policy": None}, {"headers": [()]}])
def test_wrong_arguments_of_file_app(root: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"^{next(iter(wrong))}: "):
        FileApp(**{"path": root / "page.html", **wrong})
