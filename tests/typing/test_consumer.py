"""That the typed code beside this file keeps up with the public names."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import precond

CONSUMER = ast.parse(Path(__file__).with_name("consumer.py").read_text("utf-8"))
MODULES = ["precond"] + [
    f"precond.{module.name}"
    for module in pkgutil.iter_modules(precond.__path__)
    if not module.name.startswith("_")
]


def names_used() -> set[str]:
    """With their modules: those of attributes, and those of imports."""
    used: set[str] = set()
    for node in ast.walk(CONSUMER):
        if isinstance(node, ast.Attribute):
            used.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            used.update(f"{node.module}.{name.name}" for name in node.names)
    return used


def test_there_are_adapters() -> None:
    assert {"precond", "precond.aiohttp", "precond.asgi", "precond.starlette", "precond.wsgi"} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_used_in_typed_code(module: str) -> None:
    public = {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    assert public
    assert public <= names_used()
