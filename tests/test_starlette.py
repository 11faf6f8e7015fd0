"""precond.starlette: every case over uvicorn, and beside it what Starlette does, which stays as it is."""

from __future__ import annotations

import http.client
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse as StarletteFileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles as StarletteStaticFiles

import precond
import precond._starlette
import precond.starlette
from asgi_server import ask, serving
from cases import cases, check, content, fetch, make_file, policies
from conftest import CHANGES_FILES, CHANGES_PROCESS
from precond.starlette import FileResponse, StaticFiles
from starlette_file import OLD, OWN, PATHSEND, SINCE, SIZE, TAG, get, write

POLICIES = policies()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["StaticFiles", "FileResponse"])
def app(request: pytest.FixtureRequest, path: Path) -> Any:
    """The file of `path` at /file.txt, by each of the two classes."""
    return StaticFiles(directory=path.parent) if request.param == "StaticFiles" else FileResponse(path)


# -- Every case, over uvicorn --------------------------------------------------------------------------------


def over_all_policies(directory: Path) -> Starlette:
    routes: list[Any] = []
    for number, policy in enumerate(POLICIES):

        async def endpoint(request: Any, policy: precond.Policy = policy) -> FileResponse:
            return FileResponse(directory / request.path_params["name"], policy=policy)

        routes.append(Route(f"/FileResponse/{number}/{{name}}", endpoint))
        routes.append(Mount(f"/StaticFiles/{number}", StaticFiles(directory=directory, policy=policy)))
    return Starlette(routes=routes)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def port(directory: Path) -> Iterator[int]:
    with serving(over_all_policies(directory)) as port:
        yield port


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("name", ["StaticFiles", "FileResponse"])
def test_every_case_over_uvicorn(port: int, directory: Path, name: str, policy: precond.Policy) -> None:
    for case in cases(policy):
        path = make_file(directory, case)
        check(case, fetch(port, f"/{name}/{POLICIES.index(policy)}/{path.name}", case))


def test_fastapi_over_uvicorn(path: Path) -> None:
    app = fastapi.FastAPI()
    app.mount("/static", StaticFiles(directory=path.parent))

    @app.get("/returned")
    async def returned() -> FileResponse:
        return FileResponse(path)

    @app.get("/declared", response_class=FileResponse)
    async def declared() -> Path:
        return path

    assert app.openapi()["paths"]["/declared"]["get"]["responses"].keys() == {"200"}
    with serving(app) as port:
        for target in ("/static/file.txt", "/returned", "/declared"):
            for field, value, status in (
                ("If-None-Match", TAG, 304),
                ("If-None-Match", '"other"', 200),
                ("If-Match", '"other"', 412),
                ("If-Unmodified-Since", SINCE, 200),
            ):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", target, headers={field: value})
                response = connection.getresponse()
                assert (response.status, response.read()) == (status, content(SIZE) if status == 200 else b"")
                connection.close()


# -- What the answers carry ----------------------------------------------------------------------------------


def test_a_200_carries_the_settled_validators(app: Any) -> None:
    sent = get(app)
    assert sent.fields == {
        "content-type": "text/plain; charset=utf-8",
        "accept-ranges": "bytes",
        "content-length": str(SIZE),
        "last-modified": SINCE,
        "etag": TAG,
    }
    assert (sent.status, sent.body) == (200, content(SIZE))


def test_a_304_carries_the_entity_tag_alone(path: Path) -> None:
    sent = get(StaticFiles(directory=path.parent), {"If-None-Match": TAG})
    assert (sent.status, sent.fields, sent.body) == (304, {"etag": TAG}, b"")


def test_a_304_without_an_entity_tag_carries_the_date(path: Path) -> None:
    app = StaticFiles(directory=path.parent, policy=precond.Policy(etag=False))
    sent = get(app, {"If-Modified-Since": SINCE})
    assert (sent.status, sent.fields) == (304, {"last-modified": SINCE})


def test_a_304_keeps_the_fields_of_the_application(path: Path) -> None:
    app = FileResponse(path, filename="name.txt", headers={"Cache-Control": "max-age=60", "Vary": "cookie"})
    app.set_cookie("a", "1")
    app.set_cookie("b", "2")
    sent = get(app, {"If-None-Match": TAG})
    assert sent.status == 304
    assert sent.fields.pop("set-cookie").count("Path=/") == 2
    assert sent.fields == {
        "cache-control": "max-age=60",
        "vary": "cookie",
        "accept-ranges": "bytes",
        "etag": TAG,
    }


def test_a_412_says_nothing_of_the_representation(path: Path) -> None:
    headers = {"Cache-Control": "max-age=60", "X-Request": "1", "ETag": OWN}
    sent = get(FileResponse(path, headers=headers), {"If-Match": TAG})
    assert (sent.status, sent.fields, sent.body) == (412, {"content-length": "0", "x-request": "1"}, b"")
    sent = get(StaticFiles(directory=path.parent), {"If-Match": '"other"'})
    assert (sent.status, sent.fields, sent.body) == (412, {"content-length": "0"}, b"")


@pytest.mark.parametrize("given", ["constructor", "headers"])
def test_an_entity_tag_of_the_application_wins(path: Path, given: str) -> None:
    app = FileResponse(path, headers={"ETag": OWN} if given == "constructor" else None)
    if given == "headers":
        app.headers["etag"] = OWN
    assert get(app).fields["etag"] == OWN
    assert get(app).fields["last-modified"] == SINCE
    assert get(app, {"If-None-Match": OWN}).fields == {"accept-ranges": "bytes", "etag": OWN}
    assert get(app, {"If-None-Match": TAG}).status == 200
    assert get(app, {"If-Modified-Since": SINCE}).status == 304
    part = get(app, {"Range": "bytes=0-9", "If-Range": OWN})
    assert (part.status, part.fields["etag"]) == (206, OWN)
    assert get(app, {"Range": "bytes=0-9", "If-Range": TAG}).status == 200


def test_a_date_of_the_application_wins(path: Path) -> None:
    later = "Wed, 15 Nov 2023 00:00:00 GMT"
    app = FileResponse(path, headers={"Last-Modified": later})
    assert get(app).fields["last-modified"] == later
    assert get(app).fields["etag"] == TAG
    assert get(app, {"If-Modified-Since": SINCE}).status == 200
    assert get(app, {"If-Modified-Since": later}).fields == {"accept-ranges": "bytes", "etag": TAG}


@CHANGES_FILES
def test_the_date_guards_a_young_file_with_an_entity_tag_of_the_application(path: Path) -> None:
    """A date that is too young to be sent is evaluated all the same."""
    write(path, b"new", time.time_ns() + 3600 * 10**9)
    app = FileResponse(path, headers={"ETag": OWN})
    sent = get(app, {"If-Unmodified-Since": SINCE})
    assert sent.status == 412
    assert "last-modified" not in get(app).fields


def test_a_malformed_entity_tag_of_the_application_is_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"st\.etag: expected an entity-tag"):
        get(FileResponse(path, headers={"ETag": "rev-17"}))


@pytest.mark.parametrize("status", [404, 500])
def test_other_statuses_have_no_preconditions(path: Path, status: int) -> None:
    app = FileResponse(path, status_code=status)
    conditions = {"If-None-Match": TAG, "If-Modified-Since": SINCE, "Range": "bytes=0-9"}
    sent = get(app, conditions)
    assert (sent.status, sent.body) == (status, content(SIZE))
    assert not {"etag", "last-modified", "content-range"} & sent.fields.keys()
    assert get(app, {"If-Match": '"other"'}).status == status


def test_a_2xx_has_preconditions_and_no_ranges(path: Path) -> None:
    app = FileResponse(path, status_code=203)
    assert get(app, {"If-None-Match": TAG}).status == 304
    sent = get(app, {"Range": "bytes=0-9"})
    assert (sent.status, sent.body, sent.fields["etag"]) == (203, content(SIZE), TAG)


@CHANGES_FILES
def test_a_response_answers_again_and_again(path: Path) -> None:
    app = FileResponse(path)
    assert get(app, {"Range": "bytes=0-9"}).body == content(SIZE)[:10]
    write(path, b"longer" * 20, OLD + 10**9)
    sent = get(app)
    assert (sent.body, sent.fields["etag"]) == (b"longer" * 20, f'"{OLD + 10**9:x}-{120:x}"')
    assert get(app, {"If-None-Match": sent.fields["etag"]}).status == 304
    assert app.path == path
    assert not {"etag", "content-length", "content-range"} & set(app.headers)


def test_an_unknown_range_unit_is_ignored(app: Any) -> None:
    assert get(app, {"Range": "lines=1-2"}).status == 200
    assert get(app, {"Range": "Bytes=1-2"}).status == 206
    assert get(app, {"Range": "bytes"}).status == 400  # Starlette's answer to what has no unit at all


def test_a_policy_is_asked_for(path: Path) -> None:
    for make in (
        lambda: FileResponse(path, policy="exact"),  # type: ignore[arg-type]
        lambda: StaticFiles(directory=path.parent, policy="exact"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=r"policy: expected precond\.Policy, got str"):
            make()


# -- What stays Starlette's ----------------------------------------------------------------------------------


_NAMES = ["", ".", "..", "a", ".a", "a.b", "..a", "a\\b", "\\", "a:b", "a\0b", "é", "\udcff", "a\n"]


@pytest.mark.parametrize("root_path", ["", "/", "/a", "/a/", "a", "/.", "//"])
def test_a_path_is_read_as_by_starlette(root_path: str) -> None:
    ours = StaticFiles(directory="/srv/www", check_dir=False)
    for prefix, *names in itertools.product(["", "/", root_path, f"{root_path}/"], _NAMES, _NAMES, _NAMES):
        scope = {"type": "http", "path": prefix + "/".join(names), "root_path": root_path}
        assert ours.get_path(scope) == StarletteStaticFiles.get_path(ours, scope)


def test_a_path_without_a_root_path() -> None:
    ours = StaticFiles(directory="/srv/www", check_dir=False)
    assert ours.get_path({"type": "http", "path": "/css/main.css"}) == os.path.join("css", "main.css")


def test_html_mode(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    write(tmp_path / "dir" / "index.html")
    write(tmp_path / "404.html", b"not here")
    app = StaticFiles(directory=tmp_path, html=True)
    index = ask(app, "/dir/")
    assert (index.status, index.fields["etag"], index.body) == (200, TAG, content(SIZE))
    assert ask(app, "/dir/", headers={"If-None-Match": TAG}).status == 304
    redirect = ask(app, "/dir", headers={"If-None-Match": "*", "If-Match": '"other"'})
    assert (redirect.status, redirect.fields["location"]) == (307, "http://127.0.0.1:2/dir/")


def test_404_html_has_no_validators(tmp_path: Path) -> None:
    """Its date would otherwise be taken for that of the file, once that is there."""
    write(tmp_path / "404.html", b"not here")
    app = StaticFiles(directory=tmp_path, html=True)
    for headers in ({}, {"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Range": "bytes=0-1"}):
        sent = ask(app, "/file.txt", headers=headers)
        assert (sent.status, sent.body, sent.fields["content-length"]) == (404, b"not here", "8")
        assert not {"etag", "last-modified"} & sent.fields.keys()


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "POST"])
def test_405_comes_before_preconditions(path: Path, method: str) -> None:
    with pytest.raises(HTTPException) as error:
        get(StaticFiles(directory=path.parent), {"If-Match": '"other"'}, method)
    assert error.value.status_code == 405


def test_a_status_that_a_subclass_gives_has_no_preconditions(path: Path) -> None:
    class Gone(StaticFiles):
        def file_response(self, full_path: Any, stat_result: Any, scope: Any, status_code: int = 410) -> Any:
            return super().file_response(full_path, stat_result, scope, status_code)

    sent = get(Gone(directory=path.parent), {"If-None-Match": TAG})
    assert (sent.status, sent.body) == (410, content(SIZE))


@pytest.mark.parametrize("of_class", [True, False])
def test_a_get_response_of_the_application_sees_every_answer(path: Path, of_class: bool) -> None:
    async def get_response(self: StaticFiles, path: str, scope: Any) -> Any:
        response = await StaticFiles.get_response(self, path, scope)
        response.headers["x-status"] = str(response.status_code)
        return response

    kind: Any = type("Own", (StaticFiles,), {"get_response": get_response}) if of_class else StaticFiles
    app = kind(directory=path.parent)
    if not of_class:
        app.get_response = get_response.__get__(app)
    for _ in range(2):  # the first request checks the directory too
        for headers, status in (({"If-None-Match": TAG}, 304), ({"If-Match": '"other"'}, 412), ({}, 200)):
            sent = get(app, headers)
            assert (sent.status, sent.fields["x-status"]) == (status, str(status))


@pytest.mark.parametrize("nowait", [True, False])
@pytest.mark.parametrize("name", ["lookup_path", "file_response"])
@pytest.mark.parametrize("of_class", [True, False])
def test_what_is_replaced_afterwards_is_called(
    path: Path, name: str, nowait: bool, of_class: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(directory=path.parent, nowait=nowait)
    called = []

    def own(*args: Any) -> Any:
        called.append(args)
        return replaced(*args)

    replaced = getattr(StaticFiles if of_class else app, name)
    monkeypatch.setattr(StaticFiles if of_class else app, name, own)
    for headers, status in (({"If-None-Match": TAG}, 304), ({"If-Match": '"other"'}, 412), ({}, 200)):
        called.clear()
        assert get(app, headers).status == status
        assert len(called) == 1


def test_fields_that_a_subclass_gives_are_kept(path: Path) -> None:
    class Own(StaticFiles):
        def file_response(self, full_path: Any, stat_result: Any, *args: Any) -> Any:
            headers = {"Cache-Control": "no-cache"}
            return StarletteFileResponse(full_path, headers=headers, media_type="text/x-own")

    sent = get(Own(directory=path.parent))
    assert (sent.status, sent.fields["cache-control"]) == (200, "no-cache")
    assert sent.fields["content-type"].startswith("text/x-own")


def test_404_comes_before_preconditions(path: Path) -> None:
    for target in ("/none.txt", "/", "/../outside", "//etc/passwd"):
        with pytest.raises(HTTPException) as error:
            ask(StaticFiles(directory=path.parent), target, headers={"If-None-Match": "*", "If-Match": '"x"'})
        assert error.value.status_code == 404


def test_symlinks_only_on_purpose(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.txt").symlink_to(write(tmp_path / "outside.txt"))
    with pytest.raises(HTTPException) as error:
        ask(StaticFiles(directory=root), "/link.txt", headers={"If-None-Match": TAG})
    assert error.value.status_code == 404
    assert ask(StaticFiles(directory=root, follow_symlink=True), "/link.txt").fields["etag"] == TAG


def test_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "precond_assets"
    (package / "statics").mkdir(parents=True)
    (package / "__init__.py").touch()
    write(package / "statics" / "file.txt")
    monkeypatch.syspath_prepend(tmp_path)
    app = StaticFiles(packages=["precond_assets"])
    assert get(app).body == content(SIZE)
    assert get(app, {"If-None-Match": TAG}).status == 304


@pytest.mark.parametrize(("field", "status"), [("Host", 200), ("If-None-Match", 304), ("If-Match", 412)])
def test_background_tasks_run_after_every_answer(path: Path, field: str, status: int) -> None:
    ran = []
    app = FileResponse(path, background=BackgroundTask(ran.append, status))
    assert get(app, {field: '"other"' if status == 412 else TAG}).status == status
    assert ran == [status]


def test_several_ranges(app: Any) -> None:
    sent = get(app, {"Range": "bytes=0-9,20-29", "If-Range": TAG})
    assert (sent.status, sent.fields["etag"]) == (206, TAG)
    assert content(SIZE)[:10] in sent.body
    assert content(SIZE)[20:30] in sent.body
    assert len(sent.body) == int(sent.fields["content-length"])


def test_head_has_no_ranges_and_opens_nothing(app: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precond._starlette, "open_regular", None)
    sent = get(app, {"Range": "bytes=0-9"}, "HEAD")
    assert (sent.status, sent.fields["content-length"], sent.body) == (200, str(SIZE), b"")
    assert sent.fields["etag"] == TAG
    assert get(FileResponse(path), method="head").body == b""


def test_pathsend(app: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = get(app, {"Range": "bytes=0-9"}, **PATHSEND)
    assert (part.status, part.body) == (206, content(SIZE)[:10])
    ignored = get(app, {"Range": "bytes=0-9", "If-Range": '"other"'}, **PATHSEND)
    assert ignored.messages[1] == {"type": "http.response.pathsend", "path": str(path)}
    monkeypatch.setattr(precond._starlette, "open_regular", None)
    whole = get(app, **PATHSEND)
    assert (whole.status, whole.fields["etag"]) == (200, TAG)
    assert whole.messages[1] == {"type": "http.response.pathsend", "path": str(path)}
    assert get(app, {"If-None-Match": TAG}, **PATHSEND).messages[1]["type"] == "http.response.body"


@pytest.mark.parametrize("nowait", [True, False])
@CHANGES_PROCESS
def test_the_path_of_pathsend_is_absolute(path: Path, monkeypatch: pytest.MonkeyPatch, nowait: bool) -> None:
    """A relative directory is below the one that is current at the request, as in Starlette."""
    app = StaticFiles(directory=".", nowait=nowait)
    for directory in (path.parent, path.parent / "other"):
        directory.mkdir(exist_ok=True)
        monkeypatch.chdir(directory)
        served = str(write(directory / path.name).resolve())
        message = get(app, **PATHSEND).messages[1]
        assert message == {"type": "http.response.pathsend", "path": served}
        assert app.lookup_path(path.name)[0] == served


@pytest.mark.parametrize("nowait", [True, False])
def test_the_path_of_pathsend_has_nothing_superfluous(path: Path, nowait: bool) -> None:
    for directory in (f"{path.parent}/", f"{path.parent}/../{path.parent.name}"):
        message = get(StaticFiles(directory=directory, nowait=nowait), **PATHSEND).messages[1]
        assert message == {"type": "http.response.pathsend", "path": str(path.resolve())}


@pytest.mark.parametrize(
    ("size", "chunks"), [(2**18, [2**18]), (2**18 + 1, [2**18, 1]), (2**19, [2**18, 2**18, 0])]
)
def test_chunks_are_of_256_kib(tmp_path: Path, size: int, chunks: list[int]) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(content(size))
    os.utime(large, (1_700_000_000, 1_700_000_000))
    sent = get(FileResponse(large))
    assert [len(message["body"]) for message in sent.messages[1:]] == chunks
    assert sent.body == content(size)


def test_the_chunk_size_of_a_subclass_counts(path: Path) -> None:
    class Small(FileResponse):
        chunk_size = 50

        def set_stat_headers(self, stat_result: os.stat_result) -> None:
            super().set_stat_headers(stat_result)
            del self.headers["content-length"]

    sent = get(Small(path))
    assert [len(message["body"]) for message in sent.messages[1:]] == [50, 45]
    assert "content-length" not in sent.fields


def test_a_websocket_denied_with_a_file(path: Path) -> None:
    for status in (200, 403):
        sent = get(FileResponse(path, status_code=status), {"If-None-Match": TAG}, type="websocket")
        assert sent.messages[0]["type"] == "websocket.http.response.start"
        assert (sent.status, sent.body) == (status, content(SIZE))
