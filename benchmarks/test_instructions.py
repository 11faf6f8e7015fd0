"""instructions.py finds the function that it is to count."""

from __future__ import annotations

from pathlib import Path

import build_noop
import instructions
from clients import needs
from table import GROUPS
from table.calls import NOOP


def test_counts_the_function_of_the_call(tmp_path: Path) -> None:
    needs("valgrind")
    module = instructions.Module("noop", build_noop.build(tmp_path))
    counts = instructions.counts(module, GROUPS["parse_http_date"].calls[NOOP], tmp_path)
    assert "__pyx_pw_4noop_1parse_http_date" in counts
    assert 10 < sum(counts.values()) < 1000
