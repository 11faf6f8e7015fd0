"""Content types and content codings of files, by their names, and which codings a client accepts."""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precond._backend import Policy
    from precond._types import StatResult

EXTENSIONS: Final = {"br": ".br", "gzip": ".gz", "zstd": ".zst"}
"""What stands after the name of a file that holds another one in a content coding."""

# Such a file, asked for by its own name, is not in a coding: it is of this type.
_COMPRESSED: Final = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}

# Accept-Encoding = #( codings [ weight ] )
# codings         = content-coding / "identity" / "*"
# weight          = OWS ";" OWS "q=" qvalue
# qvalue          = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
#
# gzip, deflate, br   br;q=1.0, gzip;q=0.8, *;q=0
_WEIGHTED: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def guessed_type(path: str) -> str:
    content_type, compression = mimetypes.guess_type(path)
    if compression is not None:
        content_type = _COMPRESSED.get(compression)
    return content_type or "application/octet-stream"


def accepted(codings: Iterable[str], accept_encoding: str) -> list[str]:
    """Those of the codings that are as welcome as none or more, the most welcome first.

    codings             in the server's order, which decides between equal weights
    accept_encoding     the field's value, "" where it is not there; members that are malformed do not count

    RFC 9110 section 12.5.3.
    """
    weights: dict[str, float] = {}
    for member in accept_encoding.split(","):
        match = _WEIGHTED.fullmatch(member.strip(" \t"))
        if match is not None:
            name = match[1].lower()
            weights["gzip" if name == "x-gzip" else name] = float(match[2] or 1)  # section 8.4.1.3
    others = weights.get("*", 0.0)
    least = weights.get("identity", others)
    welcome = {coding: weights.get(coding, others) for coding in codings}
    chosen = [coding for coding, weight in welcome.items() if weight > 0 and weight >= least]
    return sorted(chosen, key=lambda coding: -welcome[coding])


def distinct(siblings: Mapping[str, StatResult], st: StatResult | None, policy: Policy) -> list[str]:
    """Those codings whose file has an entity-tag that neither the original nor one before it has.

    st          of the original; None where it is not there

    Files of one size and stamp have one tag, which has to tell codings apart (RFC 9110 section 8.8.3.3).
    """
    tags = {None if st is None else policy.etag(st)}
    chosen = []
    for coding, sibling in siblings.items():
        tag = policy.etag(sibling)
        if tag not in tags:
            chosen.append(coding)
            tags.add(tag)
    return chosen
