"""Starlette under uvicorn: its own classes and ours, and a route that returns a constant 304."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import precond.starlette


def _constant(directory: Path) -> Starlette:
    async def constant(request: Request) -> Response:
        return Response(status_code=304)

    return Starlette(routes=[Route("/{name}", constant)])


def _response(make: Callable[..., Response], directory: Path) -> Starlette:
    beneath = f"{directory}/"

    async def respond(request: Request) -> Response:
        return make(beneath + request.path_params["name"])

    return Starlette(routes=[Route("/{name}", respond)])


def _static(make: Callable[..., StaticFiles], directory: Path) -> Starlette:
    return Starlette(routes=[Mount("/", make(directory=directory))])


APPS: Final[dict[tuple[str, str], Callable[[Path], Starlette]]] = {
    ("constant", ""): _constant,
    ("StaticFiles", "stock"): partial(_static, StaticFiles),
    ("StaticFiles", "precond"): partial(_static, precond.starlette.StaticFiles),
    ("StaticFiles", "precond, nowait=False"): partial(
        _static, partial(precond.starlette.StaticFiles, nowait=False)
    ),
    ("FileResponse", "stock"): partial(_response, FileResponse),
    ("FileResponse", "precond"): partial(_response, precond.starlette.FileResponse),
    ("FileResponse", "precond, nowait=False"): partial(
        _response, partial(precond.starlette.FileResponse, nowait=False)
    ),
}


def serve(app: Any, listener: socket.socket) -> None:
    config = uvicorn.Config(app, lifespan="off", log_level="critical", access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listener])
