"""precond.wsgi.ConditionalMiddleware, around applications that do all that PEP 3333 allows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.validate import validator

import pytest

import precond
import vectors
from precond.wsgi import ConditionalMiddleware
from wsgi_call import Reply, environ, run

TAG = '"rev-17"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:20 GMT"
FIELDS = [
    ("Content-Type", "text/plain"),
    ("Content-Length", "6"),
    ("ETag", TAG),
    ("Last-Modified", DATE),
    ("Cache-Control", "max-age=60"),
    ("Vary", "Cookie"),
    ("Set-Cookie", "a=b"),
]


class Content:
    """An iterable that counts what the server does with it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.sent = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self.chunks)
        self.sent += 1
        return chunk

    def close(self) -> None:
        self.closed += 1


class App:
    """Starts its response at once, when it is first iterated, or by write()."""

    def __init__(
        self, how: str = "at once", status: str = "200 OK", fields: list[tuple[str, str]] = FIELDS
    ) -> None:
        self.how = how
        self.status = status
        self.fields = fields
        self.content: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.content = Content(self.chunks(start_response))
        if self.how != "late":
            write = start_response(self.status, list(self.fields))
            if self.how == "by write()":
                write(b"abc")
        return self.content

    def chunks(self, start_response: Callable[..., Any]) -> Iterator[bytes]:
        if self.how == "late":
            start_response(self.status, list(self.fields))
        if self.how != "by write()":
            yield b"abc"
        yield b"def"


HOW = ("at once", "late", "by write()")
PART = [*FIELDS, ("Content-Range", "bytes 2-7/90")]
SUCCEEDS = pytest.mark.parametrize("status, own", [("200 OK", FIELDS), ("206 Partial Content", PART)])


def call(app: App, method: str = "GET", policy: precond.Policy = precond.DEFAULT, **fields: str) -> Reply:
    return run(ConditionalMiddleware(validator(app), policy=policy), environ("/", method, **fields))


@pytest.mark.parametrize("how", HOW)
@SUCCEEDS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "fields",
    [
        {"if_none_match": TAG},
        {"if_none_match": "*"},
        {"if_modified_since": DATE},
        {"if_none_match": f"W/{TAG}"},
        {"if_none_match": TAG, "range": "bytes=2-7"},
    ],
)
def test_304(how: str, status: str, own: list[tuple[str, str]], method: str, fields: dict[str, str]) -> None:
    app = App(how, status, own)
    reply = call(app, method, **fields)
    assert (reply.status, reply.body) == (304, b"")
    assert reply.fields == [FIELDS[2], *FIELDS[4:]]
    assert app.content.closed == 1
    assert app.content.sent == (1 if how == "late" else 0)


@pytest.mark.parametrize("how", HOW)
@SUCCEEDS
@pytest.mark.parametrize(
    "fields",
    [
        {"if_match": '"other"'},
        {"if_unmodified_since": EARLIER},
        {"if_match": '"other"', "range": "bytes=2-7", "if_range": TAG},
    ],
)
def test_412(how: str, status: str, own: list[tuple[str, str]], fields: dict[str, str]) -> None:
    app = App(how, status, own)
    reply = call(app, **fields)
    assert (reply.status, reply.body) == (412, b"412 Precondition Failed\n")
    assert reply.names() == {"content-type", "content-length", "vary", "set-cookie"}
    assert reply["content-length"] == str(len(reply.body))
    assert app.content.closed == 1
    assert call(App(how, status, own), "HEAD", **fields).body == b""


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "method, fields",
    [
        ("GET", {}),
        ("GET", {"if_none_match": '"other"'}),
        ("GET", {"if_match": TAG}),
        ("GET", {"if_modified_since": EARLIER}),
        ("GET", {"range": "bytes=0-1", "if_range": '"other"'}),
        ("GET", {"range": "bytes=0-1", "if_range": '"other"', "if_match": TAG}),
        ("POST", {"if_none_match": TAG}),
        ("PUT", {"if_match": '"other"'}),
        ("OPTIONS", {"if_match": '"other"'}),
    ],
)
def test_what_passes(how: str, method: str, fields: dict[str, str]) -> None:
    app = App(how)
    reply = call(app, method, **fields)
    assert reply == (200, FIELDS, b"abcdef")
    assert app.content.closed == 1


@pytest.mark.parametrize("how", HOW)
def test_a_206_that_if_range_is_against_passes(how: str) -> None:
    """The rest of its content is not to be had, and the application may know why it honours the range."""
    fields = {"range": "bytes=2-7", "if_range": DATE, "if_match": TAG}
    assert call(App(how, "206 Partial Content", PART), **fields) == (206, PART, b"abcdef")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("status", ["404 Not Found", "201 Created", "500 Oops"])
def test_other_statuses_pass(how: str, status: str) -> None:
    reply = call(App(how, status), if_none_match="*", if_match='"other"')
    assert reply == (int(status[:3]), FIELDS, b"abcdef")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("ETag", "rev-17")],
        [("ETag", '"a" "b"')],
        [("ETag", "*")],
        [("ETag", TAG), ("etag", TAG)],
        [("ETag", TAG), ("Last-Modified", "yesterday")],
        [("Last-Modified", "Tuesday, 14-Nov-23 22:13:21 GMT")],
        [("Last-Modified", DATE), ("Last-Modified", DATE)],
    ],
)
def test_no_validators_or_malformed_ones_pass(how: str, fields: list[tuple[str, str]]) -> None:
    fields = [("Content-Type", "text/plain"), *fields]
    for condition in ({"if_none_match": "*"}, {"if_match": '"other"'}, {"if_modified_since": DATE}):
        assert call(App(how, fields=fields), **condition) == (200, fields, b"abcdef")


@pytest.mark.parametrize(
    "options, fields, status",
    [
        ({"if_modified_since": "exact"}, {"if_modified_since": "Tue, 14 Nov 2023 22:13:22 GMT"}, 200),
        ({"if_modified_since": "off"}, {"if_modified_since": DATE}, 200),
        ({"etag": False}, {"if_none_match": TAG}, 200),
        ({"etag": False}, {"if_modified_since": DATE}, 304),
        ({"weak": True}, {"if_match": TAG}, 412),
    ],
)
def test_policy(options: dict[str, Any], fields: dict[str, str], status: int) -> None:
    assert call(App(), policy=precond.Policy(**options), **fields).status == status


OWN = [
    vector
    for vector in vectors.load("evaluate")
    if "etag" in (vector["stat"] or {}) and any(vector["stat"].values()) and "entries" not in vector
]


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["id"])
def test_vectors(vector: dict[str, Any]) -> None:
    names = {"etag": "ETag", "last_modified": "Last-Modified"}
    fields = [("Content-Type", "text/plain")]
    fields += [(names[key], value) for key, value in vector["stat"].items() if value is not None]
    variables = {**environ("/"), **vectors.environ(vector["method"], vector["fields"])}
    content = Content([b"abc"])

    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> Content:
        start_response("200 OK", fields)
        return content

    started: list[str] = []
    policy = precond.Policy(**vector.get("policy", {}))
    body = ConditionalMiddleware(app, policy=policy)(
        variables, lambda *given: started.append(given[0]) or list
    )
    body.close()  # type: ignore[attr-defined]
    expected = {"NOT_MODIFIED": "304", "PRECONDITION_FAILED": "412"}.get(vector["outcome"], "200")
    assert started[0][:3] == (expected if vector["method"] in ("GET", "HEAD") else "200")
    assert content.closed == 1


# -- What a server sees --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"if_none_match": '"other"'}])
def test_a_response_that_passes_is_the_applications_own(fields: dict[str, str]) -> None:
    """A server may know its type: that of its own wsgi.file_wrapper."""
    app = App()
    assert ConditionalMiddleware(app)(environ("/", **fields), lambda *_: list) is app.content


def test_chunks_are_passed_on_one_by_one() -> None:
    app = App("late")
    chunks = iter(ConditionalMiddleware(app)(environ("/", if_none_match='"other"'), lambda *_: list))
    for sent, chunk in enumerate((b"abc", b"def"), 1):
        assert next(chunks) == chunk
        assert app.content.sent == sent


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "fields", [{"if_none_match": TAG}, {"if_none_match": '"other"'}, {"if_match": '"other"'}]
)
def test_a_client_that_leaves_closes_once(how: str, fields: dict[str, str]) -> None:
    app = App(how)
    content = ConditionalMiddleware(app)(environ("/", **fields), lambda *_: lambda data: None)
    content.close()  # type: ignore[attr-defined]
    assert app.content.closed == 1


def test_content_without_close() -> None:
    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", FIELDS)
        return [b"abcdef"]

    for tag, status in ((TAG, 304), ('"other"', 200)):
        assert run(ConditionalMiddleware(app), environ("/", if_none_match=tag)).status == status


def test_a_late_response_without_content() -> None:
    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", FIELDS)
        yield from ()

    for tag, status in ((TAG, 304), ('"other"', 200)):
        reply = run(ConditionalMiddleware(app), environ("/", if_none_match=tag))
        assert (reply.status, reply.body) == (status, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("how", HOW)
def test_a_304_on_a_real_server_has_no_content_length(how: str, method: str) -> None:
    output = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), output, sys.stderr, environ("/", method, if_none_match=TAG))
    handler.run(ConditionalMiddleware(App(how)))
    head, _, body = output.getvalue().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 304 ")
    assert b"content-length" not in head.lower()
    assert body == b""


# -- Errors --------------------------------------------------------------------------------------------------


def test_an_application_that_raises() -> None:
    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", FIELDS)
        raise RuntimeError("failed")

    with pytest.raises(RuntimeError, match="failed"):
        ConditionalMiddleware(app)(environ("/", if_none_match=TAG), lambda *_: list)


def failing(how: str, tag: str) -> Callable[..., Any]:
    """An application that finds an error after it has started its response, and starts another one."""

    def begin(start_response: Callable[..., Any]) -> None:
        write = start_response("200 OK", FIELDS)
        if how == "by write()":
            write(b"")
        try:
            raise RuntimeError("failed")
        except RuntimeError:
            start_response("500 Oops", [("Content-Type", "text/plain"), ("ETag", tag)], sys.exc_info())

    def late(start_response: Callable[..., Any]) -> Iterator[bytes]:
        begin(start_response)
        yield b"oops"

    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if how == "late":
            return late(start_response)
        begin(start_response)
        return [b"oops"]

    return app


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("tag", [TAG, '"other"'])
def test_an_error_page_replaces_a_304(how: str, tag: str) -> None:
    reply = run(ConditionalMiddleware(validator(failing(how, tag))), environ("/", if_none_match=TAG))
    assert (reply.status, reply.body) == (500, b"oops")
    assert reply["etag"] == tag


def test_an_error_after_the_first_chunk_is_the_servers() -> None:
    """Who passes exc_info after bytes were sent gets his error back."""

    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", FIELDS)
        yield b"abc"
        try:
            raise RuntimeError("failed")
        except RuntimeError:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
        yield b"oops"

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            raise exc_info[1]

    chunks = iter(ConditionalMiddleware(app)(environ("/", if_none_match='"other"'), start_response))
    assert next(chunks) == b"abc"
    with pytest.raises(RuntimeError, match="failed"):
        next(chunks)


def test_a_second_200_after_the_content_was_handed_over() -> None:
    """It is no 304 any more: the server has the application's own content, and would send it after one."""

    def content(start_response: Callable[..., Any]) -> Iterator[bytes]:
        try:
            raise RuntimeError("failed")
        except RuntimeError:
            start_response("200 OK", FIELDS, sys.exc_info())
        yield b"abcdef"

    def app(variables: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return content(start_response)

    output = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), output, sys.stderr, environ("/", if_none_match=TAG))
    handler.run(ConditionalMiddleware(app))
    head, _, body = output.getvalue().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert b"Content-Length: 6" in head
    assert body == b"abcdef"


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"^policy: "):
        ConditionalMiddleware(App(), policy=None)  # type: ignore[arg-type]
