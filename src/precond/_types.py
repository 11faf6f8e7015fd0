"""What both back ends share, so that `is` and `isinstance` hold across them."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import os

    from precond import Policy

FieldValue: TypeAlias = str | bytes
"""A field value as the server hands it over: bytes, or str that holds Latin-1 or surrogateescape.

A character beyond U+00FF is no octet of a field, so that such a value is malformed and matches nothing: give
bytes where text was decoded otherwise.
"""

IfModifiedSince: TypeAlias = Literal["exact", "before", "off"]
Stamp: TypeAlias = Literal["mtime", "ctime"]
_Text = TypeVar("_Text", bound=str)

FilePath: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"


class StatResult(Protocol):
    """What is read of a stat result; `st_ctime_ns` besides where the policy says `stamp="ctime"`."""

    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_size(self) -> int: ...


class FileStat(StatResult, Protocol):
    """What os.stat and stat_nowait have in common."""

    @property
    def st_ctime_ns(self) -> int: ...
    @property
    def st_mode(self) -> int: ...


class Look(Protocol):
    """look_nowait or, in a thread, look_waiting."""

    def __call__(self, path: str, siblings: bytes, no_symlinks: bool, /) -> FileStat | None: ...


class Outcome(enum.IntEnum):
    """What to do with the request.

    PROCEED              do what the method asks; a Range field, if there is one, may be honoured
    IGNORE_RANGE         proceed, but as if there were no Range field
    NOT_MODIFIED         answer 304, without content
    PRECONDITION_FAILED  answer 412, without performing the method
    """

    PROCEED = 0
    IGNORE_RANGE = 1
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412


class Validators(NamedTuple):
    """The values of the ETag and Last-Modified fields of a response; None means: not sent.

    Accepted wherever a stat result is: an application that has an entity-tag of its own for a dynamic
    response gives `Validators('"rev-17"')` and is evaluated by the same rules.
    """

    etag: str | None = None
    last_modified: str | None = None


class ETag(NamedTuple):
    """One entity-tag (RFC 9110 section 8.8.3): what stands between the quotes, and whether `W/` came first.

    The opaque part is text of one character a byte (Latin-1), whatever type it was parsed from;
    `str(tag)` is the tag as it is sent.
    """

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'


class Wildcard(enum.Enum):
    """The type of `ANY`, the value of a field that is `*`."""

    ANY = "*"


ANY: Final = Wildcard.ANY


class Explanation(NamedTuple):
    """An outcome, and why.

    outcome  what `evaluate` gives for the same arguments
    field    the name of the field that decided, or None where none was evaluated
    section  the section of RFC 9110 whose rule decided
    reason   the rule in words: what was compared with what, and how
    """

    outcome: Outcome
    field: str | None
    section: str
    reason: str


class Options(NamedTuple):
    """The choices of a Policy, checked."""

    etag: bool
    last_modified: bool
    weak: bool
    if_modified_since: IfModifiedSince
    stamp: Stamp
    settle: float | None

    def settle_ns(self) -> int:
        """Nanoseconds, or -1 where the grain of the stamp decides."""
        return -1 if self.settle is None else round(self.settle * 1_000_000_000)

    def __repr__(self) -> str:
        """`Policy(weak=True)`: what differs from the default."""
        changed = (
            f"{name}={value!r}"
            for name, value, default in zip(self._fields, self, DEFAULT_OPTIONS, strict=True)
            if value != default
        )
        return f"Policy({', '.join(changed)})"


DEFAULT_OPTIONS: Final = Options(True, True, False, "before", "mtime", None)


def check_options(
    etag: bool,
    last_modified: bool,
    weak: bool,
    if_modified_since: IfModifiedSince,
    stamp: Stamp,
    settle: float | None,
) -> Options:
    """The arguments of Policy as Options, or a TypeError or ValueError that names the wrong one."""
    for name, switch in (("etag", etag), ("last_modified", last_modified), ("weak", weak)):
        if not isinstance(switch, bool):
            raise type_error(name, "bool", switch)
    if_modified_since = _choice("if_modified_since", if_modified_since, ("exact", "before", "off"))
    stamp = _choice("stamp", stamp, ("mtime", "ctime"))
    if stamp == "ctime" and sys.platform == "win32":
        # There st_ctime is the time of creation, which no later write changes.
        raise ValueError("stamp: 'ctime' is not the time of the last change on Windows")
    if settle is not None:
        if isinstance(settle, bool) or not isinstance(settle, (int, float)):
            raise type_error("settle", "a number of seconds or None", settle)
        if not 0 <= settle <= MAX_SETTLE:  # no comparison with NaN holds
            raise ValueError(f"settle: expected seconds from 0 to {MAX_SETTLE}")
    return Options(etag, last_modified, weak, if_modified_since, stamp, settle)


def _choice(argument: str, value: object, choices: tuple[_Text, ...]) -> _Text:
    """The plain str among the choices that equals it: a subclass of str may format and pickle differently."""
    if not isinstance(value, str):
        raise type_error(argument, "str", value)
    for choice in choices:
        if value == choice:
            return choice
    raise ValueError(f"{argument}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


def policy_of(choices: dict[str, Any]) -> Policy:
    """Rebuild a pickled Policy with the back end in use here, whichever one pickled it."""
    from precond import Policy  # which comes of a back end, and that needs this module

    return Policy(**choices)


MAX_SETTLE: Final = 1_000_000_000
"""Seconds; some 31 years, so that nanoseconds of it stay far within 64 bits."""

FIRST_SECOND: Final = -62_135_596_800
LAST_SECOND: Final = 253_402_300_799
"""POSIX seconds of 0001-01-01 00:00:00 and 9999-12-31 23:59:59, the years that an IMF-fixdate can write."""

EXPECTED_REPRESENTATION: Final = (
    "an os.stat_result, an object with st_mtime_ns and st_size (st_ctime_ns where stamp='ctime'),"
    " or precond.Validators"
)
EXPECTED_STAT: Final = f"{EXPECTED_REPRESENTATION}, or None"
EXPECTED_VALUE: Final = "str or bytes"
EXPECTED_HEADERS: Final = "an iterable of (name, value) pairs of bytes"
EXPECTED_NOW: Final = "int (POSIX nanoseconds) or None"
NOW_TOO_WIDE: Final = "now_ns: expected POSIX nanoseconds within 64 bits (years 1678 to 2262)"
NO_METHOD: Final = "environ: expected a REQUEST_METHOD in it"
NOT_AN_ETAG: Final = "st.etag: expected an entity-tag such as '\"x\"' or 'W/\"x\"', got {!r}"
NOT_A_DATE: Final = "st.last_modified: expected a date as format_http_date() gives, got {!r}"
EXPECTED_PATH: Final = "str, bytes or os.PathLike"
EXPECTED_DESCRIPTOR: Final = "int (a file descriptor) or None"
NUL_IN_PATH: Final = "path: embedded null byte"
NO_DESCRIPTOR: Final = "dir_fd: expected a file descriptor, got {}"
OUTSIDE_YEARS: Final = "seconds: expected an instant in the years 1 to 9999"


def type_error(argument: str, expected: str, value: object) -> TypeError:
    return TypeError(f"{argument}: expected {expected}, got {type(value).__name__}")
