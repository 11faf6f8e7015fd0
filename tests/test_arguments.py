"""A programmer's mistake is an error that names the argument; the network's bytes never are one."""

from __future__ import annotations

import collections
import enum
import errno
import os
import pickle
import sys
from itertools import cycle
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import precond
from precond import Outcome, Validators, _fallback

ST = SimpleNamespace(st_mtime_ns=1_700_000_000_123_456_789, st_ctime_ns=1, st_size=95)
FIELDS = ("if_match", "if_unmodified_since", "if_none_match", "if_modified_since", "if_range", "range")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_field_is_text_or_bytes(backend: ModuleType, name: str, method: str) -> None:
    policy = backend.Policy()
    with pytest.raises(TypeError, match=rf"^{name}: expected str or bytes, got int$"):
        policy.evaluate(ST, method, **{name: 1})
    with pytest.raises(TypeError, match=rf"^{name}: expected str or bytes, got int$"):
        policy.evaluate(ST, method, **{"if_match": "x", "range": "x", name: 1})
    with pytest.raises(TypeError, match=rf"^{name}: expected str or bytes, got bytearray$"):
        policy.explain(ST, method, **{name: bytearray(b"x")})


@pytest.mark.parametrize("fields", [{}, {"if_none_match": "*"}, {"if_range": '"x"'}])
@pytest.mark.parametrize(
    "st", ["index.html", 5, b"x", SimpleNamespace(st_size=1), SimpleNamespace(st_mtime_ns=1)]
)
def test_st_is_a_stat_result(backend: ModuleType, st: Any, fields: dict[str, str]) -> None:
    policy = backend.Policy()
    for call in (
        lambda: policy.evaluate(st, "GET", **fields),
        lambda: policy.evaluate_raw(st, "GET", []),
        lambda: policy.evaluate_raw(st, "GET", [(b"if-range", b'"x"')]),
        lambda: policy.evaluate_environ(st, {"REQUEST_METHOD": "GET"}),
        lambda: policy.explain(st, "GET", **fields),
        lambda: policy.validators(st),
        lambda: policy.etag(st),
        lambda: policy.last_modified(st),
    ):
        got = type(st).__name__
        with pytest.raises(TypeError, match=rf"^st: expected an os\.stat_result, an object .*, got {got}$"):
            call()


def test_numbers_of_a_stat_are_integers(backend: ModuleType) -> None:
    policy = backend.Policy()
    with pytest.raises(TypeError, match=r"^st\.st_mtime_ns: expected int, got float$"):
        policy.etag(SimpleNamespace(st_mtime_ns=1.5, st_size=1))
    with pytest.raises(TypeError, match=r"^st\.st_size: expected int, got str$"):
        policy.evaluate(SimpleNamespace(st_mtime_ns=1, st_size="1"), "GET")
    if sys.implementation.name == "cpython":  # PyPy makes no such thing
        unset = os.stat_result(range(10))  # made by hand: no nanoseconds
        with pytest.raises(TypeError, match=r"^st\.st_mtime_ns: expected int, got NoneType$"):
            policy.etag(unset)
        # Nothing asks for them; and If-Range is ignored without Range.
        assert policy.evaluate(unset, "GET") is Outcome.PROCEED
        assert policy.evaluate(unset, "GET", if_range='"x"') is Outcome.PROCEED
        assert policy.evaluate_raw(unset, "GET", [(b"if-range", b'"x"')]) is Outcome.PROCEED
        assert policy.evaluate_raw(unset, "GET", [("if-range", '"x"')]) is Outcome.PROCEED
        environ = {"REQUEST_METHOD": "GET", "HTTP_IF_RANGE": '"x"'}
        assert policy.evaluate_environ(unset, environ) is Outcome.PROCEED
        assert policy.explain(unset, "GET", if_range='"x"').outcome is Outcome.PROCEED


def test_validators_have_the_hash_of_their_equals(backend: ModuleType) -> None:
    for st in (ST, None):
        sent = backend.Policy().validators(st)
        assert hash(sent) == hash(Validators(*sent)) == hash(tuple(sent))
        assert sent in {Validators(*sent)}


def test_no_representation_has_no_validators(backend: ModuleType) -> None:
    policy = backend.Policy()
    assert policy.validators(None) == (None, None)
    for function in (policy.etag, policy.last_modified):
        with pytest.raises(TypeError, match=r"^st: expected an os\.stat_result, .*, got NoneType$"):
            function(None)


@pytest.mark.parametrize("method", [None, 1, ["GET"]])
def test_method_is_text_or_bytes(backend: ModuleType, method: Any) -> None:
    with pytest.raises(TypeError, match=r"^method: expected str or bytes, got "):
        backend.Policy().evaluate(ST, method)


@pytest.mark.parametrize("now_ns", [1.5, "1"])
def test_now_is_an_integer(backend: ModuleType, now_ns: Any) -> None:
    policy = backend.Policy()
    for call in (
        lambda: policy.evaluate(ST, "GET", now_ns=now_ns),
        lambda: policy.validators(ST, now_ns=now_ns),
        lambda: policy.evaluate_raw(ST, "GET", [], now_ns=now_ns),
        lambda: policy.explain(ST, "GET", now_ns=now_ns),
        lambda: backend.parse_http_date("x", now_ns=now_ns),
    ):
        got = type(now_ns).__name__
        with pytest.raises(
            TypeError, match=rf"^now_ns: expected int \(POSIX nanoseconds\) or None, got {got}$"
        ):
            call()


@pytest.mark.parametrize("now_ns", [2**63, -(2**63) - 1])
def test_now_is_within_64_bits(backend: ModuleType, now_ns: int) -> None:
    with pytest.raises(ValueError, match=r"^now_ns: expected POSIX nanoseconds within 64 bits"):
        backend.Policy().validators(ST, now_ns=now_ns)
    with pytest.raises(ValueError, match=r"^now_ns: expected POSIX nanoseconds within 64 bits"):
        backend.parse_http_date("x", now_ns=now_ns)


@pytest.mark.parametrize("now_ns", [2**63 - 1, -(2**63)])
def test_every_64_bit_clock_will_do(backend: ModuleType, now_ns: int) -> None:
    assert backend.parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now_ns=now_ns) is not None
    assert backend.Policy().validators(ST, now_ns=now_ns) is not None


@pytest.mark.parametrize(
    "headers,got",
    [
        (None, "NoneType"),
        (5, "int"),
        ([b"if-match"], "bytes"),
        ([(b"if-match",)], "tuple"),
        ([(b"if-match", b"x", b"y")], "tuple"),
        ([5], "int"),
        ({b"if-match": b"x"}, "bytes"),
    ],
)
def test_headers_are_pairs(backend: ModuleType, headers: Any, got: str) -> None:
    with pytest.raises(
        TypeError, match=rf"^headers: expected an iterable of \(name, value\) pairs of bytes, got {got}$"
    ):
        backend.Policy().evaluate_raw(ST, "GET", headers)


@pytest.mark.parametrize("pair", [(b"if-match", None), (b"if-match", 1), (None, b"x"), (1, b"x")])
def test_headers_are_pairs_of_bytes(backend: ModuleType, pair: Any) -> None:
    with pytest.raises(TypeError, match=r"^headers: expected str or bytes, got "):
        backend.Policy().evaluate_raw(ST, "GET", [pair])


class Environ(dict[str, object]):
    """Some servers and middlewares have one of their own, which PEP 3333 does not allow."""

    def get(self, key: str, default: object = None) -> object:
        raise AssertionError("not a dict's own")

    __missing__ = __getitem__ = get


def test_environ_may_be_a_subclass_of_dict(backend: ModuleType) -> None:
    fields = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": "*", "HTTP_RANGE": "bytes=0-"}
    for kind in (collections.OrderedDict, Environ):
        assert backend.Policy().evaluate_environ(ST, kind(fields)) is Outcome.NOT_MODIFIED
        others = kind(fields, HTTP_IF_NONE_MATCH='"x"', HTTP_IF_RANGE='"x"')
        assert backend.Policy().evaluate_environ(ST, others) is Outcome.IGNORE_RANGE


def test_environ_is_a_dict_with_a_method(backend: ModuleType) -> None:
    policy = backend.Policy()
    with pytest.raises(TypeError, match=r"^environ: expected dict, got list$"):
        policy.evaluate_environ(ST, [])
    with pytest.raises(ValueError, match=r"^environ: expected a REQUEST_METHOD in it$"):
        policy.evaluate_environ(ST, {})


@pytest.mark.parametrize("etag", ["x", "", '"x', '"x" "y"', 'W/ "x"', '"\u0100"', '"a b"', "*"])
@pytest.mark.parametrize("fields", [{}, {"if_modified_since": "x"}])
def test_an_application_s_malformed_tag_is_found(
    backend: ModuleType, etag: str, fields: dict[str, str]
) -> None:
    with pytest.raises(
        ValueError, match=r"^st\.etag: expected an entity-tag such as '\"x\"' or 'W/\"x\"', got "
    ) as caught:
        backend.Policy().evaluate(Validators(etag), "GET", **fields)
    assert str(caught.value).endswith(f", got {etag!r}")


@pytest.mark.parametrize(
    "date",
    [
        "",
        "x",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Fri, 31 Dec 9999 23:59:60 GMT",  # in a year that cannot be written
    ],
)
def test_an_application_s_malformed_date_is_found(backend: ModuleType, date: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^st\.last_modified: expected a date as format_http_date\(\) gives, got {date!r}$"
    ):
        backend.Policy().validators(Validators(None, date))


def test_an_application_s_validators_are_text(backend: ModuleType) -> None:
    policy = backend.Policy()
    with pytest.raises(TypeError, match=r"^st\.etag: expected str or None, got bytes$"):
        policy.evaluate(Validators(b'"x"'), "GET")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^st\.last_modified: expected str or None, got int$"):
        policy.last_modified(Validators(None, 5))  # type: ignore[arg-type]


def test_an_application_s_own_validators_are_literal(backend: ModuleType) -> None:
    policy = backend.Policy()
    given = Validators(' "\xe9" ', "Sun, 06 Nov 1994 08:49:37 GMT")
    assert policy.etag(given) == '"\xe9"'
    assert policy.last_modified(given) == 784_111_777
    assert backend.Policy(weak=True, etag=False).etag(given) == 'W/"\xe9"'
    assert backend.Policy(last_modified=False).last_modified(given) == 784_111_777
    assert policy.etag(Validators()) is None
    assert policy.last_modified(Validators()) is None


def test_validators_that_change_are_read_once(backend: ModuleType) -> None:
    class Changing(Validators):
        __slots__ = ()
        dates = cycle([None, "Sun, 06 Nov 1994 08:49:37 GMT"])

        @property
        def last_modified(self) -> str | None:
            return next(self.dates)

    policy = backend.Policy()
    assert [policy.last_modified(Changing()) for _ in range(4)] == [None, 784_111_777] * 2


@pytest.mark.parametrize(
    "ask, answer",
    [("validators", Validators()), ("etag", f'"{1 << 90:x}-1"'), ("last_modified", -(-(1 << 90) // 10**9))],
)
def test_what_becomes_validators_is_asked_for_its_class_once(
    backend: ModuleType, ask: str, answer: Any
) -> None:
    class Becoming:
        st_mtime_ns = 1 << 90
        st_size = 1

        def __init__(self) -> None:
            self.classes = iter([Becoming])

        @property
        def __class__(self) -> Any:
            return next(self.classes, Validators)

    assert getattr(backend.Policy(), ask)(Becoming()) == answer


@pytest.mark.parametrize("value", [None, 5, ["x"]])
def test_values_to_parse_are_text_or_bytes(backend: ModuleType, value: Any) -> None:
    with pytest.raises(TypeError, match=r"^value: expected str or bytes, got "):
        backend.parse_http_date(value)
    with pytest.raises(TypeError, match=r"^value: expected str or bytes, got "):
        backend.parse_etags(value)


def test_seconds_to_format(backend: ModuleType) -> None:
    for wrong in (1.5, "1", None):
        got = type(wrong).__name__
        with pytest.raises(TypeError, match=rf"^seconds: expected int, got {got}$"):
            backend.format_http_date(wrong)
    for outside in (-62_135_596_801, 253_402_300_800, 2**70, -(2**70)):
        with pytest.raises(ValueError, match=r"^seconds: expected an instant in the years 1 to 9999$"):
            backend.format_http_date(outside)


@pytest.mark.parametrize("path", [None, 5, bytearray(b"x"), ["x"]])
def test_a_path_is_text_bytes_or_path_like(backend: ModuleType, path: Any) -> None:
    got = type(path).__name__
    with pytest.raises(TypeError, match=rf"^path: expected str, bytes or os\.PathLike, got {got}$"):
        backend.stat_nowait(path)


@pytest.mark.parametrize("path", ["x\0y", b"x\0y", Path("x\0y"), "\0"])
def test_a_path_has_no_nul(backend: ModuleType, path: Any) -> None:
    with pytest.raises(ValueError, match=r"^path: embedded null byte$"):
        backend.stat_nowait(path)


def test_a_path_can_be_encoded(backend: ModuleType) -> None:
    with pytest.raises(UnicodeEncodeError):
        backend.stat_nowait("\ud800")


@pytest.mark.parametrize("dir_fd", ["3", 3.0, Path()])
def test_dir_fd_is_an_integer(backend: ModuleType, dir_fd: Any) -> None:
    got = type(dir_fd).__name__
    with pytest.raises(TypeError, match=rf"^dir_fd: expected int \(a file descriptor\) or None, got {got}$"):
        backend.stat_nowait("x", dir_fd=dir_fd)


@pytest.mark.parametrize("dir_fd", [-1, -100, 2**31, 2**70])
def test_dir_fd_is_a_descriptor(backend: ModuleType, dir_fd: int) -> None:
    with pytest.raises(ValueError, match=rf"^dir_fd: expected a file descriptor, got {dir_fd}$"):
        backend.stat_nowait("x", dir_fd=dir_fd)


@pytest.mark.parametrize("dir_fd", [0, 2**31 - 1])
def test_any_descriptor_will_do(backend: ModuleType, dir_fd: int) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # of one kind or another: it leads to no directory
        backend.stat_nowait("missing", dir_fd=dir_fd)


@pytest.mark.parametrize("beneath", [1, None, "no"])
def test_beneath_is_a_bool(backend: ModuleType, beneath: Any) -> None:
    with pytest.raises(TypeError, match=rf"^beneath: expected bool, got {type(beneath).__name__}$"):
        backend.stat_nowait("x", beneath=beneath)


@pytest.mark.parametrize("path", ["x", b"x", Path("x")])
def test_the_plain_python_one_always_refuses(path: Any) -> None:
    assert _fallback.look_nowait(path, b"", False) is None  # type: ignore[func-returns-value]
    assert _fallback.look_waiting(path, b"", False) is None  # type: ignore[func-returns-value]
    with pytest.raises(BlockingIOError) as raised:
        _fallback.stat_nowait(path, dir_fd=3, beneath=True)
    error = raised.value
    assert (error.errno, error.strerror) == (errno.EAGAIN, os.strerror(errno.EAGAIN))
    assert error.filename == os.fspath(path)


@pytest.mark.parametrize("name", ["etag", "last_modified", "weak"])
def test_policy_switches_are_bools(backend: ModuleType, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: expected bool, got int$"):
        backend.Policy(**{name: 1})


@pytest.mark.parametrize("name", ["if_modified_since", "stamp"])
def test_policy_choices(backend: ModuleType, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected one of '.*', got 'nonsense'$"):
        backend.Policy(**{name: "nonsense"})
    with pytest.raises(TypeError, match=rf"^{name}: expected str, got NoneType$"):
        backend.Policy(**{name: None})


@pytest.mark.parametrize(
    "settle",
    [
        *(-1, -0.1, float("inf"), float("nan"), 1_000_000_001),
        pytest.param(10**400, id="beyond-float"),
        pytest.param(10**5000, id="beyond-text"),  # of which repr() is a ValueError of its own
    ],
)
def test_settle_is_not_negative_nor_endless(backend: ModuleType, settle: float) -> None:
    with pytest.raises(ValueError, match=r"^settle: expected seconds from 0 to 1000000000$"):
        backend.Policy(settle=settle)


@pytest.mark.parametrize("settle", ["1", True, b""])
def test_settle_is_a_number(backend: ModuleType, settle: Any) -> None:
    with pytest.raises(TypeError, match=r"^settle: expected a number of seconds or None, got "):
        backend.Policy(settle=settle)


def test_ctime_is_refused_on_windows(backend: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(ValueError, match=r"^stamp: 'ctime' is not the time of the last change on Windows$"):
        backend.Policy(stamp="ctime")


@pytest.mark.skipif(os.name == "nt", reason="st_ctime is the time of creation there")
def test_ctime_is_the_stamp_where_asked_for(backend: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, ns=(0, 0))
    st = os.stat(path)
    policy = backend.Policy(stamp="ctime")
    assert policy.etag(st) == f'"{st.st_ctime_ns:x}-1"'
    assert policy.last_modified(st) == -(-st.st_ctime_ns // 10**9)
    assert policy.evaluate(st, "GET", if_none_match=policy.etag(st)) is Outcome.NOT_MODIFIED


class Choice(str, enum.Enum):
    """Members are text, but are not formatted as the text that they are equal to."""

    CTIME = "ctime"
    MTIME = "mtime"
    EXACT = "exact"
    OFF = "off"


@pytest.mark.parametrize(
    "name, choice",
    [
        ("stamp", Choice.MTIME),
        pytest.param(
            "stamp",
            Choice.CTIME,
            marks=pytest.mark.skipif(os.name == "nt", reason="st_ctime is the time of creation there"),
        ),
        ("if_modified_since", Choice.EXACT),
        ("if_modified_since", Choice.OFF),
    ],
)
def test_a_choice_may_be_a_member_of_an_enum(backend: ModuleType, name: str, choice: Choice) -> None:
    policy, plain = backend.Policy(**{name: choice}), backend.Policy(**{name: choice.value})
    assert policy == plain
    assert repr(policy) == repr(plain)
    assert policy.etag(ST) == plain.etag(ST)
    for date in ("Tue, 14 Nov 2023 22:13:21 GMT", "Tue, 14 Nov 2023 22:13:22 GMT"):
        asked = policy.explain(ST, "GET", if_modified_since=date)
        assert asked == plain.explain(ST, "GET", if_modified_since=date)


def test_a_policy_is_a_value(backend: ModuleType) -> None:
    one = backend.Policy(weak=True, settle=0.5)
    assert repr(one) == "Policy(weak=True, settle=0.5)"
    assert repr(backend.Policy()) == "Policy()"
    assert one == backend.Policy(settle=0.5, weak=True)
    assert hash(one) == hash(backend.Policy(settle=0.5, weak=True))
    assert len({hash(backend.Policy(settle=seconds)) for seconds in range(100)}) > 50
    assert one != backend.Policy(weak=True)
    assert one != "Policy"
    assert pickle.loads(pickle.dumps(one)) == precond.Policy(weak=True, settle=0.5)
    assert one.options.weak is True


def test_a_policy_is_immutable(backend: ModuleType) -> None:
    policy = backend.Policy()
    for name in ("options", "weak"):
        with pytest.raises(AttributeError):
            setattr(policy, name, True)
        with pytest.raises(AttributeError, match=name if name == "options" else None):
            delattr(policy, name)
    with pytest.raises(TypeError):
        backend.Policy(True)
    policy.__init__(weak=True, if_modified_since="exact")
    assert policy == backend.Policy()
    assert policy.etag(ST) == backend.Policy().etag(ST)


def test_a_policy_is_not_subclassed(backend: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"\bPolicy\b"):
        type("Lenient", (backend.Policy,), {})


def test_a_real_stat_result(backend: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 300)
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    st = os.stat(path)
    policy = backend.Policy()
    assert policy.etag(st) == '"17979cfe3d85cd15-12c"'
    assert policy.validators(st) == ('"17979cfe3d85cd15-12c"', "Tue, 14 Nov 2023 22:13:21 GMT")
    assert policy.evaluate(st, "GET") is Outcome.PROCEED
    assert policy.evaluate(st, "GET", if_none_match=policy.etag(st)) is Outcome.NOT_MODIFIED
    assert policy.evaluate(st, "GET", range="bytes=0-1", if_range=policy.etag(st)) is Outcome.PROCEED
    date = policy.validators(st).last_modified
    assert policy.evaluate(st, "GET", range="bytes=0-1", if_range=date) is Outcome.PROCEED


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy makes no such stat result")
@pytest.mark.parametrize(
    "number", [0, 2**30 - 1, 2**30, 2**60, 2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**90, -1, -(2**62), -(2**90)]
)
def test_numbers_of_a_stat_result_are_of_any_length(backend: ModuleType, number: int) -> None:
    st = os.stat_result((0o100644, 1, 1, 1, 0, 0, number, 0, 0, 0), {"st_mtime_ns": number})
    policy = backend.Policy()
    tag = f'"{number:x}-{number:x}"'
    assert policy.etag(st) == tag
    assert policy.evaluate(st, "GET", if_match=tag, if_none_match='"x"') is Outcome.PROCEED
    assert policy.evaluate(st, "GET", if_none_match=tag) is Outcome.NOT_MODIFIED


def test_the_clock_is_read_for_what_was_written_just_now(backend: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    st = os.stat(path)
    assert backend.Policy(settle=1000).validators(st) == (None, None)
    assert backend.Policy(settle=0).validators(st).etag == backend.Policy().etag(st)


def test_the_clock_is_read_for_the_date_of_an_if_range_alone(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    def clock() -> int:
        reads.append(ST.st_mtime_ns + 10**12)
        return reads[-1]

    monkeypatch.setattr(backend.time if backend is _fallback else backend, "time_ns", clock)
    policy = backend.Policy()
    tag, date = policy.etag(ST), policy.validators(ST, now_ns=2**62).last_modified
    for value in (tag, f"W/{tag}", f"{tag} ", '"', ""):
        policy.evaluate(ST, "GET", if_range=value, range="bytes=0-")
        policy.evaluate_raw(ST, "GET", [(b"range", b"bytes=0-"), (b"if-range", value.encode())])
        assert reads == []
    assert policy.evaluate(ST, "GET", if_range=date, range="bytes=0-") is Outcome.PROCEED
    assert len(reads) == 1


def test_the_clock_is_read_for_the_two_digits_of_a_year(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_2057 = 2_745_532_800_000_000_000
    monkeypatch.setattr(backend.time if backend is _fallback else backend, "time_ns", lambda: in_2057)
    value = "Saturday, 06-Nov-94 08:49:37 GMT"  # of 2094 then
    assert backend.parse_http_date(value) == backend.parse_http_date("Sat, 06 Nov 2094 08:49:37 GMT")
    policy = backend.Policy()
    assert policy.evaluate(ST, "GET", if_modified_since=value) is Outcome.NOT_MODIFIED


@pytest.mark.parametrize("surrogate", ["\udce9", "\u0100", "\U0001f600"])
def test_characters_that_are_no_bytes_match_nothing(backend: ModuleType, surrogate: str) -> None:
    policy = backend.Policy()
    tag = policy.etag(ST)
    assert policy.evaluate(ST, "GET", if_none_match=f'{tag}, "{surrogate}"') is Outcome.PROCEED
    assert policy.evaluate(ST, "GET", if_match=f'{tag}, "{surrogate}"') is Outcome.PRECONDITION_FAILED
    assert policy.evaluate(ST, f"GET{surrogate}", if_none_match=tag) is Outcome.PRECONDITION_FAILED
    assert backend.parse_etags(f'"{surrogate}"') is None
    assert backend.parse_http_date(f"Sun, 06 Nov 1994 08:49:37 GMT{surrogate}") is None
    assert policy.evaluate_raw(ST, "GET", [(f"if-match{surrogate}", "x")]) is Outcome.PROCEED


def test_ten_thousand_members(backend: ModuleType) -> None:
    policy = backend.Policy()
    members = ", ".join(f'"{number:x}"' for number in range(10_000))
    assert policy.evaluate(ST, "GET", if_none_match=members) is Outcome.PROCEED
    assert policy.evaluate(ST, "GET", if_none_match=f"{members}, {policy.etag(ST)}") is Outcome.NOT_MODIFIED
    assert policy.evaluate(ST, "GET", if_none_match=f"{members}, {policy.etag(ST)} x") is Outcome.PROCEED


@pytest.mark.parametrize("filler", [b",", b" ", b'"', b'"",', b'"a",', b"\xff", b"W/", b", \t"])
def test_a_megabyte_of_one_thing(backend: ModuleType, filler: bytes) -> None:
    policy = backend.Policy()
    value = filler * (1_000_000 // len(filler))
    for name in FIELDS[:5]:
        outcome = policy.evaluate(ST, "GET", **{name: value}, range="bytes=0-")
        assert isinstance(outcome, Outcome)
    tag = policy.etag(ST).encode()
    assert (
        policy.evaluate(ST, "GET", if_none_match=b'"' + b"\xff" * 1_000_000 + b'",' + tag)
        is Outcome.NOT_MODIFIED
    )


def test_ten_thousand_lines(backend: ModuleType) -> None:
    policy = backend.Policy()
    headers = [(b"if-none-match", b'"%x"' % number) for number in range(10_000)]
    assert policy.evaluate_raw(ST, "GET", headers) is Outcome.PROCEED
    assert (
        policy.evaluate_raw(ST, "GET", [*headers, ("IF-NONE-MATCH", policy.etag(ST))]) is Outcome.NOT_MODIFIED
    )


def test_outcomes_are_integers_that_say_the_status() -> None:
    assert [outcome.value for outcome in Outcome] == [0, 1, 304, 412]
    assert precond.Outcome.NOT_MODIFIED == 304


def test_a_tag_is_written_as_it_is_sent() -> None:
    assert str(precond.ETag("x")) == '"x"'
    assert str(precond.ETag("x", True)) == 'W/"x"'


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="there are no references to count")
def test_no_reference_is_kept(backend: ModuleType, tmp_path: Path) -> None:
    policy = backend.Policy()
    path = tmp_path / "file"
    path.write_bytes(b"x")
    st = os.stat(path)
    environ = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": '"a tag"', "HTTP_IF_MODIFIED_SINCE": "a date"}
    headers = [(b"If-None-Match", b'"another tag"'), (b"If-Range", b"another date")]
    given = Validators('"third"', policy.validators(st, now_ns=2**62).last_modified)

    def references() -> list[int]:
        held = [st, st.st_mtime_ns, st.st_size, environ, headers, given, *environ.values(), *given]
        held += [part for pair in headers for part in pair]
        return [sys.getrefcount(thing) for thing in held]

    before = references()
    for _ in range(100):
        policy.evaluate_environ(st, environ)
        policy.evaluate_raw(st, "GET", headers)
        policy.evaluate_raw(st, "GET", [*headers, *headers])
        policy.evaluate(given, "GET", **dict.fromkeys(FIELDS, environ["HTTP_IF_NONE_MATCH"]))
        policy.validators(given)
        policy.validators(st)
    assert all(now - then < 50 for now, then in zip(references(), before, strict=True))


def test_what_would_be_ignored_is_not_looked_up(backend: ModuleType) -> None:
    policy = backend.Policy()
    environ = {"REQUEST_METHOD": "GET", "HTTP_IF_MATCH": "*", "HTTP_IF_NONE_MATCH": '"x"'}
    ignored = {"HTTP_IF_UNMODIFIED_SINCE": 1, "HTTP_IF_MODIFIED_SINCE": 1, "HTTP_IF_RANGE": 1}
    assert policy.evaluate_environ(ST, environ | ignored) is Outcome.PROCEED


def test_what_comes_after_the_verdict_is_not_looked_up(backend: ModuleType) -> None:
    environ = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": "*", "HTTP_RANGE": 1, "HTTP_IF_RANGE": 1}
    assert backend.Policy().evaluate_environ(ST, environ) is Outcome.NOT_MODIFIED
    with pytest.raises(TypeError, match="range"):
        backend.Policy().evaluate_environ(ST, environ | {"HTTP_IF_NONE_MATCH": '"x"'})
