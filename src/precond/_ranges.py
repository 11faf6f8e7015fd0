"""Byte ranges (RFC 9110 section 14), and the part of a file that they choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import io

BLOCK: Final = 1 << 16
"""Bytes that are read at a time."""

# ranges-specifier = range-unit "=" range-set
# range-set        = 1#range-spec
# range-spec       = int-range / suffix-range / other-range
# int-range        = first-pos "-" [ last-pos ]
# suffix-range     = "-" suffix-length
#
# bytes=0-499   bytes=500-   bytes=-500
_RANGE_SPEC: Final = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")

# No file is as long as a number of this many digits, and int() is not asked for millions of them.
_MOST_DIGITS: Final = 19


def byte_range(value: str, size: int) -> range | None:
    """The bytes that a Range field asks for, of a representation of `size` bytes.

    None         not one range of bytes: an unknown unit, a field that breaks the grammar, or several ranges.
                 Each may be answered with everything (RFC 9110 sections 14.2 and 15.3.7.2).
    empty range  not satisfiable: 416
    """
    unit, _, range_set = value.strip(" \t").partition("=")
    specs = [spec.strip(" \t") for spec in range_set.split(",")]
    specs = [spec for spec in specs if spec]
    match = _RANGE_SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    if unit.lower() != "bytes" or match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return _suffix_range(_position(suffix), size)
    return _int_range(_position(first), _position(last) if last else None, size)


def is_by_date(if_range: str) -> bool:
    """Whether an If-Range that holds is not an entity-tag (RFC 9110 section 13.1.5).

    A date is a weak validator where the same URI has representations in several codings: nothing says that
    their files are of different seconds (section 8.8.2.2).
    """
    return bool(if_range) and '"' not in if_range


def _int_range(first: int, last: int | None, size: int) -> range | None:
    if last is None:
        return range(first, size)
    if last < first:
        return None  # invalid (section 14.1.1)
    return range(first, min(last + 1, size))


def _suffix_range(length: int, size: int) -> range | None:
    if length and not size:
        return None  # satisfiable, but no Content-Range can say which bytes these are
    return range(max(size - length, 0), size)


def _position(digits: str) -> int:
    digits = digits.lstrip("0")
    return 10**_MOST_DIGITS if len(digits) > _MOST_DIGITS else int(digits or "0")


class FilePart:
    """A part of an open file as a server reads it: by iterating, or by read() where a file wrapper took it.

    Where the file has become shorter than the part, reading raises EOFError, so that the server breaks the
    connection off instead of sending a short body as if it were whole. For the same reason there is no
    fileno(): a server that knows one sends what is left of the file by itself, and may keep the connection.
    By seek() and tell() a server sees the length that was announced, whatever became of the file.
    """

    def __init__(self, file: io.FileIO, part: range) -> None:
        self._file = file
        self._start = part.start
        self._length = part.stop - part.start
        self._at = 0
        file.seek(part.start)

    def __iter__(self) -> FilePart:
        return self

    def __next__(self) -> bytes:
        block = self.read(BLOCK)
        if not block:
            raise StopIteration
        return block

    def read(self, size: int = -1) -> bytes:
        left = max(self._length - self._at, 0)
        size = left if size < 0 else min(size, left)
        block = self._file.read(size) if size else b""
        if size and not block:
            raise EOFError(f"the file became shorter while it was sent: {left} bytes are missing")
        self._at += len(block)
        return block

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._length)[whence]
        self._file.seek(self._start + self._at)
        return self._at

    def close(self) -> None:
        self._file.close()
