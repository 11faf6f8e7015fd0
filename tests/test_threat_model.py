"""docs/threat-model.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "threat-model.md"
ROWS = re.findall(r"^\| (.+?) \| .+ \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)[1:]


@pytest.mark.parametrize("threat, tests", ROWS)
def test_each_line_names_what_shows_it(threat: str, tests: str) -> None:
    names = re.findall(r"`([\w./]+?)(?:::(\w+)| \w+)?`", tests)
    assert names, threat
    for name, test in names:
        path = ROOT / ("tests" if name.startswith("test_") else "") / name
        assert path.exists(), name
        assert f"def {test}(" in path.read_text("utf-8") or not test, (name, test)


def test_the_limit_is_that_of_the_test() -> None:
    source = ROOT.joinpath("tests", "test_complexity.py").read_text("utf-8")
    limit = re.search(r"^LIMIT = (\d+) ", source, re.MULTILINE)
    assert limit is not None
    assert f"ten times the bytes take at most {limit[1]} times the instructions" in PAGE.read_text("utf-8")


def test_there_is_a_table() -> None:
    assert len(ROWS) > 15
