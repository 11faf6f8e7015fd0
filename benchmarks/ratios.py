"""Time the table of table.py, interleaved in one process, and print ratios to the no-op.

    python benchmarks/ratios.py [--rounds N] [--group TEXT]... [--json FILE]

It prints figures, and beside them the targets that the project has set itself. It judges nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

from table import CYTHON, GROUPS, HOSTILE, MEMBER, NOOP, PYTHON, Call, Target

SLICE: Final = 500_000  # ns that one measurement takes at least
UNROLLED: Final = 8  # calls in one turn of the loop, so that what the turn costs is little beside them
SLOW: Final = 100_000  # ns: from there on a turn is one call

PEERS: Final = ("aiohttp", "django", "multidict", "starlette", "werkzeug")

Loop = Callable[[Iterable[None]], int]
Samples = dict[str, dict[str, list[float]]]  # group, label: nanoseconds of a call, one number a round


# -- Timing --------------------------------------------------------------------------------------------------


class Timer(NamedTuple):
    loop: Loop  # gives the nanoseconds of all its turns
    turns: int
    calls: int  # in a turn

    def turn(self) -> float:
        return self.loop(repeat(None, self.turns)) / self.turns


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


def _timer(call: Call | None) -> Timer:
    """So many turns that a measurement takes a SLICE."""
    timer = Timer(_loop(call, 1), 1, 1)
    timer.turn()  # the first is slow
    if call is not None and timer.turn() < SLOW:
        timer = Timer(_loop(call, UNROLLED), 1, UNROLLED)
    while timer.turn() * timer.turns < SLICE:
        timer = timer._replace(turns=timer.turns * 2)
    return timer


def measure(names: list[str], rounds: int) -> Samples:
    """In each round every group comes once, and its calls one after the other: what drifts from one moment to
    the next has drifted little between a call and its no-op. Both orders are shuffled anew."""
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


# -- Figures -------------------------------------------------------------------------------------------------


class Figures(NamedTuple):
    """Medians over the rounds; ratio and difference are those within a round."""

    ns: float
    ratio: float
    above: float


def figures(samples: Samples) -> dict[str, dict[str, Figures]]:
    return {
        name: {
            label: Figures(median(times), _ratio(times, by_label[NOOP]), _above(times, by_label[NOOP]))
            for label, times in by_label.items()
        }
        for name, by_label in samples.items()
    }


def _ratio(times: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(times, others, strict=True))


def _above(times: list[float], others: list[float]) -> float:
    return median(one - other for one, other in zip(times, others, strict=True))


# -- Report --------------------------------------------------------------------------------------------------


def _target(target: Target | None) -> str:
    return "" if target is None else f"at most {target.limit:g} {target.unit}"


def print_groups(by_group: dict[str, dict[str, Figures]]) -> None:
    for name, by_label in by_group.items():
        if GROUPS[name].target is HOSTILE:
            continue
        print(f"\n{name:54}{'ns':>10}{'x no-op':>10}{'ns above':>10}   target")
        for label, (ns, ratio, above) in by_label.items():
            target = _target(GROUPS[name].target) if label == CYTHON else ""
            print(f"  {label:52}{ns:10.1f}{ratio:10.2f}{above:10.1f}   {target}".rstrip())


def print_lists(samples: Samples) -> None:
    """What a member costs: the way from a short list to the longest."""
    lists = {GROUPS[name].members: name for name in samples if GROUPS[name].members}
    if len(lists) < 2:
        return
    longest = max(lists)
    shorter = sorted(lists)[:-1]
    print(f"\n{f'ns a member, to {longest} from a list of':54}" + "".join(f"{n:>10}" for n in shorter))
    for label in samples[lists[longest]]:
        costs = [
            _above(samples[lists[longest]][label], samples[lists[n]][label]) / (longest - n) for n in shorter
        ]
        target = _target(MEMBER) if label == CYTHON else ""
        print(f"  {label:52}" + "".join(f"{cost:10.2f}" for cost in costs) + f"   {target}".rstrip())


def print_hostile(by_group: dict[str, dict[str, Figures]]) -> None:
    hostile = {name: by_group[name] for name in by_group if GROUPS[name].target is HOSTILE}
    if not hostile:
        return
    print(f"\n{'microseconds a field of 8 KiB':54}{CYTHON:>10}{PYTHON:>10}")
    for name, by_label in hostile.items():
        print(f"  {name:52}{by_label[CYTHON].ns / 1000:10.2f}{by_label[PYTHON].ns / 1000:10.2f}")
    for label in (CYTHON, PYTHON):
        cost, worst = max((by_label[label].ns, name) for name, by_label in hostile.items())
        target = f"; {_target(GROUPS[worst].target)}" if label == CYTHON else ""
        print(f"  worst of {label}: {cost / 1000:.2f} ({worst}{target})")


def print_peers(samples: Samples) -> None:
    """How many times what the fallback costs a peer costs; below 1 the peer is the faster one."""
    print(f"\n{'time of a peer / time of the fallback':90}{'x':>8}   target: above 1")
    for name, by_label in samples.items():
        for label, times in by_label.items():
            if label not in (NOOP, CYTHON, PYTHON):
                print(f"  {name:56}{label:32}{_ratio(times, by_label[PYTHON]):8.2f}")


def environment() -> dict[str, str]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{peer: version(peer) for peer in PEERS},
        "Cython": version("Cython"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the table of table.py and print ratios to the no-op.")
    parser.add_argument("--rounds", type=int, default=51, help="how often each call is timed (default: 51)")
    parser.add_argument("--group", action="append", default=[], help="only groups whose name contains this")
    parser.add_argument("--json", type=Path, help="write the medians to this file too")
    options = parser.parse_args()
    names = [name for name in GROUPS if not options.group or any(text in name for text in options.group)]
    if not names or options.rounds < 1:
        parser.error("nothing to time: --rounds is below 1, or no group has such a name")

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    samples = measure(names, options.rounds)
    by_group = figures(samples)
    print_groups(by_group)
    print_lists(samples)
    print_hostile(by_group)
    print_peers(samples)
    if options.json is not None:
        groups = {
            name: {label: values._asdict() for label, values in by_label.items()}
            for name, by_label in by_group.items()
        }
        report = {"environment": environment(), "rounds": options.rounds, "groups": groups}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
