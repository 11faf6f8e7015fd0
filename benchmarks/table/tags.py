"""The entity-tag of a file, its modification date, both as fields, and lists of entity-tags."""

from __future__ import annotations

from typing import Any, Final

import aiohttp.web
import django.utils.http
import werkzeug.http

import peers
from table.calls import Call, Group, Target, ours
from table.subject import (
    DATE,
    ETAG,
    SECONDS,
    ST,
    STARLETTE_RESPONSE,
    WHITENOISE_FILE,
)


def _gives_none(given: object) -> bool:
    return given is None


def _has_both(fields: Any) -> bool:
    return bool(fields["ETag"] and fields["Last-Modified"])


_LIST: Final = f'"a", W/"b", {ETAG}'

GROUPS: Final = {
    "etag": Group(
        ETAG,
        {
            **ours("etag", ST),
            "aiohttp (f-string)": Call(peers.aiohttp_etag, (ST,), read='"{}"'.format),
        },
        Target(5, "x"),
    ),
    "last_modified": Group(SECONDS, ours("last_modified", ST)),
    "validators": Group(
        True,
        {
            **ours("validators", ST, read=lambda given: given == (ETAG, DATE)),
            "aiohttp (two setters)": Call(
                peers.aiohttp_validators, (aiohttp.web.StreamResponse(), ST), read=_gives_none
            ),
            "starlette set_stat_headers": Call(STARLETTE_RESPONSE.set_stat_headers, (ST,), read=_gives_none),
            "whitenoise get_headers": Call(
                WHITENOISE_FILE.get_headers, ([], peers.whitenoise_entries(ST)), read=_has_both
            ),
        },
    ),
    "parse_etags: 3 members": Group(
        3,
        {
            **ours("parse_etags", _LIST, read=len),
            "werkzeug": Call(
                werkzeug.http.parse_etags,
                (_LIST,),
                read=lambda etags: len(etags.as_set(include_weak=True)),
            ),
            "django": Call(django.utils.http.parse_etags, (_LIST,), read=len),
        },
    ),
}
