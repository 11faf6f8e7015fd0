"""The figures of ratios.py and servers.py as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from figures import text

Figures = dict[str, Any]

_NONE: Final = ""


def markdown(ratios: Figures, servers: Figures, instructions: Figures) -> str:
    return "\n".join(
        [
            "<!-- Written by benchmarks/report.py. -->",
            "",
            *_section("What they were measured on", _environment(ratios, servers)),
            *_section("304 from a server", _conditional(servers)),
            *_section("200 and 206 from a server", _unconditional(servers)),
            *_section("One call", _calls(ratios)),
            *_section("Instructions of one call", _instructions(instructions)),
            *_section("Whole jobs in one process", _jobs(ratios)),
            *_section("Beside what peers do", _peers(ratios)),
            *_section("Growth", _growth(ratios)),
            *_section("Fields of 8 KiB, sent on purpose", _hostile(ratios)),
        ]
    )


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return [f"### {title}", "", *lines, ""]


_WORDS: Final = frozenset({"call", "job", "of", "one more", "peer", "question", "server", "target"})


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    rule = ["---" if head in _WORDS else "---:" for head in heads]
    return [f"| {' | '.join(row)} |" for row in [heads, rule, *rows]]


def _code(name: str) -> str:
    return f"`{name}`"


# -- Servers -------------------------------------------------------------------------------------------------


def _environment(ratios: Figures, servers: Figures) -> list[str]:
    versions = {**ratios["environment"], **servers["environment"]}
    machine = {name: versions.pop(name) for name in ("processor", "system", "python", "compiler", "precond")}
    listed = ", ".join(f"{name} {value}" for name, value in versions.items())
    return [
        *(f"- {name}: {value}" for name, value in machine.items()),
        f"- {listed}",
        f"- calls: the fastest quarter of {ratios['rounds']} rounds",
        f"- servers: the fastest quarter of {servers['rounds']} rounds of {servers['seconds']} s,"
        f" with processors {'kept awake' if servers['awake'] else 'that may sleep'}",
    ]


def _of_server(line: Figures) -> str:
    name = f"{line['framework']} {line['way']}"
    return f"{name}, {line['code']}" if line["code"] else name


def _speeds(line: Figures) -> list[str]:
    return [text(line[key]) for key in ("rate", "rate_ratio", "cpu_us", "cpu_ratio")]


def _at_least(target: float | None) -> str:
    return _NONE if target is None else f"at least {target:g}"


def _conditional(servers: Figures) -> list[str]:
    lines = [line for line in servers["results"] if line["job"] == "304"]
    return _table(
        ["server", "per second", "x constant", "CPU µs each", "x constant", "target"],
        (
            [_of_server(line), *_speeds(line), _at_least(line["target"])]
            if line["status"] == 304
            else [f"{_of_server(line)} (answers {line['status']})", *_speeds(line), _NONE]
            for line in lines
        ),
    )


def _unconditional(servers: Figures) -> list[str]:
    lines = [line for line in servers["results"] if line["job"] != "304"]
    return _table(
        ["server", "per second", "x stock", "CPU µs each", "x stock", "target"],
        ([f"{line['job']}: {_of_server(line)}", *_speeds(line), _at_least(line["target"])] for line in lines),
    )


# -- Calls ---------------------------------------------------------------------------------------------------


def _calls(ratios: Figures) -> list[str]:
    """Groups with a no-op: the compiled back end beside it, and how many times as long the fallback takes."""
    rows = []
    for name, group in ratios["groups"].items():
        if group["base"] != "no-op" or group["hostile"]:
            continue
        ours, fallback = group["calls"][group["ours"]], group["calls"]["python"]
        numbers = (group["calls"]["no-op"]["ns"], ours["ns"], ours["above"], ours["ratio"], fallback["ratio"])
        rows.append([name, *map(text, numbers), group["target"]])
    return _table(["call", "no-op ns", "ns", "ns above", "x no-op", "fallback, x no-op", "target"], rows)


def _instructions(instructions: Figures) -> list[str]:
    """Those of the copy without inlining by where they are: by Cython, in our modules, in CPython."""
    calls = {name: _by_place(call["functions"]) for name, call in instructions.items()}
    places = sorted({place for by_place in calls.values() for place in by_place})
    rows = (
        [name, f"{instructions[name]['no-op']:,}", f"{instructions[name]['ours']:,}"]
        + [f"{by_place[place]:,}" for place in places]
        for name, by_place in calls.items()
    )
    return _table(["call", "no-op", "ours", *places], rows)


def _by_place(functions: dict[str, int]) -> Counter[str]:
    places: Counter[str] = Counter()
    for function, number in functions.items():
        module, dot, _ = function.partition(".")
        generated = "Cython" if function.lower().startswith("__pyx") else "CPython"
        places[_code(module) if dot else generated] += number
    return places


def _jobs(ratios: Figures) -> list[str]:
    rows = []
    for name, group in ratios["groups"].items():
        if group["base"] != "no-op":
            rows += [
                [f"{name}: {label}", text(call["ns"] / 1000), text(call["ratio"]), group["base"]]
                for label, call in group["calls"].items()
            ]
    return _table(["job", "µs", "x", "of"], rows)


def _peers(ratios: Figures) -> list[str]:
    rows = []
    for name, group in ratios["groups"].items():
        for label, peer in group["peers"].items():
            ns = group["calls"][label]["ns"]
            multiples = map(text, (peer["of ours"], peer["of the fallback"]))
            rows.append([name, _code(label), text(ns), *multiples, _at_least(peer["target"])])
    return _table(["question", "peer", "ns", "x ours", "x our fallback", "target"], rows)


def _growth(ratios: Figures) -> list[str]:
    rows = []
    for what, grown in ratios["growth"].items():
        for label, costs in grown["calls"].items():
            target = grown["target"] if label == "cython" else _NONE
            by_number = (f"{number}: {text(cost)}" for number, cost in costs.items())
            rows.append([f"{what}, up to {grown['to']}", label, ", ".join(by_number), target])
    return _table(["one more", "call", "ns, counted from", "target"], rows)


def _hostile(ratios: Figures) -> list[str]:
    rows = []
    for name, group in ratios["groups"].items():
        if group["hostile"]:
            ours, fallback = (group["calls"][label]["ns"] / 1000 for label in (group["ours"], "python"))
            rows.append([_code(name), text(ours), text(fallback), group["target"]])
    return _table(["call", "µs", "fallback, µs", "target"], rows)
