"""The vectors of tests/vectors as test parameters."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import precond

DIRECTORY = Path(__file__).with_name("vectors")
KEYWORDS = {
    name: name.lower().replace("-", "_")
    for name in ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "If-Range", "Range")
}


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="ascii"))
    return vectors


def each(name: str) -> pytest.MarkDecorator:
    """Run a test for every vector of a file, as its argument `vector`."""
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in load(name)])


def representation(given: dict[str, Any] | None) -> Any:
    """What `st` is: None, an application's Validators, or an object with the numbers of a stat."""
    if given is None:
        return None
    if "mtime_ns" not in given:
        return precond.Validators(**given)
    return SimpleNamespace(
        **{f"st_{key}": given[key] for key in ("mtime_ns", "ctime_ns", "size") if key in given}
    )


def joined(fields: list[list[str]]) -> dict[str, str]:
    """Field lines as keyword arguments of `evaluate`, repeated ones joined as section 5.3 says."""
    values: dict[str, str] = {}
    canonical = {name.lower(): keyword for name, keyword in KEYWORDS.items()}
    for name, value in fields:
        keyword = canonical.get(name.lower())
        if keyword is not None:
            values[keyword] = f"{values[keyword]}, {value}" if keyword in values else value
    return values


def environ(method: str, fields: list[list[str]]) -> dict[str, str]:
    """Field lines as a WSGI server hands them over (PEP 3333)."""
    variables = {"REQUEST_METHOD": method, "PATH_INFO": "/"}
    for name, value in fields:
        key = "HTTP_" + name.upper().replace("-", "_")
        variables[key] = f"{variables[key]}, {value}" if key in variables else value
    return variables
