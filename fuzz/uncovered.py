"""Lines and branches of the compiled back end that no test and no input comes to; fails where there is one.

    python fuzz/uncovered.py COUNTERS...

COUNTERS are the .gcda files of what was built with PRECOND_COVERAGE=1, and of the fuzzer of the C level: see
`fuzz/run coverage`. Lines count in .pyx, .pxi and .pxd files, branches in the last alone: beside those that
were written, Cython makes a branch of its own for each call that may raise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tokenize
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

SOURCES: Final = Path(__file__).parents[1] / "src" / "precond"

LEFT_OUT: Final = {
    "elif found.mask & WANTED != WANTED or cached and not is_kept_here(&found):": (
        "a file system that does not know its files' times and sizes is not to be had in a test"
    ),
    "while True:": "what is within it counts; of its own gcov may find no instruction",
    'include "_capi.pxi"': "what is in there runs in a wheel of its own, whose counters are not here",
}
"""Lines of which a branch is not taken, and why."""

Counts = defaultdict[tuple[str, int], list[int]]
"""How often each line was run, and after that each of its branches taken, by all counters together."""


def read(counters: str, counts: Counts) -> None:
    command = ("gcov", "--json-format", "--branch-probabilities", "--stdout", counters)
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for file in report["files"]:
        source = SOURCES / Path(file["file"]).name
        # The C API is run in a wheel of its own by tests/test_capi.py, whose counters are not here.
        if source.suffix not in (".pyx", ".pxi", ".pxd") or source.name == "_capi.pxi" or not source.exists():
            continue
        lines: Counts = defaultdict(list)
        for line in file["lines"]:
            add(lines, source, line)
        for place, found in lines.items():
            known = counts[place] = counts[place] or [0] * len(found)
            # A function is the same wherever it is compiled.
            counts[place] = [one + other for one, other in zip(known, found, strict=True)]


def add(lines: Counts, source: Path, line: dict[str, Any]) -> None:
    """What stands on one line of a source may be of several functions, of which each has an entry."""
    place = source.name, line["line_number"]
    taken = [branch["count"] for branch in line["branches"]] if source.suffix == ".pxd" else []
    before = lines[place] or [0]
    lines[place] = [before[0] + line["count"], *before[1:], *taken]


def of_code(source: Path) -> set[int]:
    """The numbers of the lines that are not of a docstring, to which Cython lays what it makes of a `def`."""
    with source.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    strings = [token for token in tokens if token.type == tokenize.STRING and token.string.startswith('"""')]
    quoted = {number for token in strings for number in range(token.start[0], token.end[0] + 1)}
    return set(range(1, tokens[-1].start[0])) - quoted


def main() -> None:
    counts: Counts = defaultdict(list)
    for counters in sys.argv[1:]:
        read(counters, counts)
    names = sorted({name for name, _ in counts})
    if not names:
        sys.exit("no line was counted")
    missed = 0
    for name in names:
        text = (SOURCES / name).read_text("utf-8").splitlines()
        code = of_code(SOURCES / name)
        own = {
            number: found
            for (file, number), found in sorted(counts.items())
            if file == name and number in code
        }
        branches = [taken for found in own.values() for taken in found[1:]]
        print(f"{name:16}{len(own):5} lines{len(branches):5} branches")
        for number, found in own.items():
            line = text[number - 1].strip()
            if 0 in found and line and line not in LEFT_OUT:
                missed += 1
                print(f"    {number:4} {line}    {found[0]} times, branches {found[1:]}")
    if missed:
        sys.exit(f"{missed} lines are not covered in whole")


if __name__ == "__main__":
    main()
