"""The examples in docs/: those in Python run, and those of the command line print what they say. The first of
the README runs too."""

from __future__ import annotations

import asyncio
import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import precond
from aiohttp_server import OLD, write

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("[!_]*.md"))
SECTIONS = {
    vector["section"]
    for path in Path(__file__).with_name("vectors").iterdir()
    for vector in json.loads(path.read_text("utf-8"))
}


def blocks(page: Path, *languages: str) -> list[tuple[str, int, str]]:
    """The fenced blocks of a page in these languages: each with its language and its line."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        (match[1], text.count("\n", 0, match.start()) + 1, match[2])
        for match in found
        if match[1] in languages
    ]


def pages_with(*languages: str) -> list[Any]:
    return [pytest.param(page, id=page.stem) for page in PAGES if blocks(page, *languages)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory that the pages speak of."""
    (tmp_path / "public").mkdir()
    for path in (tmp_path / "index.html", tmp_path / "public" / "index.html"):
        if write(path).stat().st_mtime_ns != OLD:
            pytest.skip(f"this file system cannot hold the stamp {OLD}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", pages_with("python", "pycon"))
def test_python(page: Path, here: Path) -> None:
    """The blocks of a page go on where the one before has ended."""
    names: dict[str, Any] = {"__name__": page.stem}
    for language, line, source in blocks(page, "python", "pycon"):
        if language == "python":
            exec(compile("\n" * line + source, str(page), "exec"), names)
            continue
        examples = doctest.DocTestParser().get_doctest(source, names, page.name, str(page), line)
        assert examples.examples
        runner = doctest.DocTestRunner(verbose=False)
        said: list[str] = []
        runner.run(examples, out=said.append, clear_globs=False)
        assert runner.failures == 0, "".join(said)
        names.update(examples.globs)


def test_the_first_example_of_the_readme(here: Path) -> None:
    names: dict[str, Any] = {}
    exec(blocks(ROOT / "README.md", "python")[0][2], names)
    asyncio.run(names["app"]({"method": "GET", "headers": []}, None, None))


def test_the_example_for_frameworks_tells_nothing_of_what_may_not_be_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110 section 13.2.1. Root may read everything, so it is the calls that say no."""
    names: dict[str, Any] = {}
    exec(blocks(ROOT / "docs" / "frameworks.md", "python")[0][2], names)
    answer = names["answer"]
    conditions = [(b"If-None-Match", b"*"), (b"If-Match", b'"other"')]
    assert [answer("index.html", "GET", [condition])[0] for condition in conditions] == [304, 412]

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "access", lambda *arguments, **options: False)
    names["open"] = refuse
    for condition in conditions:
        with pytest.raises(PermissionError):
            answer("index.html", "GET", [condition])


@pytest.mark.parametrize("page", pages_with("console"))
def test_command_line(page: Path, here: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for _, _, source in blocks(page, "console"):
        command, said = source.split("\n", 1)
        prompt, program, *arguments = shlex.split(command)
        assert (prompt, program) == ("$", "python")
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False
        )
        assert done.stdout + done.stderr == said


def test_every_public_name_is_in_the_api() -> None:
    page = ROOT.joinpath("docs", "api.md").read_text("utf-8")
    described = set(re.findall(r"^\.\. (?:auto|py:)\w+:: ([\w.]+)", page, re.MULTILINE))
    assert described >= {f"precond.{name}" for name in precond.__all__}


def test_the_number_of_vectors_is_said_to_the_nearest_hundred() -> None:
    vectors = json.loads(ROOT.joinpath("tests", "vectors", "evaluate.json").read_text("utf-8"))
    hundreds = {7: "seven", 8: "eight", 9: "nine", 10: "ten"}[round(len(vectors), -2) // 100]
    assert f"some {hundreds} hundred" in ROOT.joinpath("docs", "frameworks.md").read_text("utf-8")


def test_every_section_of_the_vectors_is_in_the_rules() -> None:
    page = ROOT.joinpath("docs", "rules.md").read_text("utf-8")
    cited = set(re.findall(r"\(rfc:([\d.]+)\)", page))
    assert len(SECTIONS) > 20
    assert cited >= SECTIONS
