"""precond.aiohttp.static: what add_static offers, and what stays outside."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import precond
from aiohttp_server import FILE, SIZE, TAG, ask, serving, serving_static, write
from cases import content
from conftest import CHANGES_FILES
from precond.aiohttp import FileResponse, static

WITH_LINKS = pytest.mark.skipif(os.name != "posix", reason="not everyone may make links elsewhere")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What is served, and beside it what is not."""
    (tmp_path / "outside").mkdir()
    write(tmp_path / "outside" / "secret.txt", b"secret")
    write(tmp_path / "secret.txt", b"secret")
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    write(root / "file.txt")
    write(root / "below" / "file.txt", b"below")
    return root


@pytest.fixture(params=[False, True], ids=["", "follow_symlinks"])
def port(request: pytest.FixtureRequest, root: Path) -> Iterator[int]:
    with serving_static(root, follow_symlinks=request.param) as number:
        yield number


# -- The root ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "below/../../secret.txt",
        "below%2f..%2f..%2fsecret.txt",
        "./../secret.txt",
        "../root/../secret.txt",
        "..%5csecret.txt",
        "file.txt/../../secret.txt",
        "{root}/file.txt",
        "/{root}/file.txt",
        "%2f{root}/file.txt",
        "/../secret.txt",
        "..",
        "below%2f..%2f..",
        "../",
        "../outside/",
        "file.txt%00",
        "%00",
        "%00/../../secret.txt",
        "below%00/file.txt",
        "a" * 300,
        "file.txt/x",
        "x/file.txt",
        "%ff%fe",
        "%ed%a0%80",
        "no.txt",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_way_out_by_names(port: int, root: Path, path: str, method: str) -> None:
    answer = ask(port, "/static/" + path.format(root=root), method, [("If-None-Match", "*")])
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    "path", ["below/../file.txt", "below%2f..%2ffile.txt", "./file.txt", "below/.././file.txt"]
)
def test_names_that_stay_inside(port: int, path: str) -> None:
    assert ask(port, f"/static/{path}").body == content(SIZE)


@WITH_LINKS
@CHANGES_FILES
def test_symbolic_links(root: Path) -> None:
    (root / "to-file").symlink_to(root / "file.txt")
    (root / "to-below").symlink_to("below", target_is_directory=True)
    (root / "to-secret").symlink_to(root.parent / "secret.txt")
    (root / "to-outside").symlink_to("../outside", target_is_directory=True)
    (root / "to-link").symlink_to("to-secret")
    (root / "to-nothing").symlink_to("nothing")
    (root / "loop").symlink_to("loop")
    (root / "to-root").symlink_to("../root")
    inside = ["to-file", "to-below/file.txt", "to-root/file.txt", "to-root/to-file"]
    outside = ["to-secret", "to-outside/secret.txt", "to-link", "to-root/to-secret"]
    nowhere = ["to-nothing", "loop", "loop/x", "to-nothing/x", "to-outside/../secret.txt"]
    for follow in (False, True):
        with serving_static(root, follow_symlinks=follow) as port:
            for path in inside:
                assert ask(port, f"/static/{path}").status == 200
            for path in outside:
                answer = ask(port, f"/static/{path}")
                assert (answer.status, b"secret" in answer.body) == ((200, True) if follow else (404, False))
            for path in nowhere:
                assert ask(port, f"/static/{path}").status == 404


@WITH_LINKS
@CHANGES_FILES
def test_the_target_of_a_link_is_what_is_served(root: Path) -> None:
    (root / "latest").symlink_to("file.txt")
    with serving_static(root) as port:
        answer = ask(port, "/static/latest")
        assert (answer.fields["content-type"], answer.fields["etag"]) == ("text/plain", TAG)
        assert ask(port, "/static/latest", fields=[("If-None-Match", TAG)]).status == 304


# -- What add_static offers ----------------------------------------------------------------------------------


def test_directories(root: Path) -> None:
    with serving_static(root) as port:
        for path in ("", "/", "/below", "/below/", "/below/.."):
            assert ask(port, f"/static{path}").status == 403
        assert ask(port, "/static/none/").status == 404
        assert ask(port, "/statics/file.txt").status == 404
    with serving_static(root, show_index=True) as port:
        for path, names in (("/static", b"below/"), ("/static/below/", b"file.txt")):
            answer = ask(port, path)
            assert answer.status == 200
            assert answer.fields["content-type"].startswith("text/html")
            assert names in answer.body
        assert ask(port, FILE, fields=[("If-None-Match", TAG)]).status == 304


def test_what_a_middleware_sees(root: Path) -> None:
    """As of aiohttp's own: exceptions for what is outside or a directory, a response for what is missing."""
    seen = []

    @web.middleware
    async def watching(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            seen.append(type(error))
            raise
        seen.append(type(response))
        return response

    with serving_static(root, watching) as port:
        for path in ("file.txt", "none.txt", "file.txt/x", "below", "..%2fsecret.txt", "%00"):
            ask(port, f"/static/{path}")
    assert seen == [FileResponse] * 3 + [web.HTTPForbidden] + [web.HTTPNotFound] * 2


def test_methods(root: Path) -> None:
    with serving_static(root) as port:
        for method in ("PUT", "POST", "DELETE", "OPTIONS"):
            answer = ask(port, FILE, method, [("If-Match", '"other"')])
            assert (answer.status, answer.fields["allow"]) == (405, "GET,HEAD")


def test_names_and_urls(root: Path) -> None:
    app = web.Application()
    app.add_routes([static("/static/", root, name="files", append_version=True, chunk_size=16)])
    resource = app.router["files"]
    assert isinstance(resource, web.StaticResource)
    assert resource.canonical == "/static"
    version = urlsafe_b64encode(hashlib.sha256(b"below").digest()).decode()
    url = resource.url_for(filename="below/file.txt")
    assert (url.path, url.query["v"]) == ("/static/below/file.txt", version)
    assert str(resource.url_for(filename="below/file.txt", append_version=False)) == "/static/below/file.txt"
    with serving(app) as port:
        assert ask(port, str(url)).body == b"below"


def test_it_registers_itself(root: Path) -> None:
    app = web.Application()
    routes = static("/", root).register(app.router)
    assert {route.method for route in routes} == {"GET", "HEAD"}
    outer = web.Application()
    outer.add_subapp("/sub", app)
    with serving(outer) as port:
        assert ask(port, "/sub/file.txt").body == content(SIZE)


def test_expectations(root: Path) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=417)

    with serving_static(root, expect_handler=refuse) as port:
        assert ask(port, FILE).status == 200
        assert ask(port, FILE, fields=[("Expect", "100-continue")]).status == 417


def test_each_has_its_own_policy(root: Path) -> None:
    app = web.Application()
    app.add_routes([static("/weak", root, policy=precond.Policy(weak=True)), static("/strong", root)])
    with serving(app) as port:
        assert ask(port, "/weak/file.txt").fields["etag"] == f"W/{TAG}"
        assert ask(port, "/weak/file.txt", fields=[("If-Match", TAG)]).status == 412
        assert ask(port, "/strong/file.txt", fields=[("If-Match", TAG)]).status == 200


def test_arguments(root: Path) -> None:
    with pytest.raises(TypeError, match=r"policy: expected precond\.Policy, got NoneType"):
        static("/", root, policy=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no option 'show_indices'"):
        static("/", root, show_indices=True)
    with pytest.raises(ValueError, match="prefix: expected a path that begins with '/', got 'static'"):
        static("static", root)
    with pytest.raises(ValueError, match="does not exist"):
        static("/", root / "none").register(web.Application().router)
    with pytest.raises(ValueError, match="is not a directory"):
        static("/", root / "file.txt").register(web.Application().router)
    assert repr(static("/x", "y")) == "<StaticDef /x -> y, nowait=True, policy=Policy()>"
