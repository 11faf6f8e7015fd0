"""The tests of vectors and arguments in one loop: thousands in a second, where pytest takes ten.

For what runs them again for each of many changes, planted_bugs.py and mutants.py:

    python tests/quick.py       exit status 1, and the test that failed, where one does
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import conftest
import test_arguments
import test_vectors

MODULES = test_arguments, test_vectors


def main() -> int:
    warnings.simplefilter("error")
    for module in MODULES:
        for test in tests_of(module):
            for arguments in arguments_of(test):
                try:
                    call(test, arguments)
                except Exception as error:
                    print(f"{module.__name__}.{test.__name__} {arguments}: {error!r}"[:300])
                    return 1
    return 0


def tests_of(module: ModuleType) -> list[FunctionType]:
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    return [test for test in tests if not any(mark.name == "skipif" and mark.args[0] for mark in marks(test))]


def marks(test: Callable[..., Any]) -> list[pytest.Mark]:
    found: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return found


def arguments_of(test: FunctionType) -> Iterator[dict[str, Any]]:
    """What pytest would call the test with, but for fixtures of one call."""
    choices = [
        [
            dict(zip(names(mark.args[0]), values(parameter, mark.args[0]), strict=True))
            for parameter in mark.args[1]
        ]
        for mark in marks(test)
        if mark.name == "parametrize"
    ]
    if "backend" in test.__code__.co_varnames[: test.__code__.co_argcount]:
        choices.append([{"backend": module} for module in conftest.back_ends()])
    for chosen in product(*choices):
        yield {name: value for part in chosen for name, value in part.items()}


def names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",")]


def values(parameter: Any, given: str) -> Any:
    if type(parameter).__name__ == "ParameterSet":
        return parameter.values
    return parameter if "," in given else (parameter,)


def call(test: FunctionType, arguments: dict[str, Any]) -> None:
    wanted = test.__code__.co_varnames[: test.__code__.co_argcount]
    with ExitStack() as stack:
        if "tmp_path" in wanted:
            arguments["tmp_path"] = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if "monkeypatch" in wanted:
            arguments["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
        test(**arguments)


if __name__ == "__main__":
    sys.exit(main())
