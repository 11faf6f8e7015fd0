"""What a table is made of, and the calls of ours that stand in nearly every group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import build_noop
from precond import Outcome, _core, _fallback

NOOP: Final = "no-op"
CYTHON: Final = "cython"
PYTHON: Final = "python"
BACK_ENDS: Final = {NOOP: build_noop.load(), CYTHON: _core, PYTHON: _fallback}
OURS: Final = (CYTHON, PYTHON)


def as_given(given: Any) -> Any:
    return given


class Call(NamedTuple):
    """A call to be timed, and how to read the answer from what it gives."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = MappingProxyType({})
    read: Callable[[Any], object] = as_given
    times: int = 1  # that it does what the group is about

    def answer(self) -> object:
        return self.read(self.function(*self.args, **self.keywords))


class Target(NamedTuple):
    """What ours is to cost at most."""

    limit: float
    unit: str


class Growth(NamedTuple):
    """Groups that differ only in the number of these."""

    what: str
    number: int


class Group(NamedTuple):
    """Calls by label; `answer` is what each of them must answer, the no-op excepted.

    `ours` is the label of the call that has targets: `target`, and how many times faster than which peers it
    is to be. `base` is the label of the call that all are compared with.
    """

    answer: object
    calls: dict[str, Call]
    target: Target | None = None
    growth: Growth | None = None
    base: str = NOOP
    ours: str = CYTHON
    faster_than: Mapping[str, float] = MappingProxyType({})


_POLICIES: Final = {label: module.Policy() for label, module in BACK_ENDS.items()}


def ours(
    name: str, *args: object, read: Callable[[Any], object] = as_given, **keywords: object
) -> dict[str, Call]:
    """The public function of this name, of the no-ops and of both back ends."""
    functions = {
        label: getattr(_POLICIES[label], name, None) or getattr(module, name)
        for label, module in BACK_ENDS.items()
    }
    calls = {label: Call(function, args, keywords, read) for label, function in functions.items()}
    return {**calls, NOOP: Call(functions[NOOP], args, keywords)}


# -- What each answers, as a status code ---------------------------------------------------------------------


def of_outcome(outcome: Outcome) -> int:
    return 200 if outcome is Outcome.PROCEED else int(outcome)


def of_modified(modified: bool) -> int:
    return 200 if modified else 304


def of_not_modified(not_modified: bool) -> int:
    return 304 if not_modified else 200


def of_response(response: Any) -> int:
    return 200 if response is None else int(response.status_code)
