"""Mistakes that type checkers must find: an ignore that is not needed is an error itself."""

from __future__ import annotations

import os

import precond
import precond.aiohttp
import precond.asgi
import precond.starlette
import precond.wsgi

st = os.stat(".")

precond.evaluate("index.html", "GET")  # type: ignore[arg-type]
precond.evaluate(st, 200)  # type: ignore[arg-type]
precond.evaluate(st, "GET", if_none_match=["*"])  # type: ignore[arg-type]
precond.evaluate(st, "GET", '"x"')  # type: ignore[call-arg]
precond.evaluate(st, "GET", if_nonematch="*")  # type: ignore[call-arg]
precond.evaluate(st, "GET", now_ns=1.5)  # type: ignore[arg-type]
precond.evaluate_raw(st, "GET", {"if-match": "*"})  # type: ignore[dict-item]
precond.evaluate_environ(st, [("REQUEST_METHOD", "GET")])  # type: ignore[arg-type]
precond.etag(None)  # type: ignore[call-overload]
precond.parse_http_date(1)  # type: ignore[arg-type]
precond.format_http_date("0")  # type: ignore[arg-type]
precond.parse_etags(None)  # type: ignore[arg-type]
precond.Policy(True)  # type: ignore[call-arg]
precond.Policy(stamp="atime")  # type: ignore[arg-type]
precond.Policy(if_modified_since="After")  # type: ignore[arg-type]
precond.Validators(etag=b'"x"')  # type: ignore[arg-type]
precond.DEFAULT.options = None  # type: ignore[misc, assignment]
precond.Outcome.PROCEED.name.decode()  # type: ignore[attr-defined]


class Lenient(precond.Policy):  # type: ignore[misc]
    pass


precond.aiohttp.FileResponse("file", policy="weak")  # type: ignore[arg-type]
precond.aiohttp.static("/static", "public", policy=None)  # type: ignore[arg-type]
precond.aiohttp.static("/static", "public", chunk_sizes=1)  # type: ignore[call-arg]
precond.starlette.FileResponse("file", policy="weak")  # type: ignore[arg-type]
precond.starlette.StaticFiles("public")  # type: ignore[call-arg, arg-type]
precond.asgi.ConditionalMiddleware("app")  # type: ignore[arg-type]
precond.wsgi.StaticFiles("public", siblings=1)  # type: ignore[arg-type]
precond.wsgi.FileApp(b"file")  # type: ignore[arg-type]
precond.wsgi.ConditionalMiddleware(precond.asgi.ConditionalMiddleware)  # type: ignore[arg-type]
