"""precond.asgi: an application without a framework, over uvicorn, and its messages one by one."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import precond
from asgi_server import Sent, ask, serving
from cases import cases, check, fetch, make_file, policies
from precond.asgi import ConditionalMiddleware, respond

POLICIES = policies()
OLD = 1_700_000_000_123_456_789
OWN = '"rev-17"'
SINCE = "Tue, 14 Nov 2023 22:13:21 GMT"

FINAL = (precond.Outcome.NOT_MODIFIED, precond.Outcome.PRECONDITION_FAILED)


# -- respond -------------------------------------------------------------------------------------------------


def files(directory: Path) -> Any:
    """An application as a user would write it: /POLICY/NAME, whole or one range of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        _, number, name = scope["path"].split("/")
        path = directory / name
        outcome = await respond(scope, send, path.stat(), policy=POLICIES[int(number)])
        if outcome in FINAL:
            return
        content, status, fields = path.read_bytes(), 200, [(b"content-type", b"application/octet-stream")]
        asked = re.fullmatch(rb"bytes=(\d+)-(\d*)|bytes=-(\d+)", dict(scope["headers"]).get(b"range", b""))
        if asked and outcome is precond.Outcome.PROCEED:
            size = len(content)
            first = max(size - int(asked[3]), 0) if asked[3] else int(asked[1])
            last = min(int(asked[2] or size), size - 1)
            status = 206 if first < size else 416
            part = b"%d-%d" % (first, last) if status == 206 else b"*"
            fields.append((b"content-range", b"bytes %s/%d" % (part, size)))
            content = content[first : last + 1]
        fields.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    return app


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def port(directory: Path) -> Iterator[int]:
    with serving(files(directory)) as port:
        yield port


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_every_case_over_uvicorn(port: int, directory: Path, policy: precond.Policy) -> None:
    number = POLICIES.index(policy)
    for case in cases(policy):
        path = make_file(directory, case)
        check(case, fetch(port, f"/{number}/{path.name}", case))


def answer(st: Any, request: dict[str, str], method: str = "GET", **options: Any) -> tuple[Any, Sent | None]:
    """The outcome, and what was sent, if anything."""
    outcomes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        outcomes.append(await respond(scope, send, st, **options))
        if outcomes[0] not in FINAL:
            await send({"type": "http.response.start", "status": 299, "headers": []})

    sent = ask(app, "/", method, request)
    return outcomes[0], None if sent.status == 299 else sent


@pytest.fixture
def st(tmp_path: Path) -> os.stat_result:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 95)
    os.utime(path, ns=(OLD, OLD))
    return path.stat()


def test_a_304_has_the_fields_of_the_200_but_for_the_representation(st: os.stat_result) -> None:
    headers = [
        (b"Content-Type", b"text/plain"),
        (b"content-length", b"95"),
        (b"cache-control", b"max-age=60"),
        (b"vary", b"accept-encoding"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]
    outcome, sent = answer(st, {"If-None-Match": precond.etag(st)}, headers=headers)
    assert outcome is precond.Outcome.NOT_MODIFIED
    assert sent is not None
    assert sent.messages == [
        {
            "type": "http.response.start",
            "status": 304,
            "headers": [*headers[2:], (b"etag", precond.etag(st).encode())],
        },
        {"type": "http.response.body", "body": b""},
    ]


def test_last_modified_stands_on_a_304_without_an_entity_tag(st: os.stat_result) -> None:
    policy = precond.Policy(etag=False)
    outcome, sent = answer(st, {"If-Modified-Since": SINCE}, policy=policy)
    assert outcome is precond.Outcome.NOT_MODIFIED
    assert sent is not None
    assert sent.fields == {"last-modified": SINCE}


@pytest.mark.parametrize("after, sent_then", [(10**6, []), (10**10, ["etag"])])
def test_what_had_not_settled_before_the_stat_is_not_sent(
    st: os.stat_result, after: int, sent_then: list[str]
) -> None:
    _, sent = answer(st, {"If-None-Match": "*"}, now_ns=OLD + after)
    assert sent is not None
    assert list(sent.fields) == sent_then


def test_given_validators_are_sent_in_place_of_those_of_the_stat(st: os.stat_result) -> None:
    _, sent = answer(st, {"If-None-Match": "*"}, headers=[(b"ETag", OWN.encode())])
    assert sent is not None
    assert sent.fields == {"etag": OWN}


def test_own_validators_are_evaluated() -> None:
    outcome, sent = answer(precond.Validators(OWN), {"If-None-Match": OWN})
    assert outcome is precond.Outcome.NOT_MODIFIED
    assert sent is not None
    assert sent.fields == {"etag": OWN}
    assert answer(precond.Validators(OWN), {"If-None-Match": '"other"'}) == (precond.Outcome.PROCEED, None)


def test_a_412_says_nothing_of_the_representation(st: os.stat_result) -> None:
    headers = [(b"cache-control", b"max-age=60"), (b"access-control-allow-origin", b"*"), (b"etag", b'"x"')]
    headers += [(b"CDN-Cache-Control", b"max-age=60"), (b"surrogate-control", b"max-age=60")]
    outcome, sent = answer(st, {"If-Match": '"other"'}, "PUT", headers=headers)
    assert outcome is precond.Outcome.PRECONDITION_FAILED
    assert sent is not None
    assert sent.status == 412
    assert sent.fields == {"access-control-allow-origin": "*", "content-length": "0"}
    assert sent.body == b""


def test_a_put_that_creates() -> None:
    assert answer(None, {"If-None-Match": "*"}, "PUT") == (precond.Outcome.PROCEED, None)
    outcome, _ = answer(None, {"If-Match": "*"}, "PUT")
    assert outcome is precond.Outcome.PRECONDITION_FAILED


def test_the_caller_goes_on_where_nothing_is_decided(st: os.stat_result) -> None:
    assert answer(st, {}) == (precond.Outcome.PROCEED, None)
    assert answer(st, {"Range": "bytes=0-1", "If-Range": '"other"'}) == (precond.Outcome.IGNORE_RANGE, None)


def test_only_http_has_preconditions(st: os.stat_result) -> None:
    with pytest.raises(ValueError, match=r"scope: expected the type 'http', got 'websocket'"):
        asyncio.run(respond({"type": "websocket", "headers": []}, None, st))  # type: ignore[arg-type]


# -- ConditionalMiddleware -----------------------------------------------------------------------------------


class Application:
    """Sends what it is given, and remembers what it has seen."""

    def __init__(
        self, headers: dict[str, str], status: int = 200, body: tuple[Any, ...] = (b"one", b"two")
    ) -> None:
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        *parts, last = [
            part
            if isinstance(part, dict)
            else {"type": "http.response.body", "body": part, "more_body": True}
            for part in body
        ]
        self.messages = [start, *parts, {**last, "more_body": False} if "body" in last else last]
        self.finished = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for message in self.messages:
            await send(message)
        self.finished = True


def conditional(app: Application, headers: dict[str, str], method: str = "GET", **policy: Any) -> Sent:
    sent = ask(ConditionalMiddleware(app, policy=precond.Policy(**policy)), "/", method, headers)
    assert app.finished
    return sent


def untouched(app: Application, headers: dict[str, str], method: str = "GET") -> bool:
    return conditional(app, headers, method).messages == app.messages


PART = {"Content-Range": "bytes 2-7/90"}
SUCCEEDS = pytest.mark.parametrize("status, part", [(200, {}), (206, PART)])


@SUCCEEDS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_the_tag_of_the_client_becomes_304(method: str, status: int, part: dict[str, str]) -> None:
    app = Application(
        {
            "Content-Type": "text/plain",
            "ETag": OWN,
            "Last-Modified": SINCE,
            "Vary": "cookie",
            "Set-Cookie": "a=1",
            **part,
        },
        status,
    )
    sent = conditional(app, {"If-None-Match": f'"x", W/{OWN}', "Range": "bytes=2-7"}, method)
    assert sent.messages == [
        {
            "type": "http.response.start",
            "status": 304,
            "headers": [(b"ETag", OWN.encode()), (b"Vary", b"cookie"), (b"Set-Cookie", b"a=1")],
        },
        {"type": "http.response.body", "body": b""},
    ]


def test_dates_count_where_there_is_no_if_none_match() -> None:
    app = Application({"last-modified": SINCE})
    assert conditional(app, {"If-Modified-Since": SINCE}).status == 304
    assert untouched(app, {"If-Modified-Since": SINCE, "If-None-Match": OWN})
    assert untouched(app, {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"})
    later = {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:22 GMT"}
    assert conditional(app, later).status == 304
    assert conditional(app, later, if_modified_since="exact").status == 200


@SUCCEEDS
def test_a_guard_that_fails_is_412(status: int, part: dict[str, str]) -> None:
    app = Application({"etag": OWN, "cache-control": "max-age=60", "x-request": "1", **part}, status)
    sent = conditional(app, {"If-Match": '"other"', "Range": "bytes=2-7", "If-Range": OWN})
    assert (sent.status, sent.fields, sent.body) == (412, {"x-request": "1", "content-length": "0"}, b"")


def test_a_206_that_if_range_is_against_passes() -> None:
    """The rest of its content is not to be had, and the application may know why it honours the range."""
    app = Application({"etag": OWN, **PART}, status=206)
    assert untouched(app, {"Range": "bytes=2-7", "If-Range": '"other"', "If-Match": OWN})


def test_a_switched_off_validator_does_not_count() -> None:
    assert conditional(Application({"etag": OWN}), {"If-None-Match": OWN}, etag=False).status == 200


@pytest.mark.parametrize(
    "app",
    [
        Application({}),
        Application({"etag": OWN}, status=201),
        Application({"etag": OWN}, status=404),
        Application({"etag": OWN}, status=304),
        Application({"etag": "rev-17"}),
        Application({"etag": OWN, "ETag": '"other"'}),
        Application({"etag": OWN, "last-modified": "yesterday"}),
    ],
    ids=["no validator", "201", "404", "304", "unquoted", "two tags", "no date"],
)
def test_what_is_no_200_or_206_with_validators_passes(app: Application) -> None:
    assert untouched(app, {"If-None-Match": f"{OWN}, rev-17", "If-Modified-Since": SINCE, "If-Match": "*"})
    assert untouched(app, {"If-None-Match": "*"})


def test_other_methods_pass() -> None:
    assert untouched(Application({"etag": OWN}), {"If-None-Match": OWN}, "POST")


def test_a_response_without_headers_passes() -> None:
    app = Application({})
    del app.messages[0]["headers"]

    async def add_headers(scope: Any, receive: Any, send: Any) -> None:
        async def adding(message: Any) -> None:
            await send({"headers": [], **message})

        await ConditionalMiddleware(app)(scope, receive, adding)

    assert ask(add_headers, headers={"If-None-Match": "*"}).status == 200


@pytest.mark.parametrize("tag, status", [(OWN, 304), ('"other"', 200)])
def test_headers_may_be_iterable_only_once(tag: str, status: int) -> None:
    app = Application({"etag": OWN, "vary": "cookie"})
    headers = app.messages[0]["headers"]
    once = app.messages[0]["headers"] = (pair for pair in headers)
    sent = conditional(app, {"If-None-Match": tag})
    assert (sent.status, sent.fields) == (status, {"etag": OWN, "vary": "cookie"})
    assert app.messages[0]["headers"] is once


@pytest.mark.parametrize("fields, status", [([(b"if-none-match", OWN.encode())], 304), ([(b"a", b"b")], 200)])
def test_headers_of_the_request_may_be_iterable_only_once(
    fields: list[tuple[bytes, bytes]], status: int
) -> None:
    app = Application({"etag": OWN})
    seen: list[Any] = []

    async def once(scope: Any, receive: Any, send: Any) -> None:
        async def seeing(inner: Any, *channels: Any) -> None:
            seen.extend(inner["headers"])
            await app(inner, *channels)

        await ConditionalMiddleware(seeing)({**scope, "headers": iter(fields)}, receive, send)

    assert ask(once).status == status
    assert seen == fields


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "websocket", "headers": [(b"if-none-match", b"*")]},
        {"type": "lifespan"},
        {"type": "http", "method": "GET", "headers": [(b"range", b"bytes=0-1"), (b"if-range", b'"x"')]},
        {"type": "http", "method": "POST", "headers": [(b"if-match", b"*")]},
    ],
    ids=["websocket", "lifespan", "no condition", "POST"],
)
def test_what_is_not_conditional_is_the_applications_own(scope: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def app(*connection: Any) -> None:
        seen.extend(connection)

    connection = (scope, object(), object())
    asyncio.run(ConditionalMiddleware(app)(*connection))  # type: ignore[arg-type]
    assert all(one is other for one, other in zip(seen, connection, strict=True))


@pytest.mark.parametrize(
    "content",
    [
        {"type": "http.response.pathsend", "path": "/file"},
        {"type": "http.response.zerocopysend", "file": 3},
        {"type": "http.response.trailers", "headers": [], "more_trailers": False},
    ],
    ids=lambda message: message["type"],
)
def test_content_in_any_form_is_dropped_after_a_304(content: dict[str, Any]) -> None:
    app = Application({"etag": OWN}, body=(b"", content))
    assert [message["type"] for message in conditional(app, {"If-None-Match": OWN}).messages] == [
        "http.response.start",
        "http.response.body",
    ]
    assert untouched(app, {"If-None-Match": '"other"'})


def test_messages_before_and_beside_the_response_pass() -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]}
    foreign = {"type": "server.statistics", "requests": 1}
    app = Application({"etag": OWN})
    app.messages = [hint, *app.messages, foreign]
    sent = conditional(app, {"If-None-Match": OWN})
    assert sent.status == 304
    assert (sent.messages[0], sent.messages[-1]) == (hint, foreign)


def test_a_streamed_body_is_not_held_back() -> None:
    app = Application({"etag": OWN}, body=(b"one", b"two", b"three"))
    sent: list[Any] = []
    produced: list[int] = []

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def count(message: Any) -> None:
            await send(message)
            produced.append(len(sent))

        await app(scope, receive, count)

    async def keep(message: Any) -> None:
        sent.append(message)

    ask(ConditionalMiddleware(counting), on_send=keep)
    assert produced == [1, 2, 3, 4]


class BrokenError(Exception):
    pass


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": OWN}], ids=["200", "304"])
def test_errors_of_the_application_pass(headers: dict[str, str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Application({"etag": OWN})(scope, receive, send)
        raise BrokenError

    with pytest.raises(BrokenError):
        ask(ConditionalMiddleware(app), headers=headers)


def test_the_middleware_over_uvicorn() -> None:
    app = Application({"etag": OWN, "content-length": "6"})
    with serving(ConditionalMiddleware(app)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        answers = []
        for tag in (OWN, '"other"', OWN):  # one after the other over the same connection
            connection.request("GET", "/", headers={"If-None-Match": tag})
            response = connection.getresponse()
            answers.append((response.status, response.read()))
        connection.close()
    assert answers == [(304, b""), (200, b"onetwo"), (304, b"")]


def test_a_policy_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r"policy: expected precond\.Policy, got str"):
        ConditionalMiddleware(Application({}), policy="exact")  # type: ignore[arg-type]
