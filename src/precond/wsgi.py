"""WSGI (PEP 3333): files, served as RFC 9110 says, and a middleware for applications that set validators.

    application = precond.wsgi.StaticFiles("public", index="index.html")
    application = precond.wsgi.FileApp("public/logo.svg", headers=[("Cache-Control", "max-age=60")])
    application = precond.wsgi.ConditionalMiddleware(application)

All of them are applications for any server, and may be mounted anywhere.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from precond import DEFAULT, Outcome, Policy, Validators
from precond._coding import EXTENSIONS, accepted, distinct
from precond._serving import check_policy, fields_of_304, fields_of_412, is_of_the_file
from precond._wsgi import (
    SAFE,
    Answer,
    File,
    FileServer,
    close_body,
    is_conditional,
    no_content,
    plain,
    status_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import OptExcInfo, StrPath
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from precond._wsgi import Fields

__all__ = ["ConditionalMiddleware", "FileApp", "StaticFiles"]

# No file has these in its name; on Windows they lead out of the directory, or to another stream of the file.
_has_forbidden: Final = re.compile("\0" if os.sep == "/" else r"[\0\\:]").search


# -- Files ---------------------------------------------------------------------------------------------------


class FileApp(FileServer):
    """One file, whatever the path of the request.

    path            may come and go; relative to the directory that is current now
    policy          which validators are sent and honoured, and how dates are compared
    headers         (name, value) pairs for 200, 206 and 304 besides their own, such as Cache-Control
    content_type    None: guessed from the name

    GET and HEAD; 405 for other methods, 404 where there is no regular file, 403 where it may not be read.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        policy: Policy = DEFAULT,
        headers: Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
    ) -> None:
        super().__init__(policy, headers)
        self._path = _absolute(path, "path")
        self._content_type = content_type

    def _select(self, environ: WSGIEnvironment) -> Answer:
        path, now_ns = self._path, time.time_ns()
        at_once = self._at_once(environ, path, now_ns, no_symlinks=False)
        return at_once or self._serve(environ, File(path, os.stat(path), now_ns, path))


class StaticFiles(FileServer):
    """The files below a directory, by the path of the request.

    directory       must exist; relative to the directory that is current now
    policy          which validators are sent and honoured, and how dates are compared
    index           the name of the file that stands for a directory, such as "index.html", and a path without
                    its last slash is redirected (301) to the one with it; None: directories are 404
    siblings        content codings of "br", "gzip" and "zstd", the preferred one first: a file beside the one
                    asked for, with ".br", ".gz" or ".zst" after its name, is sent in its place, with its own
                    validators, where the client accepts that (RFC 9110 section 12.5.3)
    headers         (name, value) pairs for 200, 206 and 304 besides their own, such as Cache-Control
    follow_symlinks whether a symbolic link may lead out of the directory; otherwise such a link is 404

    GET and HEAD; 405 for other methods, 404 where there is no regular file, 403 where it may not be read.
    A ValueError names the argument that is wrong, such as a directory that is not there.
    """

    def __init__(
        self,
        directory: StrPath,
        *,
        policy: Policy = DEFAULT,
        index: str | None = None,
        siblings: Iterable[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        follow_symlinks: bool = False,
    ) -> None:
        super().__init__(policy, headers)
        self._directory = _absolute(directory, "directory")
        self._beneath = os.path.join(self._directory, "")
        if not os.path.isdir(self._directory):
            raise ValueError(f"directory: there is no directory {self._directory!r}")
        if index is not None and (index in ("", ".", "..") or os.path.basename(index) != index):
            raise ValueError(f"index: expected the name of a file, got {index!r}")
        self._index = index
        self._siblings = tuple(siblings)
        for coding in self._siblings:
            if coding not in EXTENSIONS:
                raise ValueError(f"siblings: expected some of {', '.join(EXTENSIONS)}, got {coding!r}")
        if self._siblings:
            self._extra.append(("Vary", "Accept-Encoding"))
        self._follow_symlinks = follow_symlinks

    def _select(self, environ: WSGIEnvironment) -> Answer:
        asked = _leading_down(environ.get("PATH_INFO", ""))
        ends_in_slash = asked.endswith("/")
        if ends_in_slash and self._index is not None:
            asked += self._index
        now_ns = time.time_ns()
        if not self._siblings:
            path = self._beneath + asked[1:]
            at_once = self._at_once(environ, path, now_ns, no_symlinks=not self._follow_symlinks)
            if at_once is not None:
                return at_once
        names = asked.split("/")[1:]
        path, st = self._find(names)
        if stat.S_ISDIR(st.st_mode) and self._index is not None and not ends_in_slash:
            return plain(301, environ["REQUEST_METHOD"], [("Location", _with_slash(environ))])
        file = File(path, st, now_ns, path, varies=bool(self._siblings))
        if self._siblings and stat.S_ISREG(st.st_mode):
            for sibling in self._in_accepted_codings(file, names, environ.get("HTTP_ACCEPT_ENCODING", "")):
                try:
                    return self._serve(environ, sibling)
                except OSError as error:
                    if not is_of_the_file(error):
                        raise
        return self._serve(environ, file)

    def _find(self, names: list[str]) -> tuple[str, os.stat_result]:
        """Where the names lead, and what is there: an lstat for each of them."""
        beneath = self._beneath
        path = beneath + os.sep.join(names)
        if self._follow_symlinks or not names:
            return path, os.stat(path)
        for name in names:
            at = beneath + name
            beneath = at + os.sep
            st = os.lstat(at)
            # A reparse point of Windows can be a link that is not called one.
            if stat.S_ISLNK(st.st_mode) or getattr(st, "st_reparse_tag", None):
                return self._find_within(path)
        return path, st

    def _find_within(self, path: str) -> tuple[str, os.stat_result]:
        root = os.path.normcase(os.path.realpath(self._directory))
        target = os.path.realpath(path)
        if not os.path.normcase(target).startswith(os.path.join(root, "")):
            raise _absent(path)
        # With the slash at the end that realpath leaves out: only to a directory does one lead.
        return target, os.stat(target + os.sep if path.endswith(os.sep) else target)

    def _in_accepted_codings(self, file: File, names: list[str], accept_encoding: str) -> list[File]:
        """The siblings that may be sent in its place, the most welcome first."""
        if not accepted(self._siblings, accept_encoding):
            return []
        siblings = {}
        for coding in self._siblings:
            with suppress(OSError):
                path, st = self._find([*names[:-1], names[-1] + EXTENSIONS[coding]])
                if stat.S_ISREG(st.st_mode):
                    siblings[coding] = file._replace(path=path, st=st, coding=coding)
        if not siblings:
            return []
        stats = {coding: sibling.st for coding, sibling in siblings.items()}
        codings = distinct(stats, file.st, self._policy)
        return [siblings[coding] for coding in accepted(codings, accept_encoding)]


def _absolute(path: StrPath, argument: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{argument}: expected str or os.PathLike, got {type(path).__name__}")
    return os.path.abspath(path)


def _absent(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _leading_down(path_info: str) -> str:
    """The path: empty, or names after a slash each, of which the last one may be empty. FileNotFoundError
    where one of them leads elsewhere than down."""
    try:
        # PEP 3333: bytes, as text of Latin-1
        path = path_info if path_info.isascii() else os.fsdecode(path_info.encode("latin-1"))
    except UnicodeError:
        raise _absent(path_info) from None
    if (
        path[:1] not in ("", "/")
        or "//" in path
        or ("/." in path and not {".", ".."}.isdisjoint(path.split("/")))
        or _has_forbidden(path)
    ):
        raise _absent(path_info)
    return path


def _with_slash(environ: WSGIEnvironment) -> str:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}/".encode("latin-1")
    # Two slashes at the start would begin the name of another host.
    location = "/" + quote(path.lstrip(b"/"), safe=_PATH_CHARACTERS)
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    return f"{location}?{quote(query, safe=_PATH_CHARACTERS + '?%')}" if query else location


# RFC 3986: what stands for itself in a path, besides letters, digits and "-._~".
_PATH_CHARACTERS: Final = "/!$&'()*+,;=:@"


# -- Applications --------------------------------------------------------------------------------------------


class ConditionalMiddleware:
    """Turn a 200 or 206 to GET or HEAD into 304 or 412, by the ETag or Last-Modified the application set.

    All else passes as it is: other methods, other statuses, what has neither field or a malformed one, and
    what the application raises; and a 206 whatever If-Range says, which is for the application to evaluate.
    No content is held back; that of a response that was replaced is not asked for.

    app         the WSGI application
    policy      which validators count, and how dates are compared

    The application does its work first: this saves the transfer, and guards nothing that changes state.
    """

    def __init__(self, app: WSGIApplication, *, policy: Policy = DEFAULT) -> None:
        self._app = app
        check_policy(policy)
        self._policy = policy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in SAFE or not is_conditional(environ):
            return self._app(environ, start_response)
        exchange = _Exchange(self._policy, environ, start_response)
        exchange.content = self._app(environ, exchange.start_response)
        if not exchange.started or exchange.instead is not None:
            return exchange
        # What is the application's own goes to the server directly, which may know its type (a file wrapper).
        exchange.handed_over = True
        return exchange.content


class _Exchange:
    """The response of an application, or what is sent instead.

    An application may start its response when it is called or when it is first iterated, and once more after
    an error: each time it is decided anew, until its content is handed over to the server, where nobody could
    leave that out.
    """

    def __init__(self, policy: Policy, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._policy = policy
        self._environ = environ
        self._start_response = start_response
        self.started = False
        self.handed_over = False
        self.instead: Answer | None = None
        self.content: Iterable[bytes] = ()

    def start_response(
        self, status: str, fields: Fields, exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        self.started = True
        decides = status.startswith(("200 ", "206 ")) and not self.handed_over
        self.instead = self._answer_instead(fields) if decides else None
        if self.instead is not None:
            status, fields = status_line(self.instead.status), self.instead.fields
        write = self._start_response(status, fields, *(() if exc_info is None else (exc_info,)))
        return write if self.instead is None else _discard

    def _answer_instead(self, fields: Fields) -> Answer | None:
        own = Validators(_joined(fields, "etag"), _joined(fields, "last-modified"))
        if own == Validators():
            return None
        try:
            outcome = self._policy.evaluate_environ(own, self._environ)
        except ValueError:  # malformed: they match nothing that a client can send
            return None
        if outcome is Outcome.NOT_MODIFIED:
            return Answer(304, fields_of_304(fields), no_content())
        if outcome is Outcome.PRECONDITION_FAILED:
            return plain(412, self._environ["REQUEST_METHOD"], fields_of_412(fields))
        # IGNORE_RANGE too: of a 206 the rest is not here to be sent in its place.
        return None

    def __iter__(self) -> Iterator[bytes]:
        if self.instead is None:
            for chunk in self.content:
                if self.instead is not None:
                    break
                yield chunk
        if self.instead is not None:
            yield from self.instead.body

    def close(self) -> None:
        close_body(self.content)


def _joined(fields: Fields, name: str) -> str | None:
    """The value of a field; that of repeated lines is no valid one here."""
    values = [value for key, value in fields if key.lower() == name]
    return ", ".join(values) if values else None


def _discard(content: bytes) -> None:
    """The write() of a response that is not sent."""
