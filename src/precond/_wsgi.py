"""Over WSGI: answers in words, and one file, whichever application has found it."""

from __future__ import annotations

import functools
import os
import stat
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from precond import Outcome, Policy
from precond._backend import look_nowait
from precond._coding import guessed_type
from precond._ranges import BLOCK, FilePart, byte_range, is_by_date
from precond._serving import (
    ABSENT,
    SETTLE_WAIT,
    NotRegularError,
    check_policy,
    fields_of_304,
    fields_of_412,
    is_readable,
    open_regular,
    settles_soon,
    stat_again,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from typing import TypeAlias

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from precond._types import StatResult

    Fields: TypeAlias = list[tuple[str, str]]

SAFE: Final = ("GET", "HEAD")
# Each look-up in an enum costs as much as a decision.
_NOT_MODIFIED: Final = Outcome.NOT_MODIFIED
_FINAL: Final = (_NOT_MODIFIED, Outcome.PRECONDITION_FAILED)

# What an answer is made of; an extra field of such a name would contradict it.
_OURS: Final = frozenset(
    {
        "accept-ranges",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "transfer-encoding",
    }
)


def is_conditional(environ: WSGIEnvironment) -> bool:
    return (
        "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    )


# -- Answers -------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    status: int
    fields: Fields
    body: Iterable[bytes]


@functools.cache
def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def plain(status: int, method: str, fields: Iterable[tuple[str, str]] = ()) -> Answer:
    """With the status in words as content."""
    content = f"{status_line(status)}\n".encode()
    about = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))]
    return Answer(status, [*about, *fields], no_content() if method == "HEAD" else [content])


def no_content() -> Iterator[bytes]:
    """No bytes and no len(): from that of a list wsgiref makes a Content-Length of 0, which on a 304 would be
    taken for that of the 200 (RFC 9110 section 8.6)."""
    return iter((b"",))


def close_body(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


# -- Files ---------------------------------------------------------------------------------------------------


class File(NamedTuple):
    """What is to be sent.

    now_ns      an instant before st was taken: only what had settled by then can no later write share
    name        what its content type is guessed from
    varies      whether there may be others of it, in other codings
    """

    path: str
    st: os.stat_result
    now_ns: int
    name: str
    coding: str | None = None
    varies: bool = False


class FileServer(ABC):
    """What StaticFiles and FileApp share: all but which file it is."""

    def __init__(self, policy: Policy, headers: Iterable[tuple[str, str]]) -> None:
        check_policy(policy)
        self._policy = policy
        self._extra = _checked_headers(headers)
        self._content_type: str | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        try:
            start_response(status_line(answer.status), answer.fields)
        except BaseException:
            close_body(answer.body)
            raise
        return answer.body

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        method = environ["REQUEST_METHOD"]
        if method not in SAFE:
            return plain(405, method, [("Allow", "GET, HEAD")])
        try:
            return self._select(environ)
        except PermissionError:
            return plain(403, method)
        except OSError as error:
            if not isinstance(error, NotRegularError) and error.errno not in ABSENT:
                raise  # the server's own trouble, such as too many open files
            return plain(404, method)

    @abstractmethod
    def _select(self, environ: WSGIEnvironment) -> Answer:
        """Find the file and answer; an OSError is a 404 or 403."""

    def _at_once(
        self, environ: WSGIEnvironment, path: str, now_ns: int, *, no_symlinks: bool
    ) -> Answer | None:
        """304 or 412 where one look finds it, however long the path; None where all has to be looked at.

        It keeps the interpreter's lock, which each call that may wait gives away and gets back.
        """
        st = look_nowait(path, b"", no_symlinks) if is_conditional(environ) else None
        if st is None:
            return None
        outcome = self._policy.evaluate_environ(st, environ)
        return self._final(outcome, environ, st, now_ns) if outcome in _FINAL else None

    def _serve(self, environ: WSGIEnvironment, file: File) -> Answer:
        if not stat.S_ISREG(file.st.st_mode):
            raise NotRegularError(file.path)
        outcome = self._policy.evaluate_environ(file.st, environ)
        if outcome in _FINAL:
            # Preconditions are for what would be a 2xx without them (RFC 9110 section 13.2.1).
            if not is_readable(file.path):
                os.stat(file.path)  # what is gone by now is missing, not forbidden
                raise PermissionError(file.path)
            return self._final(outcome, environ, file.st, file.now_ns)
        with ExitStack() as until_sent:
            now_ns = time.time_ns()
            descriptor, st = open_regular(file.path)
            opened = until_sent.enter_context(open(descriptor, "rb", buffering=0))
            if settles_soon(self._policy, st, now_ns):
                time.sleep(SETTLE_WAIT)
                st, now_ns = stat_again(file.path, st, now_ns)
            answer = self._serve_opened(environ, file._replace(st=st, now_ns=now_ns), opened)
            if answer.status in (200, 206) and environ["REQUEST_METHOD"] == "GET":
                until_sent.pop_all()
            return answer

    def _serve_opened(self, environ: WSGIEnvironment, file: File, opened: FileIO) -> Answer:
        """By its own stat, because it may be another file by now than the one that had passed."""
        outcome = self._policy.evaluate_environ(file.st, environ, now_ns=file.now_ns)
        if outcome in _FINAL:
            return self._final(outcome, environ, file.st, file.now_ns)
        size = file.st.st_size
        ignored = outcome is not Outcome.PROCEED or (
            file.varies and is_by_date(environ.get("HTTP_IF_RANGE", ""))
        )
        asked = None if ignored else environ.get("HTTP_RANGE")
        part = None if asked is None else byte_range(asked, size)
        if part is None:
            return self._send(environ, file, opened, range(size), 200)
        if part:
            content_range = f"bytes {part.start}-{part.stop - 1}/{size}"
            return self._send(environ, file, opened, part, 206, ("Content-Range", content_range))
        unsatisfied = ("Content-Range", f"bytes */{size}")
        return plain(416, "GET", [unsatisfied, *fields_of_412(self._extra)])

    def _send(
        self,
        environ: WSGIEnvironment,
        file: File,
        opened: FileIO,
        part: range,
        status: int,
        *fields: tuple[str, str],
    ) -> Answer:
        coding = [] if file.coding is None else [("Content-Encoding", file.coding)]
        described = [
            ("Content-Type", self._content_type or guessed_type(file.name)),
            ("Content-Length", str(part.stop - part.start)),
            *coding,
            ("Accept-Ranges", "bytes"),
            *self._lasting_fields(file),
            *fields,
        ]
        if environ["REQUEST_METHOD"] == "HEAD":
            return Answer(status, described, no_content())
        body = FilePart(opened, part)
        wrapper = environ.get("wsgi.file_wrapper")
        return Answer(status, described, body if wrapper is None else wrapper(body, BLOCK))

    def _final(self, outcome: Outcome, environ: WSGIEnvironment, st: StatResult, now_ns: int) -> Answer:
        if outcome is _NOT_MODIFIED:
            # Answer(304, ...), without the call in Python that makes it.
            return tuple.__new__(Answer, (304, self._fields_of_304(st, now_ns), no_content()))
        return plain(412, environ["REQUEST_METHOD"], fields_of_412(self._extra))

    def _fields_of_304(self, st: StatResult, now_ns: int) -> Fields:
        """`fields_of_304(self._lasting_fields(file))`, but faster."""
        etag, last_modified = self._policy.validators(st, now_ns=now_ns)
        fields: Fields = []
        if etag is not None:
            fields.append(("ETag", etag))
        elif last_modified is not None:
            fields.append(("Last-Modified", last_modified))
        return fields + fields_of_304(self._extra) if self._extra else fields

    def _lasting_fields(self, file: File) -> Fields:
        """Those that a 304 may carry too."""
        etag, last_modified = self._policy.validators(file.st, now_ns=file.now_ns)
        validators = (("ETag", etag), ("Last-Modified", last_modified))
        return [*((name, value) for name, value in validators if value is not None), *self._extra]


def _checked_headers(headers: Iterable[tuple[str, str]]) -> Fields:
    fields = []
    for pair in headers:
        if [type(part) for part in pair] != [str, str]:
            raise TypeError(f"headers: expected (name, value) pairs of str, got {pair!r}")
        name, value = pair
        if name.lower() in _OURS:
            raise ValueError(f"headers: {name} is made from the file")
        fields.append((name, value))
    return fields
