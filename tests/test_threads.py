"""One policy for all threads, and arguments that other threads change while they are read.

Nothing crashes, nothing is raised that is not documented, and whatever was read was there at some time.
Without the GIL threads meet within a call, with it between two of them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from precond import Outcome, Validators

# They start threads of their own, and set how often all of the process take turns.
pytestmark = pytest.mark.usefixtures("many_turns")

STAMP = 1_700_000_000_123_456_789
NOW = 1_800_000_000 * 10**9
TAG = f'"{STAMP:x}-1"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
READERS = 3
WRITERS = 2
CALLS = 1_000


@pytest.fixture
def many_turns() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def st(tmp_path: Path) -> os.stat_result:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, ns=(STAMP, STAMP))
    return path.stat()


def together(read: Callable[[], Any], write: Callable[[int], None]) -> set[Any]:
    """All that reading gives, or the words of what it raises, while other threads write."""
    found: set[Any] = set()
    errors: list[BaseException] = []
    start = threading.Barrier(READERS + WRITERS)
    done = threading.Event()

    def reader() -> None:
        start.wait()
        for _ in range(CALLS):
            try:
                found.add(read())
            except (TypeError, ValueError) as error:
                found.add(str(error))

    def writer() -> None:
        start.wait()
        for number in count():
            write(number)
            if done.is_set():
                break

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=guarded, args=(reader,)) for _ in range(READERS)]
    writers = [threading.Thread(target=guarded, args=(writer,)) for _ in range(WRITERS)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    for thread in writers:
        thread.join()
    assert errors == []
    return found


def fresh(text: str) -> bytes:
    """A new object: that of a literal would stay in memory whatever lets it go."""
    return bytes(bytearray(text, "ascii"))


def pairs(number: int) -> list[tuple[bytes, bytes]]:
    """Header lines that have but one of our fields between them, and are new objects."""
    ours = (("If-None-Match", TAG), ("If-None-Match", '"other"'), ("If-Modified-Since", DATE))[number % 3]
    lines = [("Host", "example.org"), ours, *[("Accept", f"text/{number}")] * (number % 5)]
    return [(fresh(name), fresh(value)) for name, value in lines]


def change_list(headers: list[Any], number: int) -> None:
    new = pairs(number)
    match number % 6:
        case 0:
            headers.clear()
        case 1:
            headers[:] = new
        case 2:
            headers.append(new[1])
        case 3:
            headers[-1:] = new[1:2]
        case 4:
            headers.extend(new * 20)
        case 5:
            del headers[1:]


def test_a_shared_policy(backend: ModuleType, st: os.stat_result) -> None:
    policy = backend.Policy(if_modified_since="exact")
    headers = pairs(0)

    def read() -> tuple[Any, ...]:
        return (
            policy.evaluate(st, "GET", if_none_match=TAG),
            policy.evaluate_raw(st, "GET", headers),
            policy.explain(st, "GET", if_none_match=TAG).outcome,
            policy.validators(st, now_ns=NOW),
            policy.etag(st),
            backend.parse_http_date(DATE),
        )

    def write(number: int) -> None:
        assert hash(policy) == hash(backend.Policy(if_modified_since="exact"))
        assert policy.evaluate(st, "PUT", if_match=f'"{number}"') is Outcome.PRECONDITION_FAILED

    same = Outcome.NOT_MODIFIED
    assert together(read, write) == {(same, same, same, Validators(TAG, DATE), TAG, 1_700_000_001)}


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_header_list_that_changes(backend: ModuleType, st: os.stat_result, method: str) -> None:
    policy = backend.Policy()
    headers: list[Any] = pairs(0)
    found = together(
        lambda: policy.evaluate_raw(st, method, headers), lambda number: change_list(headers, number)
    )
    assert found <= {
        Outcome.PROCEED,
        Outcome.NOT_MODIFIED if method == "GET" else Outcome.PRECONDITION_FAILED,
    }


def test_a_header_list_that_changes_behind_other_types(backend: ModuleType, st: os.stat_result) -> None:
    """A stat result of one's own, text in place of bytes, lists in place of pairs, a clock to be read."""
    policy = backend.Policy()
    headers: list[Any] = []

    class Stat:
        st_size = 1

        @property
        def st_mtime_ns(self) -> int:
            return int(str(STAMP))

    def read() -> Any:
        return policy.evaluate_raw(Stat(), "GET", headers)

    def write(number: int) -> None:
        change_list(headers, number)
        headers.append(["If-Range", f"{number}"])
        headers.append((b"Range", fresh("bytes=0-")))

    assert together(read, write) <= {Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.IGNORE_RANGE}


def test_a_header_list_that_is_wrong_at_times(backend: ModuleType, st: os.stat_result) -> None:
    policy = backend.Policy()
    headers: list[Any] = []

    def write(number: int) -> None:
        change_list(headers, number)
        headers.append([5, (b"If-Match",), (b"If-Match", None)][number % 3])

    found = together(lambda: policy.evaluate_raw(st, "GET", headers), write)
    assert {outcome for outcome in found if isinstance(outcome, Outcome)} <= {
        Outcome.PROCEED,
        Outcome.NOT_MODIFIED,
    }
    assert all(error.startswith("headers: expected ") for error in found if isinstance(error, str))


def test_an_environ_that_changes(backend: ModuleType, st: os.stat_result) -> None:
    policy = backend.Policy()
    environ: dict[str, str] = {}

    def write(number: int) -> None:
        match number % 5:
            case 0:
                environ.clear()
            case 1:
                environ["REQUEST_METHOD"] = "".join(["G", "ET"])
            case 2:
                environ["HTTP_IF_NONE_MATCH"] = "".join([TAG[:5], TAG[5:]])
            case 3:
                environ.update({f"HTTP_X_{number % 1000}": "x" for _ in range(10)})
            case 4:
                environ.pop("HTTP_IF_NONE_MATCH", None)

    found = together(lambda: policy.evaluate_environ(st, environ), write)
    assert found <= {Outcome.PROCEED, Outcome.NOT_MODIFIED, "environ: expected a REQUEST_METHOD in it"}
