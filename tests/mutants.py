"""Mutation testing of the pure-Python back end: no mutant survives that mutants.md does not explain.

    pip install "mutmut>=3.8"; python tests/mutants.py [NAME ...]

NAME is that of a mutant, as mutmut writes it, or a pattern. Works on a copy, of files as they are in this
checkout; exit status 1 where a mutant survives without a reason, or a reason stands there without its mutant.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scratch import scratch_copy

EXPLAINED = Path(__file__).with_suffix(".md")
MUTATED = [
    f"src/precond/{name}.py" for name in ("_fallback", "_fallback_etag", "_fallback_httpdate", "_fields")
]
# Nothing in these files loops for ever by a small change, so that time is only for machines that are busy.
SETTINGS = """\
[mutmut]
source_paths = src
only_mutate = {mutated}
also_copy = setup.py
pytest_add_cli_args_test_selection = tests/test_quick.py
pytest_add_cli_args = -pno:cacheprovider
timeout_constant = 120
use_git_change_detection = false
"""
TEST = "import quick\n\n\ndef test_quick() -> None:\n    assert quick.main() == 0\n"


def main(names: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        directory = scratch_copy(Path(scratch))
        (directory / "setup.cfg").write_text(SETTINGS.format(mutated="\n    ".join(MUTATED)))
        (directory / "tests" / "test_quick.py").write_text(TEST)
        mutmut(directory, "run", *names, output=None)
        found = re.findall(r"^ *(\S+): (.+)$", mutmut(directory, "results", "--all", "true"), re.MULTILINE)
        # Where names are given, the others stay as they are.
        results = [(name, status) for name, status in found if not names or status != "not checked"]
        survivors = {
            name: changed(mutmut(directory, "show", name)) for name, status in results if status != "killed"
        }
    return report(results, survivors, whole=not names)


def mutmut(directory: Path, *arguments: str, output: int | None = subprocess.PIPE) -> str:
    environment = os.environ | {"PRECOND_NO_EXTENSIONS": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=directory, env=environment, stdout=output, text=True, check=True)
    return done.stdout or ""


def changed(diff: str) -> str:
    """The lines that differ, without those that say where."""
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    return "\n".join(f"{line[0]}{line[1:].strip()}" for line in lines)


def explained() -> set[str]:
    return set(re.findall(r"```diff\n(.+?)\n```", EXPLAINED.read_text("utf-8"), re.DOTALL))


def report(results: list[tuple[str, str]], survivors: dict[str, str], *, whole: bool) -> int:
    reasons = explained()
    unexplained = {name: diff for name, diff in survivors.items() if diff not in reasons}
    for name, diff in unexplained.items():
        print(f"survived: {name} ({dict(results)[name]})\n{diff}\n")
    gone = reasons - set(survivors.values()) if whole else set()
    for diff in gone:
        print(f"explained, but there is no such survivor:\n{diff}\n")
    print(f"{len(results)} mutants, {len(results) - len(survivors)} killed,", end=" ")
    print(f"{len(survivors) - len(unexplained)} explained, {len(unexplained)} survived")
    return 1 if unexplained or gone else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
