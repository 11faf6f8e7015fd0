"""instructions.py finds the function that it is to count."""

from __future__ import annotations

from pathlib import Path

import build_noop
import instructions
from clients import needs
from table import GROUPS
from table.calls import CYTHON, NOOP


def test_counts_the_function_of_the_call(tmp_path: Path) -> None:
    needs("valgrind")
    module = instructions.Module("noop", build_noop.build(tmp_path))
    counts = instructions.counts(module, GROUPS["parse_http_date"].calls[NOOP], tmp_path)
    assert "__pyx_pw_4noop_1parse_http_date" in counts
    assert 10 < sum(counts.values()) < 1000


def test_names() -> None:
    assert instructions._readable("__pyx_f_7precond_5_etag_list_has.constprop.0") == "_etag.list_has"
    assert instructions._readable("0x0000000000515d00") == "CPython, without a name"


def test_sees_functions_that_are_inlined_elsewhere(tmp_path: Path) -> None:
    needs("valgrind")
    copy = instructions.without_inlining(tmp_path)
    counts = instructions.counts(copy, GROUPS["evaluate: If-None-Match"].calls[CYTHON], tmp_path)
    assert {"_rules.evaluate", "_rules.if_none_match", "_etag.is_tag_of"} <= set(counts)
