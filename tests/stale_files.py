"""Files that change in every way that files do, and that know what they have been.

A file has one of two kinds of time. New files live in the past: each change sets a stamp of long ago, so that
all is settled and nothing has to wait. The promise is about validators that were handed out, and a server's
clock is then far ahead of the file's, so the file keeps to what the clock would have kept it to: once a
version may have been handed out, the next stamp is past its Last-Modified; until then it may be the same.
Later the file comes to the present, where the kernel stamps it, and every change races with the settling of
the stamp before.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

NS: Final = 10**9

Kind: TypeAlias = Literal["rewrite", "append", "truncate", "replace", "touch", "delete", "restore", "forge"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_IN_PLACE: Final = frozenset({"rewrite", "append", "truncate"})
"""What a request can see half done; the others happen at one instant."""

SIZES: Final = (90, 90, 90, 91, 200)
"""In bytes; mostly the same, so that the size tells nothing."""
GAPS_NS: Final = (0, 0, 1, 4_000_000, NS // 3, NS, 100 * NS)
"""From one stamp in the past to the next, where it may be so soon."""

PROMPT_NS: Final = 10_000_000
"""A file that is renamed into place has the stamp of its last write. Of the 20 ms in which a stamp settles
half are for that; the other half are for the tick of the file clock."""

_numbers = itertools.count()


def new_bytes(size: int) -> bytes:
    """Such as no other version has, at any offset."""
    return hashlib.shake_128(b"%d" % next(_numbers)).digest(size)


class Change(NamedTuple):
    """What is done to a file.

    size     of new bytes
    gap_ns  from the stamp before, in the past
    pick    which version is restored, or whose stamp is forged: counted from the last, and around
    whole   whether the stamp is rounded up to a second, as archives have it; in the past
    """

    kind: Kind
    size: int = SIZES[0]
    gap_ns: int = 0
    pick: int = 0
    whole: bool = False


@dataclass(eq=False)
class Version:
    """Bytes and their stamp.

    stamp   in nanoseconds, once it is there
    prompt  whether it appeared before validators of its predecessor could have settled since its stamp
    """

    data: bytes
    stamp: int = 0
    prompt: bool = True

    @property
    def date(self) -> int:
        """The second that Last-Modified would say."""
        return -(-self.stamp // NS)

    def __str__(self) -> str:
        return f"{self.data[:3].hex()}… of {len(self.data)} bytes, stamp {self.stamp}"


class Gate:
    """Requests go through it together, and some changes alone."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self.used = False
        """Whether any request went through, or is inside, since it began anew."""

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._condition:
            self._inside += 1
            self.used = True
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._inside)
            yield

    def begin_anew(self) -> None:
        with self._condition:
            self.used = self._inside > 0


class File:
    """One path of a directory, and its history.

    past         whether it begins in the past
    fine         whether its file system has stamps finer than a second
    forges       whether any version may come back, and its stamp over other bytes: only the time of the last
                 change of the inode tells those apart
    rolled_back  whether it ever had a stamp older than one before
    quiet_until  for the driver: POSIX seconds
    log          what was done to it and asked of it
    """

    def __init__(self, path: Path, *, past: bool, fine: bool, forges: bool) -> None:
        self.path = path
        self.gate = Gate()
        self.rolled_back = False
        self.quiet_until = 0.0
        self.log: deque[str] = deque(maxlen=40)
        self._fine = fine
        self._forges = forges
        self._lowest = time.time_ns() - 30 * 86_400 * NS if past else None
        self._history: list[Version | None] = [None]
        self._reached = 0
        self._changing = threading.Lock()

    def __str__(self) -> str:
        return "\n".join([f"{self.path}, in UTC seconds:", *self.log])

    @property
    def in_the_past(self) -> bool:
        return self._lowest is not None

    def to_the_present(self) -> None:
        with self._changing:
            self._lowest = None

    @property
    def now(self) -> Version | None:
        return self._history[self._reached]

    @contextmanager
    def asked(self) -> Iterator[list[Version | None]]:
        """A request: gives what may be seen meanwhile, complete once the block is left."""
        seen: list[Version | None] = []
        with self.gate.together():
            first = self._reached
            yield seen
            seen.extend(self._history[first:])

    def appeared_late(self, seen: list[Version | None]) -> bool:
        """Whether any of these was renamed into place too long after its last write, in the present."""
        with self._changing:
            return any(version is not None and not version.prompt for version in seen)

    def note(self, text: str) -> None:
        self.log.append(f"{time.time():.6f} {text}")

    # -- Changes ---------------------------------------------------------------------------------------------

    def change(self, change: Change) -> Kind:
        """What was done: the file is replaced where the change itself is impossible."""
        with self._changing:
            kind, version, stamp = self._what_follows(change)
            # Where nobody has seen the version that goes, nobody is to see it until the next one is there.
            shared = kind not in _IN_PLACE and self.gate.used
            with nullcontext() if shared else self.gate.alone():
                if self._lowest is not None:
                    self._lowest = max(self._lowest, self._past_the_last())
                    if stamp is None:
                        stamp = self._lowest = self._next_stamp(self._lowest, change)
                self._history.append(None if kind == "delete" else version)
                self.gate.begin_anew()  # before there is anything new to be seen
                self._carry_out(kind, version, stamp)
                self._reached = len(self._history) - 1
            self.note(f"{kind}: {self.now}")
        return kind

    def _what_follows(self, change: Change) -> tuple[Kind, Version, int | None]:
        """What is done, what is there then, and the stamp to give it."""
        kind, now = change.kind, self.now
        past = self._versions() if self._forges else self._backups()
        if past and (kind == "restore" or (kind == "forge" and self._forges)):
            like = past[-1 - change.pick % len(past)]
            self.rolled_back = True
            return kind, like if kind == "restore" else Version(new_bytes(len(like.data))), like.stamp
        if now is None or kind in ("replace", "restore", "forge"):
            return "replace", Version(new_bytes(change.size)), None
        data = {
            "rewrite": new_bytes(change.size),
            "append": now.data + new_bytes(10),
            "truncate": now.data[: len(now.data) * 2 // 3],
        }
        return kind, Version(data.get(kind, now.data)), None

    def _versions(self) -> list[Version]:
        return list(dict.fromkeys(version for version in self._history if version is not None))

    def _backups(self) -> list[Version]:
        """The versions that may come back: no other one had their second."""
        versions = self._versions()
        seconds = Counter(version.date for version in versions)
        return [one for one in versions if one is not self.now and seconds[one.date] == 1]

    def _past_the_last(self) -> int:
        """Where the clock of the file is at least: past the last date, if that may have been handed out."""
        last = max((version.stamp for version in self._versions()), default=0)
        return -(-last // NS) * NS + 1 if self.gate.used else last

    def _next_stamp(self, lowest: int, change: Change) -> int:
        stamp = lowest + change.gap_ns
        return stamp if self._fine and not change.whole else -(-stamp // NS) * NS

    def _carry_out(self, kind: Kind, version: Version, stamp: int | None) -> None:
        if kind == "delete":
            self.path.unlink()
            return
        if kind in ("replace", "restore", "forge"):
            self._rename_into_place(version, stamp)
        elif kind == "touch":
            set_stamp(self.path, stamp)
        else:
            self._write_in_place(kind, version.data)
            if stamp is not None:
                set_stamp(self.path, stamp)
        version.stamp = self.path.stat().st_mtime_ns

    def _write_in_place(self, kind: Kind, data: bytes) -> None:
        with self.path.open("ab" if kind == "append" else "r+b") as file:
            file.write(data[file.tell() :])
            file.truncate()

    def _rename_into_place(self, version: Version, stamp: int | None) -> None:
        temporary = self.path.with_name(f".{self.path.name}")
        began = time.time_ns()
        temporary.write_bytes(version.data)
        if stamp is not None:
            set_stamp(temporary, stamp)
        temporary.replace(self.path)
        version.prompt = stamp is not None or time.time_ns() - began < PROMPT_NS


def set_stamp(path: Path, stamp: int | None) -> None:
    """None: what the kernel gives to a write."""
    if stamp is None:
        os.utime(path)
    else:
        os.utime(path, ns=(stamp, stamp))


def has_fine_stamps(directory: Path) -> bool:
    """Whether the file system keeps parts of a second."""
    probe = directory / ".probe"
    probe.touch()
    set_stamp(probe, 1_700_000_000_123_456_789)
    fine = probe.stat().st_mtime_ns % NS != 0
    probe.unlink()
    return fine
