"""Time the table, interleaved in one process, and print ratios to the no-op.

    python benchmarks/ratios.py [--rounds N] [--group TEXT]... [--json FILE]

It prints figures, and beside them the targets that the project has set itself. It judges nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any, Final

from environment import environment
from figures import Samples, median_difference, median_ratio, undisturbed
from table import GROUPS
from table.calls import NOOP, PYTHON, Target
from table.growth import MEMBER
from table.hostile import WORST
from timing import measure

PACKAGES: Final = (
    *("Cython", "aiohttp", "ciso8601", "django", "multidict", "starlette", "uvloop", "werkzeug", "whenever"),
    "whitenoise",
)

Report = dict[str, Any]
"""What is printed, and written as JSON."""


# -- Figures -------------------------------------------------------------------------------------------------


def report(measured: Samples, rounds: int) -> Report:
    samples: Samples = {name: undisturbed(by_label) for name, by_label in measured.items()}
    return {
        "environment": environment(PACKAGES),
        "rounds": rounds,
        "groups": {name: _group(name, by_label) for name, by_label in samples.items()},
        "growth": _growth(samples),
    }


def _group(name: str, by_label: dict[str, list[float]]) -> Report:
    group = GROUPS[name]
    base = by_label[group.base]
    return {
        "base": group.base,
        "ours": group.ours,
        "target": _target(group.target),
        "hostile": group.target is WORST,
        "calls": {
            label: {
                "ns": median(times),
                "ratio": median_ratio(times, base),
                "above": median_difference(times, base),
            }
            for label, times in by_label.items()
        },
        "peers": {
            label: {
                "of ours": median_ratio(times, by_label[group.ours]),
                "of the fallback": median_ratio(times, by_label[PYTHON]) if PYTHON in by_label else None,
                "target": group.faster_than.get(label),
            }
            for label, times in by_label.items()
            if label not in (NOOP, PYTHON, group.base, group.ours)
        },
    }


def _growth(samples: Samples) -> Report:
    """What one more costs: the way from each number to the greatest one, in nanoseconds."""
    names: dict[str, dict[int, str]] = {}
    for name in samples:
        if (growth := GROUPS[name].growth) is not None:
            names.setdefault(growth.what, {})[growth.number] = name
    grown: Report = {}
    for what, by_number in names.items():
        *lesser, greatest = sorted(by_number)
        times = samples[by_number[greatest]]
        grown[what] = {
            "to": greatest,
            "target": _target(MEMBER) if what == "member of a list" else "",
            "calls": {
                label: {
                    str(number): median_difference(times[label], samples[by_number[number]][label])
                    / (greatest - number)
                    for number in lesser
                }
                for label in times
            },
        }
    return grown


def _target(target: Target | None) -> str:
    return "" if target is None else f"at most {target.limit:g} {target.unit}"


# -- Printing ------------------------------------------------------------------------------------------------


def print_groups(groups: Report) -> None:
    for name, group in groups.items():
        if group["hostile"]:
            continue
        print(f"\n{name:54}{'ns':>10}{'x ' + group['base']:>17}{'ns above':>10}   target")
        for label, call in group["calls"].items():
            target = group["target"] if label == group["ours"] else ""
            line = f"  {label:52}{call['ns']:10.1f}{call['ratio']:17.2f}{call['above']:10.1f}   {target}"
            print(line.rstrip())


def print_growth(growth: Report) -> None:
    for what, grown in growth.items():
        numbers = next(iter(grown["calls"].values()))
        heading = f"ns a {what}, to {grown['to']} from"
        print(f"\n{heading:54}" + "".join(f"{number:>10}" for number in numbers))
        for label, costs in grown["calls"].items():
            print(f"  {label:52}" + "".join(f"{cost:10.2f}" for cost in costs.values()))
        print(f"  {grown['target']}".rstrip())


def print_hostile(groups: Report) -> None:
    hostile = {name: group for name, group in groups.items() if group["hostile"]}
    if not hostile:
        return
    print(f"\n{'microseconds a field of 8 KiB':54}{'ours':>10}{'fallback':>10}")
    for name, group in hostile.items():
        ours, fallback = (group["calls"][label]["ns"] / 1000 for label in (group["ours"], PYTHON))
        print(f"  {name:52}{ours:10.2f}{fallback:10.2f}   {group['target']}")


def print_peers(groups: Report) -> None:
    """Below 1 the peer is the faster one."""
    print(f"\n{'time of a peer, as a multiple of':78}{'ours':>10}{'fallback':>10}   target (ours)")
    for name, group in groups.items():
        for label, peer in group["peers"].items():
            fallback = "" if peer["of the fallback"] is None else f"{peer['of the fallback']:.2f}"
            target = "" if peer["target"] is None else f"at least {peer['target']:g}"
            print(f"  {name:44}{label:32}{peer['of ours']:10.2f}{fallback:>10}   {target}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the table and print ratios to the no-op.")
    parser.add_argument("--rounds", type=int, default=51, help="how often each call is timed (default: 51)")
    parser.add_argument("--group", action="append", default=[], help="only groups whose name contains this")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    names = [name for name in GROUPS if not options.group or any(text in name for text in options.group)]
    if not names or options.rounds < 1:
        parser.error("nothing to time: --rounds is below 1, or no group has such a name")

    figures = report(measure(names, options.rounds), options.rounds)
    print(", ".join(f"{name} {value}" for name, value in figures["environment"].items()))
    print_groups(figures["groups"])
    print_growth(figures["growth"])
    print_hostile(figures["groups"])
    print_peers(figures["groups"])
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
