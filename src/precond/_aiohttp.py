"""Which bytes of which file answer a request to precond.aiohttp, and with what status."""

from __future__ import annotations

import functools
import io
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from precond import (
    Outcome,
    Policy,
    Validators,
    format_http_date,
    parse_etags,
    parse_http_date,
)
from precond._coding import EXTENSIONS, accepted, distinct
from precond._ranges import byte_range, is_by_date
from precond._serving import (
    ABSENT,
    SETTLE_WAIT,
    NotRegularError,
    is_of_the_file,
    is_readable,
    open_regular,
    settles_soon,
    stat_again,
)
from precond._types import LAST_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from precond._types import Look, StatResult

# Each look-up in an enum costs as much as a decision.
_NOT_MODIFIED: Final = Outcome.NOT_MODIFIED
_PRECONDITION_FAILED: Final = Outcome.PRECONDITION_FAILED
_FINAL: Final = (_NOT_MODIFIED, _PRECONDITION_FAILED)
_CODINGS: Final = ("br", "gzip")
_SIBLINGS: Final = b"".join(EXTENSIONS[coding].encode() + b"\0" for coding in _CODINGS)


class File(io.FileIO):
    """Closes with its last reference: that of a job whose request was cancelled, or of a dropped response."""

    def __del__(self) -> None:
        self.close()


class Question(NamedTuple):
    """What is asked of a file.

    method, headers      of the request; headers are its raw pairs
    status               what the response would have without conditions; ranges are for 200
    compressed           whether the content may be compressed as it is sent
    etag, last_modified  what the application has set on the response itself
    varies               whether it takes Accept-Encoding to choose what is sent
    """

    method: str
    headers: Sequence[tuple[bytes, bytes]]
    policy: Policy
    status: int
    compressed: bool
    etag: str | None
    last_modified: str | None
    varies: bool = False

    def field(self, name: bytes) -> str:
        return b",".join(value for key, value in self.headers if key.lower() == name).decode("latin-1")

    @property
    def succeeds(self) -> bool:
        """Preconditions are for requests that succeed without them (RFC 9110 section 13.2.1)."""
        return 200 <= self.status < 300

    @property
    def wants_content(self) -> bool:
        return self.method not in ("HEAD", "CONNECT") and self.status not in (204, 304)

    def representation(self, now_ns: int, st: StatResult) -> StatResult | Validators:
        """What is evaluated: the file, or what the application says in its place.

        What is malformed is no validator.
        """
        if self.etag is None and self.last_modified is None:
            return st
        etag: str | None = self.policy.etag(st)
        if self.etag is not None:
            tags = parse_etags(self.etag)
            etag = str(tags[0]) if isinstance(tags, tuple) and len(tags) == 1 else None
        date = self.policy.validators(st, now_ns=now_ns).last_modified
        if self.last_modified is not None:
            seconds = parse_http_date(self.last_modified)
            date = None if seconds is None or seconds > LAST_SECOND else format_http_date(seconds)
        return Validators(etag, date)


class Answer(NamedTuple):
    """What is to be sent.

    part        the offsets of the bytes that go with the status; None where nothing of the file does
    size        of the whole file, in bytes
    validators  what may be sent of them
    file        open, and the receiver's to close; None where no byte is sent
    coding      the content coding, where a sibling was selected
    varies      whether the choice depended on Accept-Encoding
    """

    status: int
    part: range | None = None
    size: int = 0
    validators: Validators = Validators()
    file: File | None = None
    coding: str | None = None
    varies: bool = False


_REFUSED: Final = Answer(412)


def find_answer(
    path: str, question: Question, now_ns: int | None = None, st: os.stat_result | None = None
) -> Answer:
    """The answer for a file, or for the .br or .gz beside it: 403 and 404 too.

    Raises only what is the server's own trouble, such as too many open files: an OSError.

    st          of the file, where it is known already
    now_ns      an instant before st was taken: only what had settled by then can no later write share
    """
    if now_ns is None:
        now_ns = time.time_ns()
    siblings = _siblings(path)
    if siblings and st is None:
        with suppress(OSError):
            st = os.stat(path)
    if siblings or question.compressed:
        question = question._replace(varies=True, etag=question.etag and weakened(question.etag))
    codings = distinct(siblings, st, question.policy)
    for coding in accepted(codings, question.field(b"accept-encoding")):
        try:
            answer = _decide(
                path + EXTENSIONS[coding], question._replace(compressed=False), now_ns, siblings[coding]
            )
        except OSError as error:
            if not is_of_the_file(error):
                raise
        else:
            return answer._replace(coding=coding, varies=True)
    return _find_without_siblings(path, question, now_ns, st)._replace(varies=question.varies)


def _find_without_siblings(path: str, question: Question, now_ns: int, st: os.stat_result | None) -> Answer:
    if question.compressed:
        question = question._replace(policy=_weak(question.policy))
    try:
        return _decide(path, question, now_ns, st or os.stat(path))
    except (PermissionError, NotRegularError):
        return Answer(403)
    except ValueError:  # a NUL, or what no file name can encode
        return Answer(404)
    except OSError as error:
        if error.errno not in ABSENT:
            raise
        return Answer(404)


def find_short_answer(
    look: Look,
    path: str,
    method: str,
    headers: Sequence[tuple[bytes, bytes]],
    policy: Policy,
    representation: Callable[[int, StatResult], StatResult | Validators] | None = None,
    *,
    no_symlinks: bool = False,
) -> Answer | None:
    """The answer where it is 304 or 412 and one look finds it; None where find_answer is to look.

    For a 2xx that would not be compressed.

    representation  that of a question whose application has set a validator
    no_symlinks     leave a path with a symbolic link in it to find_answer too
    """
    now_ns = time.time_ns()
    st = look(path, _SIBLINGS, no_symlinks)
    if st is None:
        return None
    evaluated = st if representation is None else representation(now_ns, st)
    outcome = policy.evaluate_raw(evaluated, method, headers)
    if outcome is _NOT_MODIFIED:
        validators = policy.validators(st, now_ns=now_ns)
        # Answer(304, validators=validators), without the call in Python that makes it.
        return tuple.__new__(Answer, (304, None, 0, validators, None, None, False))
    return _REFUSED if outcome is _PRECONDITION_FAILED else None


def _siblings(path: str) -> dict[str, os.stat_result]:
    """By their coding; a symbolic link is none, as it could lead anywhere."""
    siblings = {}
    for coding in _CODINGS:
        with suppress(OSError, ValueError):
            st = os.lstat(path + EXTENSIONS[coding])
            if stat.S_ISREG(st.st_mode):
                siblings[coding] = st
    return siblings


def weakened(etag: str) -> str:
    """What the application has set for the content in every coding: its bytes differ (section 8.8.3.3)."""
    tags = parse_etags(etag)
    is_strong = isinstance(tags, tuple) and len(tags) == 1 and not tags[0].weak
    return f"W/{etag.strip()}" if is_strong else etag


@functools.lru_cache
def _weak(policy: Policy) -> Policy:
    """For content that is compressed as it is sent: its bytes are not those of the file (section 8.8.3.3)."""
    return Policy(**{**policy.options._asdict(), "weak": True})


def _decide(path: str, question: Question, now_ns: int, st: os.stat_result) -> Answer:
    if not stat.S_ISREG(st.st_mode):
        raise NotRegularError(path)
    answer = _evaluate(question, now_ns, st)
    if answer.part is not None and question.wants_content:
        return _open(path, question)
    # 403 comes before 304 and 412 (section 13.2.1); where it seems to be due, opening tells it from 404.
    if not is_readable(path):
        os.close(open_regular(path)[0])
    return answer if answer.part is None else _evaluate_settled(path, question, now_ns, st)


def _open(path: str, question: Question) -> Answer:
    """The file that was opened may be another one: it has to pass, too."""
    now_ns = time.time_ns()
    descriptor, st = open_regular(path)
    file = File(descriptor)
    answer = _evaluate_settled(path, question, now_ns, st)
    if answer.part is None:
        file.close()
        return answer
    return answer._replace(file=file)


def _evaluate_settled(path: str, question: Question, now_ns: int, st: os.stat_result) -> Answer:
    if question.succeeds and question.etag is None and settles_soon(question.policy, st, now_ns):
        time.sleep(SETTLE_WAIT)
        st, now_ns = stat_again(path, st, now_ns)
    return _evaluate(question, now_ns, st)


def _evaluate(question: Question, now_ns: int, st: StatResult) -> Answer:
    """The status that this stat leads to, and the bytes that go with it."""
    policy, status = question.policy, question.status
    part: range | None = range(st.st_size)
    if not question.succeeds:
        return Answer(status, part)
    representation = question.representation(now_ns, st)
    outcome = policy.evaluate_raw(representation, question.method, question.headers, now_ns=now_ns)
    if outcome in _FINAL:
        status, part = int(outcome), None
    elif outcome is Outcome.PROCEED and status == 200 and not question.compressed:
        asked = _requested_range(question, st.st_size)
        if asked is not None:
            status, part = (206, asked) if asked else (416, None)
    return Answer(status, part, st.st_size, policy.validators(st, now_ns=now_ns))


def _requested_range(question: Question, size: int) -> range | None:
    """As byte_range, but a broken range of bytes is not satisfiable, rather than ignored."""
    if question.varies and is_by_date(question.field(b"if-range")):
        return None
    value = question.field(b"range")
    part = byte_range(value, size)
    if part is None and size and value.lower().startswith("bytes=") and "," not in value:
        return range(0)
    return part
