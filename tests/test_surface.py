"""The public surface is one: the same names, signatures and documentation on both back ends."""

from __future__ import annotations

import inspect
import pydoc
from types import ModuleType
from typing import Any

import pytest

import precond
from conftest import PURE
from precond import _fallback

# https://github.com/python/cpython/issues/106905: how deep a parser is, was counted for all threads together.
pytestmark = pytest.mark.thread_unsafe(reason="inspect.signature parses, as one thread at a time can")

METHODS = ("evaluate", "evaluate_raw", "evaluate_environ", "explain", "validators", "etag", "last_modified")
FUNCTIONS = ("parse_http_date", "format_http_date", "parse_etags", "stat_nowait")


def test_public_names() -> None:
    assert set(precond.__all__) == {
        *METHODS,
        *FUNCTIONS,
        *("ANY", "BACKEND", "DEFAULT", "ETag", "Explanation", "Outcome", "Policy", "StatResult"),
        "Validators",
    }
    assert all(hasattr(precond, name) for name in precond.__all__)


def test_back_end_names() -> None:
    assert ("python" if PURE else "cython") == precond.BACKEND
    assert type(precond.DEFAULT) is precond.Policy
    assert precond.Policy() == precond.DEFAULT


def plain(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults; the types of the compiled ones stand in its stub, held by stubtest."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_a_policy(backend: ModuleType, name: str) -> None:
    ours, reference = getattr(backend.Policy, name), getattr(_fallback.Policy, name)
    assert plain(ours)[1:] == plain(reference)[1:]
    assert inspect.getdoc(ours) == inspect.getdoc(reference)
    assert len(inspect.getdoc(reference) or "") > 80
    bound = getattr(backend.Policy(), name)
    assert plain(bound) == plain(reference)[1:]
    assert f"{name}(" in pydoc.render_doc(bound, renderer=pydoc.plaintext)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(backend: ModuleType, name: str) -> None:
    ours, reference = getattr(backend, name), getattr(_fallback, name)
    assert plain(ours) == plain(reference)
    assert inspect.getdoc(ours) == inspect.getdoc(reference)
    assert len(inspect.getdoc(reference) or "") > 80


def test_policy(backend: ModuleType) -> None:
    assert plain(backend.Policy) == plain(_fallback.Policy)
    assert inspect.getdoc(backend.Policy) == inspect.getdoc(_fallback.Policy)


@pytest.mark.parametrize("name", METHODS)
def test_the_module_s_functions_are_those_of_the_default(name: str) -> None:
    assert getattr(precond, name) == getattr(precond.DEFAULT, name)
