"""The release checklist.

python .ci/release.py            before the tag: checks what can be checked, builds, says what is left
python .ci/release.py --tag TAG  whether a tag fits what it is put on; all that the workflow asks
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STEPS = """
{version} can be released. What is left for a person:

1. The checks of the commit are green: tests, security, and a run of the release workflow by hand.
2. git tag --sign --message 'precond {version}' v{version} && git push origin v{version}
3. Approve the job `publish` of the release workflow, in the environment `release`.
4. In a new virtual environment: python -m pip install precond=={version} && python .ci/installed.py cython
5. gh release create v{version} --verify-tag --notes-file FILE, with the section of the changelog in FILE.
6. Put an empty section "## [Unreleased]" on top of the changelog.
"""


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def version(root: Path) -> str:
    # tomllib is not in Python 3.10.
    found = re.findall(r'^version = "(.+)"$', (root / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    if len(found) != 1:
        raise SystemExit(f"pyproject.toml has {len(found)} versions")
    return str(found[0])


def changelog(root: Path) -> list[tuple[str, str, str]]:
    """The sections, newest first: version, date or nothing, text."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    parts = re.split(r"^## \[(.+?)\](?: - (.+))?$", text, flags=re.MULTILINE)[1:]
    return [
        (name, date or "", content.strip())
        for name, date, content in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def check_changelog(root: Path) -> list[str]:
    wanted = version(root)
    sections = changelog(root)
    problems = []
    if sections and sections[0][0] == "Unreleased":
        if sections[0][2]:
            problems.append("CHANGELOG.md: [Unreleased] is not empty")
        sections = sections[1:]
    if not sections or sections[0][0] != wanted:
        return [*problems, f"CHANGELOG.md: the newest version is not [{wanted}]"]
    _, date, content = sections[0]
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        problems.append(f"CHANGELOG.md: [{wanted}] has no date")
    if not content:
        problems.append(f"CHANGELOG.md: [{wanted}] is empty")
    return problems


def check_tag(root: Path, tag: str) -> list[str]:
    problems = check_changelog(root)
    if tag != f"v{version(root)}":
        problems.append(f"the tag is {tag}, the version {version(root)}")
    return problems


def check_tree(root: Path) -> list[str]:
    """What is to be tagged is on main, committed, and not tagged yet."""
    problems = []
    if git(root, "status", "--porcelain"):
        problems.append("there are changes that are not committed")
    branch = git(root, "branch", "--show-current").strip()
    if branch != "main":
        problems.append(f"the branch is {branch or 'none'}, not main")
    if git(root, "tag", "--list", f"v{version(root)}"):
        problems.append(f"v{version(root)} is tagged already")
    return problems


def build(root: Path) -> None:
    """Build what a release has from here, and hold it to the rules."""
    with tempfile.TemporaryDirectory() as directory:
        for pure in ("", "1"):
            run(root, "-m", "build", "--outdir", directory, PRECOND_NO_EXTENSIONS=pure)
        built = sorted(map(str, Path(directory).iterdir()))
        run(root, "-m", "twine", "check", "--strict", *built)
        run(root, ".ci/contents.py", *built)
        run(root, ".ci/wheels.py", "identifiers")


def run(root: Path, *arguments: str, **environment: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=root, env=os.environ | environment, check=True)


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tag")
    tag = parser.parse_args(arguments).tag
    problems = check_tag(root, tag) if tag else [*check_changelog(root), *check_tree(root)]
    if problems:
        print("\n".join(problems))
        return 1
    if not tag:
        build(root)
        print(STEPS.format(version=version(root)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
