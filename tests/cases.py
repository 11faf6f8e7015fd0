"""The vectors that can be put to a real server: one table of requests for every adapter.

    for policy in policies():                   # or one policy of your own
        for case in cases(policy):              # joined=True where the server joins repeated lines (WSGI)
            path = make_file(directory, case)   # the directory that the server serves with this policy
            check(case, fetch(port, f"/{path.name}", case))

For one case a test, parametrize over list(cases(policy)) with ids=lambda case: case.id.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import precond

_VECTORS: Final[list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("vectors").joinpath("evaluate.json").read_text("utf-8")
)

# Where a vector needs a clock, this one stands for any time in this half of the century.
_LONG_AFTER: Final = 1_800_000_000 * 10**9
_LARGEST: Final = 1_000_000

_MAKING: Final = threading.Lock()

_STATUS: Final = {"IGNORE_RANGE": 200, "NOT_MODIFIED": 304, "PRECONDITION_FAILED": 412}


class Case(NamedTuple):
    """One request for one file, and the statuses that are right.

    lines       the header lines to send as (name, value) text of Latin-1, Host among them
    statuses    more than one only where the method's own rules leave a choice, as for several ranges
    """

    id: str
    mtime_ns: int
    size: int
    method: str
    lines: tuple[tuple[str, str], ...]
    statuses: frozenset[int]


class Answer(NamedTuple):
    """A response as it was read: field names in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


def policies() -> list[precond.Policy]:
    """The policies that the vectors speak of, those that need a stamp nobody can set left out."""
    every = {_policy(vector) for vector in _VECTORS if _can_be_stamped(vector)}
    return sorted(every, key=repr)


def cases(policy: precond.Policy = precond.DEFAULT, *, joined: bool = False) -> Iterator[Case]:
    """The cases of the vectors that are about this policy.

    joined      leave out those that only a server can answer which keeps repeated lines apart
    """
    for vector in _VECTORS:
        right_server = not (joined and "entries" in vector)
        if right_server and _can_be_stamped(vector) and _can_be_sent(vector) and _policy(vector) == policy:
            yield _case(vector)


def content(size: int) -> bytes:
    """What stands in the file of a case: no two offsets near each other look the same."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def make_file(directory: Path, case: Case) -> Path:
    """The file of a case, made where it is not there yet; cases of one stat share it."""
    path = directory / f"{case.mtime_ns}-{case.size}.bin"
    with _MAKING:
        if not path.exists():
            path.write_bytes(content(case.size))
            os.utime(path, ns=(case.mtime_ns, case.mtime_ns))
    if path.stat().st_mtime_ns != case.mtime_ns:
        pytest.skip(f"this file system cannot hold the stamp {case.mtime_ns}")
    return path


def fetch(port: int, target: str, case: Case, *, host: str = "127.0.0.1") -> Answer:
    """Send the request of a case over a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.putrequest(case.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in case.lines:
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def check(case: Case, answer: Answer) -> None:
    """The status is right, and so are the bytes that came with it."""
    assert answer.status in case.statuses, (case, answer.status)
    whole = content(case.size)
    if case.method == "HEAD" or answer.status == 304:
        assert answer.body == b""
    elif answer.status == 200:
        assert answer.body == whole
    elif answer.status == 206 and answer.fields["content-type"].partition(";")[0] != "multipart/byteranges":
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.fields["content-range"])
        assert match is not None
        first, last, size = map(int, match.groups())
        assert size == case.size
        assert answer.body == whole[first : last + 1]
    elif answer.status == 416:
        assert answer.fields["content-range"] == f"bytes */{case.size}"


def _policy(vector: dict[str, Any]) -> precond.Policy:
    return precond.Policy(**vector.get("policy", {}))


def _can_be_stamped(vector: dict[str, Any]) -> bool:
    """Whether a file can have this stat, and any time since gives the same answer."""
    st = vector["stat"] or {}
    return (
        0 <= st.get("mtime_ns", -1) < 2**63
        and st["size"] < _LARGEST
        and vector.get("policy", {}).get("stamp") != "ctime"
        and vector.get("now_ns", _LONG_AFTER) == _LONG_AFTER
        and vector["method"] in ("GET", "HEAD")
    )


def _can_be_sent(vector: dict[str, Any]) -> bool:
    """Whether every server takes these values and hands them on as they are.

    No control characters (RFC 9110 section 5.5), and nothing at either end that a server may take for
    whitespace: blanks are trimmed, and some trim more than the blanks.
    """
    return all(re.fullmatch(r"(?:[!-~](?:[ -~\x80-\xff]*[!-~])?)?", value) for _, value in vector["fields"])


def _case(vector: dict[str, Any]) -> Case:
    lines = [(name, value) for name, value in vector["fields"]]
    if not any(name.lower() == "host" for name, _ in lines):
        lines.insert(0, ("Host", "127.0.0.1"))
    st = vector["stat"]
    method = vector["method"]
    return Case(
        vector["id"],
        st["mtime_ns"],
        st["size"],
        method,
        tuple(lines),
        _statuses(vector["outcome"], method, st["size"], [v for n, v in lines if n.lower() == "range"]),
    )


def _statuses(outcome: str, method: str, size: int, ranges: list[str]) -> frozenset[int]:
    if outcome != "PROCEED":
        return frozenset({_STATUS[outcome]})
    if method != "GET" or not ranges:
        return frozenset({200})
    match = re.fullmatch(r"bytes=(?:(\d+)-\d*|-[1-9]\d*)", ranges[0])
    if len(ranges) > 1 or match is None:  # several ranges, or an unknown unit or syntax
        return frozenset({200, 206, 416})
    satisfiable = size > int(match[1] or 0)
    return frozenset({206 if satisfiable else 416})
