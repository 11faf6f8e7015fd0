"""What the adapters share: arguments, opening files, stamps that are to settle, fields of a 304 and 412."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from precond._backend import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTLE_WAIT: Final = 0.02
"""Seconds that an adapter waits for a stamp to settle, off the event loop, on the way to a 200."""

ABSENT: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EINVAL,  # a name that Windows does not take
        errno.EILSEQ,  # or macOS
        errno.ENXIO,  # a socket
        errno.EOPNOTSUPP,  # or one of macOS and the BSDs
    }
)
"""What says that no file is there to be served; any other errno is the server's own trouble, but for 403."""

_Text = TypeVar("_Text", str, bytes)

# RFC 9110 section 15.4.5 names what a 304 carries; other fields about the representation would only repeat
# what the client has. Fields about something else (cookies, CORS, policies) stay.
_LEFT_OUT: Final = frozenset(
    {
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-range",
        "content-type",
        "digest",
        "repr-digest",
        "transfer-encoding",
    }
)


_LEFT_OUT_BESIDE_A_TAG: Final = _LEFT_OUT | {"last-modified"}


def check_policy(policy: Policy) -> None:
    if not isinstance(policy, Policy):
        raise TypeError(f"policy: expected precond.Policy, got {type(policy).__name__}")


def check_nowait(nowait: bool) -> None:
    if not isinstance(nowait, bool):
        raise TypeError(f"nowait: expected bool, got {type(nowait).__name__}")


def is_readable(path: str | os.PathLike[str]) -> bool:
    """Whether opening it would be allowed, which a 304 and a 412 take too (RFC 9110 section 13.2.1)."""
    return os.access(path, os.R_OK, effective_ids=_EFFECTIVE_IDS)


_EFFECTIVE_IDS: Final = os.access in os.supports_effective_ids


class NotRegularError(OSError):
    """What stands at the path is no regular file: a directory, a FIFO, a device, a socket."""


def is_of_the_file(error: OSError) -> bool:
    """Whether it tells of what is absent, special or not to be read, and not of the server's own trouble."""
    return isinstance(error, (PermissionError, NotRegularError)) or error.errno in ABSENT


def settles_soon(policy: Policy, st: os.stat_result, now_ns: int) -> bool:
    """Whether the entity-tag had not settled by then, but will have after SETTLE_WAIT.

    now_ns      an instant before st was taken; the file may have been written since
    """
    after_wait = max(now_ns, time.time_ns()) + round(SETTLE_WAIT * 1e9)
    return (
        policy.validators(st, now_ns=now_ns).etag is None
        and policy.validators(st, now_ns=after_wait).etag is not None
    )


def stat_again(path: str | os.PathLike[str], st: os.stat_result, now_ns: int) -> tuple[os.stat_result, int]:
    """The stat of an open file after the wait for its stamp, and an instant before (POSIX nanoseconds).

    st, now_ns  the same from when it was opened. They stay as they are where path has come to lead to another
                file: that one may have the same stamp, of the same tick, or of the ctime that a rename gives
                both. So what had not settled by then is not sent with bytes of the first.
    """
    later = time.time_ns()
    with suppress(OSError):
        at_path = os.stat(path)
        if os.path.samestat(at_path, st):
            return at_path, later
    return st, now_ns


def open_regular(path: str | os.PathLike[str]) -> tuple[int, os.stat_result]:
    """Open a file for reading: its descriptor and its own stat.

    OSError as os.open raises it; NotRegularError where it is no regular file. Never waits for the other end
    of a FIFO, and closes what it does not give.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS | _NONBLOCK)
    except BlockingIOError:
        if not _PATH:
            raise
        descriptor = _open_leased(path)
    try:
        st = os.fstat(descriptor)
        if not stat.S_ISREG(st.st_mode):
            raise NotRegularError(f"not a regular file: {os.fspath(path)!r}")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, st


def _open_leased(path: str | os.PathLike[str]) -> int:
    """Wait until another process lets go of the file, which it has leased: Samba, or an NFS server.

    The path may lead to a FIFO by now, so that nothing is opened by waiting but what was seen to be a file.
    """
    found = os.open(path, _PATH | _OPEN_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise NotRegularError(f"not a regular file: {os.fspath(path)!r}")
        return os.open(f"/proc/self/fd/{found}", _OPEN_FLAGS)
    except FileNotFoundError:  # no /proc; the file itself is there
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path) from None
    finally:
        os.close(found)


# O_BINARY is Windows'; the others are not there. O_PATH is Linux', as leases are.
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_PATH: Final = getattr(os, "O_PATH", 0)
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


def fields_of_304(fields: Iterable[tuple[_Text, _Text]]) -> list[tuple[_Text, _Text]]:
    """Of the fields that a 200 would have carried, those that a 304 carries (RFC 9110 section 15.4.5).

    Last-Modified only where there is no ETag.
    """
    named = [(_lower(name), (name, value)) for name, value in fields]
    has_tag = "etag" in [name for name, _ in named]
    left_out = _LEFT_OUT_BESIDE_A_TAG if has_tag else _LEFT_OUT
    return [field for name, field in named if name not in left_out]


def fields_of_412(fields: Iterable[tuple[_Text, _Text]]) -> list[tuple[_Text, _Text]]:
    """Of the fields that a 200 would have carried, those that a 412 carries.

    None about the representation, nor about how long it stays fresh: a cache would store the 412 for as long,
    and give it to requests without a condition (RFC 9111 section 3).
    """
    return [(name, value) for name, value in fields if not _is_of_the_200(_lower(name))]


def _is_of_the_200(name: str) -> bool:
    return name in _OF_THE_200 or name.endswith(_FOR_CACHES)


_OF_THE_200: Final = _LEFT_OUT | {
    "accept-ranges",
    "age",
    "content-location",
    "etag",
    "expires",
    "last-modified",
}
# The first stands in the names of fields for some caches only, too: CDN-Cache-Control and others of RFC 9213.
_FOR_CACHES: Final = ("cache-control", "surrogate-control")


def _lower(name: str | bytes) -> str:
    return (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
