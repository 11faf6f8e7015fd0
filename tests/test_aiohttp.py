"""precond.aiohttp.FileResponse, and all that static() shares with it, over a real server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import precond
from aiohttp_server import (
    DATE,
    FILE,
    SIZE,
    TAG,
    ask,
    ask_all,
    serving,
    serving_file,
    serving_response,
    serving_static,
    write,
)
from cases import Case, cases, check, content, fetch, make_file, policies
from precond import Policy
from precond.aiohttp import FileResponse, static

OTHER = '"other"'
POLICIES = policies()
CASES = [(number, case) for number, policy in enumerate(POLICIES) for case in cases(policy)]


def etag_of(path: Path) -> str:
    return precond.etag(os.stat(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "file.txt")


@pytest.fixture(params=["static", "FileResponse"])
def port(request: pytest.FixtureRequest, path: Path) -> Iterator[int]:
    with serving_file(path, request.param) as number:
        yield number


# -- Every case of the vectors -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def port_of_cases(directory: Path) -> Iterator[int]:
    app = web.Application()
    for number, policy in enumerate(POLICIES):

        async def handler(request: web.Request, policy: Policy = policy) -> web.StreamResponse:
            return FileResponse(directory / request.match_info["name"], policy=policy)

        app.add_routes(
            [
                static(f"/{number}/static", directory, policy=policy),
                web.get(f"/{number}/file/{{name}}", handler),
            ]
        )
    with serving(app) as port:
        yield port


@pytest.mark.parametrize("way", ["static", "file"])
@pytest.mark.parametrize(
    "number, case", [pytest.param(*both, id=f"{both[0]}-{both[1].id}") for both in CASES]
)
def test_cases(way: str, number: int, case: Case, directory: Path, port_of_cases: int) -> None:
    path = make_file(directory, case)
    check(case, fetch(port_of_cases, f"/{number}/{way}/{path.name}", case))


# -- What the answers carry ----------------------------------------------------------------------------------


def test_200_carries_validators_and_304_only_what_it_should(port: int) -> None:
    full = ask(port, FILE)
    assert full.status == 200
    assert full.body == content(SIZE)
    assert full.fields["etag"] == TAG
    assert full.fields["last-modified"] == DATE
    assert full.fields["accept-ranges"] == "bytes"
    assert full.fields["content-type"] == "text/plain"
    assert full.fields["content-length"] == str(SIZE)
    assert "vary" not in full.fields
    short = ask(port, FILE, fields=[("If-None-Match", TAG)])
    assert short.status == 304
    assert short.body == b""
    assert set(short.fields) == {"date", "server", "etag"}
    assert short.fields["etag"] == TAG


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_412_says_nothing_of_the_file(port: int, method: str) -> None:
    answer = ask(port, FILE, method, [("If-Match", OTHER)])
    assert answer.status == 412
    assert answer.body == b""
    assert set(answer.fields) == {"date", "server", "content-length"}


def test_last_modified_stands_on_a_304_only_without_an_etag(path: Path) -> None:
    with serving_static(path.parent, policy=Policy(etag=False)) as port:
        full = ask(port, FILE)
        assert "etag" not in full.fields
        answer = ask(port, FILE, fields=[("If-Modified-Since", DATE)])
        assert answer.status == 304
        assert answer.fields["last-modified"] == full.fields["last-modified"] == DATE
        assert ask(port, FILE, fields=[("If-None-Match", TAG)]).status == 200
    with serving_static(path.parent, policy=Policy(last_modified=False, weak=True)) as port:
        full = ask(port, FILE)
        assert full.fields["etag"] == f"W/{TAG}"
        assert "last-modified" not in full.fields


def test_head_is_get_without_content(port: int) -> None:
    got, head = ask(port, FILE), ask(port, FILE, "HEAD")
    assert head.status == 200
    assert head.body == b""
    changing = {"date"}
    assert {k: v for k, v in head.fields.items() if k not in changing} == {
        k: v for k, v in got.fields.items() if k not in changing
    }


def test_a_connection_outlives_every_answer(port: int) -> None:
    """None of them has content where none belongs, or less than it says."""
    fields = [("If-None-Match", "*"), ("If-Match", "x"), ("Range", "bytes=900-"), ("Range", "bytes=0-3")]
    requests = [(FILE, method, [field]) for field in fields for method in ("GET", "HEAD")]
    statuses = [answer.status for answer in ask_all(port, [*requests, (FILE, "GET", []), (FILE, "GET", [])])]
    assert statuses == [304, 304, 412, 412, 416, 200, 206, 200, 200, 200]


# -- Ranges and If-Range -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, status, part",
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=90-", 206, slice(90, 95)),
        ("bytes=90-1000", 206, slice(90, 95)),
        ("bytes=-5", 206, slice(90, 95)),
        ("bytes=-5000", 206, slice(0, 95)),
        ("BYTES=0-0", 206, slice(0, 1)),
        ("bytes=95-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=" + "9" * 5000 + "-", 416, None),
        ("bytes=9-1", 416, None),
        ("bytes=", 416, None),
        ("bytes=x-1", 416, None),
        ("bytes=0-1,4-5", 200, slice(0, 95)),
        ("pages=1-2", 200, slice(0, 95)),
    ],
)
def test_range(port: int, value: str, status: int, part: slice | None) -> None:
    answer = ask(port, FILE, fields=[("Range", value)])
    assert answer.status == status
    if part is None:
        assert answer.body == b""
        assert answer.fields["content-range"] == f"bytes */{SIZE}"
        assert "etag" not in answer.fields
    else:
        assert answer.body == content(SIZE)[part]
        assert answer.fields["etag"] == TAG
    if status == 206:
        assert part is not None
        assert answer.fields["content-range"] == f"bytes {part.start}-{part.stop - 1}/{SIZE}"
    assert ask(port, FILE, "HEAD", [("Range", value)]).status == 200


def test_repeated_ranges_are_several(port: int) -> None:
    assert ask(port, FILE, fields=[("Range", "bytes=0-1"), ("Range", "bytes=4-5")]).status in (200, 400)


def test_an_empty_file_has_no_ranges(tmp_path: Path) -> None:
    write(tmp_path / "file.txt", b"")
    with serving_static(tmp_path) as port:
        fields = [[], [("Range", "bytes=0-")], [("Range", "bytes=-1")], []]
        answers = ask_all(port, [(FILE, "GET", each) for each in fields])
        assert [answer.status for answer in answers] == [200, 416, 200, 200]
        assert {answer.body for answer in answers} == {b""}


@pytest.mark.parametrize(
    "value, status",
    [
        (TAG, 206),
        (DATE, 206),
        (OTHER, 200),
        (f"W/{TAG}", 200),
        ("Tue, 14 Nov 2023 22:13:22 GMT", 200),
        ("", 200),
    ],
)
def test_if_range(port: int, value: str, status: int) -> None:
    answer = ask(port, FILE, fields=[("Range", "bytes=5-"), ("If-Range", value)])
    assert answer.status == status
    assert answer.body == content(SIZE)[5 if status == 206 else 0 :]


# -- What the application says -------------------------------------------------------------------------------


def test_own_fields_win_and_stay_on_the_304(path: Path) -> None:
    own = {"ETag": '"rev-17"', "Last-Modified": DATE, "Cache-Control": "max-age=60", "Vary": "Cookie"}
    more = {"Content-Disposition": "attachment", "Content-Type": "text/x-own", "X-Own": "1"}
    with serving_response(lambda: FileResponse(path, headers={**own, **more})) as port:
        full = ask(port)
        assert {name: full.fields[name.lower()] for name in {**own, **more}} == {**own, **more}
        assert ask(port, fields=[("If-None-Match", TAG)]).status == 200
        answer = ask(port, fields=[("If-None-Match", '"rev-17"')])
        assert answer.status == 304
        del own["Last-Modified"]
        assert set(answer.fields) == {"date", "server", "x-own", *(name.lower() for name in own)}
        assert {name: answer.fields[name.lower()] for name in own} == own
        assert ask(port, fields=[("If-Match", TAG)]).status == 412
        assert "cache-control" not in ask(port, fields=[("If-Match", TAG)]).fields
        ranged = [("Range", "bytes=0-3")]
        assert ask(port, fields=[*ranged, ("If-Range", '"rev-17"')]).status == 206
        assert ask(port, fields=[*ranged, ("If-Range", TAG)]).status == 200
        assert ask(port, fields=[*ranged, ("If-Range", DATE)]).status == 200  # not known to be a strong one


def test_one_own_validator_leaves_the_other(path: Path) -> None:
    with serving_response(lambda: FileResponse(path, headers={"ETag": 'W/"rev-17"'})) as port:
        assert ask(port).fields["last-modified"] == DATE
        assert ask(port, fields=[("If-None-Match", '"rev-17"')]).status == 304
        assert ask(port, fields=[("If-Modified-Since", DATE)]).status == 304
    later = "Tuesday, 14-Nov-23 22:13:25 GMT"
    with serving_response(lambda: FileResponse(path, headers={"Last-Modified": later})) as port:
        answer = ask(port)
        assert answer.fields["last-modified"] == later
        assert answer.fields["etag"] == TAG
        assert ask(port, fields=[("If-Modified-Since", DATE)]).status == 200
        assert ask(port, fields=[("If-Modified-Since", later)]).status == 304
        assert ask(port, fields=[("If-None-Match", TAG)]).status == 304


@pytest.mark.parametrize("date", ["yesterday", "Fri, 31 Dec 9999 23:59:60 GMT"])
def test_own_validators_that_are_malformed_match_nothing(path: Path, date: str) -> None:
    own = {"ETag": "rev-17", "Last-Modified": date}
    with serving_response(lambda: FileResponse(path, headers=own)) as port:
        full = ask(port)
        assert (full.fields["etag"], full.fields["last-modified"]) == ("rev-17", date)
        for fields in (
            [("If-None-Match", "rev-17")],
            [("If-Modified-Since", DATE)],
            [("If-None-Match", TAG)],
        ):
            assert ask(port, fields=fields).status == 200
        assert ask(port, fields=[("If-Match", TAG)]).status == 412


@pytest.mark.parametrize("way", ["static", "FileResponse"])
def test_what_a_middleware_sets_is_evaluated(path: Path, way: str) -> None:
    @web.middleware
    async def versioned(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        response.etag = "rev-17"
        response.headers["Vary"] = "Origin"
        response.set_cookie("seen", "1")
        return response

    with contextlib.ExitStack() as stack:
        if way == "static":
            port = stack.enter_context(serving_static(path.parent, versioned))
        else:
            port = stack.enter_context(serving_response(lambda: FileResponse(path), versioned))
        assert ask(port, FILE).fields["etag"] == '"rev-17"'
        assert ask(port, FILE, fields=[("If-None-Match", TAG)]).status == 200
        answer = ask(port, FILE, fields=[("If-None-Match", '"rev-17"')])
        assert answer.status == 304
        assert answer.fields["vary"] == "Origin"
        assert answer.fields["set-cookie"].startswith("seen=1")


def test_preconditions_are_for_success(path: Path) -> None:
    """RFC 9110 section 13.2.1; and what an error page has for a tag is not the tag of what is missing."""
    with serving_response(lambda: FileResponse(path, status=404, reason="Gone Fishing")) as port:
        for fields in ([("If-None-Match", TAG)], [("If-Match", OTHER)], [("Range", "bytes=0-3")]):
            answer = ask(port, fields=fields)
            assert answer.status == 404
            assert answer.body == content(SIZE)
            assert not {"etag", "last-modified", "accept-ranges"} & set(answer.fields)
    with serving_response(lambda: FileResponse(path, status=203)) as port:
        assert ask(port).fields["etag"] == TAG
        assert ask(port, fields=[("If-None-Match", TAG)]).status == 304
        assert ask(port, fields=[("Range", "bytes=0-3")]).status == 203
    with serving_response(lambda: FileResponse(path, status=204)) as port:
        assert [answer.body for answer in ask_all(port, [("/", "GET", [])] * 2)] == [b"", b""]


@pytest.mark.parametrize("own", [None, "bytes 100-194/200"])
@pytest.mark.parametrize("size", [SIZE, 0])
def test_a_206_of_the_application_has_its_own_content_range(path: Path, own: str | None, size: int) -> None:
    write(path, content(size))
    headers = {} if own is None else {"Content-Range": own}
    with serving_response(lambda: FileResponse(path, status=206, headers=headers)) as port:
        for fields in ([], [("Range", "bytes=0-3")]):
            answer = ask(port, fields=fields)
            assert (answer.status, answer.body) == (206, content(size))
            assert answer.fields.get("content-range") == own
        assert ask(port, fields=[("If-Match", OTHER)]).status == 412
        assert "content-range" not in ask(port, fields=[("If-None-Match", "*")]).fields


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_the_method_of_the_request_decides(path: Path, method: str) -> None:
    with serving_response(lambda: FileResponse(path)) as port:
        assert ask(port, method=method, fields=[("If-None-Match", TAG)]).status == 412
        assert ask(port, method=method, fields=[("If-Match", OTHER)]).status == 412
        assert ask(port, method=method, fields=[("If-Modified-Since", DATE)]).status == 200
        answer = ask(port, method=method, fields=[("If-Match", TAG), ("Range", "bytes=0-1")])
        assert (answer.status, answer.body) == (200, content(SIZE))
        assert ask(port, method="OPTIONS", fields=[("If-Match", OTHER)]).status == 200


def test_a_handler_may_prepare_the_response_itself(path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = FileResponse(path)
        await response.prepare(request)
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    with serving(app) as port:
        fields = [[], [("If-None-Match", TAG)], []]
        answers = ask_all(port, [("/", "GET", each) for each in fields])
        assert [answer.status for answer in answers] == [200, 304, 200]
        assert answers[2].body == content(SIZE)


def test_arguments() -> None:
    with pytest.raises(TypeError, match=r"policy: expected precond\.Policy, got str"):
        FileResponse("x", policy="weak")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^path: expected str or os\.PathLike\[str\], got bytes$"):
        FileResponse(b"x")  # type: ignore[arg-type]
    response = FileResponse(Path("x"), 16, 201, "Made", {"X-Own": "1"})
    assert (response.status, response.reason, response.headers["X-Own"]) == (201, "Made", "1")
    assert isinstance(response, web.FileResponse)
    assert response._path == Path("x")  # aiohttp's own, which some have come to read
