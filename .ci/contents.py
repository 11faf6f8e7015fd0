"""Check what an sdist and wheels hold: `python .ci/contents.py FILE ...`."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

SOURCES = Path("src/precond")
ROOMS = ("benchmarks", "examples", "src", "tests")


def sdist(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {file.as_posix() for file in SOURCES.iterdir() if file.suffix in (".py", ".typed")}
    wanted |= {
        file.as_posix() for file in Path("tests").rglob("*") if file.suffix in (".py", ".json", ".toml")
    }
    wanted |= {file.as_posix() for file in Path("fuzz").iterdir() if file.is_file()}
    wanted |= {
        file.as_posix()
        for room in ROOMS
        for file in Path(room).rglob("*")
        if file.suffix in (".pyx", ".pxd", ".pxi", ".pyi")
    }
    wanted |= {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.py"}
    generated = {name for name in names if name.endswith((".c", ".so", ".pyd", ".pyc"))}
    return [f"missing: {name}" for name in wanted - names] + [f"generated: {name}" for name in generated]


def wheel(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    wanted = {
        f"precond/{file.name}"
        for file in SOURCES.iterdir()
        if file.suffix in (".py", ".pxd", ".pyi", ".typed")
    }
    compiled = {name for name in names if name.endswith((".so", ".pyd"))}
    problems = [f"missing: {name}" for name in wanted - names]
    problems += [f"not for a wheel: {name}" for name in names if name.endswith((".c", ".pyx"))]
    # Such as tests beside the package, or libraries that a repair of the wheel took along.
    problems += [
        f"not of the package: {name}" for name in names if not re.match(r"precond(-[^/]+\.dist-info)?/", name)
    ]
    if bool(compiled) == path.name.endswith("-none-any.whl"):
        problems.append(f"compiled modules: {sorted(compiled)}")
    if path.stat().st_size > 300_000:
        problems.append(f"{path.stat().st_size} bytes are more than 300 kB")
    return problems


def main(arguments: list[str]) -> int:
    problems = []
    for path in map(Path, arguments):
        problems += [
            f"{path.name}: {problem}" for problem in (sdist if path.suffix == ".gz" else wheel)(path)
        ]
    print("\n".join(problems) or f"{len(arguments)} distributions hold what they should")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
