"""Every vector, on both back ends, through every entry point."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import precond
from vectors import DIRECTORY, each, environ, joined, load, representation


@each("dates")
@pytest.mark.parametrize("encoding", ["str", "latin-1"])
def test_parse_http_date(backend: ModuleType, vector: dict[str, Any], encoding: str) -> None:
    value = vector["value"] if encoding == "str" else vector["value"].encode(encoding)
    assert backend.parse_http_date(value, now_ns=vector.get("now_ns")) == vector["seconds"]


@each("format")
def test_format_http_date(backend: ModuleType, vector: dict[str, Any]) -> None:
    assert backend.format_http_date(vector["seconds"]) == vector["value"]


@each("etags")
@pytest.mark.parametrize("encoding", ["str", "latin-1"])
def test_parse_etags(backend: ModuleType, vector: dict[str, Any], encoding: str) -> None:
    expected: object = vector["tags"]
    if expected == "*":
        expected = precond.ANY
    elif isinstance(expected, list):
        expected = tuple(precond.ETag(opaque, weak) for opaque, weak in expected)
    value = vector["value"] if encoding == "str" else vector["value"].encode(encoding)
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
def test_evaluate_raw(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in vector["fields"]]
    arguments = representation(vector["stat"]), vector["method"]
    expected = precond.Outcome[vector["outcome"]]
    now_ns = vector.get("now_ns")
    assert policy.evaluate_raw(*arguments, headers, now_ns=now_ns) is expected
    assert policy.evaluate_raw(*arguments, map(list, headers), now_ns=now_ns) is expected
    as_text = tuple((name, value) for name, value in vector["fields"])
    assert policy.evaluate_raw(*arguments, as_text, now_ns=now_ns) is expected


JOINABLE = pytest.mark.parametrize(
    "vector",
    [pytest.param(vector, id=vector["id"]) for vector in load("evaluate") if "entries" not in vector],
)


@JOINABLE
@pytest.mark.parametrize("encoding", ["str", "latin-1"])
def test_evaluate(backend: ModuleType, vector: dict[str, Any], encoding: str) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    fields: dict[str, Any] = joined(vector["fields"])
    method = vector["method"]
    if encoding != "str":
        fields = {name: value.encode(encoding) for name, value in fields.items()}
        method = method.encode(encoding)
    st = representation(vector["stat"])
    expected = precond.Outcome[vector["outcome"]]
    assert policy.evaluate(st, method, **fields, now_ns=vector.get("now_ns")) is expected


@JOINABLE
def test_evaluate_environ(backend: ModuleType, vector: dict[str, Any]) -> None:
    policy = backend.Policy(**vector.get("policy", {}))
    variables = environ(vector["method"], vector["fields"])
    expected = precond.Outcome[vector["outcome"]]
    st = representation(vector["stat"])
    assert policy.evaluate_environ(st, variables, now_ns=vector.get("now_ns")) is expected


@JOINABLE
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
