"""precond.wsgi: what one look finds is what is found by the steps that it saves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import precond
import precond._wsgi
from cases import cases, make_file, policies
from conftest import CHANGES_PROCESS
from filesystems import as_nobody
from precond.wsgi import FileApp, StaticFiles
from wsgi_call import STAMP, TAG, Reply, call, environ, make_root, run

posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no such file on Windows")

App = Any
CONDITIONS = [
    {"if_none_match": "*"},
    {"if_none_match": TAG},
    {"if_modified_since": "Tue, 14 Nov 2023 22:13:21 GMT"},
    {"if_match": '"other"'},
    {"if_unmodified_since": "Sun, 06 Nov 1994 08:49:37 GMT"},
]
KINDS: dict[str, Callable[..., App]] = {
    "StaticFiles": lambda path, **options: StaticFiles(path.parent, **options),
    "following": lambda path, **options: StaticFiles(path.parent, follow_symlinks=True, **options),
    "FileApp": FileApp,
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path)


def both(app: App, variables: dict[str, Any]) -> Reply:
    """The answer, which is the same by a look and without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precond._wsgi, "look_nowait", lambda *args: None)
        without = run(app, dict(variables))
    assert run(app, dict(variables)) == without
    return without


@pytest.mark.parametrize("policy", policies(), ids=repr)
def test_every_case(tmp_path: Path, kind: Any, policy: precond.Policy) -> None:
    for case in cases(policy, joined=True):
        path = make_file(tmp_path, case)
        fields: dict[str, str] = {}
        for name, value in case.lines:
            key = name.lower().replace("-", "_")
            fields[key] = f"{fields[key]},{value}" if key in fields else value
        reply = both(kind(path, policy=policy), environ(f"/{path.name}", case.method, **fields))
        assert reply.status in case.statuses


@posix
@pytest.mark.parametrize("options", [{}, {"index": "index.html"}, {"follow_symlinks": True}])
def test_what_is_no_file_or_elsewhere(root: Path, options: dict[str, Any]) -> None:
    os.mkfifo(root / "fifo")
    (root / "inside.html").symlink_to("page.html")
    (root / "outside.txt").symlink_to(root.parent / "secret.txt")
    (root / "round").symlink_to(root)
    app = StaticFiles(root, **options)
    names = (
        "missing fifo sub sub/ inside.html outside.txt round/page.html page.html/ page.html/x ../secret.txt"
    )
    for path in ["", *names.split(), "a" * 300, "page.html\0", "\udcff"]:
        for fields in CONDITIONS:
            both(app, environ(f"/{path.encode('utf-8', 'surrogateescape').decode('latin-1')}", **fields))


@posix
@CHANGES_PROCESS
def test_a_file_that_may_not_be_read(root: Path, kind: Any) -> None:
    path = root / "page.html"
    path.chmod(0)
    with as_nobody(path):
        for fields in CONDITIONS:
            assert both(kind(path), environ("/page.html", **fields)).status == 403


@pytest.mark.parametrize(
    ("fields", "status"), [({"if_none_match": TAG}, 304), ({"if_match": '"other"'}, 412)]
)
def test_one_look_is_enough(root: Path, kind: Any, fields: dict[str, str], status: int) -> None:
    path = root / "page.html"
    app = kind(path)
    looks = []

    def look(*args: Any) -> Any:
        looks.append(args)
        return SimpleNamespace(st_mtime_ns=STAMP, st_size=path.stat().st_size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precond._wsgi, "look_nowait", look)
        patch.setattr(os, "lstat", lambda path: pytest.fail("looked for links"))
        patch.setattr(os, "access", lambda path, mode, **options: pytest.fail("asked once more"))
        assert call(app, "/page.html", **fields).status == status
    assert looks == [(str(path), b"", kind is KINDS["StaticFiles"])]


@pytest.mark.parametrize("by", ["look_nowait", "lstat", "stat"])
def test_the_clock_is_read_before_the_stat(
    root: Path, kind: Any, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the stat and a later look at the clock there may be another write with the same stamp."""
    app = kind(root / "page.html")
    of, name = (precond._wsgi, by) if by == "look_nowait" else (os, by)
    real = getattr(of, name)
    clock = [STAMP + 10**6]

    def look(*args: Any, **keywords: Any) -> Any:
        found = real(*args, **keywords)
        clock.append(STAMP + 10**10)
        return found

    if by != "look_nowait":
        monkeypatch.setattr(precond._wsgi, "look_nowait", lambda *args: None)
    monkeypatch.setattr(of, name, look)
    monkeypatch.setattr(time, "time_ns", lambda: clock[-1])
    reply = call(app, "/page.html", if_none_match=TAG)
    assert (reply.status, "etag" in reply.names()) == (304, False)


def test_nobody_looks_in_vain(root: Path, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither without a condition, nor where a file in another coding may be what is sent."""
    monkeypatch.setattr(precond._wsgi, "look_nowait", lambda *args: pytest.fail("looked"))
    assert call(kind(root / "page.html"), "/page.html").status == 200
    assert call(kind(root / "page.html"), "/page.html", range="bytes=0-1", if_range=TAG).status == 206
    if kind is not FileApp:
        app = kind(root / "page.html", siblings=["gzip"])
        assert call(app, "/page.html", if_none_match=TAG).status == 304
