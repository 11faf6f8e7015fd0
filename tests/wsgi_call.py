"""A WSGI server in one call, which holds the application to PEP 3333 by wsgiref.validate; files to serve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Reply(NamedTuple):
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: Any) -> str:
        """The value of a field; a KeyError where there is not exactly one line of it."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        if len(values) != 1:
            raise KeyError(f"{name}: {values}")
        return values[0]

    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.fields}


def environ(
    path: str, method: str = "GET", *, script_name: str = "", query: str = "", **fields: str
) -> dict[str, Any]:
    """path is text of Latin-1; fields are if_none_match='"x"' and so on."""
    variables: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path,
        "QUERY_STRING": query,
    }
    setup_testing_defaults(variables)
    variables.update({f"HTTP_{name.upper()}": value for name, value in fields.items()})
    return variables


def call(app: WSGIApplication, path: str, method: str = "GET", **options: str) -> Reply:
    """One request; the iterable is closed as a server does."""
    return run(app, environ(path, method, **options))


def run(app: WSGIApplication, variables: dict[str, Any]) -> Reply:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert exc_info is not None or not started
        started.append((status, fields))
        return written.append

    content = validator(app)(variables, start_response)
    try:
        written.extend(content)
    finally:
        content.close()  # type: ignore[attr-defined]
    status, fields = started[-1]
    return Reply(int(status.split(" ")[0]), fields, b"".join(written))


STAMP = 1_700_000_000_123_456_789
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
CONTENT = b"<p>0123456789</p>"
TAG = f'"{STAMP:x}-{len(CONTENT):x}"'


def write(path: Path, content: bytes = CONTENT, stamp: int = STAMP) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(stamp, stamp))
    return path


def make_root(directory: Path) -> Path:
    """A directory to serve, and a secret beside it."""
    write(directory / "secret.txt", b"secret")
    write(directory / "root" / "page.html")
    write(directory / "root" / "sub" / "index.html", b"index")
    return directory / "root"


def is_404(reply: Reply) -> bool:
    return reply.status == 404 and reply.body == b"404 Not Found\n" and "etag" not in reply.names()
