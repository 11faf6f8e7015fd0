"""Header pairs to field values, where a field stands on more than one line: shared, because it is rare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from precond._types import EXPECTED_HEADERS, EXPECTED_VALUE, FieldValue, type_error

HeaderPairs: TypeAlias = Iterable[tuple[FieldValue, FieldValue]]

KEYWORDS: Final = {
    b"if-match": "if_match",
    b"if-unmodified-since": "if_unmodified_since",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"if-range": "if_range",
    b"range": "range",
}
"""Which argument of `evaluate` takes which field."""

_LENGTHS: Final = frozenset(map(len, KEYWORDS))

LISTS: Final = frozenset({"if_match", "if_none_match"})

REPEATED: Final = b","
"""Stands for several lines of a field that has one value: neither a date nor an entity-tag."""


def octets(value: object, argument: str) -> bytes:
    """A value as bytes. Characters that no byte of a field can be make it malformed by every grammar."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return b"\0"
    raise type_error(argument, EXPECTED_VALUE, value)


def combine(headers: HeaderPairs) -> dict[str, bytes]:
    """The fields of section 13, and Range, as keyword arguments of `evaluate`.

    Lines of a list field are joined with a comma and a space (RFC 9110 section 5.3), never without the space:
    a quote left open on one line must not close on the next. Lines of any other field are not joined, because
    a date cut at its comma would become whole.
    """
    fields: dict[str, bytes] = {}
    lines: dict[str, list[bytes]] = {}  # of those fields that stand on more than one
    pairs = as_tuple(headers)
    try:
        for name, value in pairs:
            # Most headers are not ours, and most of those differ in length already.
            if type(name) is bytes and len(name) not in _LENGTHS:
                continue
            keyword = KEYWORDS.get(octets(name, "headers").lower())
            if keyword is None:
                continue
            line = octets(value, "headers")
            if keyword in fields:
                lines.setdefault(keyword, [fields[keyword]]).append(line)
            else:
                fields[keyword] = line
    except (TypeError, ValueError):
        _check_pairs(pairs)
        raise
    for keyword, values in lines.items():
        fields[keyword] = b", ".join(values) if keyword in LISTS else REPEATED
    return fields


def _check_pairs(pairs: tuple[tuple[object, object], ...]) -> None:
    for pair in pairs:
        try:
            _, _ = pair
        except (TypeError, ValueError):
            raise type_error("headers", EXPECTED_HEADERS, pair) from None


def as_tuple(headers: Any) -> tuple[tuple[object, object], ...]:
    """What should be pairs, where nothing can change them."""
    try:
        return tuple(headers)
    except TypeError:
        raise type_error("headers", EXPECTED_HEADERS, headers) from None
