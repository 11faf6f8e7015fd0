"""The tables and charts of a short run: all that they read is there, and the same figures give the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import charts
import figures as figures_of
import ratios
import report
import servers
import timing

GROUPS = [
    "parse_http_date",
    "evaluate_raw: If-None-Match",
    "evaluate_environ: If-None-Match",
    "list: 1",
    "list: 3",
    "stat, beneath a directory",
    "8 KiB: commas",
]


@pytest.fixture(scope="module")
def figures() -> report.Figures:
    samples = {task: [servers.Sample(1000.0, 0.001)] for task in servers.tasks([])}
    return {
        "ratios": ratios.report(timing.measure(GROUPS, 1), 1),
        "instructions": {"etag": {"no-op": 1, "ours": 3, "functions": {"_etag.write_hex": 3, "PyLong": 1}}},
        "servers": servers.report(samples, 1, 1, False),
    }


def test_same_figures_give_the_same_bytes(figures: report.Figures, tmp_path: Path) -> None:
    written = []
    for directory in (tmp_path / "once", tmp_path / "again"):
        report.write(figures, directory)
        written.append({file.name: file.read_bytes() for file in directory.rglob("*.*")})
    assert written[0] == written[1]
    assert sorted(written[0]) == ["_performance_tables.md", "decision.svg", "servers.svg"]


def test_a_quarter_of_the_rounds_counts() -> None:
    """Those that were fast for both calls, in their order, though each call was once faster elsewhere."""
    no_op = [10.0, 10.1, 20.0, 20.1, 9.0, 20.2, 20.3, 20.4]
    call = [30.0, 30.1, 60.0, 60.1, 66.0, 60.2, 29.0, 60.4]
    kept = figures_of.undisturbed({"no-op": no_op, "call": call})
    assert kept == {"no-op": [10.0, 10.1], "call": [30.0, 30.1]}
    assert figures_of.undisturbed({"call": [3.0]}) == {"call": [3.0]}


def test_every_table_has_rows_of_one_width(figures: report.Figures, tmp_path: Path) -> None:
    report.write(figures, tmp_path)
    lines = (tmp_path / "_performance_tables.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    rules = [number for number, line in enumerate(lines) if line.startswith("| ---")]
    assert len(rules) == 8
    assert len(rows) > 3 * len(rules)
    for rule in rules:
        assert lines[rule - 1].count("|") == lines[rule].count("|") == lines[rule + 1].count("|")


@pytest.mark.parametrize("colour", [charts.TEXT, charts.STOCK, charts.OURS, charts.HOP])
@pytest.mark.parametrize("page", ["#ffffff", "#0d1117"])
def test_colours_stand_out(colour: str, page: str) -> None:
    """WCAG 2.2: a contrast of 3 for what is no body text."""
    light, dark = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 3


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
