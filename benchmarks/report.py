"""Measure everything, and write the tables and charts of the documentation.

    python benchmarks/report.py [--rounds N] [--server-rounds N] [--seconds N] [--json FILE]
    python benchmarks/report.py --from FILE

It runs servers.py, ratios.py and instructions.py, one after the other, and writes
docs/_performance_tables.md and docs/charts/*.svg. `--json` keeps the figures, and `--from` writes the same
again from what was kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import charts
import tables

DOCS: Final = Path(__file__).parents[1] / "docs"

Figures = dict[str, Any]


def measure(rounds: int, server_rounds: int, seconds: float) -> Figures:
    return {
        "servers": _run("servers.py", "--rounds", server_rounds, "--seconds", seconds),
        "ratios": _run("ratios.py", "--rounds", rounds),
        "instructions": _run("instructions.py"),
    }


def _run(script: str, *options: object) -> Any:
    """In a process of its own: what one has loaded and started would weigh on the other."""
    with TemporaryDirectory(prefix="precond-report-") as directory:
        path = Path(directory, "figures.json")
        command = [sys.executable, Path(__file__).with_name(script), *options, "--json", path]
        subprocess.run([str(word) for word in command], check=True)
        return json.loads(path.read_text("utf-8"))


def write(figures: Figures, docs: Path) -> None:
    (docs / "charts").mkdir(parents=True, exist_ok=True)
    markdown = tables.markdown(figures["ratios"], figures["servers"], figures["instructions"])
    (docs / "_performance_tables.md").write_text(markdown, encoding="utf-8")
    charts.draw_servers(figures["servers"], docs / "charts" / "servers.svg")
    charts.draw_decision(figures["ratios"], docs / "charts" / "decision.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables and charts of the documentation.")
    parser.add_argument("--rounds", type=int, default=51, help="of ratios.py (default: 51)")
    parser.add_argument("--server-rounds", type=int, default=48, help="of servers.py (default: 48)")
    parser.add_argument("--seconds", type=float, default=0.25, help="of one run of wrk (default: 0.25)")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    parser.add_argument("--from", type=Path, dest="kept", help="take the figures of this file")
    options = parser.parse_args()

    if options.kept is not None:
        figures = json.loads(options.kept.read_text("utf-8"))
    else:
        figures = measure(options.rounds, options.server_rounds, options.seconds)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    write(figures, DOCS)


if __name__ == "__main__":
    main()
