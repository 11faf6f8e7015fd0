"""The decision by peers: calls by label, empty for one that does not know a field."""

from __future__ import annotations

from typing import Final

import django.utils.cache
import werkzeug.http
import werkzeug.sansio.http

import peers
from request import with_others
from table.calls import Call, of_modified, of_not_modified, of_response
from table.subject import (
    ETAG,
    INSTANT,
    SECONDS,
    ST,
    STARLETTE_ETAG,
    STARLETTE_RESPONSE,
    WHITENOISE_ETAG,
    WHITENOISE_FILE,
    environ,
    keywords,
    pairs,
)

_WERKZEUG: Final = {"etag": ETAG, "last_modified": INSTANT}
_DJANGO: Final = {"etag": ETAG, "last_modified": SECONDS}


def _own(fields: dict[str, str], etag: str) -> dict[str, str]:
    """The fields of a client that was given this entity-tag in place of ours."""
    return {name: value.replace(ETAG, etag) for name, value in fields.items()}


def aiohttp(fields: dict[str, str]) -> dict[str, Call]:
    headers = peers.aiohttp_request("GET", with_others(fields))
    return {"aiohttp FileResponse": Call(peers.aiohttp_status, (headers, ST))}


def starlette(fields: dict[str, str]) -> dict[str, Call]:
    """If-Match it does not know."""
    if "if-match" in fields:
        return {}
    headers = pairs(with_others(_own(fields, STARLETTE_ETAG)))
    return {
        "starlette is_not_modified": Call(
            peers.STATIC_FILES.is_not_modified,
            (STARLETTE_RESPONSE.headers, peers.starlette_headers(headers)),
            read=of_not_modified,
        ),
        "starlette file_response": Call(
            peers.STATIC_FILES.file_response,
            (peers.PATH, ST, peers.starlette_scope("GET", headers)),
            read=of_response,
        ),
    }


def werkzeug_sansio(fields: dict[str, str]) -> dict[str, Call]:
    values = {f"http_{keyword}": value for keyword, value in keywords(fields).items()}
    modified = werkzeug.sansio.http.is_resource_modified
    return {"werkzeug sansio": Call(modified, (), {**values, **_WERKZEUG}, read=of_modified)}


def werkzeug_environ(fields: dict[str, str]) -> dict[str, Call]:
    variables = environ(with_others(fields))
    modified = werkzeug.http.is_resource_modified
    return {"werkzeug is_resource_modified": Call(modified, (variables,), _WERKZEUG, read=of_modified)}


def django_request(fields: dict[str, str]) -> dict[str, Call]:
    asked = peers.django_request(environ(with_others(fields)))
    respond = django.utils.cache.get_conditional_response
    return {"django get_conditional_response": Call(respond, (asked,), _DJANGO, read=of_response)}


def whitenoise(fields: dict[str, str]) -> dict[str, Call]:
    """If-Match it does not know, nor lists: it compares the whole value with its tag.

    That is made beforehand, or by each request with autorefresh.
    """
    if "if-match" in fields or "," in fields.get("if-none-match", ""):
        return {}
    variables = environ(with_others(_own(fields, WHITENOISE_ETAG)))
    return {
        "whitenoise is_not_modified": Call(
            WHITENOISE_FILE.is_not_modified, (variables,), read=of_not_modified
        ),
        "whitenoise, of a stat": Call(
            peers.whitenoise_is_not_modified, (ST, variables), read=of_not_modified
        ),
    }
