"""Which wheels a release has, as wheels.json says.

python .ci/wheels.py matrix [--rare]     the jobs that build them, as an output of a job of a workflow
python .ci/wheels.py identifiers         cibuildwheel would build these, no more and no fewer
python .ci/wheels.py built DIR [--rare]  DIR has these, no more and no fewer, and one of plain Python

--rare: with the architectures that only a tag is built for.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLAN: dict[str, Any] = json.loads((HERE / "wheels.json").read_text(encoding="utf-8"))


def jobs(rare: bool) -> list[dict[str, Any]]:
    return [*PLAN["native"], *(PLAN["rare"] if rare else ())]


def expected(job: dict[str, Any]) -> set[str]:
    return {f"{python}-{tag}" for python in PLAN["pythons"] for tag in job["tags"]}


def matrix(rare: bool) -> str:
    keys = ("runner", "platform", "archs")
    return json.dumps({"include": [{key: job[key] for key in keys} for job in jobs(rare)]})


def identifiers(platform: str, archs: str) -> set[str]:
    """What cibuildwheel would build."""
    command = [sys.executable, "-m", "cibuildwheel", "--print-build-identifiers"]
    command += ["--platform", platform, "--archs", archs, str(HERE.parent)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def identifier(wheel: str) -> str:
    """The build identifier of cibuildwheel for the file name of a wheel."""
    _, _, _, abi, platform = wheel.removesuffix(".whl").split("-")
    # Of several platform tags, as manylinux has them, each names the same system and architecture.
    platform = platform.partition(".")[0]
    system = re.sub(r"^(manylinux|musllinux|macosx)[0-9_]*_", r"\1_", platform)
    return f"{abi}-{system}"


def difference(wanted: set[str], found: set[str]) -> list[str]:
    missing = [f"missing: {name}" for name in sorted(wanted - found)]
    return missing + [f"not expected: {name}" for name in sorted(found - wanted)]


def check_identifiers() -> list[str]:
    problems = []
    for platform in ("linux", "macos", "windows"):
        same = [job for job in jobs(rare=True) if job["platform"] == platform]
        wanted = set().union(*map(expected, same))
        problems += difference(wanted, identifiers(platform, ",".join(job["archs"] for job in same)))
    return problems


def check_built(directory: Path, rare: bool) -> list[str]:
    names = [path.name for path in directory.glob("*.whl")]
    pure = [name for name in names if name.endswith("-py3-none-any.whl")]
    problems = [] if len(pure) == 1 else [f"{len(pure)} wheels of plain Python, expected 1"]
    wanted = set().union(*map(expected, jobs(rare)))
    problems += difference(wanted, {identifier(name) for name in names if name not in pure})
    if len(names) != len(wanted) + 1:
        problems.append(f"{len(names)} wheels, expected {len(wanted) + 1}")
    return problems


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["matrix", "identifiers", "built"])
    parser.add_argument("directory", nargs="?", type=Path, default=Path("dist"))
    parser.add_argument("--rare", action="store_true")
    options = parser.parse_args(arguments)
    if options.what == "matrix":
        print(f"matrix={matrix(options.rare)}")
        return 0
    if options.what == "identifiers":
        problems = check_identifiers()
    else:
        problems = check_built(options.directory, options.rare)
    print("\n".join(problems) or f"{options.what}: all wheels as expected")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
