"""Time calls of the table, interleaved in one process."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

from figures import Samples
from table import GROUPS
from table.calls import Call

SLICE: Final = 500_000  # ns that one measurement takes at least
UNROLLED: Final = 8  # calls in one turn of the loop, so that what the turn costs is little beside them
SLOW: Final = 100_000  # ns: from there on a turn is one call

Loop = Callable[[Iterable[None]], int]


class Timer(NamedTuple):
    loop: Loop  # gives the nanoseconds of all its turns
    turns: int
    calls: int  # in a turn

    def turn(self) -> float:
        return self.loop(repeat(None, self.turns)) / self.turns


def measure(names: list[str], rounds: int) -> Samples:
    """In each round every group comes once, and its calls one after the other: what drifts from one moment to
    the next has drifted little between a call and its base. Both orders are shuffled anew."""
    empty = _timer(None)
    timers = {name: {label: _timer(call) for label, call in GROUPS[name].calls.items()} for name in names}
    samples: Samples = {name: {label: [] for label in timers[name]} for name in names}
    gc.disable()
    gc.freeze()  # so that a collection looks at nothing but what the last call left
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            nothing = empty.turn()
            for label, timer in random.sample(list(timers[name].items()), len(timers[name])):
                samples[name][label].append((timer.turn() - nothing) / timer.calls)
                gc.collect()
    gc.unfreeze()
    gc.enable()
    return samples


def _timer(call: Call | None) -> Timer:
    """So many turns that a measurement takes a SLICE."""
    times = 1 if call is None else call.times
    timer = Timer(_loop(call, 1), 1, times)
    timer.turn()  # the first is slow
    if call is not None and timer.turn() < SLOW:
        timer = Timer(_loop(call, UNROLLED), 1, UNROLLED * times)
    while timer.turn() * timer.turns < SLICE:
        timer = timer._replace(turns=timer.turns * 2)
    return timer


def _loop(call: Call | None, calls: int) -> Loop:
    """A generated loop whose function and arguments are local variables; without a call, an empty one."""
    values: dict[str, Any] = {"clock": perf_counter_ns}
    statement = "pass"
    if call is not None:
        positional = {f"a{i}": value for i, value in enumerate(call.args)}
        keywords = {f"k_{name}": value for name, value in call.keywords.items()}
        values |= {"call": call.function, **positional, **keywords}
        arguments = [*positional, *(f"{name}=k_{name}" for name in call.keywords)]
        statement = f"call({', '.join(arguments)})"
    source = [
        f"def loop(turns, {', '.join(values)}):",
        "    start = clock()",
        "    for _ in turns:",
        *[f"        {statement}"] * calls,
        "    return clock() - start",
    ]
    scope: dict[str, Any] = {}
    exec("\n".join(source), scope)
    return partial(scope["loop"], **values)
