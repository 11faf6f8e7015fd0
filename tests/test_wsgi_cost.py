"""precond.wsgi: what a 304 and a 412 cost, in system calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiohttp_server import TAG, write
from clients import needs
from nowait import AT_ONCE

CHILD = """
import os, sys
from wsgiref.util import setup_testing_defaults
import precond._wsgi
from precond.wsgi import FileApp, StaticFiles

path, tag, *without = sys.argv[1:]
if without:
    precond._wsgi.look_nowait = lambda *args: None
directory, name = os.path.split(path)
applications = {
    "FileApp": FileApp(path),
    "StaticFiles": StaticFiles(directory),
    "following": StaticFiles(directory, follow_symlinks=True),
}
for kind, application in applications.items():
    for field, value in ("HTTP_ACCEPT", "*/*"), ("HTTP_IF_NONE_MATCH", tag), ("HTTP_IF_MATCH", '"other"'):
        environ = {"PATH_INFO": f"/{name}", field: value}
        setup_testing_defaults(environ)
        statuses = []
        body = application(environ, lambda status, fields: statuses.append(status.split()[0]))
        b"".join(body)
        if hasattr(body, "close"):
            body.close()
        os.access(f"/answered/{kind}/{statuses[0]}", os.R_OK)
"""

STATS = {"stat", "lstat", "newfstatat", "fstatat64", "statx"}
ACCESSES = {"access", "faccessat", "faccessat2"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("served") / "file.txt")


@pytest.fixture(scope="module")
def calls(path: Path) -> dict[str, list[str]]:
    return traced(path, "without stat_nowait")


def traced(path: Path, *arguments: str) -> dict[str, list[str]]:
    """The system calls on the file, by application and status."""
    strace = [needs("strace"), "-f", "-qq", "-e", "trace=%file"]
    done = subprocess.run(
        [*strace, sys.executable, "-c", CHILD, str(path), TAG, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return by_answer(done.stderr, path)


def by_answer(trace: str, path: Path) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}
    calls: list[str] = []
    for line in trace.splitlines():
        name = line.partition("(")[0].split()[-1]
        if '"/answered/' in line:
            answers[line.partition('"/answered/')[2].partition('"')[0]] = calls
            calls = []
        elif f'"{path}"' in line and name not in {*ACCESSES, "execve"}:
            calls.append(name)
    return answers


@pytest.mark.parametrize("status", ["304", "412"])
@pytest.mark.parametrize("kind", ["FileApp", "StaticFiles", "following"])
def test_one_stat_and_no_open(calls: dict[str, list[str]], kind: str, status: str) -> None:
    (call,) = calls[f"{kind}/{status}"]
    assert call in STATS


@pytest.mark.parametrize("kind", ["FileApp", "StaticFiles", "following"])
def test_a_200_opens_the_file(calls: dict[str, list[str]], kind: str) -> None:
    """What shows that the trace sees an open."""
    stat, opened = calls[f"{kind}/200"]
    assert stat in STATS
    assert opened.startswith("open")


@pytest.mark.usefixtures("caches")
@pytest.mark.skipif(not AT_ONCE, reason="stat_nowait always refuses here")
def test_a_look_takes_their_place(path: Path) -> None:
    """It has no name but in the first of its calls. Asked again: while a directory on the way changes, Linux
    may refuse."""
    for _ in range(20):
        made = {tuple(calls) for answer, calls in traced(path).items() if not answer.endswith("/200")}
        if made == {("openat2",)}:
            break
    assert made == {("openat2",)}
