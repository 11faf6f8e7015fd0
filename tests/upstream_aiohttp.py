"""aiohttp's own tests of file serving, with the classes of precond.aiohttp, and with examples/adoption.

    python tests/upstream_aiohttp.py 3.11.10 3.14.5

Each release is installed into a new virtual environment, its tests are taken from its sdist, and both are
removed in the end. The tests run as they are, and then with ours: those that fail only then have to be those
that are named here, exactly.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from upstream import InPlace, check, environment, source

NEEDED = ["pytest", "pytest-mock", "pytest-timeout", "freezegun", "re-assert", "trustme", "brotli"]
TESTS = [
    "test_route_def.py",
    "test_urldispatch.py",
    "test_web_functional.py",
    "test_web_sendfile.py",
    "test_web_sendfile_functional.py",
    "test_web_urldispatcher.py",
]

NO_DATE = "13.1.4: there was no year 0000, and what is no date is ignored"
NO_NEED = "15.4.5: a 304 that has an ETag needs no Last-Modified"

RULES = {
    "test_static_file_if_none_match": "13.1.2: a list in which one member is malformed matches nothing",
    "test_static_file_if_unmodified_since_past_with_range": NO_DATE,
    "test_static_file_if_unmodified_since_past_without_range": NO_DATE,
    "test_static_file_if_range_future_with_range": "13.1.5: a date has to be that of Last-Modified exactly",
}

ANSWERS = {
    "test_static_file_if_modified_since": NO_NEED,
    "test_static_file_if_modified_since_future_date": NO_NEED,
    "test_static_file_if_none_match_star": NO_NEED,
    "test_static_file_invalid_range": "14.2: a range unit that is not known is ignored",
}

MOCKED = dict.fromkeys(
    [
        "test_using_gzip_if_header_present_and_file_available",
        "test_gzip_if_header_not_present_and_file_available",
        "test_gzip_if_header_not_present_and_file_not_available",
        "test_gzip_if_header_present_and_file_not_available",
        "test_status_controlled_by_user",
        "test_static_directory_with_mock_permission_error",
        "test_static_file_with_mock_permission_error",
        "test_access_mock_special_resource",
    ],
    "it replaces pathlib.Path, or os.stat, and sees that aiohttp calls it",
)

OLDER = dict.fromkeys(
    ["test_static_absolute_url", "test_static_file_directory_traversal_attack"],
    "before aiohttp 3.13.3 an absolute path is answered 403; since then, and by us with every release, 404",
)

CONFIGURATION = """
[pytest]
timeout = 120
markers =
    skip_blockbuster
    internal
    dev_mode
"""


def pytest_configure() -> None:
    """As a plugin: put our classes in place before the tests import aiohttp's."""
    import functools

    import aiohttp.web
    import aiohttp.web_fileresponse
    import aiohttp.web_urldispatcher

    import precond
    import precond.aiohttp as ours

    class StaticResource(ours._StaticResource):
        __init__ = functools.partialmethod(ours._StaticResource.__init__, policy=precond.DEFAULT, nowait=True)

    aiohttp.web.FileResponse = ours.FileResponse  # type: ignore[misc]
    aiohttp.web_fileresponse.FileResponse = ours.FileResponse  # type: ignore[misc]
    aiohttp.web_urldispatcher.StaticResource = StaticResource  # type: ignore[misc]


def main(releases: list[str]) -> int:
    status = 0
    for release in releases:
        with tempfile.TemporaryDirectory() as name:
            python = environment(Path(name, "environment"), f"aiohttp=={release}", *NEEDED)
            root = source(python, "aiohttp", release, Path(name))
            (root / "tests" / "pytest.ini").write_text(CONFIGURATION)
            older = OLDER if tuple(map(int, release.split("."))) < (3, 13, 3) else {}
            ours = [
                InPlace("upstream_aiohttp", RULES | ANSWERS | MOCKED | older),
                InPlace("aiohttp_file_response", RULES),
            ]
            status |= check(f"aiohttp {release}", python, root / "tests", TESTS, ours)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
