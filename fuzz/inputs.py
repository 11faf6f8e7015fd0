"""What the bytes of an input mean, to both fuzzers alike, and the first of them, made from tests/vectors.

    entry method policy kind    one byte each
    stamp size now              64 bits each, lowest byte first
    body                        the rest

What is not in its range is taken modulo it, so that any bytes of 28 or more are an input. `entry` says what
is done with the body: a date, an instant, a list, a stamp, a name, or lines of fields, each of which begins
with a byte that says which field it is. Where `kind` says that the representation is one with Validators, the
first line of the body is its entity-tag, and the stamp is its modification date in seconds. In a list or a
field the byte 1 stands for our opaque-tag, 2 for our modification date.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS: Final = Path(__file__).parents[1] / "tests" / "vectors"

DATES, FORMAT, LISTS, STAMPS, NAMES, EVALUATE, ENTRIES = range(7)
NOTHING, STAT, _STAT_TOO, GIVEN = range(4)
ETAG, LAST_MODIFIED, WEAK = 1, 2, 4
METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT")  # one of each kind that there is
MODES: Final = ("before", "exact", "off")
SETTLE: Final = (None, 0, 1e-9, 0.02, 1, 2, 3600, 1_000_000_000)
FIELDS: Final = (
    "If-Match",
    "If-Unmodified-Since",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Range",
)

FIRST_SECOND: Final = -62_135_596_800
LAST_SECOND: Final = 253_402_300_799
_HEADER: Final = struct.Struct("<4B3q")
_STAMP: Final = 1_700_000_000_123_456_789
_NOW: Final = 1_705_320_000 * 10**9


class Input(NamedTuple):
    entry: int
    method: int = 0
    policy: int = ETAG | LAST_MODIFIED
    kind: int = STAT
    stamp: int = _STAMP
    size: int = 95
    now: int = _NOW
    body: bytes = b""

    def pack(self) -> bytes:
        return _HEADER.pack(*self[:-1]) + self.body


def unpack(data: bytes) -> Input | None:
    """None where there is not enough."""
    if len(data) < _HEADER.size:
        return None
    return Input._make((*_HEADER.unpack_from(data), data[_HEADER.size :]))


# -- From the vectors ----------------------------------------------------------------------------------------


def seeds() -> Iterator[bytes]:
    """An input for each vector that fits into one."""
    for given in (*_dates(), *_formats(), *_lists(), *_stamps(), *_names(), *_requests()):
        try:
            yield given.pack()
        except struct.error:  # a number beyond 64 bits
            continue


def _load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("ascii"))
    return vectors


def _dates() -> Iterator[Input]:
    for vector in _load("dates"):
        yield Input(DATES, now=vector.get("now_ns", _NOW), body=vector["value"].encode("latin-1", "replace"))


def _formats() -> Iterator[Input]:
    for vector in _load("format"):
        yield Input(FORMAT, stamp=vector["seconds"] - FIRST_SECOND)


def _lists() -> Iterator[Input]:
    for vector in _load("etags"):
        value = vector["value"].encode("latin-1", "replace")
        tags = vector["tags"] if isinstance(vector["tags"], list) else []
        for opaque, weak in tags or [("x", False)]:
            own = f'{"W/" if weak else ""}"{opaque}"\n'.encode("latin-1")
            yield Input(LISTS, kind=GIVEN, body=own + value)


def _stamps() -> Iterator[Input]:
    for vector in _load("stamps") + _load("validators"):
        if "mtime_ns" in vector:
            yield Input(
                STAMPS,
                policy=_policy(vector),
                stamp=vector["mtime_ns"],
                size=vector["size"],
                now=vector.get("now_ns", _NOW),
            )


def _names() -> Iterator[Input]:
    for name in (*FIELDS, *METHODS, "TRACE", "CONNECT", "if-none-match", "Host", "IF_MATCH", ""):
        yield Input(NAMES, body=name.encode())


def _requests() -> Iterator[Input]:
    for vector in _load("evaluate"):
        given = vector["stat"]
        body = b"".join(
            b"%d%b\n" % (FIELDS.index(name), value.encode("latin-1", "replace"))
            for name, value in ((name.title(), value) for name, value in vector["fields"])
            if name in FIELDS
        )
        request = Input(
            EVALUATE,
            method=METHODS.index(vector["method"]) if vector["method"] in METHODS else 3,
            policy=_policy(vector),
            kind=NOTHING,
            now=vector.get("now_ns", _NOW),
            body=body,
        )
        if given is None:
            yield request
        elif "mtime_ns" in given:
            yield request._replace(kind=STAT, stamp=given["mtime_ns"], size=given["size"])
        else:
            own = (given.get("etag") or "").encode("latin-1")
            yield request._replace(kind=GIVEN, stamp=1_700_000_001, body=own + b"\n" + body)


def _policy(vector: dict[str, Any]) -> int:
    choices = vector.get("policy", {})
    settle = choices.get("settle")
    return (
        (ETAG if choices.get("etag", True) else 0)
        | (LAST_MODIFIED if choices.get("last_modified", True) else 0)
        | (WEAK if choices.get("weak", False) else 0)
        | MODES.index(choices.get("if_modified_since", "before")) << 3
        | (SETTLE.index(settle) if settle in SETTLE else 0) << 5
    )
