"""The decision on seven sets of fields, through each of the three entries."""

from __future__ import annotations

from typing import Final

from request import with_others
from table import by_peers
from table.calls import Group, Target, of_outcome, ours
from table.subject import DATE, ETAG, ST, environ, keywords, list_of, pairs

_NOTHING: Final = Target(1.1, "x")
_HIT: Final = Target(1.9, "x")
_RAW: Final = Target(50, "ns above")
_ENVIRON: Final = Target(65, "ns above")

_FIELDS: Final[dict[str, tuple[dict[str, str], int, Target | None]]] = {
    "nothing conditional": ({}, 200, _NOTHING),
    "If-None-Match": ({"if-none-match": ETAG}, 304, _HIT),
    "If-None-Match and If-Modified-Since": ({"if-none-match": ETAG, "if-modified-since": DATE}, 304, _HIT),
    "If-Modified-Since": ({"if-modified-since": DATE}, 304, None),
    "If-Match": ({"if-match": ETAG}, 200, _HIT),
    "If-None-Match, another tag": ({"if-none-match": '"17caf2b3f9d1cd15-bc56"'}, 200, None),
    "If-None-Match, three tags": ({"if-none-match": list_of(3)}, 304, None),
}

GROUPS: Final[dict[str, Group]] = {
    # What a caller pays who has looked the fields up and found none.
    "evaluate: six fields, all None": Group(
        200,
        ours(
            "evaluate",
            ST,
            "GET",
            read=of_outcome,
            if_match=None,
            if_unmodified_since=None,
            if_none_match=None,
            if_modified_since=None,
            if_range=None,
            range=None,
        ),
        _NOTHING,
    )
}

for _name, (_fields, _status, _target) in _FIELDS.items():
    GROUPS[f"evaluate: {_name}"] = Group(
        _status,
        {
            **ours("evaluate", ST, "GET", read=of_outcome, **keywords(_fields)),
            **by_peers.werkzeug_sansio(_fields),
        },
        _target,
    )
    GROUPS[f"evaluate_raw: {_name}"] = Group(
        _status,
        {
            **ours("evaluate_raw", ST, "GET", pairs(with_others(_fields)), read=of_outcome),
            **by_peers.aiohttp(_fields),
            **by_peers.starlette(_fields),
        },
        _RAW,
    )
    GROUPS[f"evaluate_environ: {_name}"] = Group(
        _status,
        {
            **ours("evaluate_environ", ST, environ(with_others(_fields)), read=of_outcome),
            **by_peers.werkzeug_environ(_fields),
            **by_peers.django_request(_fields),
            **by_peers.whitenoise(_fields),
        },
        _ENVIRON,
    )
