"""Werkzeug's own tests of send_file and of conditional responses, with examples/adoption in place.

    python tests/upstream_werkzeug.py 3.1.9

Each release is installed into a new virtual environment, and its tests are taken from its sdist. Exit status
0: every test that passes with Werkzeug's own rules passes with precond's.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from upstream import InPlace, check, environment, source

NEEDED = ["pytest", "pytest-timeout", "ephemeral-port-reserve"]
TESTS = ["tests/test_send_file.py", "tests/test_http.py", "tests/test_wrappers.py"]


def main(releases: list[str]) -> int:
    status = 0
    for release in releases:
        with tempfile.TemporaryDirectory() as name:
            python = environment(Path(name, "environment"), f"werkzeug=={release}", *NEEDED)
            root = source(python, "werkzeug", release, Path(name))
            ours = [InPlace("werkzeug_send_file", {})]
            status |= check(f"Werkzeug {release}", python, root, TESTS, ours)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
