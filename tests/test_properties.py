"""The two back ends compared directly: on anything, they give the same answer or raise the same error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import precond
from conftest import PURE
from precond import _fallback

if not PURE:
    from precond import _core

pytestmark = pytest.mark.skipif(PURE, reason="PRECOND_NO_EXTENSIONS leaves one back end alone")

NS = 10**9
BASE = 1_700_000_000_123_456_789
BASE_TAG = f'"{BASE:x}-5f"'
OURS = SimpleNamespace(st_mtime_ns=BASE, st_size=95)
NOW = BASE + 3600 * NS

stamps = st.one_of(
    st.sampled_from([0, 1, -1, BASE, 1_700_000_000 * NS, 631_152_000 * NS, 631_152_000 * NS - 1]),
    st.integers(BASE - 3 * NS, BASE + 3 * NS),
    st.integers(-(2**63) - 2, 2**63 + 2),
    st.integers(-(2**90), 2**90),
)
sizes = st.one_of(st.integers(0, 2**20), st.integers(-(2**70), 2**70))
clocks = st.one_of(st.none(), st.integers(BASE - 5 * NS, BASE + 5 * NS), st.integers(-(2**63), 2**63 - 1))
policies = st.fixed_dictionaries(
    {},
    optional={
        "etag": st.booleans(),
        "last_modified": st.booleans(),
        "weak": st.booleans(),
        "if_modified_since": st.sampled_from(["exact", "before", "off"]),
        "settle": st.one_of(st.none(), st.floats(0, 100), st.integers(0, 1_000_000_000)),
    },
)

# Bytes that the grammars turn on, far more often than chance would have them.
octets = st.lists(
    st.one_of(
        st.sampled_from(
            [b'"', b",", b" ", b"\t", b"W/", b"w/", b"*", b'""', b"\x7f", b"\x80", b"\0", b"!", b"#"]
        ),
        st.sampled_from([BASE_TAG.encode(), b"W/" + BASE_TAG.encode(), b'"other"', b"Sun", b"GMT", b"\r\n"]),
        st.binary(max_size=12),
    ),
    max_size=12,
).map(b"".join)


def date_strings() -> st.SearchStrategy[bytes]:
    """Dates of all formats, most of them valid, now and then with one byte changed."""
    parts = st.tuples(
        st.sampled_from([b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"]),
        st.integers(0, 32),
        st.sampled_from(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()),
        st.integers(0, 9999),
        st.integers(0, 24),
        st.integers(0, 60),
        st.integers(0, 61),
    )
    long_names = {b"Mon": b"Monday", b"Tue": b"Tuesday", b"Wed": b"Wednesday", b"Thu": b"Thursday"}
    long_names |= {b"Fri": b"Friday", b"Sat": b"Saturday", b"Sun": b"Sunday"}

    def write(values: Any, form: int) -> bytes:
        name, day, month, year, hour, minute, second = values
        time = b"%02d:%02d:%02d" % (hour, minute, second)
        if form == 0:
            return b"%s, %02d %s %04d %s GMT" % (name, day, month, year, time)
        if form == 1:
            return b"%s, %02d-%s-%02d %s GMT" % (long_names[name], day, month, year % 100, time)
        return b"%s %s %2d %s %04d" % (name, month, day, time, year)

    whole = st.builds(write, parts, st.integers(0, 2))

    def change(value: bytes, at: int, octet: int) -> bytes:
        at %= len(value)
        return value[:at] + bytes([octet]) + value[at + 1 :]

    changed = st.builds(change, whole, st.integers(0, 40), st.integers(0, 255))
    return st.one_of(whole, changed)


own_dates = st.sampled_from(
    [precond.format_http_date(-(-BASE // NS) + off).encode() for off in (-1, 0, 1)]
    + [precond.format_http_date(1_700_000_000).encode()]
)
values = st.one_of(octets, date_strings(), own_dates, st.just(BASE_TAG.encode()))
texts = st.one_of(values.map(lambda value: value.decode("latin-1")), st.text(max_size=8))
field_values = st.one_of(st.none(), values, texts)

stat_results = st.builds(
    lambda mtime, ctime, size: SimpleNamespace(st_mtime_ns=mtime, st_ctime_ns=ctime, st_size=size),
    stamps,
    stamps,
    sizes,
)
given_validators = st.builds(
    precond.Validators,
    st.one_of(st.none(), st.just(BASE_TAG), st.just("W/" + BASE_TAG), st.just('"\xe9,"'), texts),
    st.one_of(st.none(), own_dates.map(bytes.decode), texts),
)
representations = st.one_of(st.none(), stat_results, stat_results, stat_results, given_validators)
methods = st.one_of(
    st.sampled_from(["GET", "GET", "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT", "get", ""]),
    octets,
    st.text(),
)
fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("if_match", "if_unmodified_since", "if_none_match", "if_modified_since", "if_range", "range"),
        field_values,
    ),
)
names = st.one_of(
    st.sampled_from(
        [
            *b"If-Match if-match IF-NONE-MATCH If-Modified-Since if-unmodified-since".split(),
            *b"if-range Range Host".split(),
            *(b"if\rmatch", b"if-matc\xe8", b"if_match", b" if-match", b"rang\0"),
        ]
    ),
    octets,
)
header_lists = st.lists(
    st.tuples(st.one_of(names, names.map(lambda name: name.decode("latin-1"))), st.one_of(values, texts)),
    max_size=6,
)


def outcome_of(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call gives, or the type and the words of what it raises."""
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def assert_same(name: str, policy: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    compiled = outcome_of(getattr(_core.Policy(**policy), name), *args, **kwargs)
    pure = outcome_of(getattr(_fallback.Policy(**policy), name), *args, **kwargs)
    assert compiled == pure
    return pure


@given(octets | date_strings() | st.binary(max_size=60), clocks.filter(lambda now: now is not None))
def test_parse_http_date(value: bytes, now_ns: int) -> None:
    seconds = _fallback.parse_http_date(value, now_ns=now_ns)
    assert _core.parse_http_date(value, now_ns=now_ns) == seconds
    assert _core.parse_http_date(value.decode("latin-1"), now_ns=now_ns) == seconds
    if seconds is not None and seconds <= 253_402_300_799:
        assert _core.parse_http_date(_core.format_http_date(seconds)) == seconds


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_format_http_date(seconds: int) -> None:
    value = _fallback.format_http_date(seconds)
    assert _core.format_http_date(seconds) == value
    assert _core.parse_http_date(value) == seconds == _fallback.parse_http_date(value)


def test_every_day_is_formatted_and_parsed_alike() -> None:
    for seconds in range(-62_135_596_800 + 43_200, 253_402_300_799, 86_400 * 5):
        value = _core.format_http_date(seconds)
        assert value == _fallback.format_http_date(seconds)
        assert _core.parse_http_date(value) == seconds


@given(octets | st.binary(max_size=60))
@example(b"!" * 20 + b'"')
def test_parse_etags(value: bytes) -> None:
    tags = _fallback.parse_etags(value)
    assert _core.parse_etags(value) == tags
    if isinstance(tags, tuple):
        assert _core.parse_etags(", ".join(map(str, tags))) == tags


@given(st.lists(st.tuples(st.text(st.characters(codec="latin-1"), max_size=40), st.booleans()), max_size=5))
def test_tags_round_trip(members: list[tuple[str, bool]]) -> None:
    tags = tuple(
        precond.ETag("".join(c for c in opaque if c == "!" or (c > '"' and c != "\x7f")), weak)
        for opaque, weak in members
    )
    value = ",".join(map(str, tags))
    assert _core.parse_etags(value) == tags == _fallback.parse_etags(value)


# Much like `"a", "b"`, which the fallback reads in one go.
plain_pieces = st.lists(
    st.sampled_from([b'"', b", ", b'", "', b",", b" ", b"W/", b"a", b"\x7f", b"\xff", BASE_TAG.encode()]),
    max_size=9,
).map(b"".join)


@given(plain_pieces, plain_pieces, st.sampled_from([b"", b", ", b'", "']), st.booleans())
def test_lists_with_our_tag(before: bytes, behind: bytes, separator: bytes, weak: bool) -> None:
    value = separator.join([before, BASE_TAG.encode(), behind])
    for name in ("if_match", "if_none_match"):
        assert_same("evaluate", {"weak": weak}, OURS, "GET", **{name: value})


@given(policies, representations, methods, fields, clocks.filter(lambda now: now is not None))
def test_evaluate(policy: dict[str, Any], rep: Any, method: Any, given_fields: Any, now_ns: int) -> None:
    outcome = assert_same("evaluate", policy, rep, method, **given_fields, now_ns=now_ns)
    explanation = assert_same("explain", policy, rep, method, **given_fields, now_ns=now_ns)
    if isinstance(outcome, precond.Outcome):
        assert explanation.outcome is outcome
    else:
        assert rep is not None
        assert type(rep) is precond.Validators  # the network's part of the arguments raises nothing


@given(policies, representations, methods, header_lists, clocks.filter(lambda now: now is not None))
def test_evaluate_raw(policy: dict[str, Any], rep: Any, method: Any, headers: Any, now_ns: int) -> None:
    assert_same("evaluate_raw", policy, rep, method, headers, now_ns=now_ns)
    assert_same("evaluate_raw", policy, rep, method, tuple(headers), now_ns=now_ns)


@given(policies, representations, methods, fields, clocks.filter(lambda now: now is not None))
def test_evaluate_environ(
    policy: dict[str, Any], rep: Any, method: Any, given_fields: Any, now_ns: int
) -> None:
    variables = {"HTTP_" + name.upper(): value for name, value in given_fields.items()}
    variables["REQUEST_METHOD"] = method
    assert_same("evaluate_environ", policy, rep, variables, now_ns=now_ns)


@given(policies, representations, clocks.filter(lambda now: now is not None))
def test_validators(policy: dict[str, Any], rep: Any, now_ns: int) -> None:
    assert_same("etag", policy, rep)
    assert_same("last_modified", policy, rep)
    assert_same("validators", policy, rep, now_ns=now_ns)


@given(policies.filter(lambda policy: not policy.get("weak")), stat_results, clocks)
def test_a_client_that_sends_what_it_was_given_is_not_modified(
    policy: dict[str, Any], rep: Any, now_ns: int | None
) -> None:
    compiled = _core.Policy(**policy)
    sent = compiled.validators(rep, now_ns=now_ns)
    if sent.etag is not None:
        assert compiled.evaluate(rep, "GET", if_none_match=sent.etag) is precond.Outcome.NOT_MODIFIED
        assert compiled.evaluate(rep, "PUT", if_match=sent.etag) is precond.Outcome.PROCEED
    if sent.last_modified is not None:
        since = {"if_modified_since": sent.last_modified}
        off = policy.get("if_modified_since") == "off"
        expected = precond.Outcome.PROCEED if off else precond.Outcome.NOT_MODIFIED
        assert compiled.evaluate(rep, "GET", **since) is expected
        assert (
            compiled.evaluate(rep, "PUT", if_unmodified_since=sent.last_modified) is precond.Outcome.PROCEED
        )
