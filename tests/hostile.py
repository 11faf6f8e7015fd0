"""Requests that somebody makes long on purpose, by their length; and, as a program, each of them once.

    python tests/hostile.py BACK_END

It is for callgrind, which counts the instructions of each call: before each, and after the last, there is one
of getppid(2), which nothing else asks for. It prints the names of what it called, in that order.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

STAMP = 1_700_000_000_123_456_789
STAT = os.stat_result((0o100644, 1, 1, 1, 0, 0, 95, 0, 0, 0), {"st_mtime_ns": STAMP, "st_ctime_ns": STAMP})
TAG = f'"{STAMP:x}-5f"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
OBSOLETE = "Tuesday, 14-Nov-23 22:13:21 GMT"
NOW = 1_800_000_000 * 10**9
SHORT = 2048
LONG = 10 * SHORT

UNITS = {
    "commas": ",",
    "quotes": '"',
    "empty tags": '"",',
    "short tags": '"x",',
    "weak tags": 'W/"a",',
    "tags that touch": 'W/"a"',
    "weak marks": "W/",
    "blanks": " ",
    "blanks and commas": " \t,",
    "our tag": f"{TAG},",
    "our tag, weak": f"W/{TAG}, ",
    "tags that begin like ours": f'{TAG[:-2]}x",',
    "tags that end like ours": f'"x{TAG[2:]},',
    "our tag without its end": f"{TAG[:-1]},",
    "obs-text": '"\xff\xff\xff\xff\xff\xff\xff",',
    "dates": f"{DATE}, ",
    "digits": "9",
    "control characters": "\0",
}


def values(length: int) -> Iterator[tuple[str, str]]:
    """Field values of about so many bytes; ten times the length is ten times the same."""
    for name, unit in UNITS.items():
        yield name, unit * (length // len(unit))
    yield "one tag", f'"{"x" * length}"'
    yield "one tag without its end", f'"{"x" * length}'
    yield "one tag that ends with DEL", f'"{"x" * length}\x7f"'
    yield "blanks between two tags", f'"x"{" " * length},"y"'
    yield "blanks behind a tag, and no comma", f'{TAG}{" " * length}"y"'
    yield "blanks around a date", f"{' ' * length}{DATE}{' ' * length}"
    yield "blanks within a date", f"{DATE[:5]}{' ' * length}{DATE[5:]}"
    yield "no byte at all", "\N{SNOWMAN}" * length


def lines(length: int) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """Header lists of so many bytes."""
    for name, line in {
        "others": (b"X-Other", b"y"),
        "others as long as ours": (b"If-None-Other", b"y"),
        "If-None-Match": (b"If-None-Match", b'"x"'),
        "If-Match": (b"if-match", TAG.encode()),
        "If-Modified-Since": (b"If-Modified-Since", DATE.encode()),
        "Range": (b"Range", b"bytes=0-"),
    }.items():
        yield name, [line] * (length // len(line[0] + line[1]))
    yield "a long name", [(b"i" * length, b"")]
    yield "a long name in capitals", [(b"I" * length, b"")]


class Call(NamedTuple):
    name: str
    function: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]


def calls(length: int) -> Iterator[Call]:
    for name, value in values(length):
        # Ours comes first, because what does not hold our tag at all may be told by that alone.
        yield _evaluate(f"if_match: ours, {name}", {"if_match": f"{TAG},{value}"})
        yield _evaluate(f"if_none_match: {name}", {"if_none_match": value})
        yield _evaluate(f"if_modified_since: {name}", {"if_modified_since": value})
        yield _evaluate(f"if_range: {name}", {"if_range": value, "range": value})
        yield Call(f"parse_etags: {name}", "parse_etags", (value,), {})
    for name, headers in lines(length):
        yield Call(f"evaluate_raw: {name}", "evaluate_raw", (STAT, "GET", headers), {})
    environ = {"REQUEST_METHOD": "G" * length, "HTTP_IF_MATCH": TAG * length, "HTTP_RANGE": OBSOLETE * length}
    yield Call("evaluate_environ", "evaluate_environ", (STAT, environ), {})
    yield Call("explain", "explain", (STAT, "GET"), {"if_match": "x" * length, "if_range": '"' * length})


def _evaluate(name: str, fields: dict[str, str]) -> Call:
    return Call(name, "evaluate", (STAT, "GET"), {**fields, "now_ns": NOW})


def main() -> None:
    module = importlib.import_module(sys.argv[1])
    policy = module.Policy()

    def bound(length: int) -> list[tuple[Callable[..., object], Call]]:
        return [
            (getattr(policy, call.function, None) or getattr(module, call.function), call)
            for call in calls(length)
        ]

    for function, call in bound(16):  # fills caches
        function(*call.args, **call.keywords)
    counted = bound(SHORT) + bound(LONG)
    gc.disable()
    for function, (_, _, args, keywords) in counted:
        os.getppid()
        function(*args, **keywords)
    os.getppid()
    for _, call in counted:
        print(call.name)


if __name__ == "__main__":
    main()
