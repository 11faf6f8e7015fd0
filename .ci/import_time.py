"""What `import precond` costs beyond Python's own modules: `python .ci/import_time.py [RUNS]`.

The least of several runs for each module of ours. A time in milliseconds says little on a machine that others
use too, so that it is held to the time that the interpreter itself takes to start, of the same runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

# What is loaded of Python's own is not ours to count, and most programs have it already.
CODE = "import collections.abc, datetime, enum, functools, math, os, re, time, typing; import precond"
MOST = 1.0  # times a start of the interpreter; about 0.4 where this was written


def start() -> float:
    """Milliseconds."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return (time.perf_counter() - before) * 1000


def modules() -> dict[str, float]:
    """Milliseconds of each module by itself."""
    command = [sys.executable, "-I", "-X", "importtime", "-c", CODE]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +(precond\S*)$", text, re.MULTILINE)
    return {name: int(microseconds) / 1000 for microseconds, name in lines}


def main(runs: int) -> int:
    starts, costs = [], []
    for _ in range(runs):
        starts.append(start())
        costs.append(modules())
    least = {name: min(cost[name] for cost in costs) for name in costs[0]}
    for name, milliseconds in least.items():
        print(f"{name:<20} {milliseconds:6.2f} ms")
    total, own = sum(least.values()), min(starts)
    print(f"{'together':<20} {total:6.2f} ms; an interpreter starts in {own:.2f} ms")
    return total > MOST * own


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 10))
