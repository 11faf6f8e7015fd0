"""What all benchmarks ask with: eleven fields, those of RFC 9110 section 13 included; and for what."""

from __future__ import annotations

from typing import Final

STAMP: Final = 1_714_564_800_123_456_789
"""When the file was modified, in POSIX nanoseconds: 2024-05-01, so it is settled."""

_MOST_FIELDS: Final = 11
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


def with_others(fields: dict[str, str], most: int = _MOST_FIELDS) -> dict[str, str]:
    """The fields after those that browsers send, and, where these are too few, made-up ones."""
    made_up = {f"x-field-{number}": "value" for number in range(most)}
    others = list({**_OTHER_FIELDS, **made_up}.items())[: most - len(fields)]
    return {**dict(others), **fields}
