"""The file that is asked about, and a request for it in the shapes in which frameworks hand one over."""

from __future__ import annotations

import email.utils
import io
import os
from datetime import datetime, timezone
from typing import Any, Final

import peers
from request import STAMP

SIZE: Final = 48_213
ST: Final = os.stat_result(
    (0o100644, 1, 1, 1, 0, 0, SIZE, 0, 0, 0),
    {"st_mtime": STAMP / 1e9, "st_mtime_ns": STAMP, "st_ctime_ns": STAMP},
)
SECONDS: Final = STAMP // 1_000_000_000 + 1
INSTANT: Final = datetime.fromtimestamp(SECONDS, timezone.utc)
DATE: Final = email.utils.format_datetime(INSTANT, usegmt=True)
ETAG: Final = f'"{STAMP:x}-{SIZE:x}"'

STARLETTE_RESPONSE: Final = peers.starlette_response(ST)
STARLETTE_ETAG: Final = STARLETTE_RESPONSE.headers["etag"]
WHITENOISE_FILE: Final = peers.whitenoise_file(ST)
WHITENOISE_ETAG: Final = WHITENOISE_FILE.etag


def keywords(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def pairs(fields: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]


def environ(fields: dict[str, str], path: str = "/app.js") -> dict[str, Any]:
    """What a WSGI server makes of a request with these fields."""
    variables: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "www.example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in fields.items():
        variables["HTTP_" + name.upper().replace("-", "_")] = value
    return variables


def list_of(members: int) -> str:
    """Our tag last, after others that look like it."""
    return ", ".join([*(f'"{STAMP - 1 - n:x}-{SIZE:x}"' for n in range(members - 1)), ETAG])
