"""One old file behind StaticFiles and FileResponse, for the tests of precond.starlette."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asgi_server import Sent, ask
from cases import content

OLD = 1_700_000_000_123_456_789
SIZE = 95
TAG = f'"{OLD:x}-{SIZE:x}"'
SINCE = "Tue, 14 Nov 2023 22:13:21 GMT"
OWN = '"rev-17"'

PATHSEND = {"extensions": {"http.response.pathsend": {}}}


def write(path: Path, data: bytes | None = None, mtime_ns: int = OLD) -> Path:
    path.write_bytes(content(SIZE) if data is None else data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def get(app: Any, headers: dict[str, str] | None = None, method: str = "GET", **more: Any) -> Sent:
    return ask(app, "/file.txt", method, headers, **more)
