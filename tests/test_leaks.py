"""References and memory are as before after any number of calls of each entry point, failing ones included.

python tests/test_leaks.py --calls 10000000 [--back-end cython|python] [--only TEXT]
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest

import precond
from conftest import back_ends

CALLS = 1_000
NOISE = 100  # blocks, or references to one object, that come and go with other things than calls
BYTES = 1 << 20  # likewise

STAMP = 1_700_000_000_123_456_789
TAG = f'"{STAMP:x}-5f"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
OBSOLETE = "Tuesday, 14-Nov-23 22:13:21 GMT"
NOW = 1_800_000_000 * 10**9
STAT = os.stat_result(
    (0o100644, 1, 1, 1, 0, 0, 95, 0, 0, 0),
    {"st_mtime": STAMP / 1e9, "st_mtime_ns": STAMP, "st_ctime_ns": STAMP},
)
OBJECT = SimpleNamespace(st_mtime_ns=STAMP, st_ctime_ns=STAMP, st_size=95)
WIDE = SimpleNamespace(st_mtime_ns=2**70, st_size=2**70)
GIVEN = precond.Validators('W/"own"', DATE)
SURROGATES = "\udcff\u2603"


class Hostile:
    """What an application may hand over by mistake."""

    st_mtime_ns = STAMP

    @property
    def st_size(self) -> int:
        raise RuntimeError("no size")

    def __iter__(self) -> Iterator[Any]:
        yield b"If-None-Match", TAG.encode()
        raise RuntimeError("no more lines")


class Case(NamedTuple):
    """A call that is made again and again; what it is given is watched."""

    name: str
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012  # never written to


def _lines(*lines: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    others = [(b"Host", b"example.org"), (b"Accept", b"*/*")]
    return others + [(name.encode(), value.encode("latin-1")) for name, value in lines]


EVERY = {
    "if_match": f'"x", {TAG}',
    "if_unmodified_since": DATE,
    "if_none_match": f'W/"x", "{SURROGATES}"',
    "if_modified_since": OBSOLETE,
    "if_range": DATE,
    "range": "bytes=0-",
}
ENCODABLE = {name: value for name, value in EVERY.items() if value.isascii()}
CASES = [
    Case("evaluate", (STAT, "GET")),
    *(Case("evaluate", (STAT, "GET"), {name: value, "range": "bytes=0-"}) for name, value in EVERY.items()),
    Case("evaluate", (STAT, b"GET"), {name: os.fsencode(value) for name, value in ENCODABLE.items()}),
    Case("evaluate", (OBJECT, "PUT"), {**EVERY, "now_ns": NOW}),
    Case("evaluate", (WIDE, "GET"), EVERY),
    Case("evaluate", (GIVEN, "GET"), {"if_none_match": '"own"'}),
    Case("evaluate", (None, "PUT"), {"if_none_match": "*"}),
    Case("evaluate", (STAT, SURROGATES), {"if_match": SURROGATES}),
    Case("evaluate_raw", (STAT, "GET", _lines())),
    Case("evaluate_raw", (STAT, "GET", _lines(("If-None-Match", TAG)))),
    Case("evaluate_raw", (STAT, "GET", _lines(("If-None-Match", '"x"'), ("If-None-Match", TAG)))),
    Case("evaluate_raw", (STAT, "GET", tuple(map(list, _lines(("If-Range", DATE), ("Range", "bytes=0-")))))),
    Case("evaluate_raw", (STAT, "GET", {"If-Modified-Since": DATE}.items())),
    Case("evaluate_environ", (STAT, {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": TAG, "HTTP_RANGE": "x"})),
    Case("evaluate_environ", (STAT, {"REQUEST_METHOD": "GET", "HTTP_IF_MODIFIED_SINCE": DATE})),
    Case("explain", (STAT, "GET"), {**EVERY, "now_ns": NOW}),
    Case("validators", (STAT,)),
    Case("validators", (OBJECT,), {"now_ns": NOW}),
    Case("validators", (GIVEN,)),
    Case("etag", (STAT,)),
    Case("etag", (WIDE,)),
    Case("last_modified", (STAT,)),
    Case("last_modified", (WIDE,)),
    Case("parse_http_date", (DATE,)),
    Case("parse_http_date", (OBSOLETE,)),
    Case("parse_http_date", (SURROGATES,)),
    Case("format_http_date", (1_700_000_001,)),
    Case("parse_etags", (f'W/"\xe9", {TAG}',)),
    Case("parse_etags", (b'"x", W/"y", "broken',)),
    Case("Policy", (), {"weak": True, "if_modified_since": "exact", "settle": 0.5}),
    Case("__hash__"),
    Case("__repr__"),
    Case("__eq__", (1,)),
    Case("__reduce__"),
]
FAILING = [
    *(Case("evaluate", (STAT, "GET"), {name: 1}) for name in EVERY),
    Case("evaluate", (STAT, None)),
    Case("evaluate", (STAT, "GET"), {"now_ns": 2**63}),
    Case("evaluate", ("file", "GET"), {"if_match": TAG}),
    Case("evaluate", (Hostile(), "GET"), {"if_match": TAG}),
    Case("evaluate", (SimpleNamespace(st_mtime_ns=1.5, st_size=1), "GET"), {"if_match": TAG}),
    Case("evaluate", (precond.Validators("own"), "GET"), {"if_match": TAG}),
    Case("evaluate", (precond.Validators('"own"', "today"), "GET"), {"if_match": TAG}),
    Case("evaluate", (STAT,)),
    Case("evaluate_raw", (STAT, "GET", 1)),
    Case("evaluate_raw", (STAT, "GET", [*_lines(("If-Match", TAG)), (b"If-None-Match", None)])),
    Case("evaluate_raw", (STAT, "GET", [*_lines(("If-Match", TAG)), (b"If-None-Match",)])),
    Case("evaluate_raw", (STAT, "GET", Hostile())),
    Case("evaluate_environ", (STAT, {"HTTP_IF_MATCH": TAG})),
    Case("evaluate_environ", (STAT, {"REQUEST_METHOD": "GET", "HTTP_IF_MATCH": 1})),
    Case("evaluate_environ", (STAT, [])),
    Case("explain", (STAT, "GET"), {"if_match": 1}),
    Case("validators", (STAT,), {"now_ns": "now"}),
    Case("validators", (Hostile(),)),
    Case("etag", (None,)),
    Case("last_modified", ("file",)),
    Case("parse_http_date", (1,)),
    Case("parse_http_date", (OBSOLETE,), {"now_ns": 2**63}),
    Case("format_http_date", (2**63,)),
    Case("format_http_date", ("now",)),
    Case("parse_etags", (None,)),
    Case("Policy", (), {"settle": -1}),
    Case("Policy", (), {"etag": 1}),
]


# -- Measuring -----------------------------------------------------------------------------------------------


class Growth(NamedTuple):
    """What there is more of after the calls than before: references to anything watched, blocks, bytes."""

    references: dict[str, int]
    blocks: int
    resident: int

    def __bool__(self) -> bool:
        return bool(self.references) or self.blocks > NOISE or self.resident > BYTES


def watched(case: Case) -> dict[str, Any]:
    """All that a call is given, and what it may give: by their words, since a name says which one leaks."""
    found: list[Any] = [*precond.Outcome, precond.Validators, precond.ETag, precond.ANY, *case.args]
    found += case.keywords.values()
    for value in (*case.args, *case.keywords.values()):
        if isinstance(value, dict):
            found += [*value, *value.values()]
        elif isinstance(value, (list, tuple)) and not isinstance(value, os.stat_result):
            found += value
            found += [part for pair in value if isinstance(pair, (list, tuple)) for part in pair]
    return {f"{number}: {value!r}": value for number, value in enumerate(found)}


def resident() -> int:
    """Bytes of this process in memory; 0 where the platform does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def repeated(module: ModuleType, case: Case, calls: int, *, fails: bool) -> None:
    owner = module.Policy() if hasattr(module.Policy, case.name) else module
    function, args, keywords = getattr(owner, case.name), case.args, case.keywords
    if not fails:
        for _ in repeat(None, calls):
            function(*args, **keywords)
        return
    for _ in repeat(None, calls):
        try:
            function(*args, **keywords)
        except (TypeError, ValueError, RuntimeError):
            continue
        raise AssertionError(f"{case} did not fail")


def growth(module: ModuleType, case: Case, calls: int, *, fails: bool) -> Growth:
    things = watched(case)
    repeated(module, case, 100, fails=fails)  # fills caches
    gc.collect()
    references = {name: sys.getrefcount(thing) for name, thing in things.items()}
    blocks, bytes_ = sys.getallocatedblocks(), resident()
    repeated(module, case, calls, fails=fails)
    gc.collect()
    more = {name: sys.getrefcount(thing) - references[name] for name, thing in things.items()}
    return Growth(
        {name: number for name, number in more.items() if abs(number) > NOISE},
        sys.getallocatedblocks() - blocks,
        resident() - bytes_,
    )


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """Collections look at nothing that was there before, which is most of what they take."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


ALL = [pytest.param(case, False, id=f"{n}-{case.name}") for n, case in enumerate(CASES)]
ALL += [pytest.param(case, True, id=f"fails-{n}-{case.name}") for n, case in enumerate(FAILING)]


@pytest.mark.parametrize("case, fails", ALL)
def test_nothing_is_left_over(backend: ModuleType, case: Case, fails: bool) -> None:
    for _ in range(3):
        found = growth(backend, case, CALLS, fails=fails)
        if not found:
            break  # a leak is found each time; what pytest-xdist's thread was sent meanwhile, once
    assert not found, found


def test_a_copy_of_a_policy_is_let_go(backend: ModuleType) -> None:
    policy = backend.Policy(weak=True)
    before = sys.getrefcount(policy), sys.getrefcount(policy.options)
    for _ in repeat(None, CALLS // 10):
        copy.copy(policy)
        pickle.loads(pickle.dumps(policy))
    assert (sys.getrefcount(policy), sys.getrefcount(policy.options)) == before


def test_every_public_function_is_called() -> None:
    public = {name for name in dir(precond) if callable(getattr(precond, name)) and name[0].islower()}
    public -= {"stat_nowait"}  # opens files: see its own tests
    for cases in (CASES, FAILING):
        assert public <= {case.name for case in cases}


@pytest.mark.parametrize(
    "leak", [lambda kept: kept.append(object()), lambda kept: kept.append(TAG)], ids=["object", "reference"]
)
def test_a_leak_is_found(leak: Callable[[list[Any]], None]) -> None:
    kept: list[Any] = []

    def evaluate(*args: Any) -> None:
        leak(kept)

    leaky: Any = SimpleNamespace(Policy=object, evaluate=evaluate)
    assert growth(leaky, Case("evaluate", (TAG,)), CALLS, fails=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Call each entry point so often, and print what is left.")
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--back-end", choices=["cython", "python"])
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    leaks = 0
    for module in back_ends():
        name = "cython" if module.__name__.endswith("_core") else "python"
        if options.back_end not in (None, name):
            continue
        for case, fails in [(case, False) for case in CASES] + [(case, True) for case in FAILING]:
            if options.only in case.name:
                found = growth(module, case, options.calls, fails=fails)
                leaks += bool(found)
                label = f"{name} {case.name}{' (fails)' if fails else ''}"
                kib = found.resident // 1024
                print(f"{label:36}{found.blocks:+8} blocks{kib:+8} KiB", found.references or "")
                sys.stdout.flush()
    sys.exit(f"{leaks} leaks" if leaks else None)


if __name__ == "__main__":
    main()
