"""The applications of examples/, each over a real server."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import aiohttp_server
import asgi_server
from aiohttp_server import OLD, ask
from wsgi_server import run_waitress

EXAMPLES = Path(__file__).parent.with_name("examples")

SERVERS: dict[str, Callable[[Any], AbstractContextManager[int]]] = {
    "aiohttp_app": aiohttp_server.serving,
    "fastapi_app": asgi_server.serving,
    "flask_app": contextmanager(run_waitress),
    "wsgi_app": contextmanager(run_waitress),
}

INDEX = (EXAMPLES / "public" / "index.html").read_bytes()
FILES = [
    ("aiohttp_app", "/"),
    ("aiohttp_app", "/static/index.html"),
    ("fastapi_app", "/"),
    ("fastapi_app", "/static/index.html"),
    ("flask_app", "/static/index.html"),
    ("wsgi_app", "/"),
    ("wsgi_app", "/index.html"),
]


@pytest.fixture
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Of the example of that name, run from a copy whose files are settled."""
    copy = Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))
    for path in (copy / "public").iterdir():
        os.utime(path, ns=(OLD, OLD))
    spec = importlib.util.spec_from_file_location(f"example_{request.param}", copy / f"{request.param}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with SERVERS[request.param](module.app) as number:
        yield number


def check_conditions(port: int, target: str, content: bytes) -> None:
    whole = ask(port, target)
    assert (whole.status, whole.body) == (200, content)
    etag = whole.fields["etag"]

    matched = ask(port, target, fields=[("If-None-Match", etag)])
    assert (matched.status, matched.body, matched.fields["etag"]) == (304, b"", etag)
    assert ask(port, target, fields=[("If-None-Match", '"other"')]).body == content

    assert ask(port, target, fields=[("If-Match", '"other"')]).status == 412
    assert ask(port, target, fields=[("If-Match", etag)]).body == content


@pytest.mark.parametrize("port, target", FILES, indirect=["port"])
def test_a_file(port: int, target: str) -> None:
    check_conditions(port, target, INDEX)
    assert ask(port, target).fields["etag"] == f'"{OLD:x}-{len(INDEX):x}"'


@pytest.mark.parametrize("port", ["flask_app"], indirect=True)
def test_a_response_with_a_tag_of_its_own(port: int) -> None:
    content = ask(port, "/").body
    assert json.loads(content) == ["index.html"]
    check_conditions(port, "/", content)


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == SERVERS.keys()
