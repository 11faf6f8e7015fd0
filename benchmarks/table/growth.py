"""What grows: with the members of a list, and with the fields of a request."""

from __future__ import annotations

from typing import Final

from request import with_others
from table import by_peers
from table.calls import Group, Growth, Target, of_outcome, ours
from table.subject import ETAG, ST, environ, keywords, list_of, pairs

MEMBER: Final = Target(6, "ns")

GROUPS: Final[dict[str, Group]] = {}

for _members in (1, 3, 20, 1000):
    _fields = {"if-none-match": list_of(_members)}
    GROUPS[f"list: {_members}"] = Group(
        304,
        {
            **ours("evaluate", ST, "GET", read=of_outcome, **keywords(_fields)),
            **by_peers.aiohttp(_fields),
            **by_peers.starlette(_fields),
            **by_peers.werkzeug_sansio(_fields),
            **by_peers.django_request(_fields),
        },
        growth=Growth("member of a list", _members),
    )

for _number in (12, 30, 100, 1000):
    _fields = with_others({"if-none-match": ETAG}, _number)
    GROUPS[f"evaluate_raw: {_number} fields"] = Group(
        304,
        ours("evaluate_raw", ST, "GET", pairs(_fields), read=of_outcome),
        growth=Growth("field of a request, evaluate_raw", _number),
    )
    GROUPS[f"evaluate_environ: {_number} fields"] = Group(
        304,
        ours("evaluate_environ", ST, environ(_fields), read=of_outcome),
        growth=Growth("field of a request, evaluate_environ", _number),
    )
