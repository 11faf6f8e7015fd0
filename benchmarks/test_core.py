"""Every call of the table under pytest-benchmark, one group of its report for one group of the table."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from table import GROUPS
from table.calls import BACK_ENDS, NOOP

CALLS = [
    pytest.param(name, label, id=f"{name} [{label}]")
    for name, group in GROUPS.items()
    for label in group.calls
]


@pytest.mark.benchmark(max_time=0.1, disable_gc=True)
@pytest.mark.parametrize(("name", "label"), CALLS)
def test_cost(benchmark: BenchmarkFixture, name: str, label: str) -> None:
    group = GROUPS[name]
    call = group.calls[label]
    benchmark.group = name
    benchmark(call.function, *call.args, **call.keywords)
    # What is timed is the case that the group is named after.
    assert call.answer() == (None if label == NOOP else group.answer)


@pytest.mark.parametrize("name", ["parse_http_date", "format_http_date", "parse_etags"])
def test_no_op_function_takes_the_same_arguments(name: str) -> None:
    functions = [getattr(module, name) for module in BACK_ENDS.values()]
    assert len(set(map(_parameters, functions))) == 1


@pytest.mark.parametrize(
    "name", ["evaluate", "evaluate_raw", "evaluate_environ", "validators", "etag", "last_modified"]
)
def test_no_op_method_takes_the_same_arguments(name: str) -> None:
    methods = [getattr(module.Policy(), name) for module in BACK_ENDS.values()]
    assert len(set(map(_parameters, methods))) == 1


def _parameters(function: Callable[..., object]) -> tuple[object, ...]:
    """Names, kinds and defaults, without annotations."""
    return tuple((p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values())
