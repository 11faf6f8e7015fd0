"""The applications of examples/, each over a real server."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
    "asgi_app": asgi_server.serving,
    "django_app": contextmanager(run_waitress),
    "fastapi_app": asgi_server.serving,
    "flask_app": contextmanager(run_waitress),
    "wsgi_app": contextmanager(run_waitress),
}

INDEX = (EXAMPLES / "public" / "index.html").read_bytes()
FILES = [
    ("aiohttp_app", "/"),
    ("aiohttp_app", "/static/index.html"),
    ("asgi_app", "/page"),
    ("django_app", "/page"),
    ("django_app", "/static/index.html"),
    ("fastapi_app", "/"),
    ("fastapi_app", "/static/index.html"),
    ("flask_app", "/static/index.html"),
    ("wsgi_app", "/"),
    ("wsgi_app", "/index.html"),
]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], int]]:
    """Of the example of a name: run once (Django has one set of settings), its files settled."""
    copy = Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("copy") / "examples"))
    for path in (copy / "public").iterdir():
        os.utime(path, ns=(OLD, OLD))

    @functools.cache
    def port_of(name: str) -> int:
        spec = importlib.util.spec_from_file_location(f"example_{name}", copy / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return servers.enter_context(SERVERS[name](module.app))

    with ExitStack() as servers:
        yield port_of


@pytest.fixture
def port(request: pytest.FixtureRequest, ports: Callable[[str], int]) -> int:
    return ports(request.param)


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


@pytest.mark.parametrize("port", ["asgi_app", "django_app", "flask_app"], indirect=True)
def test_a_response_with_a_tag_of_its_own(port: int) -> None:
    content = ask(port, "/").body
    assert json.loads(content) == ["index.html"]
    check_conditions(port, "/", content)


@pytest.mark.parametrize("port", ["asgi_app"], indirect=True)
def test_what_comes_before_preconditions(port: int) -> None:
    for method, target, status in (("GET", "/none", 404), ("PUT", "/page", 405)):
        assert ask(port, target, method, [("If-Match", '"other"')]).status == status


def test_no_application_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*_app.py")} == SERVERS.keys()
