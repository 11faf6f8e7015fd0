"""precond.stat_nowait where it cannot be had: refused by a sandbox, or where others write to the files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import filesystems
from clients import needs
from fuse import ACCESS, serving_stamps
from precond._backend import look_nowait, look_waiting
from test_nowait import LINUX

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")

# A filter of the child for itself: openat2, which has one number on all machines but a few, gives an errno.
REFUSING = """
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
error = getattr(errno, sys.argv[1])
def instruction(code, jt, jf, k): return struct.pack("=HBBI", code, jt, jf, k)
program = b"".join([
    instruction(0x20, 0, 0, 0),  # load the number of the call
    instruction(0x15, 0, 1, 437),  # openat2?
    instruction(0x06, 0, 0, 0x00050000 | error),  # then fail
    instruction(0x06, 0, 0, 0x7FFF0000),  # else allow
])
code = ctypes.create_string_buffer(program, len(program))
filter = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
def install():
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, filter, 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER

import threading
import precond
path = sys.argv[2]
if sys.argv[3] == "late":
    precond.stat_nowait(path)
install()
def ask():
    for _ in range(100):
        try:
            precond.stat_nowait(path)
        except BlockingIOError as refused:
            assert refused.filename == path
        else:
            raise SystemExit("an answer")
ask()
thread = threading.Thread(target=ask)
thread.start()
thread.join()
"""


@LINUX
@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("error", ["EPERM", "ENOSYS", "EINVAL", "E2BIG", "EACCES"])
def test_a_refusal_is_found_out_once(tmp_path: Path, error: str, when: str) -> None:
    """Two calls: what was asked, and whether all is refused. One before, where it was allowed once."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    log = tmp_path / "calls"
    command = [needs("strace"), "-f", "-e", "trace=openat2", "-o", log, sys.executable, "-c", REFUSING]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, error, path, when], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    calls = [line for line in log.read_text().splitlines() if "openat2(" in line]
    assert [error in call for call in calls] == [False] * (when == "late") + [True, True]


@LINUX
def test_what_others_may_write_is_not_answered_from_memory(tmp_path: Path) -> None:
    """The kernel keeps the stamp of a file in user space, and AT_STATX_DONT_SYNC gives it, however old."""
    import precond

    stamps = [1_700_000_000_000_000_001]
    with serving_stamps(tmp_path, stamps) as path:
        assert os.stat(path).st_mtime_ns == stamps[0]
        stamps[0] += 1
        for _ in range(3):
            with pytest.raises(BlockingIOError):
                precond.stat_nowait(path)
        assert os.stat(path).st_mtime_ns == stamps[0]


@LINUX
def test_a_block_device_is_no_proof_that_no_others_write(tmp_path: Path) -> None:
    """As of ntfs-3g and fuse-exfat."""
    import precond

    stamps = [1_700_000_000_000_000_001]
    with (
        filesystems.block_device(tmp_path) as device,
        serving_stamps(tmp_path, stamps, block_device=device) as path,
    ):
        assert os.major(os.stat(path).st_dev) != 0
        stamps[0] += 1
        with pytest.raises(BlockingIOError):
            precond.stat_nowait(path)
        assert look_nowait(str(path), b"", False) is None
        assert os.stat(path).st_mtime_ns == stamps[0]


LOOKING = """
import os, sys
from precond._backend import look_nowait, look_waiting
path = sys.argv[1]
os.stat(path)  # so that nothing on the way has to be asked for
look = look_waiting if sys.argv[2] == "waiting" else look_nowait
print(look(path, b"", False) is not None)
"""


@LINUX
@pytest.mark.parametrize("look", ["nowait", "waiting"])
def test_they_are_not_asked_whether_it_may_be_read(tmp_path: Path, look: str) -> None:
    """An answer takes the time that whoever gives it takes, and an event loop would stand still meanwhile."""
    asked: list[int] = []
    with serving_stamps(tmp_path, [1_700_000_000_000_000_001], asked=asked) as path:
        command = [sys.executable, "-c", LOOKING, path, look]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=60
        )
    assert done.stdout.strip() == str(look == "waiting"), done.stderr
    assert (ACCESS in asked) == (look == "waiting")


@LINUX
@pytest.mark.parametrize("no_symlinks", [False, True])
def test_a_thread_asks_them(tmp_path: Path, no_symlinks: bool) -> None:
    """Who answers is a thread of this process, and would wait for ever for a GIL that is kept meanwhile."""
    stamps = [1_700_000_000_000_000_001]
    with serving_stamps(tmp_path, stamps) as path:
        for _ in range(3):
            assert look_nowait(str(path), b"", no_symlinks) is None
            assert look_waiting(str(path), b".gz\0", no_symlinks) is None  # all names there are the file's
            st = look_waiting(str(path), b"", no_symlinks)
            assert st is not None
            assert st.st_mtime_ns == stamps[0]
            stamps[0] += 1
