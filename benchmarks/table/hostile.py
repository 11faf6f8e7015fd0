"""Fields of 8 KiB that somebody sends on purpose."""

from __future__ import annotations

from typing import Final

from precond import Outcome
from table.calls import Group, Target, of_outcome, ours
from table.subject import ETAG, ST

WORST: Final = Target(25, "microseconds")
_LENGTH: Final = 8192


def _repeated(text: str) -> str:
    return text * (_LENGTH // len(text))


_LONG_TAG: Final = f'"{"x" * (_LENGTH - 2)}"'
_LISTS: Final = {
    "commas": _repeated(","),
    "quotes": _repeated('"'),
    '"",': _repeated('"",'),
    '"x",': _repeated('"x",'),
    'W/"a",': _repeated('W/"a",'),
    'W/"a"': _repeated('W/"a"'),
    "blanks": _repeated(" "),
    "blanks between two tags": f'"x"{" " * (_LENGTH - 7)},"y"',
    "one long tag": _LONG_TAG,
    "one long tag without its end": f'"{"x" * (_LENGTH - 1)}',
    "exclamation marks": f'"{"!" * (_LENGTH - 2)}"',
    "obs-text": f'"{chr(255) * (_LENGTH - 2)}"',
    "tags that begin like ours": _repeated(f'{ETAG[:-2]}x",'),
}

GROUPS: Final = {
    **{
        f"8 KiB: {name}": Group(200, ours("evaluate", ST, "GET", read=of_outcome, if_none_match=value), WORST)
        for name, value in _LISTS.items()
    },
    "8 KiB: a date": Group(
        200, ours("evaluate", ST, "GET", read=of_outcome, if_modified_since=_repeated("9")), WORST
    ),
    "8 KiB: If-Range": Group(
        Outcome.IGNORE_RANGE, ours("evaluate", ST, "GET", if_range=_LONG_TAG, range="bytes=0-"), WORST
    ),
}
