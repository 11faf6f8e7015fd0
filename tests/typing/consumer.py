"""Typed code that uses every public name, as those who depend on precond write it.

Type checkers read it, against the installed package; nothing runs it. `assert_type` says what a call gives,
and `wrong.py` what must be refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import aiohttp.web
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

import precond
import precond.aiohttp
import precond.asgi
import precond.starlette
import precond.wsgi
from precond import StatResult, Validators

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import assert_type


# -- Formats -------------------------------------------------------------------------------------------------


def dates(value: str, raw: bytes) -> str | None:
    assert_type(precond.parse_http_date(raw), "int | None")
    seconds = precond.parse_http_date(value, now_ns=0)
    return None if seconds is None else assert_type(precond.format_http_date(seconds), str)


def members(value: bytes) -> Sequence[str]:
    tags = precond.parse_etags(value)
    if tags is precond.ANY:
        return ["*"]
    if tags is None:
        return []
    assert_type(tags, tuple[precond.ETag, ...])
    return [tag.opaque if tag.weak else str(tag) for tag in tags]


# -- Decisions -----------------------------------------------------------------------------------------------


class FromDatabase(NamedTuple):
    """What stands in for a stat result."""

    st_mtime_ns: int
    st_size: int


class OnDisk:
    def __init__(self, size: int) -> None:
        self._size = size

    @property
    def st_mtime_ns(self) -> int:
        return 0

    @property
    def st_size(self) -> int:
        return self._size


STATS: list[StatResult] = [os.stat("."), FromDatabase(1, 2), OnDisk(3)]


def whole(st: StatResult | Validators | None, environ: WSGIEnvironment) -> precond.Outcome:
    outcome = precond.evaluate(
        st,
        b"GET",
        if_match="*",
        if_unmodified_since=b"Sun, 06 Nov 1994 08:49:37 GMT",
        if_none_match=None,
        if_modified_since="",
        if_range='"x"',
        range="bytes=0-",
        now_ns=1,
    )
    assert_type(outcome, precond.Outcome)
    assert_type(precond.evaluate_raw(st, "GET", [(b"if-match", b"*")], now_ns=None), precond.Outcome)
    return assert_type(precond.evaluate_environ(st, environ, now_ns=None), precond.Outcome)


def raw(request: aiohttp.web.BaseRequest, scope: Scope, pairs: tuple[tuple[str, str], ...]) -> None:
    precond.evaluate_raw(None, request.method, request.raw_headers)
    precond.evaluate_raw(None, scope["method"], scope["headers"])
    precond.evaluate_raw(None, "GET", pairs)
    precond.evaluate_raw(None, "GET", iter(pairs))


def status(outcome: precond.Outcome) -> int:
    """Every member is one of these."""
    if outcome is precond.Outcome.PROCEED or outcome is precond.Outcome.IGNORE_RANGE:
        return 200
    if outcome is precond.Outcome.NOT_MODIFIED:
        return outcome.value
    assert_type(outcome, Literal[precond.Outcome.PRECONDITION_FAILED])
    return outcome


def sent(st: os.stat_result, own: Validators) -> dict[str, str]:
    assert_type(precond.etag(st), str)
    assert_type(precond.etag(own), "str | None")
    assert_type(precond.last_modified(st), int)
    assert_type(precond.last_modified(own), "int | None")
    etag, last_modified = precond.validators(st)
    assert_type(etag, "str | None")
    assert_type(last_modified, "str | None")
    nowait = precond.stat_nowait("page", dir_fd=None, beneath=True)
    assert_type(precond.evaluate(nowait, "GET"), precond.Outcome)
    fields = {"ETag": etag, "Last-Modified": last_modified}
    return {name: value for name, value in fields.items() if value is not None}


def why(st: os.stat_result) -> str:
    explanation = precond.explain(st, "GET", if_none_match="*")
    assert_type(explanation, precond.Explanation)
    assert_type(explanation.outcome, precond.Outcome)
    field: str = explanation.field or "no field"
    return f"{field}, section {explanation.section}: {explanation.reason}"


def policies(st: os.stat_result) -> set[precond.Policy]:
    policy = precond.Policy(
        etag=True, last_modified=False, weak=True, if_modified_since="exact", stamp="ctime", settle=0.5
    )
    assert_type(policy.evaluate(st, "GET", if_none_match="*"), precond.Outcome)
    assert_type(policy.etag(st), str)
    assert_type(policy.validators(None), Validators)
    assert_type(policy.options.settle, "float | None")
    return {policy, precond.DEFAULT, precond.Policy(settle=1)}


if precond.BACKEND == "cython":
    print("compiled")
else:
    assert_type(precond.BACKEND, Literal["python"])


# -- Adapters ------------------------------------------------------------------------------------------------

POLICY = precond.Policy(weak=True)


async def report(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
    response = precond.aiohttp.FileResponse(
        Path("report.pdf"), 65536, 200, headers={"Cache-Control": "no-cache"}, policy=POLICY
    )
    as_aiohttp: aiohttp.web.FileResponse = response
    return as_aiohttp


def aiohttp_application() -> aiohttp.web.Application:
    static: aiohttp.web.AbstractRouteDef = precond.aiohttp.static(
        "/static", "public", policy=POLICY, name="static", follow_symlinks=True, show_index=False
    )
    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get("/report", report), static])
    return app


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"cache-control", b"no-cache")]
    now_ns = time.time_ns()
    st = await precond.asgi.stat("page", nowait=True)
    outcome = await precond.asgi.respond(scope, send, st, policy=POLICY, headers=headers, now_ns=now_ns)
    if outcome is precond.Outcome.PROCEED:
        response = precond.starlette.FileResponse(
            "page", 200, {"Cache-Control": "no-cache"}, filename="page.html", policy=POLICY
        )
        await response(scope, receive, send)


def starlette_application() -> ASGIApp:
    files = precond.starlette.StaticFiles(
        directory="public", packages=["app", ("app", "files")], html=True, check_dir=False, policy=POLICY
    )
    inner = Starlette(
        routes=[Mount("/static", files)],
        middleware=[Middleware(precond.asgi.ConditionalMiddleware, policy=POLICY)],
    )
    inner.add_middleware(precond.asgi.ConditionalMiddleware, policy=POLICY)
    return precond.asgi.ConditionalMiddleware(page if os.environ else inner, policy=POLICY)


def hello(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("ETag", '"1"')])
    return [b"hello"]


def wsgi_applications() -> list[WSGIApplication]:
    return [
        precond.wsgi.StaticFiles(
            Path("public"), policy=POLICY, index="index.html", siblings=("br", "gzip"), follow_symlinks=True
        ),
        precond.wsgi.FileApp(
            "logo.svg", policy=POLICY, headers=[("Cache-Control", "max-age=60")], content_type="image/svg+xml"
        ),
        precond.wsgi.ConditionalMiddleware(hello, policy=POLICY),
    ]
