"""Whether an installed precond does its two jobs on the command line: `python .ci/installed.py BACKEND`.

With nothing but the interpreter and the package, and from outside the source tree.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STAMP = 1_700_000_000_123_456_789
TAG = f'"{STAMP:x}-5"'
COMMAND = [sys.executable, "-m", "precond"]


def check_explain(file: Path) -> None:
    command = [*COMMAND, "explain", str(file), "-H", f"If-None-Match: {TAG}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "NOT_MODIFIED: 304 Not Modified" in text, text


def check_serve(file: Path) -> None:
    command = [*COMMAND, "serve", str(file.parent), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            match = re.search(r"http://([0-9.]+):([0-9]+)/", line)
            assert match is not None, line
            assert ask(match[1], int(match[2]), file.name, {}) == (200, TAG, b"hello")
            assert ask(match[1], int(match[2]), file.name, {"If-None-Match": TAG}) == (304, TAG, b"")
        finally:
            server.terminate()


def ask(host: str, port: int, name: str, fields: dict[str, str]) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", f"/{name}", headers=fields)
        response = connection.getresponse()
        return response.status, response.getheader("ETag"), response.read()
    finally:
        connection.close()


def main(backend: str) -> None:
    import precond

    assert backend == precond.BACKEND, precond.BACKEND
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "file.txt"
        file.write_bytes(b"hello")
        os.utime(file, ns=(STAMP, STAMP))
        check_explain(file)
        check_serve(file)
    print(f"{sys.implementation.name} {sys.version.split()[0]}, {backend}: explain and serve do their jobs")


if __name__ == "__main__":
    main(sys.argv[1])
