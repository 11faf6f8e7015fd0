"""The reference back end, in plain Python; the compiled one gives the same answers.

The functions of stamps, those of fields and `_evaluate`, which is section 13.2.2, stand here under the same
names and in the same order as in _rules.pxd; the grammars have files of their own, as in C. Field values are
bytes without outer whitespace from `_value` on.
"""

from __future__ import annotations

import errno
import os
import time
from typing import Any, Final, Literal, NoReturn, TypeAlias, final, overload

from precond._explain import Grammar
from precond._explain import explain as _explain
from precond._fallback_etag import EntityTag, list_has, parse_etag, parse_list, strongly_equal
from precond._fallback_httpdate import NS, parse_imf_fixdate
from precond._fallback_httpdate import format_http_date as _format_http_date
from precond._fallback_httpdate import parse_http_date as _parse_http_date
from precond._fields import HeaderPairs, combine, octets
from precond._types import (
    ANY,
    EXPECTED_DESCRIPTOR,
    EXPECTED_NOW,
    EXPECTED_PATH,
    EXPECTED_REPRESENTATION,
    EXPECTED_STAT,
    FIRST_SECOND,
    LAST_SECOND,
    NO_DESCRIPTOR,
    NO_METHOD,
    NOT_A_DATE,
    NOT_AN_ETAG,
    NOW_TOO_WIDE,
    NUL_IN_PATH,
    OUTSIDE_YEARS,
    ETag,
    Explanation,
    FieldValue,
    FilePath,
    IfModifiedSince,
    Options,
    Outcome,
    Stamp,
    StatResult,
    Validators,
    Wildcard,
    check_options,
    policy_of,
    type_error,
)

FIRST_MODIFICATION: Final = 631_152_000 * NS  # 1990-01-01
FINE_GRAIN: Final = 20_000_000  # ns: above the tick that stamps files on Linux and Windows
COARSE_GRAIN: Final = 2_000_000_000  # ns: stamps of whole seconds are those of FAT, ext3, HFS+ and archives
GRAIN_OF_STAMP: Final = -1  # the choice of `settle` that leaves it to the stamp

PROCEED: Final = Outcome.PROCEED
IGNORE_RANGE: Final = Outcome.IGNORE_RANGE
NOT_MODIFIED: Final = Outcome.NOT_MODIFIED
PRECONDITION_FAILED: Final = Outcome.PRECONDITION_FAILED


# -- From arguments to bytes and numbers ---------------------------------------------------------------------


def _value(value: object, argument: str) -> bytes:
    """A field value, without the outer whitespace that is not part of it (RFC 9110 section 5.5)."""
    octets_of_it = value if type(value) is bytes else octets(value, argument)  # a call costs as much as strip
    return octets_of_it.strip(b" \t")


def _now(now_ns: int | None) -> int:
    if now_ns is None:
        return time.time_ns()
    if not isinstance(now_ns, int):
        raise type_error("now_ns", EXPECTED_NOW, now_ns)
    if not -(2**63) <= now_ns < 2**63:
        raise ValueError(NOW_TOO_WIDE)
    return now_ns


# -- What a stamp says ---------------------------------------------------------------------------------------


def _is_modification_date(stamp: int) -> bool:
    """False before 1990: 0, 1, 1980-01-01 and 1985-10-26 are what reproducible builds, package managers and
    image layers write, and say nothing about the bytes."""
    return stamp >= FIRST_MODIFICATION


def _to_whole_second(stamp: int) -> int:
    """How many nanoseconds the next whole second is away."""
    return -stamp % NS


def _whole_seconds(stamp: int) -> int:
    """The stamp rounded up, so that no later write within its second can share the date."""
    return -(-stamp // NS)


def _grain(stamp: int, settle: int) -> int:
    if settle != GRAIN_OF_STAMP:
        return settle
    return FINE_GRAIN if stamp % NS else COARSE_GRAIN


def _settled_etag(stamp: int, settle: int, now: int) -> bool:
    """Whether no later write can be stamped with this stamp."""
    return _is_modification_date(stamp) and now - stamp >= _grain(stamp, settle)


def _settled_date(stamp: int, settle: int, now: int) -> bool:
    """Whether no later write can have this Last-Modified, and it is not later than Date (8.8.2.1)."""
    return _is_modification_date(stamp) and now - stamp >= _to_whole_second(stamp) + _grain(stamp, settle)


# -- The selected representation -----------------------------------------------------------------------------

_Representation: TypeAlias = tuple[bool, EntityTag | None, int | None, int | None]
"""Whether it exists; its tag and date, None where there is none or it is off; the stamp, where it has one."""


# -- Section 13.1: one function a field ----------------------------------------------------------------------
#
# Each gives whether the condition is true, or None where the field is not there or is to be ignored. `etag`
# is our entity-tag and `date` our modification date, None where the representation has none that counts.


def _if_match(value: bytes | None, exists: bool, etag: EntityTag | None) -> bool | None:
    """Section 13.1.1. What is malformed matches nothing, so the guard fails closed.

    If-Match = "*" / #entity-tag
    """
    if value is None:
        return None
    if value == b"*":
        return exists
    return etag is not None and list_has(value, etag, strong=True)


def _if_unmodified_since(value: bytes | None, date: int | None, now_ns: int | None) -> bool | None:
    """Section 13.1.4. Ignored where it is not one valid date, or there is no modification date.

    If-Unmodified-Since = HTTP-date
    """
    if value is None or date is None:
        return None
    since = _parse_http_date(value, now_ns)
    if since is None:
        return None
    return date <= since


def _if_none_match(value: bytes | None, exists: bool, etag: EntityTag | None) -> bool | None:
    """Section 13.1.2. What is malformed matches nothing.

    If-None-Match = "*" / #entity-tag
    """
    if value is None:
        return None
    if value == b"*":
        return not exists
    return etag is None or not list_has(value, etag, strong=False)


def _if_modified_since(
    value: bytes | None, date: int | None, mode: IfModifiedSince, now_ns: int | None
) -> bool | None:
    """Section 13.1.3. Ignored where it is not one valid date, or there is no modification date.

    If-Modified-Since = HTTP-date
    """
    if value is None or mode == "off" or date is None:
        return None
    since = _parse_http_date(value, now_ns)
    if since is None:
        return None
    if mode == "exact":
        return date != since
    return date > since


def _if_range(
    value: bytes | None,
    etag: EntityTag | None,
    date: int | None,
    stamp: int | None,
    settle: int,
    now_ns: int | None,
) -> bool | None:
    """Section 13.1.5. A tag must be strongly equal; a date must be ours, and strong in the sense of section
    8.8.2.2, which only a settled stamp is. Anything else is false.

    If-Range = entity-tag / HTTP-date
    """
    if value is None:
        return None
    tag = parse_etag(value)
    if tag is not None:
        return etag is not None and strongly_equal(tag, etag)
    if date is None or stamp is None:
        return False
    return _parse_http_date(value, now_ns) == date and _settled_date(stamp, settle, _now(now_ns))


# -- Section 13.2: evaluation --------------------------------------------------------------------------------

_UNCONDITIONAL: Final = frozenset({"OPTIONS", "TRACE", "CONNECT"})


def _evaluate(
    method: str,
    if_match: bytes | None,
    if_unmodified_since: bytes | None,
    if_none_match: bytes | None,
    if_modified_since: bytes | None,
    if_range: bytes | None,
    range: bytes | None,
    current: _Representation,
    policy: Policy,
    now_ns: int | None,
) -> Outcome:
    """Sections 13.2.1 and 13.2.2."""
    exists, etag, date, stamp = current
    safe = method == "GET" or method == "HEAD"
    if method not in _UNCONDITIONAL:
        # 1. If-Match
        held = _if_match(if_match, exists, etag)
        if held is False:
            return PRECONDITION_FAILED
        # 2. Without If-Match: If-Unmodified-Since
        if held is None and _if_unmodified_since(if_unmodified_since, date, now_ns) is False:
            return PRECONDITION_FAILED
        # 3. If-None-Match
        held = _if_none_match(if_none_match, exists, etag)
        if held is False:
            return NOT_MODIFIED if safe else PRECONDITION_FAILED
        # 4. GET or HEAD, without If-None-Match: If-Modified-Since
        mode = policy.options.if_modified_since
        if held is None and safe and _if_modified_since(if_modified_since, date, mode, now_ns) is False:
            return NOT_MODIFIED
    # 5. Range: GET is the only method that has it (section 14.2), and If-Range may take it away
    if range is None:
        return PROCEED
    if method != "GET" or _if_range(if_range, etag, date, stamp, policy._settle, now_ns) is False:
        return IGNORE_RANGE
    return PROCEED


# -- From stat results to the selected representation --------------------------------------------------------


def _read_stat(st: StatResult, stamp_name: str) -> tuple[int, int]:
    """The only reader of stat results: the stamp and the size."""
    try:
        stamp, size = getattr(st, stamp_name), st.st_size
    except AttributeError:
        raise type_error("st", EXPECTED_STAT, st) from None
    if not isinstance(stamp, int):
        raise type_error(f"st.{stamp_name}", "int", stamp)
    if not isinstance(size, int):
        raise type_error("st.st_size", "int", size)
    return stamp, size


def _read_validators(given: Validators) -> tuple[EntityTag | None, int | None]:
    """An application's own validators, which are literal too."""
    own_etag, own_date = given.etag, given.last_modified
    etag = date = None
    if own_etag is not None:
        if not isinstance(own_etag, str):
            raise type_error("st.etag", "str or None", own_etag)
        etag = parse_etag(_value(own_etag, "st.etag"))
        if etag is None:
            raise ValueError(NOT_AN_ETAG.format(own_etag))
    if own_date is not None:
        if not isinstance(own_date, str):
            raise type_error("st.last_modified", "str or None", own_date)
        date = parse_imf_fixdate(_value(own_date, "st.last_modified"))
        if date is None or date > LAST_SECOND:
            raise ValueError(NOT_A_DATE.format(own_date))
    return etag, date


def _etag_string(opaque: bytes, weak: bool) -> str:
    return f'{"W/" if weak else ""}"{opaque.decode("latin-1")}"'


# -- Public names --------------------------------------------------------------------------------------------


@final
class Policy:
    """The choices of one mount point, and the functions that honour them. Immutable, and final.

    etag, last_modified  send and honour that validator; off means never sent, and the fields about it are
                         those about a validator that this server does not have
    weak                 send W/"..."; then no If-Match list and no tag of If-Range ever matches
    if_modified_since    "before" (RFC 9110 section 13.1.3), "exact" (survives a rollback to an older file
                         too) or "off"
    stamp                "mtime" or "ctime", which also survives what sets mtime back (touch -d, cp -p,
                         rsync -t) but differs from one replica to the next; not on Windows
    settle               seconds after which a stamp is taken to be final; None: 2 s for a whole number of
                         seconds, 0.02 s otherwise

    TypeError and ValueError name the argument that is wrong.
    """

    __slots__ = ("_settle", "_stamp", "options")

    options: Options
    _settle: int
    _stamp: str

    def __new__(
        cls,
        *,
        etag: bool = True,
        last_modified: bool = True,
        weak: bool = False,
        if_modified_since: IfModifiedSince = "before",
        stamp: Stamp = "mtime",
        settle: float | None = None,
    ) -> Policy:
        options = check_options(etag, last_modified, weak, if_modified_since, stamp, settle)
        self = super().__new__(cls)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "_settle", options.settle_ns())
        object.__setattr__(self, "_stamp", "st_ctime_ns" if options.stamp == "ctime" else "st_mtime_ns")
        return self

    def __init_subclass__(cls) -> None:
        raise TypeError(f"{cls.__qualname__}: a Policy cannot be subclassed")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Policy is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Policy is immutable: {name} cannot be deleted")

    def __repr__(self) -> str:
        return repr(self.options)

    def __eq__(self, other: object) -> bool:
        return self.options == other.options if isinstance(other, Policy) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.options)

    def __reduce__(self) -> tuple[Any, ...]:
        return policy_of, (self.options._asdict(),)

    def _represent(
        self, st: StatResult | Validators | None, has_tags: bool = True, has_dates: bool = True
    ) -> _Representation:
        """Whether it exists, its tag, date and stamp; tag and date only where a field needs them, as each
        costs."""
        options = self.options
        etag: EntityTag | None
        date: int | None
        if st is None:
            return False, None, None, None
        if isinstance(st, Validators):
            etag, date = _read_validators(st)
            if etag is not None and options.weak:
                etag = etag[0], True
            return True, etag if options.etag else None, date if options.last_modified else None, None
        stamp, size = _read_stat(st, self._stamp)
        etag = (b"%x-%x" % (stamp, size), options.weak) if has_tags and options.etag else None
        has_date = has_dates and options.last_modified and _is_modification_date(stamp)
        date = _whole_seconds(stamp) if has_date else None
        return True, etag, date, stamp

    def evaluate(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        *,
        if_match: FieldValue | None = None,
        if_unmodified_since: FieldValue | None = None,
        if_none_match: FieldValue | None = None,
        if_modified_since: FieldValue | None = None,
        if_range: FieldValue | None = None,
        range: FieldValue | None = None,
        now_ns: int | None = None,
    ) -> Outcome:
        """Decide what to do with a request that carries these fields.

        st          an os.stat_result; any object with st_mtime_ns and st_size (st_ctime_ns where
                    stamp="ctime"); the Validators of a representation that is no file; or None: there is no
                    current representation
        method      the request method, case-sensitive
        if_match, if_unmodified_since, if_none_match, if_modified_since, if_range, range
                    field values, str (Latin-1 or surrogateescape) or bytes; None: the field is absent; the
                    empty string: it is present and empty. Repeated lines come joined by ", ". A character
                    beyond U+00FF is no octet of a field, so that such a value is malformed and matches
                    nothing: give bytes where text was decoded otherwise
        now_ns      POSIX nanoseconds; None: the clock is read, and only for the date of an If-Range and the
                    two-digit year of an obsolete date

        Gives an Outcome. Whatever the values are, nothing is raised for them; a TypeError or ValueError names
        an argument of a wrong type, an invalid member of Validators, or a now_ns beyond 64 bits.
        RFC 9110 section 13.2.
        """
        name = method if type(method) is str else octets(method, "method").decode("latin-1")
        if now_ns is not None:
            _now(now_ns)
        if (
            if_none_match is None
            and if_modified_since is None
            and range is None
            and if_match is None
            and if_unmodified_since is None
        ):
            if if_range is not None:  # which is ignored without Range (section 13.1.5)
                _value(if_range, "if_range")
            if type(st) is not os.stat_result:
                self._represent(st)  # although no field needs it, so that a mistake shows on every request
            return PROCEED
        if if_match is not None:
            if_match = _value(if_match, "if_match")
        if if_unmodified_since is not None:
            if_unmodified_since = _value(if_unmodified_since, "if_unmodified_since")
        if if_none_match is not None:
            if_none_match = _value(if_none_match, "if_none_match")
        if if_modified_since is not None:
            if_modified_since = _value(if_modified_since, "if_modified_since")
        if if_range is not None:
            if_range = _value(if_range, "if_range")
        if range is not None:
            range = _value(range, "range")
        has_tags = if_match is not None or if_none_match is not None or if_range is not None
        has_dates = (  # none that is ignored for a tag (sections 13.1.3 and 13.1.4)
            (if_modified_since is not None and if_none_match is None)
            or (if_unmodified_since is not None and if_match is None)
            or if_range is not None
        )
        return _evaluate(
            name,
            if_match,
            if_unmodified_since,
            if_none_match,
            if_modified_since,
            if_range,
            range,
            self._represent(st, has_tags, has_dates),
            self,
            now_ns,
        )

    def evaluate_raw(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        headers: HeaderPairs,
        *,
        now_ns: int | None = None,
    ) -> Outcome:
        """Like evaluate, from the header pairs of a request: ASGI's scope["headers"], aiohttp's raw_headers.

        headers     an iterable of (name, value) pairs of bytes (or str); names are compared without case.
                    Repeated lines of If-Match and If-None-Match are one list; those of a date or of If-Range
                    make it invalid (RFC 9110 sections 5.3 and 13.1)
        """
        fields = combine(headers)
        if not fields:  # as of most requests, where unpacking nothing would double the cost
            return self.evaluate(st, method, now_ns=now_ns)
        return self.evaluate(st, method, now_ns=now_ns, **fields)

    def evaluate_environ(
        self, st: StatResult | Validators | None, environ: dict[str, Any], *, now_ns: int | None = None
    ) -> Outcome:
        """Like evaluate, from a WSGI environ (PEP 3333): REQUEST_METHOD, HTTP_IF_MATCH and so on.

        environ     a dict; a ValueError says that it has no REQUEST_METHOD
        """
        if not isinstance(environ, dict):
            raise type_error("environ", "dict", environ)
        look_up = dict.get  # of a subclass too, as in C
        method = look_up(environ, "REQUEST_METHOD")
        if method is None:
            raise ValueError(NO_METHOD)
        # What would be ignored (RFC 9110 sections 13.1.3 to 13.1.5), or comes after the verdict (13.2.2), is
        # not looked up.
        if_match, if_none_match = look_up(environ, "HTTP_IF_MATCH"), look_up(environ, "HTTP_IF_NONE_MATCH")
        outcome = self.evaluate(
            st,
            method,
            if_match=if_match,
            if_unmodified_since=look_up(environ, "HTTP_IF_UNMODIFIED_SINCE") if if_match is None else None,
            if_none_match=if_none_match,
            if_modified_since=look_up(environ, "HTTP_IF_MODIFIED_SINCE") if if_none_match is None else None,
            now_ns=now_ns,
        )
        if outcome is not Outcome.PROCEED or (range := look_up(environ, "HTTP_RANGE")) is None:
            return outcome
        if_range = look_up(environ, "HTTP_IF_RANGE")
        return self.evaluate(st, method, if_range=if_range, range=range, now_ns=now_ns)

    def explain(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        *,
        if_match: FieldValue | None = None,
        if_unmodified_since: FieldValue | None = None,
        if_none_match: FieldValue | None = None,
        if_modified_since: FieldValue | None = None,
        if_range: FieldValue | None = None,
        range: FieldValue | None = None,
        now_ns: int | None = None,
    ) -> Explanation:
        """Like evaluate, but say why: an Explanation of the outcome, the field that decided, the section of
        RFC 9110 and the reason in words.
        """
        fields: dict[str, FieldValue | None] = {
            "if_match": if_match,
            "if_unmodified_since": if_unmodified_since,
            "if_none_match": if_none_match,
            "if_modified_since": if_modified_since,
            "if_range": if_range,
            "range": range,
        }
        return _explain(self, _GRAMMAR, st, method, now_ns, fields)

    def validators(self, st: StatResult | Validators | None, *, now_ns: int | None = None) -> Validators:
        """The ETag and Last-Modified that a response may carry now, as Validators.

        Each is None until it is settled: until no later write can share it. An entity-tag is settled 20 ms
        after its stamp (2 s where the stamp is a whole number of seconds), Last-Modified as long after the
        whole second that the stamp is rounded up to. A stamp before 1990, in the future, or beyond 64 bits is
        never settled.

        st          as for evaluate; of given Validators the policy's switches apply, of None nothing is left
        now_ns      POSIX nanoseconds, of an instant before the stat was taken and, if of an open file, before
                    that was opened. None: now, which is right only where nothing could have waited since.
                    Otherwise the tag of a file that was replaced by rename, within the tick of its stamp,
                    would settle although the later file has the same stamp

        RFC 9110 sections 8.8.2.1, 8.8.2.2 and 8.8.3.1.
        """
        now = _now(now_ns)
        _, etag, date, stamp = self._represent(st)
        if stamp is not None:
            if not _settled_etag(stamp, self._settle, now):
                etag = None
            if not _settled_date(stamp, self._settle, now):
                date = None
        return Validators(
            None if etag is None else _etag_string(*etag), None if date is None else _format_http_date(date)
        )

    @overload
    def etag(self, st: Validators) -> str | None: ...
    @overload
    def etag(self, st: StatResult) -> str: ...
    def etag(self, st: StatResult | Validators) -> str | None:
        """The entity-tag `"<stamp:x>-<size:x>"` (nanoseconds, bytes), with W/ where the policy is weak.

        Literal: settled or not, sent or not. Of given Validators it is their own, which may be None.
        RFC 9110 section 8.8.3.
        """
        weak = self.options.weak
        if st is None:
            raise type_error("st", EXPECTED_REPRESENTATION, st)
        if isinstance(st, Validators):
            etag, _ = _read_validators(st)
            return None if etag is None else _etag_string(etag[0], weak or etag[1])
        return _etag_string(b"%x-%x" % _read_stat(st, self._stamp), weak)

    @overload
    def last_modified(self, st: Validators) -> int | None: ...
    @overload
    def last_modified(self, st: StatResult) -> int: ...
    def last_modified(self, st: StatResult | Validators) -> int | None:
        """The last modification date in POSIX seconds: the stamp rounded up to a whole second.

        Literal, as etag is; of given Validators it is their own, which may be None. RFC 9110 section 8.8.2.
        """
        if st is None:
            raise type_error("st", EXPECTED_REPRESENTATION, st)
        if isinstance(st, Validators):
            _, date = _read_validators(st)
            return date
        stamp, _ = _read_stat(st, self._stamp)
        return _whole_seconds(stamp)


def parse_http_date(value: FieldValue, *, now_ns: int | None = None) -> int | None:
    """Parse an HTTP-date: POSIX seconds, or None for anything that is not one.

    All three formats of RFC 9110 section 5.6.7, case-sensitive. The day must exist; the weekday must be
    one, but need not be that of the date; second 60 is the first of the next minute; years 1 to 9999.
    now_ns (POSIX nanoseconds; None: the clock) is what two-digit years are read by: at most 50 years ahead.
    """
    field = _value(value, "value")
    if now_ns is not None:
        _now(now_ns)
    return _parse_http_date(field, now_ns)


def format_http_date(seconds: int) -> str:
    """Format POSIX seconds as an IMF-fixdate, such as "Sun, 06 Nov 1994 08:49:37 GMT".

    A ValueError says that the year is not one of 1 to 9999. RFC 9110 section 5.6.7.
    """
    if not isinstance(seconds, int):
        raise type_error("seconds", "int", seconds)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError(OUTSIDE_YEARS)
    return _format_http_date(seconds)


def parse_etags(value: FieldValue) -> tuple[ETag, ...] | Literal[Wildcard.ANY] | None:
    """Parse the value of If-Match or If-None-Match: a tuple of ETag, ANY for "*", or None where malformed.

    An empty list is valid, and empty members do not count (RFC 9110 sections 5.6.1.2 and 8.8.3).
    """
    field = _value(value, "value")
    if field == b"*":
        return ANY
    members = parse_list(field)
    if members is None:
        return None
    return tuple(ETag(opaque.decode("latin-1"), weak) for opaque, weak in members)


_GRAMMAR: Final = Grammar(parse_etags, parse_http_date, format_http_date)


# -- A stat that cannot wait ---------------------------------------------------------------------------------


def stat_nowait(path: FilePath, *, dir_fd: int | None = None, beneath: bool = False) -> NoReturn:
    """Stat a file without waiting for a disk or a network, or raise BlockingIOError.

    path          str, bytes or os.PathLike
    dir_fd        descriptor of the directory that a relative path starts from; None: the working directory
    beneath       stay beneath that directory: an absolute path, or a `..` or symbolic link that leads out of
                  it, is an OSError, of EXDEV or a BlockingIOError; os.stat has no such option

    Gives an object with st_mtime_ns, st_ctime_ns, st_size and st_mode as os.stat has them, accepted wherever
    a stat result is. BlockingIOError means: ask os.stat, in a thread. It is raised where part of the answer
    is not in memory; where others than this kernel may write the file (NFS, FUSE and their like; FAT is taken
    for one of them); and always where there is no such call: before Linux 5.12, on other systems, in the
    plain-Python back end, and where a sandbox refuses it, which is found out once. Other errors are those of
    os.stat, though Linux says of some only that it would have to wait. A TypeError or ValueError names an
    argument that is wrong.

    Of an overlay the layers are not asked: one over a network or user-space file system, and the file system
    of a cluster (GFS2, OrangeFS), are taken for this kernel's own. For files there ask os.stat; with the
    adapters that is nowait=False.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise type_error("path", EXPECTED_PATH, path)
    path = os.fspath(path)
    if b"\0" in os.fsencode(path):
        raise ValueError(NUL_IN_PATH)
    if dir_fd is not None:
        if not isinstance(dir_fd, int):
            raise type_error("dir_fd", EXPECTED_DESCRIPTOR, dir_fd)
        if not 0 <= dir_fd < 2**31:
            raise ValueError(NO_DESCRIPTOR.format(dir_fd))
    if not isinstance(beneath, bool):
        raise type_error("beneath", "bool", beneath)
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def look_nowait(path: str | bytes, siblings: bytes, no_symlinks: bool) -> None:
    """stat_nowait for the adapters: of a regular file that may be read and has no siblings, else None.

    siblings    what may stand after the path in the names of files that would have a say in the answer, a NUL
                after each
    no_symlinks None too where there is a symbolic link anywhere in the path

    None says no more than that the answer has to be found elsewhere; whatever the path is, it is no error.
    """
    return None


def look_waiting(path: str | bytes, siblings: bytes, no_symlinks: bool) -> None:
    """As look_nowait, but in a thread: what is not in memory is waited for."""
    return None
