"""A file that another process has leased, as Samba and NFS servers do: it is served once that lets go."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import precond._serving
from clients import lacking
from conftest import CHANGES_PROCESS
from precond._serving import NotRegularError, open_regular
from stale_servers import ADAPTERS, serving

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's"),
    CHANGES_PROCESS,
]
CONTENT = b"what another process had leased"

# Lets go a while after it is asked to: who does not wait is refused meanwhile.
HOLDER = """
import fcntl, os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = open(sys.argv[1], "r+b")
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
signal.sigwait([signal.SIGIO])
time.sleep(0.2)
"""


@contextmanager
def leased(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        try:
            if not holder.stdout or not holder.stdout.readline():
                lacking("no lease is to be had here")
            yield
            assert holder.wait(30) == 0
        finally:
            holder.kill()


@pytest.fixture(params=["1", "2"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / request.param
    path.write_bytes(CONTENT)
    os.utime(path, (10**9, 10**9))
    return path


@pytest.mark.parametrize("adapter", ["aiohttp", "starlette", "wsgi"])
def test_a_leased_file_is_waited_for(adapter: str, path: Path) -> None:
    with serving(ADAPTERS[adapter], path.parent) as (ask, *_):
        with leased(path):
            answer = ask("GET", path.name, {})
        assert (answer.status, answer.body) == (200, CONTENT)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def refusing(monkeypatch: pytest.MonkeyPatch, path: Path, instead: Any) -> None:
    """The first time it is opened, after which something else stands there."""
    real = os.open
    names: list[Any] = []

    def opening(name: Any, flags: int, *args: Any, **options: Any) -> int:
        if name == path and not names:
            names.append(name)
            path.unlink()
            instead(path)
            raise BlockingIOError
        return real(name, flags, *args, **options)

    monkeypatch.setattr(os, "open", opening)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize("instead", [make_fifo, link_to_device, Path.mkdir])
def test_nothing_else_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch, instead: Any) -> None:
    before = open_descriptors()
    refusing(monkeypatch, path, instead)
    with pytest.raises(NotRegularError):
        open_regular(path)
    assert open_descriptors() == before


def test_another_file_in_its_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_descriptors()
    refusing(monkeypatch, path, lambda path: path.write_bytes(b"new"))
    descriptor, st = open_regular(path)
    assert (os.read(descriptor, 9), st.st_size) == (b"new", 3)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert open_descriptors() == before


def test_a_file_that_goes_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_descriptors()
    refusing(monkeypatch, path, lambda path: None)
    with pytest.raises(FileNotFoundError):
        open_regular(path)
    assert open_descriptors() == before


def test_a_leased_file_is_not_said_to_be_gone_where_there_is_no_proc(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_descriptors()
    real = os.open

    def opening(name: Any, flags: int) -> int:
        if str(name).startswith("/proc/"):
            raise FileNotFoundError(name)
        if not flags & os.O_PATH:
            raise BlockingIOError
        return real(name, flags)

    monkeypatch.setattr(os, "open", opening)
    with pytest.raises(BlockingIOError) as error:
        open_regular(path)
    assert (error.value.errno, error.value.filename) == (errno.EAGAIN, path)
    assert open_descriptors() == before


def test_a_file_that_cannot_be_had_now_is_an_error_where_there_are_no_leases(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(precond._serving, "_PATH", 0)
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(BlockingIOError):
        open_regular(path)
