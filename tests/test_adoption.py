"""examples/adoption: each framework's own file serving, with precond's rules in place of its own."""

from __future__ import annotations

import os
import re
import runpy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from werkzeug.utils import send_from_directory
from werkzeug.wrappers import Request, Response

import aiohttp_server
import asgi_server
from aiohttp_server import ask, write
from conftest import CHANGES_PROCESS
from wsgi_server import run_waitress

EXAMPLES = Path(__file__).parent.with_name("examples") / "adoption"
LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 2033 08:49:37 GMT"


def serving_aiohttp(directory: Path) -> AbstractContextManager[int]:
    app = web.Application()
    app.add_routes([web.static("/", directory)])
    return aiohttp_server.serving(app)


def serving_starlette(directory: Path) -> AbstractContextManager[int]:
    return asgi_server.serving(StaticFiles(directory=directory))


def serving_werkzeug(directory: Path) -> AbstractContextManager[int]:
    @Request.application
    def app(request: Request) -> Response:
        return send_from_directory(directory, request.path.lstrip("/"), request.environ)

    return contextmanager(run_waitress)(app)


class Adoption(NamedTuple):
    """What an example replaces, and a server of the framework's own class."""

    owner: Any
    name: str
    serving: Any


ADOPTIONS = {
    "aiohttp_file_response": Adoption(web.FileResponse, "_make_response", serving_aiohttp),
    "starlette_static_files": Adoption(StaticFiles, "file_response", serving_starlette),
    "werkzeug_send_file": Adoption(Response, "make_conditional", serving_werkzeug),
}


@contextmanager
def adopted(example: str) -> Iterator[pytest.MonkeyPatch]:
    owner, name, _ = ADOPTIONS[example]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, getattr(owner, name))  # what the example replaces is put back in the end
        runpy.run_path(str(EXAMPLES / f"{example}.py"))
        yield patch


@pytest.fixture(scope="module", params=ADOPTIONS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("files")
    write(directory / "file.txt")
    with adopted(request.param), ADOPTIONS[request.param].serving(directory) as number:
        yield number


RANGE = ("Range", "bytes=0-9")
OF_MALFORMED = [
    (200, []),
    (200, [("If-None-Match", '"other"')]),
    (206, [RANGE]),
    (200, [RANGE, ("If-Range", '"other"')]),
]


# What an application has set so far went out as it was, and has to when precond comes.
@pytest.mark.parametrize("status, fields", OF_MALFORMED)
@pytest.mark.parametrize("name, value", [("ETag", "unquoted"), ("Last-Modified", "yesterday")])
@CHANGES_PROCESS
def test_malformed_validators_in_werkzeug(
    name: str, value: str, status: int, fields: list[tuple[str, str]]
) -> None:
    @Request.application
    def app(request: Request) -> Response:
        response = Response(b"0123456789" * 10, headers=[(name, value)])
        return response.make_conditional(request.environ, accept_ranges=True, complete_length=100)

    with adopted("werkzeug_send_file"), contextmanager(run_waitress)(app) as number:
        assert ask(number, "/", fields=fields).status == status


@pytest.mark.parametrize("status, fields", OF_MALFORMED)
@pytest.mark.parametrize("validators", [{"etag": "unquoted", "last-modified": LATER}, {"etag": '"1"'}])
@CHANGES_PROCESS
def test_malformed_or_missing_validators_in_starlette(
    tmp_path: Path, validators: dict[str, str], status: int, fields: list[tuple[str, str]]
) -> None:
    def set_stat_headers(response: FileResponse, st: os.stat_result) -> None:
        response.headers.update({"content-length": str(st.st_size), **validators})

    write(tmp_path / "file.txt")
    with adopted("starlette_static_files") as patch:
        patch.setattr(FileResponse, "set_stat_headers", set_stat_headers)
        with serving_starlette(tmp_path) as number:
            assert ask(number, "/file.txt", fields=fields).status == status


# TAG and DATE stand for what the framework sent. None of the three gets all of these right by itself.
@pytest.mark.parametrize(
    "status, fields",
    [
        (200, []),
        (304, [("If-None-Match", "TAG")]),
        (304, [("If-None-Match", "W/TAG")]),
        (304, [("If-None-Match", '"", "a,b", TAG')]),
        (304, [("If-None-Match", '"other"'), ("If-None-Match", "TAG")]),
        (304, [("If-None-Match", "*")]),
        (200, [("If-None-Match", '"other"'), ("If-Modified-Since", "DATE")]),
        (200, [("If-None-Match", "TAG, broken")]),
        (304, [("If-Modified-Since", "DATE")]),
        (200, [("If-Modified-Since", "DATE and more")]),
        (200, [("If-Match", "TAG")]),
        (200, [("If-Match", "*")]),
        (412, [("If-Match", "W/TAG")]),
        (412, [("If-Match", '"other"')]),
        (412, [("If-Unmodified-Since", LONG_AGO)]),
        (200, [("If-Unmodified-Since", LATER)]),
        (206, [RANGE]),
        (206, [RANGE, ("If-Range", "TAG")]),
        (200, [RANGE, ("If-Range", "W/TAG")]),
        (200, [RANGE, ("If-Range", '"other"')]),
        (200, [RANGE, ("If-Range", LATER)]),
        (304, [RANGE, ("If-None-Match", "TAG")]),
    ],
)
def test_one_file(port: int, status: int, fields: list[tuple[str, str]]) -> None:
    sent = ask(port, "/file.txt").fields
    values = {"TAG": sent["etag"], "DATE": sent["last-modified"]}
    lines = [(name, re.sub("TAG|DATE", lambda match: values[match[0]], value)) for name, value in fields]
    assert ask(port, "/file.txt", fields=lines).status == status


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.stem)
def test_an_adoption_is_short(path: Path) -> None:
    assert path.stem in ADOPTIONS
    code = [line for line in path.read_text("utf-8").splitlines() if line.split("#")[0].strip()]
    assert len(code) <= 15
    assert [line for line in code if "import" in line and "precond" in line] == ["import precond"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.stem)
def test_an_adoption_is_found_and_says_what_does_not_come_with_it(path: Path) -> None:
    guide = EXAMPLES.parents[1].joinpath("docs", "frameworks.md").read_text("utf-8")
    assert f"(../examples/adoption/{path.name})" in guide
    assert "docs/never-stale.md" in path.read_text("utf-8")
