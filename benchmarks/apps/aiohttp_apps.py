"""aiohttp: its own classes and ours, and a handler that returns a constant 304."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

import precond.aiohttp


def _constant(directory: Path) -> web.Application:
    async def constant(request: web.Request) -> web.Response:
        return web.Response(status=304)

    return _routed(web.get("/{name}", constant))


def _response(make: Callable[..., web.StreamResponse], directory: Path) -> web.Application:
    beneath = f"{directory}/"

    async def respond(request: web.Request) -> web.StreamResponse:
        return make(beneath + request.match_info["name"])

    return _routed(web.get("/{name}", respond))


def _static(make: Callable[..., web.AbstractRouteDef], directory: Path) -> web.Application:
    return _routed(make("/", directory))


def _routed(route: web.AbstractRouteDef) -> web.Application:
    app = web.Application()
    app.add_routes([route])
    return app


APPS: Final[dict[tuple[str, str], Callable[[Path], web.Application]]] = {
    ("constant", ""): _constant,
    ("FileResponse", "stock"): partial(_response, web.FileResponse),
    ("FileResponse", "precond"): partial(_response, precond.aiohttp.FileResponse),
    ("FileResponse", "precond, nowait=False"): partial(
        _response, partial(precond.aiohttp.FileResponse, nowait=False)
    ),
    ("static", "stock"): partial(_static, web.static),
    ("static", "precond"): partial(_static, precond.aiohttp.static),
    ("static", "precond, nowait=False"): partial(_static, partial(precond.aiohttp.static, nowait=False)),
}


def serve(app: Any, listener: socket.socket) -> None:
    web.run_app(app, sock=listener, access_log=None, print=None)
