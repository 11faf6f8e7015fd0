"""The C API, through a server and through probes that were built against an installed wheel (tests/capi)."""

from __future__ import annotations

import ctypes
import json
import os
import re
import runpy
import shutil
import sysconfig
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import precond
from capi_packages import ROOT, build, module, run, site_packages
from clients import needs
from conftest import PURE
from precond import _fallback
from vectors import each, load, representation

PXD = (ROOT / "src" / "precond" / "_core.pxd").read_text("utf-8")

# Lines may be added to these two tables, and none of them may change.
PROMISED = json.loads((ROOT / "tests" / "capi" / "promised.json").read_text("ascii"))
SIGNATURES: dict[str, str] = PROMISED["signatures"]
CONSTANTS: dict[str, int] = PROMISED["constants"]
NO_ETAG, NO_LAST_MODIFIED, WEAK, EXACT, NO_IMS, ABSENT = (1 << bit for bit in range(6))
INVALID, TOO_SMALL, MALFORMED, NO_MATCH, MATCH, ANY = -1, -2, -3, 0, 1, 2
BY_STAMP = -1
UNTOUCHED = -123456789

INT64 = -(2**63), 2**63 - 1
EXTREMES = (*INT64, -1, 0, 1)
STAMP = 1_700_000_000_123_456_789
TAG = '"17979cfe3d85cd15-5f"'
NOW = 1_800_000_000_000_000_000
FILE = representation({"mtime_ns": STAMP, "size": 95})
DATE = b"Tue, 14 Nov 2023 22:13:21 GMT"


# -- The packages --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if PURE:
        pytest.skip("PRECOND_NO_EXTENSIONS: the C API is the extension's")
    if os.name == "posix":
        needs(str(sysconfig.get_config_var("CC")).split()[0])
    return build(tmp_path_factory.mktemp("capi"))


@pytest.fixture(scope="module")
def probe(python: Path) -> ModuleType:
    return module("precond_probe", python)


@pytest.fixture(scope="module")
def server(python: Path) -> ModuleType:
    return module("precond_server", python)


def test_the_wheel_has_what_a_consumer_cimports(python: Path) -> None:
    directory = site_packages(python) / "precond"
    assert {"__init__.pxd", "_core.pxd"} <= {path.name for path in directory.iterdir()}
    # What is in the package is what is documented and what can be had from `precond`.
    names = set(re.findall(r"\bprecond_\w+(?=\()|\bPRECOND_[A-Z_]+\b(?= =)|precond_field_line", PXD))
    assert names == {*SIGNATURES, *CONSTANTS, "precond_field_line"}
    again = (directory / "__init__.pxd").read_text("utf-8")
    assert names == set(re.findall(r"\b(?:precond|PRECOND)_\w+", again))
    assert names <= set(re.findall(r"\w+", (ROOT / "docs" / "c-api.md").read_text("utf-8")))


REQUEST = rb"b'GET / HTTP/1.1\r\nIf-None-Match: *\r\n\r\n'".decode()
ANSWER = f"import precond_server; print(precond_server.answer({REQUEST}, 1, 1, 1)[0])"


def test_a_consumer_needs_nothing_but_the_installed_wheels(python: Path) -> None:
    assert run(python, "-c", ANSWER).stdout == "304\n"
    assert run(python, "-c", ANSWER, PRECOND_NO_EXTENSIONS="1").stdout == "304\n"


def test_a_consumer_without_the_extension_is_told_why(python: Path, tmp_path: Path) -> None:
    source = site_packages(python)
    ours = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(source / "precond", tmp_path / "precond", ignore=ours)
    done = run(python, "-c", ANSWER, PYTHONPATH=str(tmp_path))
    assert "ImportError: precond._core: precond was installed without its C extension" in done.stderr


def test_where_there_is_no_extension_its_name_says_why() -> None:
    with pytest.raises(ImportError, match="installed without its C extension"):
        runpy.run_path(str(Path(precond.__file__).with_name("_core.py")))


# -- What must never change ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capsules() -> dict[str, Any]:
    if PURE:
        pytest.skip("PRECOND_NO_EXTENSIONS: the C API is the extension's")
    from precond import _core

    exported: dict[str, Any] = vars(_core)["__pyx_capi__"]
    return exported


def test_signatures_are_what_they_were(capsules: dict[str, Any]) -> None:
    """A consumer refuses to be imported where a name is missing, or its signature is another."""
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    assert {name: name_of(capsule).decode() for name, capsule in capsules.items()} == SIGNATURES


def test_constants_are_what_they_were(probe: ModuleType) -> None:
    assert probe.constants() == CONSTANTS


def test_from_c_without_cython(capsules: dict[str, Any]) -> None:
    name = "precond_parse_http_date"
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    parse = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p)(
        pointer(capsules[name], SIGNATURES[name].encode())
    )
    seconds = ctypes.c_int64()
    assert parse(b"Sun, 06 Nov 1994 08:49:37 GMT", 29, 0, ctypes.byref(seconds)) == 1
    assert seconds.value == 784111777


# -- The vectors ---------------------------------------------------------------------------------------------


def narrow(number: int) -> bool:
    return INT64[0] <= number <= INT64[1]


def choices(vector: dict[str, Any]) -> tuple[int, int]:
    """Flags and settle_ns of a vector's policy."""
    policy = vector.get("policy", {})
    modified_since = {"before": 0, "exact": EXACT, "off": NO_IMS}[policy.get("if_modified_since", "before")]
    flags = modified_since | (WEAK if policy.get("weak") else 0)
    flags |= (0 if policy.get("etag", True) else NO_ETAG) | (
        0 if policy.get("last_modified", True) else NO_LAST_MODIFIED
    )
    settle = policy.get("settle")
    return flags, BY_STAMP if settle is None else round(settle * 1e9)


def numbers(vector: dict[str, Any]) -> tuple[int, int]:
    """Stamp and size of the file that a vector is about."""
    given = vector.get("stat", vector) or {"mtime_ns": 0, "size": 0}
    return given[f"{vector.get('policy', {}).get('stamp', 'mtime')}_ns"], given["size"]


def is_file(vector: dict[str, Any]) -> bool:
    """Also where there is none. Numbers of more than 64 bits cannot come from a caller in C."""
    given = vector.get("stat", vector)
    return given is None or ("mtime_ns" in given and all(map(narrow, numbers(vector))))


def those(name: str, keep: Callable[[dict[str, Any]], bool]) -> pytest.MarkDecorator:
    vectors = [pytest.param(vector, id=vector["id"]) for vector in load(name) if keep(vector)]
    return pytest.mark.parametrize("vector", vectors)


@each("dates")
def test_dates(probe: ModuleType, vector: dict[str, Any]) -> None:
    result = probe.parse_http_date(vector["value"].encode("latin-1"), vector.get("now_ns", NOW), UNTOUCHED)
    seconds = vector["seconds"]
    assert result == ((0, UNTOUCHED) if seconds is None else (1, seconds))


@each("format")
def test_format(probe: ModuleType, vector: dict[str, Any]) -> None:
    buffer = bytearray(b"#" * 40)
    assert probe.format_http_date(vector["seconds"], buffer, 29) == 29
    assert buffer == vector["value"].encode() + b"#" * 11


@those("stamps", is_file)
def test_stamps(probe: ModuleType, vector: dict[str, Any]) -> None:
    stamp, size = numbers(vector)
    buffer = bytearray(b"#" * 64)
    length = probe.format_etag(stamp, size, choices(vector)[0], buffer, 39)
    expected = vector["etag"].encode()
    assert length == len(expected)
    assert buffer == expected.ljust(64, b"#")
    assert probe.last_modified(stamp) == vector["last_modified"]


@each("etags")
def test_etags(probe: ModuleType, vector: dict[str, Any]) -> None:
    value, tags = vector["value"].encode("latin-1"), vector["tags"]
    absent = ANY if tags == "*" else MALFORMED if tags is None else NO_MATCH
    assert probe.match_etags(value, b'"not-in-any-vector"', 0) == absent
    for opaque, _ in tags if absent == NO_MATCH else []:
        own = f'"{opaque}"'.encode("latin-1")
        assert probe.match_etags(value, own, 0) == MATCH
        assert probe.match_etags(value, b"W/" + own, 0) == MATCH
        assert probe.match_etags(value, own, 1) == (MATCH if [opaque, False] in tags else NO_MATCH)
        assert probe.match_etags(value, b"W/" + own, 1) == NO_MATCH


@those("validators", is_file)
def test_validators(server: ModuleType, vector: dict[str, Any]) -> None:
    request = b"GET / HTTP/1.1\r\n\r\n"
    outcome, head = server.answer(request, *numbers(vector), vector["now_ns"], *choices(vector))
    lines = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:-1])
    assert outcome == 0
    assert (lines.get("ETag"), lines.get("Last-Modified")) == (vector["etag"], vector["last_modified"])


def octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def flags_of(vector: dict[str, Any]) -> int:
    return choices(vector)[0] | (ABSENT if vector["stat"] is None else 0)


@those("evaluate", is_file)
def test_evaluate(probe: ModuleType, vector: dict[str, Any]) -> None:
    lines = [(octets(name), octets(value)) for name, value in vector["fields"]]
    settle, now = choices(vector)[1], vector.get("now_ns", NOW)
    arguments = octets(vector["method"]), lines, *numbers(vector), flags_of(vector), settle, now
    assert probe.evaluate(*arguments) == precond.Outcome[vector["outcome"]]


@those("evaluate", lambda vector: "mtime_ns" not in (vector["stat"] or {}))
def test_evaluate_validators(probe: ModuleType, vector: dict[str, Any]) -> None:
    lines = [(octets(name), octets(value)) for name, value in vector["fields"]]
    own = vector["stat"] or {}
    etag, last_modified = octets(own.get("etag")), octets(own.get("last_modified"))
    now = vector.get("now_ns", NOW)
    arguments = octets(vector["method"]), lines, etag, last_modified, flags_of(vector), now
    assert probe.evaluate_validators(*arguments) == precond.Outcome[vector["outcome"]]


def is_request(vector: dict[str, Any]) -> bool:
    """About a file, and what a server finds in a request: no value has the end of a line in it."""
    return is_file(vector) and not any("\r\n" in value for _, value in vector["fields"])


@those("evaluate", is_request)
def test_a_server_in_c(server: ModuleType, vector: dict[str, Any]) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in vector["fields"])
    request = octets(f"{vector['method']} / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
    now, settle = vector.get("now_ns", NOW), choices(vector)[1]
    outcome, head = server.answer(request, *numbers(vector), now, flags_of(vector), settle)
    assert outcome == precond.Outcome[vector["outcome"]]
    assert int(head.split()[1]) == (outcome if outcome >= 300 else 200)


MEMBERS = st.sampled_from([TAG, f"W/{TAG}", '"x"', "*", "", ",", " ", '"', "a", f"{TAG}, *"])
LINES = st.lists(
    st.tuples(
        st.sampled_from(["If-Match", "if-none-match", "If-Modified-Since", "If-Range", "Range"]),
        st.lists(MEMBERS, max_size=2).map(", ".join),
    ),
    max_size=6,
)


@given(LINES, st.sampled_from(["GET", "PUT"]), st.sampled_from([0, WEAK, NO_ETAG]))
def test_repeated_lines(probe: ModuleType, lines: list[tuple[str, str]], method: str, flags: int) -> None:
    """Here they are not joined, and the answers are those of the back end that joins them."""
    pairs = [(name.encode(), value.encode()) for name, value in lines]
    policy = _fallback.Policy(weak=flags == WEAK, etag=flags != NO_ETAG)
    expected = policy.evaluate_raw(FILE, method, pairs, now_ns=NOW)
    assert probe.evaluate(method.encode(), pairs, STAMP, 95, flags, BY_STAMP, NOW) == expected


# -- Bounds --------------------------------------------------------------------------------------------------


def test_a_buffer_that_is_too_small_is_not_touched(probe: ModuleType) -> None:
    untouched = b"#" * 64
    buffer = bytearray(untouched)
    for capacity in range(29):
        assert probe.format_http_date(0, buffer, capacity) == TOO_SMALL
    for capacity in range(39):
        assert probe.format_etag(INT64[0], INT64[0], WEAK, buffer, capacity) == TOO_SMALL
    assert probe.format_etag(STAMP, 95, 0, buffer, len(TAG) - 1) == TOO_SMALL
    assert probe.format_http_date(0, None, 0) == TOO_SMALL
    assert probe.format_etag(0, 0, 0, None, 0) == TOO_SMALL
    assert buffer == untouched


def test_a_buffer_that_is_just_large_enough(probe: ModuleType) -> None:
    buffer = bytearray(b"#" * 64)
    assert probe.format_etag(INT64[0], INT64[0], WEAK, buffer, 39) == 39
    assert buffer == b'W/"-8000000000000000--8000000000000000"'.ljust(64, b"#")
    buffer = bytearray(b"#" * 64)
    assert probe.format_etag(STAMP, 95, 0, buffer, len(TAG)) == len(TAG)
    assert buffer == TAG.encode().ljust(64, b"#")


def test_text_that_is_empty_or_not_there(probe: ModuleType) -> None:
    for nothing in (None, b"", b" \t"):
        assert probe.parse_http_date(nothing, 0, UNTOUCHED) == (0, UNTOUCHED)
        assert probe.match_etags(nothing, TAG.encode(), 0) == NO_MATCH
        assert probe.match_etags(b"*", nothing, 0) == INVALID
        lines = [(nothing, nothing), (b"If-None-Match", nothing), (b"If-Modified-Since", DATE)]
        # If-None-Match is present, which switches If-Modified-Since off.
        assert probe.evaluate(b"GET", lines, STAMP, 95, 0, BY_STAMP, NOW) == 0
        assert probe.evaluate(nothing, lines[2:], STAMP, 95, 0, BY_STAMP, NOW) == 0
    assert probe.evaluate(b"GET", lines[2:], STAMP, 95, 0, BY_STAMP, NOW) == 304
    assert probe.evaluate_null_lines(0) == 0


def test_mistakes_of_the_caller(probe: ModuleType) -> None:
    null = 5  # NULL, with that length
    assert probe.parse_http_date(null, 0, UNTOUCHED) == (INVALID, UNTOUCHED)
    assert probe.parse_http_date_into_null(DATE) == INVALID
    assert probe.format_http_date(0, None, 29) == INVALID
    assert probe.format_etag(0, 0, 0, None, 39) == INVALID
    assert probe.match_etags(null, TAG.encode(), 0) == INVALID
    for own in (null, b"x", b'"a", "b"', b'"'):
        assert probe.match_etags(b"*", own, 0) == INVALID
        assert probe.evaluate_validators(b"GET", [], own, None, 0, 0) == INVALID
    assert probe.evaluate_null_lines(1) == INVALID
    for lines in ([(null, b"x")], [(b"Range", null)], [(b"x", null)]):
        assert probe.evaluate(b"GET", lines, 0, 0, 0, BY_STAMP, 0) == INVALID
        assert probe.evaluate_validators(b"GET", lines, None, None, 0, 0) == INVALID
    assert probe.evaluate(null, [], 0, 0, 0, BY_STAMP, 0) == INVALID
    for date in (null, b"", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun, 31 Feb 2021 00:00:00 GMT"):
        assert probe.evaluate_validators(b"GET", [], None, date, 0, 0) == INVALID
        assert probe.evaluate_validators(b"GET", [], None, date, ABSENT, 0) == 0


def test_flags_that_are_not_known(probe: ModuleType) -> None:
    buffer = bytearray(64)
    for flags in (64, 1 << 31, EXACT | NO_IMS):
        assert probe.format_etag(0, 0, flags, buffer, 64) == INVALID
        assert probe.settled(0, flags, BY_STAMP, 0) == INVALID
        assert probe.evaluate(b"GET", [], 0, 0, flags, BY_STAMP, 0) == INVALID
        assert probe.evaluate_validators(b"GET", [], None, None, flags, 0) == INVALID
    for settle in (*INT64, -2, 10**18 + 1):
        assert probe.settled(0, 0, settle, 0) == INVALID
        assert probe.evaluate(b"GET", [], 0, 0, 0, settle, 0) == INVALID


def test_the_limits_of_64_bits(probe: ModuleType) -> None:
    """The reference counts without limits."""
    for seconds in (*INT64, -62_135_596_801, 253_402_300_800):
        assert probe.format_http_date(seconds, bytearray(64), 64) == INVALID
    for now in EXTREMES:
        value = b"Sunday, 06-Nov-94 08:49:37 GMT"
        assert probe.parse_http_date(value, now, 0) == (1, _fallback.parse_http_date(value, now_ns=now))
    for stamp, size in product((*EXTREMES, STAMP), EXTREMES):
        file, buffer = representation({"mtime_ns": stamp, "size": size}), bytearray(64)
        tag = _fallback.Policy().etag(file).encode()
        assert probe.format_etag(stamp, size, 0, buffer, 64) == len(tag)
        assert buffer.startswith(tag)
        assert probe.last_modified(stamp) == _fallback.Policy().last_modified(file)
        lines = [(b"If-Match", tag), (b"If-None-Match", tag), (b"Range", b"x"), (b"If-Range", DATE)]
        for now, settle in product(EXTREMES, (None, 0, 10**9)):
            policy = _fallback.Policy(settle=settle)
            sent = policy.validators(file, now_ns=now)
            settle_ns = BY_STAMP if settle is None else settle * 10**9
            bits = (sent.etag is not None) + 2 * (sent.last_modified is not None)
            assert probe.settled(stamp, 0, settle_ns, now) == bits
            expected = policy.evaluate_raw(file, "GET", lines[2:], now_ns=now)
            assert probe.evaluate(b"GET", lines[2:], stamp, size, 0, settle_ns, now) == expected
            assert probe.evaluate(b"GET", lines, stamp, size, 0, settle_ns, now) == 304


@pytest.mark.parametrize(
    "head",
    [b"", b"GET", b"GET / HTTP/1.1", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nIf-Match\r\n\r\n", b"GET /\r\n"],
)
def test_what_is_no_request(server: ModuleType, head: bytes) -> None:
    assert server.answer(head, STAMP, 95, NOW) == (INVALID, b"")


def test_responses_of_the_server(server: ModuleType) -> None:
    def ask(field: str) -> bytes:
        request = f"GET / HTTP/1.1\r\n{field}\r\n\r\n".encode()
        head: bytes = server.answer(request, STAMP, 95, NOW)[1]
        return head

    etag = f"ETag: {TAG}\r\n".encode()
    date = b"Last-Modified: " + DATE + b"\r\n"
    assert ask("If-None-Match: *") == b"HTTP/1.1 304 Not Modified\r\n" + etag + b"\r\n"
    assert ask('If-Match: "x"') == b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
    assert ask("Accept: */*") == b"HTTP/1.1 200 OK\r\n" + etag + date + b"\r\n"
