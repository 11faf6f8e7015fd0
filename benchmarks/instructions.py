"""Count the instructions of calls of the table, and of what each is made of, with valgrind's callgrind.

    python benchmarks/instructions.py [--group TEXT]... [--json FILE]

Counts are the same on every run, whatever else the machine does; they are no times. For each group: the no-op
and the compiled back end, called in a loop, of which CPython's part is counted too; then the functions of a
copy that is compiled without inlining, so that each can be seen, and takes some more in all.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import build_noop
from precond import _core
from table import GROUPS
from table.calls import CYTHON, Call

TIMES: Final = 500
DEFAULT: Final = (
    "evaluate: nothing conditional",
    "evaluate: If-None-Match",
    "evaluate: If-Modified-Since",
    "evaluate_raw: If-None-Match",
    "evaluate_environ: If-None-Match",
    "parse_http_date",
    "format_http_date",
    "etag",
    "validators",
)
LEAST: Final = 0.01  # of all, to be printed


class Module(NamedTuple):
    name: str
    file: str


# -- Counting ------------------------------------------------------------------------------------------------


def counts(module: Module, call: Call, work: Path) -> Counter[str]:
    """Instructions of one call, by C function; callees are counted by themselves."""
    name = call.function.__name__
    described, profile = work / "call.pickle", work / "profile"
    described.write_bytes(pickle.dumps((name, call.args, dict(call.keywords), TIMES)))
    command = [
        # --toggle-collect would leave the loop out, but valgrind 3.19 fails with it now and then.
        *("valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--dump-before=getppid"),
        "--compress-pos=no",
        *(sys.executable, str(Path(__file__).with_name("repeat_call.py")), *module, str(described)),
    ]
    # The module is to be loaded from its file, not from where the package is.
    environment = {**os.environ, "PRECOND_NO_EXTENSIONS": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode('utf-8', 'replace')}")
    # The first dump is of what comes before the loop, the second of the loop.
    by_function = _of_functions(Path(f"{profile}.2").read_text("utf-8"))
    return Counter({function: number // TIMES for function, number in by_function.items()})


def _of_functions(dump: str) -> Counter[str]:
    """callgrind_annotate takes what the frames around the loop have called for their own, in a part of a run.

    https://valgrind.org/docs/manual/cl-format.html
    """
    names: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    function, of_callee = "", False
    for line in dump.splitlines():
        if match := re.match(r"(c?)fn=\((\d+)\)(?: (\S+))?", line):
            names.setdefault(match[2], _readable(match[3] or ""))
            if not match[1]:
                function = names[match[2]]
        elif line.startswith("calls="):
            of_callee = True
        elif match := re.fullmatch(r"\d+ (\d+)", line):
            numbers[function] += 0 if of_callee else int(match[1])
            of_callee = False
    return numbers


def _readable(symbol: str) -> str:
    """`_etag.list_has` for `__pyx_f_7precond_5_etag_list_has.constprop.0`. An interpreter that was stripped
    has addresses for its static functions, such as `0x0000000000515d00`."""
    if symbol.startswith("0x"):
        return "CPython, without a name"
    symbol = re.sub(r"(?:\.(?:isra|constprop|part|cold)\b[.\d]*)+$", "", re.split("'|@@", symbol)[0])
    match = re.fullmatch(r"__pyx_f_7precond_\d+(_[a-z]+)_(?:\d*Policy_)?(\w+)", symbol)
    return f"{match[1]}.{match[2]}" if match else symbol


def without_inlining(directory: Path) -> Module:
    """A copy of the extension in which every function is called.

    The -O3 of setup.py leaves that as it is, and its `always_inline` becomes another attribute.
    """
    subprocess.run(
        [
            *(sys.executable, "setup.py", "--quiet", "build_ext"),
            *(f"--build-lib={directory}", f"--build-temp={directory / 'temp'}"),
        ],
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "CFLAGS": "-fno-inline -Dalways_inline=noinline"},
        capture_output=True,
    )
    (file,) = (directory / "precond").glob("_core.*")
    return Module("precond._core", str(file))


# -- Report --------------------------------------------------------------------------------------------------


def report(names: Iterable[str]) -> dict[str, Any]:
    figures = {}
    with TemporaryDirectory(prefix="precond-instructions-") as directory:
        work = Path(directory)
        noop = Module("noop", build_noop.build(work))
        core = Module("precond._core", str(_core.__file__))
        copy = without_inlining(work / "copy")
        for name in names:
            call = GROUPS[name].calls[CYTHON]
            figures[name] = {
                "no-op": sum(counts(noop, call, work).values()),
                "ours": sum(counts(core, call, work).values()),
                "functions": dict(counts(copy, call, work).most_common()),
            }
    return figures


def print_report(figures: dict[str, Any]) -> None:
    for name, call in figures.items():
        print(f"\n{name}: no-op {call['no-op']}, ours {call['ours']}")
        every = sum(call["functions"].values())
        for function, number in call["functions"].items():
            if number >= LEAST * every:
                print(f"  {number:7}  {function}")
        print(f"  {every:7}  in all, without inlining")


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the instructions of calls of the table.")
    parser.add_argument("--group", action="append", default=[], help="groups whose name contains this")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    named = [name for name in GROUPS if any(text in name for text in options.group)]
    figures = report(named if options.group else DEFAULT)
    print_report(figures)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
