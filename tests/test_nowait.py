"""precond.stat_nowait: what os.stat says, of what is in memory, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import filesystems
import precond
from cases import policies
from clients import lacking, needs, run
from conftest import CHANGES_FILES, CHANGES_PROCESS, PURE
from filesystems import as_nobody
from precond._backend import look_nowait, look_waiting
from precond._types import Look

# One after another, because one of them empties the caches that the others count on.
pytestmark = pytest.mark.usefixtures("caches")

NUMBERS = ("st_mtime_ns", "st_ctime_ns", "st_size", "st_mode")
STAMPS = [
    *(0, 1, -1, 999_999_999, 10**9, -(10**9), -(10**9) - 1),
    *(1_700_000_000_123_456_789, 2**31 * 10**9, 2**33 * 10**9 + 1, 9_223_372_036 * 10**9 - 1),
    *(2**63 - 1, 2**63, 10**10 * 10**9 + 5, -(10**10) * 10**9 + 5, -(2**63), -(2**63) - 1),
]
# Where openat2 is refused (a sandbox, an old kernel) nothing of this can be seen.
LINUX = pytest.mark.skipif(PURE or sys.platform != "linux", reason="only the extension on Linux has the call")

LOOKS = pytest.mark.parametrize("look", [look_nowait, look_waiting])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(b"x" * 95)
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    return path


def warm(path: Any, **options: Any) -> Any:
    """stat_nowait, of what os.stat has just brought into memory. Asked again: while a directory on the way
    changes, Linux answers as a system without the call does always."""
    for _ in range(20):
        os.stat(path, dir_fd=options.get("dir_fd"))
        with contextlib.suppress(BlockingIOError):
            return precond.stat_nowait(path, **options)
    if sys.platform == "linux" and precond.stat_nowait.__module__ != "precond._fallback":
        lacking("openat2 with RESOLVE_CACHED (Linux 5.12) is not to be had here")
    raise BlockingIOError


def found(look: Look, *asked: Any) -> Any:
    """What a look gives; asked again, as warm does."""
    for _ in range(20):
        st = look(*asked)
        if st is not None:
            return st
    return None


def numbers(st: Any) -> tuple[int, ...]:
    return tuple(getattr(st, name) for name in NUMBERS)


# -- What it gives -------------------------------------------------------------------------------------------


def check_stamps(directory: Path) -> set[int]:
    """Compare with os.stat, and with each policy on what os.stat gives; the stamps that could be set."""
    path = directory / "file"
    path.write_bytes(b"x" * 95)
    held = set()
    for stamp in STAMPS:
        try:
            os.utime(path, ns=(0, stamp))
        except (OSError, OverflowError):
            continue
        st, now = os.stat(path), warm(path)
        held.add(st.st_mtime_ns)
        assert numbers(now) == numbers(st)
        for policy in [*policies(), precond.Policy(stamp="ctime")]:
            assert policy.etag(now) == policy.etag(st)
            assert policy.last_modified(now) == policy.last_modified(st)
            assert policy.validators(now, now_ns=2**63 - 1) == policy.validators(st, now_ns=2**63 - 1)
            for fields in (
                {"if_none_match": policy.etag(st)},
                {"if_unmodified_since": "Sun Nov  6 08:49:37 1994"},
            ):
                assert policy.explain(now, "GET", **fields) == policy.explain(st, "GET", **fields)
                assert policy.evaluate(now, "GET", **fields) is policy.evaluate(st, "GET", **fields)
    return held


@LINUX
def test_stamps(tmp_path: Path) -> None:
    assert len(check_stamps(tmp_path)) > 5


@LINUX
@pytest.mark.parametrize("kind", filesystems.KINDS)
def test_stamps_on_other_file_systems(kind: str, tmp_path: Path) -> None:
    with filesystems.mounted(kind, tmp_path) as directory:
        held = check_stamps(directory)
        if kind == "ext4":  # of 128 bytes an inode: whole seconds of 32 bits
            assert {0, -(10**9)} <= held
            assert not any(stamp % 10**9 for stamp in held)
        elif kind == "tmpfs":
            assert {2**63 + 0, -(2**63) - 1, 10**10 * 10**9 + 5} <= held
        else:
            assert numbers(warm(directory / "below")) == numbers(os.stat(directory / "below"))


@LINUX
def test_sizes_and_kinds(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(5 * 2**31 + 7)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("large")
    for path in (large, tmp_path, tmp_path / "fifo", tmp_path / "link"):
        assert numbers(warm(path)) == numbers(os.stat(path))


class TextPath(str):
    """As some packages have them."""


class BytesPath(bytes):
    """The same of bytes."""


@LINUX
def test_what_it_gives_is_small_and_immutable(path: Path) -> None:
    st = warm(path)
    assert repr(st) == (
        f"FileStat(st_mode={os.stat(path).st_mode:#o}, st_size=95, st_mtime_ns=1700000000123456789,"
        f" st_ctime_ns={os.stat(path).st_ctime_ns})"
    )
    for name in (*NUMBERS, "st_ino"):
        with pytest.raises(AttributeError):
            setattr(st, name, 1)
    assert sys.getsizeof(st) <= 80


@LINUX
@pytest.mark.parametrize("of", [str, TextPath, os.fsencode, lambda name: BytesPath(os.fsencode(name)), Path])
def test_names(tmp_path: Path, of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x", "caf\xe9", "\u65e5\u672c", "\udcff", "a" * 255):
        Path(name).write_bytes(name.encode("utf-8", "surrogateescape"))
        assert numbers(warm(of(name))) == numbers(os.stat(of(name)))


# -- Errors --------------------------------------------------------------------------------------------------


def error_of(function: Callable[..., Any], *args: Any, **options: Any) -> OSError:
    with pytest.raises(OSError) as caught:  # noqa: PT011  any
        function(*args, **options)
    return caught.value


@LINUX
@pytest.mark.parametrize("of", [str, os.fsencode, Path])
@CHANGES_FILES
def test_errors_are_those_of_os_stat(path: Path, of: Callable[[str], Any]) -> None:
    warm(path)
    (path.parent / "loop").symlink_to("loop")
    certain = 0
    for name in ("none", "none/x", "loop", "a" * 256, "file.txt/x"):
        wanted = error_of(os.stat, of(f"{path.parent}/{name}"))  # after which it is known what is not there
        found = error_of(precond.stat_nowait, of(f"{path.parent}/{name}"))
        assert found.filename == wanted.filename
        if type(found) is not BlockingIOError:  # as which Linux gives some
            assert (type(found), str(found)) == (type(wanted), str(wanted))
            certain += 1
    assert certain
    assert error_of(precond.stat_nowait, "").errno == errno.ENOENT


@LINUX
@CHANGES_PROCESS
def test_a_directory_that_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    path = closed / "file"
    path.write_bytes(b"")
    warm(path)
    closed.chmod(0)
    try:
        with as_nobody(closed):
            assert isinstance(error_of(os.stat, path), PermissionError)
            assert isinstance(error_of(precond.stat_nowait, path), (PermissionError, BlockingIOError))
    finally:
        closed.chmod(0o700)
    assert warm(path).st_size == 0  # a refusal for one path is none for all


@pytest.fixture
def dir_fd(path: Path) -> Iterator[int]:
    descriptor = os.open(path.parent, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@LINUX
def test_dir_fd(path: Path, dir_fd: int) -> None:
    assert numbers(warm("file.txt", dir_fd=dir_fd)) == numbers(os.stat(path))
    assert error_of(precond.stat_nowait, "none.txt", dir_fd=2**31 - 1).errno == errno.EBADF
    with path.open() as file:
        assert isinstance(error_of(precond.stat_nowait, "x", dir_fd=file.fileno()), NotADirectoryError)


@LINUX
@CHANGES_FILES
def test_beneath(path: Path, dir_fd: int) -> None:
    below = path.parent / "below"
    below.mkdir()
    (below / "up").symlink_to("../file.txt")
    (below / "absolute").symlink_to(path)
    (below / "out").symlink_to("../../" + path.parent.name + "/file.txt")
    for inside in ("file.txt", "below/../file.txt", "./file.txt", "below/up"):
        assert warm(inside, dir_fd=dir_fd, beneath=True).st_size == 95
    for outside in ("../" + path.parent.name, "..", str(path), "below/absolute", "below/out", "below/../.."):
        warm(outside, dir_fd=dir_fd)
        error = error_of(precond.stat_nowait, outside, dir_fd=dir_fd, beneath=True)
        assert error.errno in (errno.EXDEV, errno.EAGAIN)
    assert error_of(precond.stat_nowait, "/", dir_fd=dir_fd, beneath=True).errno == errno.EXDEV


# -- Cold ----------------------------------------------------------------------------------------------------


@LINUX
def test_what_was_never_looked_up_is_not_read(tmp_path: Path) -> None:
    """A file system just mounted has nothing in memory but its root; the device says whether it was read."""
    with filesystems.mounted("ext4", tmp_path) as directory:
        path = directory / "below" / "file"
        path.parent.mkdir()
        path.write_bytes(b"x" * 5)
        filesystems.remount(directory)
        before = filesystems.reads(directory)
        for name in (path, path.parent, directory / "none"):
            assert type(error_of(precond.stat_nowait, name)) is BlockingIOError
            assert look_nowait(str(name), b"", False) is None
        assert filesystems.reads(directory) == before
        assert numbers(warm(path)) == numbers(os.stat(path))
        assert filesystems.reads(directory) > before
        assert type(error_of(precond.stat_nowait, directory / "none")) is BlockingIOError
        assert not (directory / "none").exists()
        assert type(error_of(precond.stat_nowait, directory / "none")) is FileNotFoundError


@LINUX
@CHANGES_PROCESS
def test_what_was_dropped_from_memory(tmp_path: Path) -> None:
    switch = "/proc/sys/vm/drop_caches"
    if os.geteuid() or not os.access(switch, os.W_OK):
        lacking("only root may drop caches")
    paths = []
    for number in range(20):
        paths.append(tmp_path / str(number) / "file")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(b"")
        warm(paths[-1])
    os.sync()  # what has to be written yet is not dropped
    for _ in range(10):  # the first time, what was used lately is kept
        Path(switch).write_text("3")
        if all(refuses(path) for path in paths):
            break
    else:
        pytest.fail("a file was in memory each time")
    for path in paths:
        assert numbers(warm(path)) == numbers(os.stat(path))


def refuses(path: Path) -> bool:
    try:
        precond.stat_nowait(path)
    except BlockingIOError:
        return True
    return False


# -- Nothing is left, whatever happens -----------------------------------------------------------------------


@LINUX
@CHANGES_PROCESS
def test_descriptors_are_closed(path: Path, dir_fd: int) -> None:
    warm(path)
    (path.parent / "there.gz").write_bytes(b"")
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(50):
        warm(path)
        for look in (look_nowait, look_waiting):
            look(str(path), b".gz\0.br\0", True)
            look(str(path.with_name("there")), b".gz\0", True)
            look(str(path.parent), b"", False)
        error_of(precond.stat_nowait, path / "x")
        error_of(precond.stat_nowait, "..", dir_fd=dir_fd, beneath=True)
        error_of(precond.stat_nowait, "/proc/self/status")  # opened, and then found to be made up
    assert set(os.listdir("/proc/self/fd")) == before


@LINUX
@CHANGES_PROCESS
def test_no_descriptor_to_be_had(path: Path) -> None:
    """Says nothing about the file, and is over when one is to be had again."""
    import resource

    warm(path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        error = error_of(precond.stat_nowait, path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert type(error) is BlockingIOError
    assert warm(path).st_size == 95


@LINUX
def test_many_threads(path: Path) -> None:
    wanted = numbers(os.stat(path))
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(500):
            found = warm(path)
            if numbers(found) != wanted:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- For the adapters ----------------------------------------------------------------------------------------


@LINUX
@CHANGES_FILES
@LOOKS
def test_look(path: Path, look: Look) -> None:
    warm(path)
    for sibling in (".br", ".gz"):
        assert not path.with_name(path.name + sibling).exists()
    for no_symlinks in (False, True):
        assert numbers(found(look, str(path), b".br\0.gz\0", no_symlinks)) == numbers(os.stat(path))
    link = path.with_name("link")
    link.symlink_to(path.name)
    assert found(look, str(link), b"", False) is not None
    assert look(str(link), b"", True) is None
    for name in (str(path.parent), str(path) + "\0", "\ud800", "", f"{path}/x", "/dev/null", "x" * 9999):
        assert look(name, b"", False) is None
    path.with_name("file.txt.gz").symlink_to("nothing")
    assert look(str(path), b".gz\0", True) is None
    path.with_name("file.txt.br").mkdir()
    assert look(str(path), b".br\0", False) is None
    assert look(str(path), b".x\0.y\0.br\0", False) is None


@LINUX
@LOOKS
def test_look_where_the_name_of_a_sibling_would_be_too_long(path: Path, look: Look) -> None:
    warm(path)
    for length in (4091, 4092, 4093, 4094, 4095):
        name = str(path)
        name = f"{path.parent}/{'/' * (length - len(name))}{path.name}"
        assert len(os.fsencode(name)) == length
        assert found(look, name, b"", False) is not None
        assert not os.path.exists(path.with_name(path.name + ".gz"))
        # With the NUL after it, a path is 4096 bytes long at most.
        assert (found(look, name, b".gz\0", False) is not None) == (length + len(".gz\0") <= 4096)


@LINUX
@CHANGES_PROCESS
@LOOKS
def test_look_at_what_may_not_be_read(path: Path, look: Look) -> None:
    path.chmod(0o600)
    with as_nobody(path):
        warm(path)
        assert look(str(path), b"", False) is None
    assert found(look, str(path), b"", False) is not None


@LINUX
@CHANGES_PROCESS
@LOOKS
def test_look_at_what_an_access_control_list_forbids(path: Path, look: Look) -> None:
    """The bits of the mode say that all may read it."""
    run(needs("setfacl"), "-m", "u:65534:---", path)
    with as_nobody(path):
        assert os.stat(path).st_mode & 0o444 == 0o444
        warm(path)
        assert look(str(path), b"", False) is None


@LINUX
@pytest.mark.parametrize("no_symlinks", [False, True])
def test_look_waits_for_a_disk(tmp_path: Path, no_symlinks: bool) -> None:
    with filesystems.mounted("ext4", tmp_path) as directory:
        path = directory / "below" / "file"
        path.parent.mkdir()
        path.write_bytes(b"x" * 5)
        filesystems.remount(directory)
        assert look_nowait(str(path), b".br\0.gz\0", no_symlinks) is None
        before = filesystems.reads(directory)
        st = look_waiting(str(path), b".br\0.gz\0", no_symlinks)
        assert numbers(st) == numbers(os.stat(path))
        assert filesystems.reads(directory) > before
