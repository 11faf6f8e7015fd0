"""HTTP-dates, parsed and formatted."""

from __future__ import annotations

import email.utils
from datetime import datetime
from typing import Final

import aiohttp.helpers
import ciso8601
import django.utils.http
import werkzeug.http
import whenever

import peers
from table.calls import Call, Group, Target, ours
from table.subject import DATE, INSTANT, SECONDS


def _seconds(date: datetime) -> int:
    return int(date.timestamp())


GROUPS: Final = {
    "parse_http_date": Group(
        SECONDS,
        {
            **ours("parse_http_date", DATE),
            "ciso8601, of an ISO 8601 date": Call(
                ciso8601.parse_datetime, (INSTANT.isoformat(),), read=_seconds
            ),
            "whenever": Call(whenever.Instant.parse_rfc2822, (DATE,), read=whenever.Instant.timestamp),
            "email.utils": Call(email.utils.parsedate_to_datetime, (DATE,), read=_seconds),
            "aiohttp": Call(aiohttp.helpers.parse_http_date, (DATE,), read=_seconds),
            "werkzeug": Call(werkzeug.http.parse_date, (DATE,), read=_seconds),
            "django": Call(django.utils.http.parse_http_date, (DATE,)),
        },
        Target(3, "x"),
        faster_than={"ciso8601, of an ISO 8601 date": 1},
    ),
    "format_http_date": Group(
        DATE,
        {
            **ours("format_http_date", SECONDS),
            "whenever": Call(whenever.Instant.from_timestamp(SECONDS).format_rfc2822),
            "email.utils": Call(email.utils.formatdate, (SECONDS,), {"usegmt": True}),
            "aiohttp (time.strftime)": Call(peers.aiohttp_date, (SECONDS,)),
            "werkzeug": Call(werkzeug.http.http_date, (SECONDS,)),
            "django": Call(django.utils.http.http_date, (SECONDS,)),
        },
        Target(5, "x"),
    ),
}
