"""The two back ends compared on arguments of any type, several of them wrong: the same answer or error."""

from __future__ import annotations

import collections
import os
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import precond
from conftest import PURE
from precond import _fallback
from test_properties import BASE, BASE_TAG, NOW, assert_same, outcome_of

if not PURE:
    from precond import _core

pytestmark = pytest.mark.skipif(PURE, reason="PRECOND_NO_EXTENSIONS leaves one back end alone")

DATE = precond.format_http_date(-(-BASE // 10**9))


class Text(str):
    pass


class Octets(bytes):
    pass


class Number(int):
    pass


class Mapping(dict[Any, Any]):
    pass


class Lines(list[Any]):
    pass


class Pair(tuple[Any, ...]):
    pass


class Given(precond.Validators):
    pass


def stat_result(stamp: Any, size: Any) -> os.stat_result:
    return os.stat_result(
        (0o100644, 1, 1, 1, 0, 0, size, 0, 0, 0),
        {"st_mtime": 0.0, "st_mtime_ns": stamp, "st_ctime_ns": stamp},
    )


wrong = st.sampled_from([None, 5, True, 0.5, bytearray(b"*"), memoryview(b"*"), ["*"], ("*",), object])
texts = st.sampled_from([BASE_TAG, f'W/{BASE_TAG}, "x"', DATE, "*", "", "\u20ac", "\udcff", '"\xe9"', "a\0b"])
values = st.one_of(
    texts,
    texts.map(Text),
    texts.map(lambda text: text.encode("utf-8", "surrogateescape")),
    texts.map(lambda text: Octets(text.encode("utf-8", "surrogateescape"))),
    wrong,
)
methods = st.one_of(st.sampled_from(["GET", Text("HEAD"), b"PUT", Octets(b"GET"), "\u20ac"]), wrong)
clocks = st.sampled_from([None, 0, Number(NOW), True, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 0.5, "0"])
numbers = st.sampled_from([BASE, Number(BASE), True, 0, -1, 2**70, 0.5, "0", None])
representations = st.one_of(
    st.builds(stat_result, numbers, numbers),
    st.builds(
        lambda stamp, size: SimpleNamespace(st_mtime_ns=stamp, st_ctime_ns=stamp, st_size=size),
        numbers,
        numbers,
    ),
    st.builds(precond.Validators, values, values),
    st.builds(Given, values, values),
    st.sampled_from([SimpleNamespace(st_size=1), (BASE_TAG, DATE), tuple(range(10))]),
    wrong,
)
fields = st.dictionaries(
    st.sampled_from(
        ["if_match", "if_unmodified_since", "if_none_match", "if_modified_since", "if_range", "range"]
    ),
    values,
)
policies = st.sampled_from(
    [{}, {"etag": False}, {"last_modified": False}, {"weak": True}, {"stamp": "ctime"}]
)

names = st.one_of(
    st.sampled_from([b"If-None-Match", b"if-match", "If-Range", Text("range"), Octets(b"If-Modified-Since")]),
    st.sampled_from([b"host", b"", b"if-none-matc\xe8", "if-none-match\u20ac"]),
    wrong,
)
pairs = st.one_of(
    st.tuples(names, values),
    st.tuples(names, values),
    st.tuples(names, values).map(Pair),
    st.lists(values, max_size=3),
    st.sampled_from([("if-match",), ("if-match", "*", "*"), "ab", b"ab", {"a": 1, "b": 2}]),
    wrong,
)
headers = st.one_of(
    st.lists(pairs, max_size=4),
    st.lists(pairs, max_size=4).map(tuple),
    st.lists(pairs, max_size=4).map(Lines),
    st.lists(pairs, max_size=4).map(Pair),
    fields,
    fields.map(lambda by_name: by_name.items()),
    wrong,
)


@given(policies, representations, methods, fields, clocks)
def test_evaluate(policy: dict[str, Any], rep: Any, method: Any, by_name: Any, now_ns: Any) -> None:
    assert_same("evaluate", policy, rep, method, **by_name, now_ns=now_ns)
    assert_same("explain", policy, rep, method, **by_name, now_ns=now_ns)


@given(policies, representations, methods, headers, clocks)
def test_evaluate_raw(policy: dict[str, Any], rep: Any, method: Any, lines: Any, now_ns: Any) -> None:
    assert_same("evaluate_raw", policy, rep, method, lines, now_ns=now_ns)


@given(
    policies,
    representations,
    methods,
    fields,
    st.sampled_from([dict, Mapping, collections.OrderedDict, MappingProxyType, list]),
    clocks,
)
def test_evaluate_environ(
    policy: dict[str, Any], rep: Any, method: Any, by_name: Any, kind: Any, now_ns: Any
) -> None:
    variables = {"HTTP_" + name.upper(): value for name, value in by_name.items()}
    assert_same("evaluate_environ", policy, rep, kind(variables), now_ns=now_ns)
    variables["REQUEST_METHOD"] = method
    assert_same("evaluate_environ", policy, rep, kind(variables), now_ns=now_ns)


@given(policies, representations, clocks.filter(lambda now: now is not None))
def test_validators(policy: dict[str, Any], rep: Any, now_ns: Any) -> None:
    assert_same("etag", policy, rep)
    assert_same("last_modified", policy, rep)
    assert_same("validators", policy, rep, now_ns=now_ns)


@given(values, clocks)
def test_functions(value: Any, clock: Any) -> None:
    for name, args, keywords in (
        ("parse_http_date", (value,), {"now_ns": clock}),
        ("parse_etags", (value,), {}),
        ("format_http_date", (clock,), {}),
        ("format_http_date", (value,), {}),
    ):
        compiled = outcome_of(getattr(_core, name), *args, **keywords)
        assert compiled == outcome_of(getattr(_fallback, name), *args, **keywords)
