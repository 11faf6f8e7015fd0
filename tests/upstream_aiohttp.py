"""aiohttp's own tests of file serving, with the classes of precond.aiohttp put in place of its own.

    python tests/upstream_aiohttp.py 3.11.10 3.14.5

Each release is installed into a new virtual environment, its tests are taken from its sdist, and both are
removed in the end. The tests run as they are, and then with our classes: those that fail only then have to be
those that are named here, exactly.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from xml.etree import ElementTree

SOURCES = Path(__file__).resolve().parent.parent / "src"
NEEDED = ["pytest", "pytest-mock", "pytest-timeout", "freezegun", "re-assert", "trustme", "brotli"]
FILES = [
    "test_route_def.py",
    "test_urldispatch.py",
    "test_web_functional.py",
    "test_web_sendfile.py",
    "test_web_sendfile_functional.py",
    "test_web_urldispatcher.py",
]

DIFFERENT = {
    # RFC 9110 section 15.4.5: a 304 that has an ETag needs no Last-Modified.
    "test_static_file_if_modified_since": "15.4.5",
    "test_static_file_if_modified_since_future_date": "15.4.5",
    "test_static_file_if_none_match_star": "15.4.5",
    # A list in which one member is malformed matches nothing.
    "test_static_file_if_none_match": "13.1.2",
    # There was no year 0000, and what is no date is ignored.
    "test_static_file_if_unmodified_since_past_with_range": "13.1.4",
    "test_static_file_if_unmodified_since_past_without_range": "13.1.4",
    # A date has to be that of Last-Modified exactly, not a later one.
    "test_static_file_if_range_future_with_range": "13.1.5",
    # A range unit that is not known is ignored.
    "test_static_file_invalid_range": "14.2",
}

MOCKED = {
    # They replace pathlib.Path, or os.stat, and see that aiohttp calls it.
    "test_using_gzip_if_header_present_and_file_available",
    "test_gzip_if_header_not_present_and_file_available",
    "test_gzip_if_header_not_present_and_file_not_available",
    "test_gzip_if_header_present_and_file_not_available",
    "test_status_controlled_by_user",
    "test_static_directory_with_mock_permission_error",
    "test_static_file_with_mock_permission_error",
    "test_access_mock_special_resource",
}

OLDER = {
    # An absolute path is answered 403 before aiohttp 3.13.3; since then, and by us with every release, 404.
    "test_static_absolute_url",
    "test_static_file_directory_traversal_attack",
}

PLUGIN = """
import functools
import aiohttp.web, aiohttp.web_fileresponse, aiohttp.web_urldispatcher
import precond.aiohttp as ours

class StaticResource(ours._StaticResource):
    __init__ = functools.partialmethod(ours._StaticResource.__init__, policy=ours.DEFAULT)

aiohttp.web.FileResponse = aiohttp.web_fileresponse.FileResponse = ours.FileResponse
aiohttp.web_urldispatcher.StaticResource = StaticResource
"""

CONFIGURATION = """
[pytest]
addopts = -q -p no:cacheprovider --tb=no --show-capture=no
timeout = 120
markers =
    skip_blockbuster
    internal
    dev_mode
"""


def prepare(directory: Path, version: str) -> Path:
    """The interpreter of an environment with that release, whose tests stand in the directory."""
    venv.create(directory / "environment", with_pip=True)
    python = directory / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", f"aiohttp=={version}", *NEEDED], check=True)
    sdist = ["download", "--no-deps", "--no-binary", "aiohttp", "--dest", directory, f"aiohttp=={version}"]
    subprocess.run([*pip, *sdist], check=True)
    with tarfile.open(directory / f"aiohttp-{version}.tar.gz") as archive:
        for member in archive.getmembers():
            member.name = member.name.partition("/")[2]
            if member.isfile() and (member.name.startswith("tests/") or member.name == "README.rst"):
                archive.extract(member, directory)
    (directory / "tests" / "pytest.ini").write_text(CONFIGURATION)
    (directory / "with_precond.py").write_text(PLUGIN)
    return python


def failures(python: Path, directory: Path, *options: str) -> set[str]:
    """The names of the tests that fail."""
    report = directory / "report.xml"
    path = os.pathsep.join([str(SOURCES), str(directory)])
    subprocess.run(
        [python, "-m", "pytest", f"--junitxml={report}", *options, *FILES],
        cwd=directory / "tests",
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    every = list(ElementTree.parse(report).iter("testcase"))
    assert len(every) > 400, f"{len(every)} tests are not all of them"
    bad = [case for case in every if case.find("failure") is not None or case.find("error") is not None]
    return {case.attrib["name"].partition("[")[0] for case in bad}


def main(versions: list[str]) -> int:
    status = 0
    for version in versions:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            python = prepare(directory, version)
            before = failures(python, directory)
            new = failures(python, directory, "-p", "with_precond") - before
        expected = DIFFERENT.keys() | MOCKED
        if tuple(map(int, version.split("."))) < (3, 13, 3):
            expected |= OLDER
        print(f"aiohttp {version}: {len(new)} fail with our classes alone")
        for unexpected in sorted(new ^ expected):
            status = 1
            print(f"  {'fails' if unexpected in new else 'does not fail'}: {unexpected}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["3.11.10", "3.14.5"]))
