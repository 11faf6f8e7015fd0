"""What a file costs before anything is decided: its stat; and a whole 304, by WSGI in this process."""

from __future__ import annotations

import asyncio
import atexit
import os
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import uvloop
from werkzeug.middleware.shared_data import SharedDataMiddleware
from whitenoise import WhiteNoise

import precond.wsgi
from precond import _core
from request import STAMP, with_others
from table.calls import Call, Group
from table.subject import environ

_DIRECTORY: Final = tempfile.TemporaryDirectory(prefix="precond-benchmarks-")
atexit.register(_DIRECTORY.cleanup)
_ROOT: Final = Path(_DIRECTORY.name)


def _file(size: int) -> str:
    """The path of a file of this size, with a hole in place of content."""
    path = _ROOT / f"{size}.bin"
    path.touch()
    os.truncate(path, size)
    os.utime(path, ns=(STAMP, STAMP))
    return str(path)


# -- stat ----------------------------------------------------------------------------------------------------

_HOPS: Final = 200  # to a thread and back, so that the turn of the loop they run in is little beside them
_SIZE: Final = 48_213
_PATH: Final = _file(_SIZE)
_NAME: Final = Path(_PATH).name
_DESCRIPTOR: Final = os.open(_ROOT, os.O_RDONLY)
atexit.register(os.close, _DESCRIPTOR)
_OS_STAT: Final = "os.stat"
_NOWAIT: Final = "precond.stat_nowait"
_LOOPS: Final = {"asyncio": asyncio.new_event_loop(), "uvloop": uvloop.new_event_loop()}
for _loop in _LOOPS.values():
    atexit.register(_loop.close)


async def _hops(hop: Callable[[], Awaitable[os.stat_result]]) -> os.stat_result:
    for _ in range(_HOPS - 1):
        await hop()
    return await hop()


def _in_loop(loop: asyncio.AbstractEventLoop, hop: Callable[[], Awaitable[os.stat_result]]) -> os.stat_result:
    return loop.run_until_complete(_hops(hop))


def _by_thread() -> dict[str, Call]:
    calls = {}
    for name, loop in _LOOPS.items():
        ways: dict[str, Callable[[], Awaitable[os.stat_result]]] = {
            "run_in_executor": partial(loop.run_in_executor, None, os.stat, _PATH),
            "anyio.to_thread": partial(anyio.to_thread.run_sync, os.stat, _PATH),
        }
        for way, hop in ways.items():
            calls[f"{name}, {way}"] = Call(_in_loop, (loop, hop), read=_size, times=_HOPS)
    return calls


def _size(st: Any) -> int:
    return int(st.st_size)


# -- WSGI ----------------------------------------------------------------------------------------------------

_CONSTANT: Final = "constant 304"
_OURS: Final = "precond.wsgi StaticFiles"


def _status(app: Any, variables: dict[str, Any]) -> str:
    """What a server does: it calls, reads all, and closes."""
    started: list[str] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append(status)

    content = app(variables, start_response)
    for _ in content:
        pass
    if (close := getattr(content, "close", None)) is not None:
        close()
    return started[0][:3]


def _constant(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("304 Not Modified", [])
    return []


def _not_found(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return []


_APPS: Final[dict[str, Any]] = {
    _OURS: precond.wsgi.StaticFiles(_ROOT),
    "whitenoise, autorefresh": WhiteNoise(_not_found, _ROOT, autorefresh=True),
    "werkzeug SharedDataMiddleware": SharedDataMiddleware(_not_found, {"/": str(_ROOT)}),
    _CONSTANT: _constant,
}


def _etag(app: Any, variables: dict[str, Any]) -> str:
    """What the application says the tag of the file is."""
    fields: dict[str, str] = {}

    def start_response(status: str, pairs: list[tuple[str, str]], exc_info: Any = None) -> Any:
        fields.update((name.lower(), value) for name, value in pairs)

    app(variables, start_response).close()
    return fields["etag"]


def _by_wsgi(size: int) -> dict[str, Call]:
    path = f"/{Path(_file(size)).name}"
    calls = {}
    for label, app in _APPS.items():
        asked = {} if label == _CONSTANT else {"if-none-match": _etag(app, environ({}, path))}
        calls[label] = Call(_status, (app, environ(with_others(asked), path)))
    return calls


_TIMES: Final = {"whitenoise, autorefresh": 8.0, "werkzeug SharedDataMiddleware": 5.0}

GROUPS: Final = {
    "stat": Group(
        _SIZE,
        {
            _OS_STAT: Call(os.stat, (_PATH,), read=_size),
            _NOWAIT: Call(_core.stat_nowait, (_PATH,), read=_size),
            **_by_thread(),
        },
        base=_OS_STAT,
        ours=_NOWAIT,
    ),
    "stat, beneath a directory": Group(
        _SIZE,
        {
            _OS_STAT: Call(os.stat, (_NAME,), {"dir_fd": _DESCRIPTOR}, read=_size),
            _NOWAIT: Call(_core.stat_nowait, (_NAME,), {"dir_fd": _DESCRIPTOR, "beneath": True}, read=_size),
        },
        base=_OS_STAT,
        ours=_NOWAIT,
    ),
    **{
        f"WSGI 304: a file of {name}": Group(
            "304",
            _by_wsgi(size),
            base=_CONSTANT,
            ours=_OURS,
            faster_than=_TIMES,
        )
        for name, size in {"1 KiB": 2**10, "1 GiB": 2**30}.items()
    },
}
