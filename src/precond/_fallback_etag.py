"""entity-tag, RFC 9110 section 8.8.3: read lists of them, and compare them; _etag.pxd in plain Python."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

EntityTag: TypeAlias = tuple[bytes, bool]
"""What stands between the quotes, and whether it is weak."""

# entity-tag = [ weak ] opaque-tag
# weak       = %s"W/"
# opaque-tag = DQUOTE *etagc DQUOTE
# etagc      = %x21 / %x23-7E / obs-text
_ENTITY_TAG: Final = re.compile(rb'(W/)?"([\x21\x23-\x7E\x80-\xFF]*)"')

# One member of a list and all up to the next, where what stands before the first is stripped already; or what
# is left, where that is no member. No two parts of a member can begin with the same byte, so that nothing is
# tried twice.
#
# #entity-tag => [ entity-tag ] *( OWS "," OWS [ entity-tag ] )      (section 5.6.1.2)
_MEMBER: Final = re.compile(_ENTITY_TAG.pattern + rb"[ \t]*(?:,[ \t,]*|\Z)|(.+)", re.DOTALL)


def parse_etag(value: bytes) -> EntityTag | None:
    """One entity-tag, with nothing around it."""
    match = _ENTITY_TAG.fullmatch(value)
    return None if match is None else (match[2], match[1] is not None)


def parse_list(value: bytes) -> list[EntityTag] | None:
    """The members of a list; None where it breaks the grammar anywhere."""
    members = _MEMBER.findall(value.lstrip(b" \t,"))
    if members and members[-1][2]:
        return None
    # Not `!= b""`: an older PyPy gives "" for a group that did not match (pypy/pypy#5265).
    return [(opaque, bool(weak)) for weak, opaque, _ in members]


_QUOTES_AND_ETAGC: Final = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])


def strong_opaques(value: bytes) -> list[bytes] | None:
    """What stands between the quotes of each member, of a list that is written as nearly all are, `"a", "b"`;
    None for any other, which may be a list too. It takes a fifth of the time."""
    opaques = value[1:-1].split(b'", "')
    # No quote is left that may stand in a tag or open a weak one; and all but the blanks between is etagc.
    if (
        value[:1] == value[-1:] == b'"'
        and value.count(b'"') == 2 * len(opaques)
        and value.translate(None, _QUOTES_AND_ETAGC) == b" " * (len(opaques) - 1)
    ):
        return opaques
    return None


def strongly_equal(one: EntityTag, other: EntityTag) -> bool:
    """Strong comparison, section 8.8.3.2."""
    return not one[1] and not other[1] and one[0] == other[0]


def list_has(value: bytes, own: EntityTag, strong: bool) -> bool:
    """Whether a member equals our tag, in the strong or the weak comparison of section 8.8.3.2. None does
    where the list breaks the grammar anywhere."""
    opaque_tag = b'"' + own[0] + b'"'
    if value == opaque_tag:  # the list that nearly all clients send
        return not (strong and own[1])
    if opaque_tag not in value:
        return False
    opaques = strong_opaques(value)
    if opaques is not None:
        return own[0] in opaques and not (strong and own[1])
    return any(
        opaque == own[0] and not (strong and (weak or own[1])) for opaque, weak in parse_list(value) or ()
    )
