"""The release checklist, and which wheels there are, on a repository and on names made up for it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from conftest import CHANGES_FILES

TOOLS = Path(__file__).parent.parent / ".ci"
if not TOOLS.is_dir():
    pytest.skip("a source distribution has no .ci", allow_module_level=True)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release, wheels = load("release"), load("wheels")
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-22

### Added

- Something.

## [1.1.0] - 2026-10-01

- Something else.
"""


# -- The checklist -------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, CHANGELOG)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n', encoding="utf-8")
    return tmp_path


def write(root: Path, changelog: str) -> None:
    (root / "CHANGELOG.md").write_text(changelog, encoding="utf-8")


@CHANGES_FILES
def test_a_changelog_as_it_should_be(root: Path) -> None:
    assert release.check_changelog(root) == []
    write(root, CHANGELOG.replace("## [Unreleased]\n", ""))
    assert release.check_changelog(root) == []


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("## [Unreleased]\n", "## [Unreleased]\n\n- New.\n", "[Unreleased] is not empty"),
        ("[1.2.0]", "[1.3.0]", "the newest version is not [1.2.0]"),
        ("## [1.2.0] - 2026-11-22", "", "[Unreleased] is not empty"),
        (" - 2026-11-22", "", "[1.2.0] has no date"),
        ("2026-11-22", "22 November", "[1.2.0] has no date"),
        ("### Added\n\n- Something.\n", "", "[1.2.0] is empty"),
    ],
)
@CHANGES_FILES
def test_a_changelog_that_is_not_ready(root: Path, old: str, new: str, problem: str) -> None:
    assert old in CHANGELOG
    write(root, CHANGELOG.replace(old, new))
    assert f"CHANGELOG.md: {problem}" in release.check_changelog(root)


def test_the_tag_is_the_version(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["--tag", "v1.2.0"], root) == 0
    assert capsys.readouterr().out == ""
    for tag in ("1.2.0", "v1.2", "v1.3.0"):
        assert release.main(["--tag", tag], root) == 1
        assert capsys.readouterr().out == f"the tag is {tag}, the version 1.2.0\n"


@CHANGES_FILES
def test_what_is_released_is_committed_on_main_and_new(root: Path) -> None:
    def git(*arguments: str) -> None:
        author = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(root), *author, *arguments], check=True, capture_output=True)

    git("init", "--initial-branch=main")
    assert release.check_tree(root) == ["there are changes that are not committed"]
    git("add", ".")
    git("commit", "--message=x")
    assert release.check_tree(root) == []
    git("switch", "--create=other")
    git("tag", "v1.2.0")
    assert release.check_tree(root) == ["the branch is other, not main", "v1.2.0 is tagged already"]


def test_this_version_is_one() -> None:
    """What the checklist reads of this project is there to be read."""
    assert release.version(release.ROOT)
    assert release.changelog(release.ROOT)


# -- Which wheels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tags, identifier",
    [
        ("cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64", "cp312-manylinux_x86_64"),
        ("cp314-cp314t-musllinux_1_2_aarch64", "cp314t-musllinux_aarch64"),
        ("cp310-cp310-macosx_10_9_x86_64", "cp310-macosx_x86_64"),
        ("cp315-cp315-macosx_11_0_arm64", "cp315-macosx_arm64"),
        ("cp311-cp311-win32", "cp311-win32"),
        ("cp311-cp311-win_amd64", "cp311-win_amd64"),
        ("cp311-cp311-linux_x86_64", "cp311-linux_x86_64"),
    ],
)
def test_identifiers_of_wheels(tags: str, identifier: str) -> None:
    assert wheels.identifier(f"precond-0.1.0-{tags}.whl") == identifier


def test_the_wheels_of_a_release_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for job in wheels.jobs(rare=False):
        for name in wheels.expected(job):
            abi, _, platform = name.partition("-")
            (tmp_path / f"precond-1-{abi.rstrip('t')}-{abi}-{platform}.whl").touch()
    pure = tmp_path / "precond-1-py3-none-any.whl"
    assert wheels.check_built(tmp_path, rare=False) == [
        "0 wheels of plain Python, expected 1",
        "64 wheels, expected 65",
    ]
    pure.touch()
    assert wheels.main(["built", str(tmp_path)]) == 0
    assert len(wheels.check_built(tmp_path, rare=True)) == 88 + 1

    (tmp_path / "precond-1-cp314-cp314t-win_amd64.whl").rename(tmp_path / "precond-1-cp39-cp39-win_amd64.whl")
    capsys.readouterr()
    assert wheels.main(["built", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "missing: cp314t-win_amd64\nnot expected: cp39-win_amd64\n"


def test_rare_architectures_are_built_for_tags_alone(capsys: pytest.CaptureFixture[str]) -> None:
    always = {"x86_64", "aarch64", "arm64", "AMD64", "ARM64"}
    for options, more in ([], set()), (["--rare"], {"i686", "armv7l", "ppc64le", "riscv64", "s390x", "x86"}):
        assert wheels.main(["matrix", *options]) == 0
        name, _, value = capsys.readouterr().out.partition("=")
        assert name == "matrix"
        assert {job["archs"] for job in json.loads(value)["include"]} == always | more
