"""What one would otherwise call: peers' own functions, with all that they take as arguments made beforehand.

So the entity-tag and the date of the file, which ours makes of the stat result in every call, are given to
Starlette (`is_not_modified`), WhiteNoise, Werkzeug and Django ready-made. The comparison favours them.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

import django.conf
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import FileResponse, Request, StreamResponse
from django.core.handlers.wsgi import WSGIRequest
from multidict import CIMultiDict
from starlette.datastructures import Headers
from starlette.responses import FileResponse as StarletteFileResponse
from starlette.staticfiles import StaticFiles
from whitenoise.responders import FileEntry, StaticFile

PATH: Final = "/srv/www/app.js"
"""Nothing reads it: the stat result is given."""

STATIC_FILES: Final = StaticFiles(directory="/srv/www", check_dir=False)

django.conf.settings.configure()


# -- aiohttp -------------------------------------------------------------------------------------------------


def aiohttp_request(method: str, headers: dict[str, str]) -> Request:
    return make_mocked_request(method, "/app.js", CIMultiDict(headers))


def aiohttp_status(request: Request, st: os.stat_result) -> int:
    """The decision of FileResponse, up to where it would open the file.

    There it is part of a method that calls stat and opens, so the steps between stand here, made of aiohttp's
    own parts. It has no function for them.
    """
    request._cache.clear()  # a new request has parsed no field yet
    match = FileResponse._etag_match
    etag = f"{st.st_mtime_ns:x}-{st.st_size:x}"
    if_match = request.if_match
    if if_match is not None and not match(etag, if_match, weak=False):
        return 412
    date = request.if_unmodified_since
    if date is not None and if_match is None and st.st_mtime > date.timestamp():
        return 412
    if_none_match = request.if_none_match
    if if_none_match is not None and match(etag, if_none_match, weak=True):
        return 304
    date = request.if_modified_since
    if date is not None and if_none_match is None and st.st_mtime <= date.timestamp():
        return 304
    return 200


def aiohttp_etag(st: os.stat_result) -> str:
    """How FileResponse makes its tag, which gets its quotes later."""
    return f"{st.st_mtime_ns:x}-{st.st_size:x}"


def aiohttp_date(seconds: int) -> str:
    """How the setter of Response.last_modified formats a number."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def aiohttp_validators(response: StreamResponse, st: os.stat_result) -> None:
    """Both fields, set as FileResponse sets them."""
    response.etag = aiohttp_etag(st)
    response.last_modified = st.st_mtime


# -- Starlette -----------------------------------------------------------------------------------------------


def starlette_response(st: os.stat_result) -> StarletteFileResponse:
    """A response that has its ETag and Last-Modified."""
    return StarletteFileResponse(PATH, stat_result=st)


def starlette_scope(method: str, pairs: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": "/app.js", "headers": pairs}


def starlette_headers(pairs: list[tuple[bytes, bytes]]) -> Headers:
    return Headers(raw=pairs)


# -- WSGI ----------------------------------------------------------------------------------------------------


def django_request(environ: dict[str, Any]) -> WSGIRequest:
    return WSGIRequest(dict(environ))


def whitenoise_file(st: os.stat_result) -> StaticFile:
    return StaticFile(PATH, [], stat_cache={PATH: st})


def whitenoise_is_not_modified(st: os.stat_result, environ: dict[str, Any]) -> bool:
    """The decision from a stat result, as WhiteNoise makes it with autorefresh."""
    return bool(whitenoise_file(st).is_not_modified(environ))


def whitenoise_entries(st: os.stat_result) -> dict[None, FileEntry]:
    return {None: FileEntry(PATH, {PATH: st})}
