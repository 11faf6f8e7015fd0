"""Starlette's own tests of file serving, with the classes of precond.starlette, and with examples/adoption.

    python tests/upstream_starlette.py [DIRECTORY]

runs the tests of the Starlette that is installed, from its source distribution, which is downloaded unless
DIRECTORY holds it unpacked. Exit status 0: of the tests that pass with Starlette's classes exactly those that
are named here fail. Needs pip, pytest, trio and what the tests of that release import: httpx or httpx2,
jinja2, itsdangerous, python-multipart, and an anyio of its time (4.12 for Starlette 1.0.0).
"""

from __future__ import annotations

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from upstream import InPlace, check, source

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
    """As a plugin: put our classes in place before the tests import Starlette's."""
    import starlette.responses
    import starlette.staticfiles

    from precond.starlette import FileResponse, StaticFiles

    starlette.responses.FileResponse = FileResponse  # type: ignore[misc]
    starlette.staticfiles.StaticFiles = StaticFiles  # type: ignore[misc]


def main(arguments: list[str]) -> int:
    release, python = version("starlette"), Path(sys.executable)
    with tempfile.TemporaryDirectory() as name:
        root = Path(arguments[0]) if arguments else source(python, "starlette", release, Path(name))
        tests = [test for test in TESTS if (root / test).exists()]
        ours = [InPlace("upstream_starlette", DIFFERENCES), InPlace("starlette_static_files", {})]
        return check(f"Starlette {release}", python, root, tests, ours)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
