"""A framework's own tests of file serving, as they are and with something of ours in place."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
IMPORTED = [ROOT / "src", ROOT / "tests", ROOT / "examples" / "adoption"]


def pytest_collection_finish() -> None:
    """As a plugin: leave all that is there by then out of what the tests collect. aiohttp's do so after each,
    and take less than half the time."""
    gc.collect()
    gc.freeze()


class InPlace(NamedTuple):
    """A module of ours that, as a plugin of pytest, puts something in place, and the names of the tests that
    fail with it alone, each with the section of RFC 9110 or another reason."""

    module: str
    differences: Mapping[str, str]


def environment(directory: Path, *requirements: str) -> Path:
    """The interpreter of a new environment."""
    venv.create(directory, with_pip=True)
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    _pip(python, "install", *requirements)
    return python


def source(python: Path, project: str, release: str, directory: Path) -> Path:
    """The source distribution of that release, unpacked."""
    _pip(
        python, "download", "--no-deps", "--no-binary", project, "--dest", directory, f"{project}=={release}"
    )
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(directory, filter="data")
    return directory / archive.name.removesuffix(".tar.gz")


def _pip(python: Path, *arguments: str | Path) -> None:
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments], check=True)


def check(title: str, python: Path, directory: Path, tests: Sequence[str], ours: Sequence[InPlace]) -> int:
    """Run the tests as they are, and with each of ours. 0: those that fail only then are its differences, as
    far as this release has them."""
    every, before = run(python, directory, tests)
    print(
        f"{title}: {len(every)} tests, {len(before)} of which fail as they are: {', '.join(sorted(before))}"
    )
    status = 0
    for module, differences in ours:
        new = run(python, directory, tests, "-p", module)[1] - before
        expected = differences.keys() & every
        print(f"{title}, {module}: {len(new)} tests differ")
        for name in sorted(new & expected):
            print(f"  {name}: {differences[name]}")
        for name in sorted(new ^ expected):
            status = 1
            print(f"! {name} {'fails' if name in new else 'does not fail'}")
    return status


def run(python: Path, directory: Path, tests: Sequence[str], *options: str) -> tuple[set[str], set[str]]:
    """The names of all tests, and of those that fail, without their parameters."""
    report = directory / "report.xml"
    report.unlink(missing_ok=True)
    path = os.pathsep.join([*map(str, IMPORTED), os.environ.get("PYTHONPATH", "")])
    quiet = ["-q", "--tb=no", "--show-capture=no", f"--junitxml={report}"]
    plugins = ["-p", "no:cacheprovider", "-p", "upstream"]
    done = subprocess.run(
        [python, "-m", "pytest", *quiet, *plugins, *options, *tests],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        sys.exit(f"pytest could not run the tests:\n{done.stdout}")
    every, bad = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["name"].partition("[")[0]
        every.add(name)
        if case.find("failure") is not None or case.find("error") is not None:
            bad.add(name)
    return every, bad
