"""precond.wsgi.StaticFiles: which paths lead to which files, and that none leads anywhere else."""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import precond.wsgi
from conftest import CHANGES_FILES, CHANGES_PROCESS
from precond.wsgi import FileApp, StaticFiles
from wsgi_call import call, environ, is_404, make_root, write

posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no such file on Windows")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path)


@pytest.fixture
def app(root: Path) -> StaticFiles:
    return StaticFiles(root)


# -- Paths ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/missing",
        "/../secret.txt",
        "/..",
        "/.",
        "/sub/../page.html",
        "/sub/../../secret.txt",
        "/./page.html",
        "//page.html",
        "/sub//index.html",
        "//etc/passwd",
        "/page.html/",
        "/page.html/x",
        "/page.html\0",
        "/\0",
        "/sub",
        "/sub/",
        "/",
        "/" + "a" * 300,
        "/a" * 3000,
        "/sub/" + "../" * 50 + "etc/passwd",
        "/\u20ac",
    ],
)
@pytest.mark.parametrize("fields", [{}, {"if_none_match": "*"}, {"if_match": '"x"'}])
def test_404(app: StaticFiles, path: str, fields: dict[str, str]) -> None:
    assert is_404(call(app, path, **fields))


@pytest.mark.parametrize("follow", [False, True])
def test_no_way_out_by_an_absolute_name(root: Path, follow: bool) -> None:
    app = StaticFiles(root, follow_symlinks=follow)
    secret = str(root.parent / "secret.txt")
    assert is_404(call(app, f"/{secret}"))
    app_iter = app({**environ("/"), "PATH_INFO": secret.lstrip("/")}, lambda *_: list)
    assert b"".join(app_iter) == b"404 Not Found\n"


@pytest.mark.parametrize(
    "path", ["/..\\secret.txt", "/C:/secret.txt", "/page.html:stream", "/sub\\index.html"]
)
def test_names_that_windows_reads_otherwise(
    app: StaticFiles, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(precond.wsgi, "_has_forbidden", re.compile(r"[\0\\:]").search)
    assert is_404(call(app, path))


@posix
@CHANGES_FILES
def test_names_are_bytes(root: Path, app: StaticFiles) -> None:
    for name in ("caf\u00e9".encode(), b"a\\b:c", b" "):
        write(Path(os.fsdecode(os.fsencode(root) + b"/" + name)))
        assert call(app, "/" + name.decode("latin-1")).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take no bytes that are not UTF-8")
@CHANGES_FILES
def test_names_are_any_bytes(root: Path, app: StaticFiles) -> None:
    write(Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")))
    assert call(app, "/\xff\xfe").status == 200


def symlink(target: Path, link: Path) -> None:
    try:
        link.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("Windows lets only some users make symbolic links")


@CHANGES_FILES
def test_symlinks(root: Path) -> None:
    inside, outside = StaticFiles(root), StaticFiles(root, follow_symlinks=True)
    symlink(root / "page.html", root / "inside.html")
    symlink(root / "sub", root / "inside")
    symlink(root.parent / "secret.txt", root / "outside.txt")
    symlink(root.parent, root / "outside")
    symlink(root / "loop", root / "loop")
    symlink(root / "gone", root / "broken")
    write(root.parent / "root-not" / "file", b"secret")
    symlink(root.parent / "root-not", root / "prefix")
    for path in ("/inside.html", "/inside/index.html"):
        assert call(inside, path).status == call(outside, path).status == 200
    for path in ("/outside.txt", "/outside/secret.txt", "/prefix/file", "/outside"):
        assert is_404(call(inside, path))
        assert is_404(call(inside, path, if_none_match="*"))
    assert call(outside, "/outside.txt").body == b"secret"
    assert call(outside, "/outside/secret.txt").body == b"secret"
    for path in ("/loop", "/broken", "/inside.html/", "/inside/index.html/", "/inside/"):
        assert is_404(call(inside, path))
        assert is_404(call(outside, path))


@CHANGES_FILES
def test_the_directory_may_be_a_symlink(root: Path) -> None:
    symlink(root, root.with_name("link"))
    symlink(root / "page.html", root / "inside.html")
    app = StaticFiles(root.with_name("link"))
    assert call(app, "/page.html").status == call(app, "/inside.html").status == 200


@posix
def test_what_is_no_regular_file(root: Path, app: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)  # names of sockets must be short
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    server.close()
    for name in ("fifo", "socket", "sub"):
        assert is_404(call(app, f"/{name}"))
        assert is_404(call(FileApp(root / name), "/", if_none_match="*"))
    assert is_404(call(FileApp("/dev/null"), "/"))
    assert is_404(call(StaticFiles("/dev"), "/zero"))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
@CHANGES_PROCESS
def test_403() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        closed = [write(root / "page.html"), write(root / "sub" / "page.html").parent]
        root.chmod(0o755)
        for path in closed:
            path.chmod(0)
        try:
            with unprivileged():
                app = StaticFiles(root)
                replies = [
                    call(app, path, method, **fields)
                    for path in ("/page.html", "/sub/page.html")
                    for method in ("GET", "HEAD")
                    for fields in ({}, {"if_none_match": "*"}, {"if_match": '"x"'})
                ]
        finally:
            for path in closed:
                path.chmod(0o755)
    assert {reply.status for reply in replies} == {403}
    assert not any("etag" in reply.names() for reply in replies)


# -- Directories ---------------------------------------------------------------------------------------------


@CHANGES_FILES
def test_index(root: Path) -> None:
    app = StaticFiles(root, index="index.html")
    assert call(app, "/sub/").body == b"index"
    assert call(app, "/sub/")["content-type"] == "text/html"
    assert call(app, "/sub/index.html").body == b"index"
    assert is_404(call(app, "/"))
    (root / "index.html").mkdir()
    assert is_404(call(app, "/", if_none_match="*"))
    assert is_404(call(app, "/missing/"))
    assert is_404(call(app, "/page.html/"))


@pytest.mark.parametrize(
    "options, location",
    [
        ({}, "/sub/"),
        ({"script_name": "/mounted"}, "/mounted/sub/"),
        ({"query": "a=1&b=%20/\xe9"}, "/sub/?a=1&b=%20/%E9"),
        ({"script_name": "/caf\xc3\xa9 #?"}, "/caf%C3%A9%20%23%3F/sub/"),
        ({"script_name": "//host"}, "/host/sub/"),
        ({"if_none_match": "*"}, "/sub/"),
        ({"if_match": '"x"'}, "/sub/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirect(root: Path, options: dict[str, str], location: str, method: str) -> None:
    reply = call(StaticFiles(root, index="index.html"), "/sub", method, **options)
    assert (reply.status, reply["location"]) == (301, location)


def test_redirect_of_the_directory_itself(root: Path) -> None:
    app = StaticFiles(root, index="index.html")
    assert call(app, "", script_name="/mounted")["location"] == "/mounted/"
    started: list[Any] = []
    app({**environ("/"), "PATH_INFO": ""}, lambda *given: started.append(given) or list)
    assert ("Location", "/") in started[0][1]
    assert is_404(call(StaticFiles(root), "", script_name="/mounted"))
