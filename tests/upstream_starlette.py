"""Starlette's own tests of file serving, with our classes in place of Starlette's.

    python tests/upstream_starlette.py [DIRECTORY]

runs the tests of the Starlette that is installed, from its source distribution, which is downloaded unless
DIRECTORY holds it unpacked. Exit status 0: of the tests that pass with Starlette's classes exactly those of
DIFFERENCES fail. Needs pip, pytest, trio and what the tests of that release import: httpx or httpx2, jinja2,
itsdangerous, python-multipart, and an anyio of its time (4.12 for Starlette 1.0.0).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

TESTS = (
    "tests/test_staticfiles.py",
    "tests/test_responses.py",
    "tests/test_applications.py",
    "tests/test_routing.py",
    "tests/test_websockets.py",
    "tests/middleware/test_base.py",
    "tests/middleware/test_gzip.py",
)

YOUNG = "8.8.2.2: a date is sent once no later write can have it; the file was written a moment before"
HEAD = "14.2: GET is the only method that has ranges"
DIFFERENCES = {
    "test_staticfiles_200_with_etag_mismatch_and_timestamp_match": YOUNG,
    "test_file_response": YOUNG,
    "test_file_response_on_head_method": YOUNG,
    "test_file_response_with_pathsend": YOUNG,
    "test_file_response_multi_small_chunk_size": f'{YOUNG}; 9.1: the method "get" is not GET',
    "test_file_response_range_head": HEAD,
    "test_file_response_range_multi_head": HEAD,
    "test_file_response_range_head_max": HEAD,
    "test_file_response_range_416": HEAD,
    "test_file_response_range_invalid": HEAD,
    "test_file_response_only_support_bytes_range": "14.2: a range unit that is not known is ignored",
    "test_file_response_multi_range_unexpected_eof": "8.8.1: validators are those of the bytes sent",
}


def pytest_configure() -> None:
    """As a plugin of the second run: put our classes in place before the tests import Starlette's."""
    if os.environ.get("UPSTREAM_CLASSES") == "ours":
        import starlette.responses
        import starlette.staticfiles

        from precond.starlette import FileResponse, StaticFiles

        starlette.responses.FileResponse = FileResponse  # type: ignore[misc]
        starlette.staticfiles.StaticFiles = StaticFiles  # type: ignore[misc]


def download(directory: str) -> Path:
    release = version("starlette")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-binary",
        ":all:",
        "--no-deps",
        "-d",
        directory,
    ]
    subprocess.run([*command, f"starlette=={release}"], check=True)
    root = Path(directory, f"starlette-{release}")
    with tarfile.open(f"{root}.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    return root


def failures(root: Path, tests: list[str], classes: str) -> set[str]:
    """The names of the tests that fail, without their parameters."""
    here = Path(__file__).resolve()
    path = os.pathsep.join([str(here.parent), str(here.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rfE",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-p",
        here.stem,
    ]
    run = subprocess.run(
        [*command, *tests],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "UPSTREAM_CLASSES": classes},
        stdout=subprocess.PIPE,
        text=True,
    )
    if run.returncode not in (0, 1):
        raise SystemExit(f"pytest could not run the tests:\n{run.stdout}")
    print(f"{classes}: {run.stdout.splitlines()[-1]}")
    return set(re.findall(r"^(?:FAILED|ERROR) \S+?::(\w+)", run.stdout, re.MULTILINE))


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(arguments[0]) if arguments else download(directory)
        tests = [name for name in TESTS if (root / name).exists()]
        there = set(
            re.findall(r"def (test_\w+)", "".join((root / name).read_text("utf-8") for name in tests))
        )
        ours = failures(root, tests, "ours") - failures(root, tests, "Starlette's")
    expected = DIFFERENCES.keys() & there
    for name in sorted(ours & expected):
        print(f"  {name}: {DIFFERENCES[name]}")
    for name in sorted(ours - expected):
        print(f"! {name} fails")
    for name in sorted(expected - ours):
        print(f"! {name} passes")
    return int(ours != expected)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
