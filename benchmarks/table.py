"""The one table of what is timed: GROUPS, which test_core.py and ratios.py run.

A group is one question. Its calls answer it: the no-op of the same arguments, both back ends, and peers.
"""

from __future__ import annotations

import email.utils
import io
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import aiohttp.helpers
import aiohttp.web
import django.utils.cache
import django.utils.http
import werkzeug.http
import werkzeug.sansio.http

import build_noop
import peers
from precond import Outcome, _core, _fallback

NOOP: Final = "no-op"
CYTHON: Final = "cython"
PYTHON: Final = "python"
BACK_ENDS: Final = {NOOP: build_noop.load(), CYTHON: _core, PYTHON: _fallback}


class Call(NamedTuple):
    """A call to be timed, and how to read the answer from what it gives."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = MappingProxyType({})
    read: Callable[[Any], object] = lambda given: given

    def answer(self) -> object:
        return self.read(self.function(*self.args, **self.keywords))


class Target(NamedTuple):
    """What the compiled back end is to cost at most."""

    limit: float
    unit: str


class Group(NamedTuple):
    """Calls by label; `answer` is what each of them must answer, the no-op excepted."""

    answer: object
    calls: dict[str, Call]
    target: Target | None = None
    members: int = 0  # of the list of entity-tags


GROUPS: Final[dict[str, Group]] = {}

_POLICIES: Final = {label: module.Policy() for label, module in BACK_ENDS.items()}


def _ours(
    name: str, *args: object, read: Callable[[Any], object] = lambda given: given, **keywords: object
) -> dict[str, Call]:
    """The public function of this name, of the no-ops and of both back ends."""
    functions = {
        label: getattr(_POLICIES[label], name, None) or getattr(module, name)
        for label, module in BACK_ENDS.items()
    }
    calls = {label: Call(function, args, keywords, read) for label, function in functions.items()}
    return {**calls, NOOP: Call(functions[NOOP], args, keywords)}


# -- The file, and a request for it --------------------------------------------------------------------------

STAMP: Final = 1_714_564_800_123_456_789  # 2024-05-01, so it is settled
SIZE: Final = 48_213
ST: Final = os.stat_result(
    (0o100644, 1, 1, 1, 0, 0, SIZE, 0, 0, 0),
    {"st_mtime": STAMP / 1e9, "st_mtime_ns": STAMP, "st_ctime_ns": STAMP},
)
SECONDS: Final = STAMP // 1_000_000_000 + 1
INSTANT: Final = datetime.fromtimestamp(SECONDS, timezone.utc)
DATE: Final = email.utils.format_datetime(INSTANT, usegmt=True)
ETAG: Final = f'"{STAMP:x}-{SIZE:x}"'
STARLETTE_RESPONSE: Final = peers.starlette_response(ST)
STARLETTE_ETAG: Final = STARLETTE_RESPONSE.headers["etag"]

_MOST_FIELDS: Final = 11  # in a request, those of section 13 included
_OTHER_FIELDS: Final = {
    "host": "www.example.org",
    "connection": "keep-alive",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "accept": "*/*",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "no-cors",
    "sec-fetch-dest": "script",
    "referer": "https://www.example.org/",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.9",
    "cookie": "session=2f9a1c55d0b84b6f; theme=dark",
}


def _request(fields: dict[str, str]) -> dict[str, str]:
    others = list(_OTHER_FIELDS.items())[: _MOST_FIELDS - len(fields)]
    return {**dict(others), **fields}


def _keywords(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def _pairs(fields: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _request(fields).items()]


def _environ(fields: dict[str, str]) -> dict[str, Any]:
    """What a WSGI server makes of the request."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/app.js",
        "QUERY_STRING": "",
        "SERVER_NAME": "www.example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in _request(fields).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


# -- What each answers, as a status code ---------------------------------------------------------------------


def _of_outcome(outcome: Outcome) -> int:
    return 200 if outcome is Outcome.PROCEED else int(outcome)


def _of_modified(modified: bool) -> int:
    return 200 if modified else 304


def _of_not_modified(not_modified: bool) -> int:
    return 304 if not_modified else 200


def _of_response(response: Any) -> int:
    return 200 if response is None else int(response.status_code)


# -- The same decision by peers ------------------------------------------------------------------------------


def _aiohttp(fields: dict[str, str]) -> dict[str, Call]:
    request = peers.aiohttp_request("GET", _request(fields))
    return {"aiohttp FileResponse": Call(peers.aiohttp_status, (request, ST))}


def _starlette(fields: dict[str, str]) -> dict[str, Call]:
    """Its tag is another one, and so is the one that its clients send. If-Match it does not know."""
    pairs = _pairs({name: value.replace(ETAG, STARLETTE_ETAG) for name, value in fields.items()})
    if "if-match" in fields:
        return {}
    return {
        "starlette is_not_modified": Call(
            peers.STATIC_FILES.is_not_modified,
            (STARLETTE_RESPONSE.headers, peers.starlette_headers(pairs)),
            read=_of_not_modified,
        ),
        "starlette file_response": Call(
            peers.STATIC_FILES.file_response,
            (peers.PATH, ST, peers.starlette_scope("GET", pairs)),
            read=_of_response,
        ),
    }


def _werkzeug_sansio(fields: dict[str, str]) -> dict[str, Call]:
    values = {f"http_{keyword}": value for keyword, value in _keywords(fields).items()}
    keywords = {**values, "etag": ETAG, "last_modified": INSTANT}
    return {
        "werkzeug sansio": Call(werkzeug.sansio.http.is_resource_modified, (), keywords, read=_of_modified)
    }


def _werkzeug(fields: dict[str, str]) -> dict[str, Call]:
    keywords = {"etag": ETAG, "last_modified": INSTANT}
    return {
        "werkzeug is_resource_modified": Call(
            werkzeug.http.is_resource_modified, (_environ(fields),), keywords, read=_of_modified
        )
    }


def _django(fields: dict[str, str]) -> dict[str, Call]:
    request = peers.django_request(_environ(fields))
    keywords = {"etag": ETAG, "last_modified": SECONDS}
    return {
        "django get_conditional_response": Call(
            django.utils.cache.get_conditional_response, (request,), keywords, read=_of_response
        )
    }


# -- Dates, tags, validators ---------------------------------------------------------------------------------

GROUPS["parse_http_date"] = Group(
    SECONDS,
    {
        **_ours("parse_http_date", DATE),
        "email.utils": Call(
            email.utils.parsedate_to_datetime, (DATE,), read=lambda date: int(date.timestamp())
        ),
        "aiohttp": Call(aiohttp.helpers.parse_http_date, (DATE,), read=lambda date: int(date.timestamp())),
        "werkzeug": Call(werkzeug.http.parse_date, (DATE,), read=lambda date: int(date.timestamp())),
        "django": Call(django.utils.http.parse_http_date, (DATE,)),
    },
    Target(3.5, "x"),
)
GROUPS["format_http_date"] = Group(
    DATE,
    {
        **_ours("format_http_date", SECONDS),
        "email.utils": Call(email.utils.formatdate, (SECONDS,), {"usegmt": True}),
        "aiohttp (time.strftime)": Call(peers.aiohttp_date, (SECONDS,)),
        "werkzeug": Call(werkzeug.http.http_date, (SECONDS,)),
        "django": Call(django.utils.http.http_date, (SECONDS,)),
    },
    Target(5, "x"),
)
GROUPS["etag"] = Group(
    ETAG,
    {
        **_ours("etag", ST),
        "aiohttp (f-string)": Call(peers.aiohttp_etag, (ST,), read='"{}"'.format),
    },
    Target(5, "x"),
)
GROUPS["last_modified"] = Group(SECONDS, _ours("last_modified", ST))
GROUPS["validators"] = Group(
    True,
    {
        **_ours("validators", ST, read=lambda given: given == (ETAG, DATE)),
        "aiohttp (two setters)": Call(
            peers.aiohttp_validators, (aiohttp.web.StreamResponse(), ST), read=lambda given: given is None
        ),
        "starlette set_stat_headers": Call(
            STARLETTE_RESPONSE.set_stat_headers, (ST,), read=lambda given: given is None
        ),
    },
)
GROUPS["parse_etags: 3 members"] = Group(
    3,
    {
        **_ours("parse_etags", f'"a", W/"b", {ETAG}', read=len),
        "werkzeug": Call(
            werkzeug.http.parse_etags,
            (f'"a", W/"b", {ETAG}',),
            read=lambda etags: len(etags.as_set(include_weak=True)),
        ),
        "django": Call(django.utils.http.parse_etags, (f'"a", W/"b", {ETAG}',), read=len),
    },
)

# -- Decisions -----------------------------------------------------------------------------------------------

_HIT: Final = Target(2.2, "x")
_ABOVE: Final = Target(75, "ns above")

_DECISIONS: Final[dict[str, tuple[dict[str, str], int, Target | None]]] = {
    "nothing conditional": ({}, 200, Target(1.2, "x")),
    "If-None-Match": ({"if-none-match": ETAG}, 304, _HIT),
    "If-None-Match and If-Modified-Since": ({"if-none-match": ETAG, "if-modified-since": DATE}, 304, _HIT),
    "If-Modified-Since": ({"if-modified-since": DATE}, 304, None),
    "If-Match": ({"if-match": ETAG}, 200, _HIT),
    "If-None-Match, another tag": ({"if-none-match": '"17caf2b3f9d1cd15-bc56"'}, 200, None),
}

for _name, (_fields, _status, _target) in _DECISIONS.items():
    GROUPS[f"evaluate: {_name}"] = Group(
        _status,
        {
            **_ours("evaluate", ST, "GET", read=_of_outcome, **_keywords(_fields)),
            **_werkzeug_sansio(_fields),
        },
        _target,
    )
    GROUPS[f"evaluate_raw: {_name}"] = Group(
        _status,
        {
            **_ours("evaluate_raw", ST, "GET", _pairs(_fields), read=_of_outcome),
            **_aiohttp(_fields),
            **_starlette(_fields),
        },
        _ABOVE,
    )
    GROUPS[f"evaluate_environ: {_name}"] = Group(
        _status,
        {
            **_ours("evaluate_environ", ST, _environ(_fields), read=_of_outcome),
            **_werkzeug(_fields),
            **_django(_fields),
        },
        _ABOVE,
    )

# What a caller pays who has looked the fields up and found none.
GROUPS["evaluate: six fields, all None"] = Group(
    200,
    _ours(
        "evaluate",
        ST,
        "GET",
        read=_of_outcome,
        if_match=None,
        if_unmodified_since=None,
        if_none_match=None,
        if_modified_since=None,
        if_range=None,
        range=None,
    ),
    Target(1.2, "x"),
)

# -- Lists ---------------------------------------------------------------------------------------------------

MEMBER: Final = Target(8, "ns a member")


def _list(members: int) -> str:
    """Our tag last, after others that look like it."""
    return ", ".join([*(f'"{STAMP - 1 - n:x}-{SIZE:x}"' for n in range(members - 1)), ETAG])


for _members in (1, 3, 20, 1000):
    _fields = {"if-none-match": _list(_members)}
    GROUPS[f"list: {_members}"] = Group(
        304,
        {
            **_ours("evaluate", ST, "GET", read=_of_outcome, **_keywords(_fields)),
            **_aiohttp(_fields),
            **_starlette(_fields),
            **_werkzeug_sansio(_fields),
            **_django(_fields),
        },
        members=_members,
    )

# -- Fields of 8 KiB that somebody sends on purpose ----------------------------------------------------------

HOSTILE: Final = Target(25, "microseconds")
_LENGTH: Final = 8192


def _repeated(text: str) -> str:
    return text * (_LENGTH // len(text))


_HOSTILE: Final = {
    "commas": _repeated(","),
    "quotes": _repeated('"'),
    '"",': _repeated('"",'),
    '"x",': _repeated('"x",'),
    'W/"a",': _repeated('W/"a",'),
    'W/"a"': _repeated('W/"a"'),
    "blanks": _repeated(" "),
    "blanks between two tags": f'"x"{" " * (_LENGTH - 7)},"y"',
    "one long tag": f'"{"x" * (_LENGTH - 2)}"',
    "one long tag without its end": f'"{"x" * (_LENGTH - 1)}',
    "obs-text": f'"{chr(255) * (_LENGTH - 2)}"',
    "tags that begin like ours": _repeated(f'{ETAG[:-2]}x",'),
}

for _name, _value in _HOSTILE.items():
    GROUPS[f"8 KiB: {_name}"] = Group(
        200, _ours("evaluate", ST, "GET", read=_of_outcome, if_none_match=_value), HOSTILE
    )
GROUPS["8 KiB: a date"] = Group(
    200, _ours("evaluate", ST, "GET", read=_of_outcome, if_modified_since=_repeated("9")), HOSTILE
)
GROUPS["8 KiB: If-Range"] = Group(
    Outcome.IGNORE_RANGE,
    _ours("evaluate", ST, "GET", if_range=_HOSTILE["one long tag"], range="bytes=0-"),
    HOSTILE,
)
