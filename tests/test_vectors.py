"""Every vector, on both back ends, through every entry point."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import precond
from vectors import DIRECTORY, each, environ, joined, load, representation


@each("dates")
def test_parse_http_date(backend: ModuleType, vector: dict[str, Any]) -> None:
    for value in vector["value"], vector["value"].encode("latin-1"):
        assert backend.parse_http_date(value, now_ns=vector.get("now_ns")) == vector["seconds"]


@each("format")
def test_format_http_date(backend: ModuleType, vector: dict[str, Any]) -> None:
    assert backend.format_http_date(vector["seconds"]) == vector["value"]


@each("etags")
def test_parse_etags(backend: ModuleType, vector: dict[str, Any]) -> None:
    expected: object = vector["tags"]
    if expected == "*":
        expected = precond.ANY
    elif isinstance(expected, list):
        expected = tuple(precond.ETag(opaque, weak) for opaque, weak in expected)
    for value in vector["value"], vector["value"].encode("latin-1"):
        assert backend.parse_etags(value) == expected


@each("stamps")
def test_literal_validators(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    st = representation(vector)
    assert policy.etag(st) == vector["etag"]
    assert policy.last_modified(st) == vector["last_modified"]


@each("validators")
def test_validators(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    st = representation(vector.get("validators", vector))
    sent = policy.validators(st, now_ns=vector["now_ns"])
    assert type(sent) is precond.Validators
    assert sent == (vector["etag"], vector["last_modified"])


@each("evaluate")
def test_evaluate(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    expected = precond.Outcome[vector["outcome"]]
    others = {name: outcome for name, outcome in answers(policy, vector) if outcome is not expected}
    assert others == {}


def answers(policy: precond.Policy, vector: dict[str, Any]) -> Iterator[tuple[str, precond.Outcome]]:
    """What each entry point says."""
    st, method, now_ns = representation(vector["stat"]), vector["method"], vector.get("now_ns")
    lines = vector["fields"]
    octets = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    yield "evaluate_raw", policy.evaluate_raw(st, method, octets, now_ns=now_ns)
    lists: Any = map(list, octets)
    yield "evaluate_raw, of lists", policy.evaluate_raw(st, method, lists, now_ns=now_ns)
    text = tuple(map(tuple, lines))
    yield "evaluate_raw, of text", policy.evaluate_raw(st, method, text, now_ns=now_ns)
    if "entries" in vector:  # lines that cannot be joined
        return
    fields = joined(lines)
    yield "evaluate", policy.evaluate(st, method, **fields, now_ns=now_ns)
    of_octets = {name: value.encode("latin-1") for name, value in fields.items()}
    yield "evaluate, of octets", policy.evaluate(st, method.encode(), **of_octets, now_ns=now_ns)
    yield "evaluate_environ", policy.evaluate_environ(st, environ(method, lines), now_ns=now_ns)
    yield "explain", policy.explain(st, method, **fields, now_ns=now_ns).outcome


JOINABLE = [pytest.param(vector, id=vector["id"]) for vector in load("evaluate") if "entries" not in vector]


@pytest.mark.parametrize("vector", JOINABLE)
def test_explain(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    explanation = policy.explain(
        representation(vector["stat"]),
        vector["method"],
        **joined(vector["fields"]),
        now_ns=vector.get("now_ns"),
    )
    assert explanation.outcome is precond.Outcome[vector["outcome"]]
    assert explanation.field == vector["field"]
    assert explanation.section in {
        "13.1.1",
        "13.1.2",
        "13.1.3",
        "13.1.4",
        "13.1.5",
        "13.2.1",
        "13.2.2",
        "14.2",
    }
    assert explanation.reason


def test_every_vector_says_why() -> None:
    for path in DIRECTORY.glob("*.json"):
        vectors = load(path.stem)
        assert len({vector["id"] for vector in vectors}) == len(vectors)
        for vector in vectors:
            assert vector["section"]
            assert vector["why"]
