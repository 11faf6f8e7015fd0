"""Starlette's StaticFiles and FileResponse, with the preconditions of RFC 9110 section 13. For FastAPI too.

    app.mount("/static", StaticFiles(directory="static"))

    @app.get("/report")
    async def report():
        return FileResponse("report.pdf")

The thread that a conditional request may need is, on asyncio, one of precond's own, at most 40; elsewhere,
and for all other requests, it is anyio's.

Tested with Starlette 1.0.0 to 1.10.0. Of its internals this module relies on four things: FileResponse
opens its `path` by `anyio.open_file(path)`, once; the `headers` of a Response are a view of `raw_headers`,
kept in `_headers`; StaticFiles answers by `file_response`, but for 404.html; and what it answers by is what
`lookup_path` gives for the path, for index.html in a directory, and for 404.html.
"""

from __future__ import annotations

import copy
import os
import re
import stat
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse as StarletteFileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles as StarletteStaticFiles

from precond import DEFAULT, Outcome, Policy, Validators
from precond._backend import look_nowait
from precond._serving import (
    SETTLE_WAIT,
    NotRegularError,
    check_nowait,
    check_policy,
    fields_of_304,
    fields_of_412,
    is_readable,
    settles_soon,
)
from precond._starlette import File, in_full, in_other_unit, in_thread, is_conditional, is_head, reads_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send
    from typing_extensions import TypedDict, Unpack

    from precond._types import StatResult

    _Found: TypeAlias = tuple[Outcome, str, StatResult, int]
    """The outcome, the path and the stat of a file, and an instant before that was taken."""

    class _Options(TypedDict, total=False):
        directory: str | os.PathLike[str] | None
        packages: list[str | tuple[str, str]] | None
        html: bool
        check_dir: bool
        follow_symlink: bool


__all__ = ["FileResponse", "StaticFiles"]

# Each look-up in an enum costs as much as a decision.
_NOT_MODIFIED: Final = Outcome.NOT_MODIFIED
_FINAL: Final = (_NOT_MODIFIED, Outcome.PRECONDITION_FAILED)
_AFTER_ALL: Final = 2**63 - 1
"""POSIX nanoseconds by which every stamp is settled."""


class FileResponse(StarletteFileResponse):
    """Starlette's FileResponse, which answers 304 and 412 too, without opening the file.

    policy      which validators are sent and honoured, and how dates are compared
    nowait      find a 304 or 412 in the event loop where that takes no waiting (precond.stat_nowait); with
                False always in a thread

    All else is Starlette's. An ETag or Last-Modified that the application puts among `headers` is sent as it
    is, and evaluated; a malformed one is a ValueError when the response is sent. Content-Length and the other
    validator are those of the opened file, and not among `headers` before. With a status other than 2xx no
    precondition is evaluated, and no validator added. A path that is no regular file is a RuntimeError.
    Background tasks run after a 304 and a 412 too.

    A server with the extension `http.response.pathsend` opens the file itself, after the validators were
    sent: a file that is replaced in between goes out with those of its predecessor.
    """

    chunk_size = 256 * 1024
    """Bytes read at a time, each in a job of a thread. Starlette's 64 KiB make four times as many."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        content_disposition_type: str = "attachment",
        *,
        policy: Policy = DEFAULT,
        nowait: bool = True,
    ) -> None:
        super().__init__(
            path,
            status_code=status_code,
            headers=headers,
            media_type=media_type,
            background=background,
            filename=filename,
            content_disposition_type=content_disposition_type,
        )
        self.stat_result = stat_result
        check_policy(policy)
        self.policy = policy
        check_nowait(nowait)
        self.nowait = nowait
        self._now_ns: int | None = None

    def set_stat_headers(self, stat_result: StatResult) -> None:
        """Set Content-Length and the validators, where the application has not."""
        self.headers.setdefault("content-length", str(stat_result.st_size))
        if self._is_success():
            for name, value in _fields(self.policy.validators(stat_result, now_ns=self._now_ns)):
                self.headers.setdefault(name, value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.nowait and self.stat_result is None and is_conditional(scope):
            response = self._at_once(scope)
            if response is not None:
                return await response(scope, receive, send)
        with closing(File(self.path, self.stat_result)) as file:
            try:
                outcome = await self._select(file, scope)
            except OSError as error:
                raise self._unavailable(error) from None
            if outcome in _FINAL:
                await self._instead(outcome, file.stat_result, file.now_ns)(scope, receive, send)
                return
            if not is_head(scope):
                send = in_full(send, self.path)
            if file.content is not None:
                await self._whole(file, file.content)(scope, receive, send)
            else:
                response = self._of(file, file if file.is_open else self.path)
                await super(FileResponse, response).__call__(self._decided(scope, outcome), receive, send)

    def _at_once(self, scope: Scope) -> Response | None:
        """The response where it is 304 or 412, and found without waiting."""
        if type(self).set_stat_headers is not _SET_STAT_HEADERS:
            return None  # which may want to see more of a stat result
        now_ns = time.time_ns()
        st = look_nowait(os.fspath(self.path), b"", False)
        if st is None:
            return None
        outcome = self._evaluate(st, scope)
        return self._instead(outcome, st, now_ns) if outcome in _FINAL else None

    async def _select(self, file: File, scope: Scope) -> Outcome:
        """Evaluate by the file's own stat; leave it open where its bytes are to be sent from here."""
        outcome = Outcome.PROCEED
        if file.has_stat:
            outcome = self._evaluate(file.stat_result, scope, file.now_ns)
        if outcome not in _FINAL and (reads_here(scope) or not file.has_stat):
            run = in_thread if is_conditional(scope) else anyio.to_thread.run_sync
            outcome = await run(self._look, file, scope)
        if outcome not in _FINAL and file.content is None and self._settles_soon(file):
            await anyio.sleep(SETTLE_WAIT)
            await anyio.to_thread.run_sync(file.stat_again)
            outcome = self._evaluate(file.stat_result, scope, file.now_ns)
        return outcome

    def _look(self, file: File, scope: Scope) -> Outcome:
        """The one job of a thread: stat the file and open it, and evaluate by what each of them finds.

        What was opened may be another file by now, and what had passed by the first stat need not pass again.
        What goes out in one piece is read here too: Starlette opens, reads and closes it in three more jobs.
        """
        if not file.has_stat:
            file.stat()
            outcome = self._evaluate(file.stat_result, scope, file.now_ns)
            if outcome in _FINAL:
                file.check_readable()
            if outcome in _FINAL or not reads_here(scope):
                return outcome
        file.open()
        outcome = self._evaluate(file.stat_result, scope, file.now_ns)
        if self._is_one_piece(file, self._decided(scope, outcome)) and not self._settles_soon(file):
            file.read()
        return outcome

    def _is_one_piece(self, file: File, scope: Scope) -> bool:
        by_path = "http.response.pathsend" in scope.get("extensions", {})
        whole = not by_path and "range" not in Headers(scope=scope)
        return whole and file.stat_result.st_size <= self.chunk_size

    def _evaluate(self, st: StatResult, scope: Scope, now_ns: int | None = None) -> Outcome:
        if scope["type"] != "http" or not self._is_success():
            return Outcome.PROCEED
        if not any(name in _VALIDATORS for name, _ in self.raw_headers):
            return self.policy.evaluate_raw(st, scope["method"], scope["headers"], now_ns=now_ns)
        own = Validators(self.headers.get("etag"), self.headers.get("last-modified"))
        # As a stat result is taken literally, so is what stands in for it: sent or not yet.
        of_file = self.policy.validators(st, now_ns=_AFTER_ALL)
        both = (ours if mine is None else mine for mine, ours in zip(own, of_file, strict=True))
        return self.policy.evaluate_raw(Validators(*both), scope["method"], scope["headers"])

    def _is_success(self) -> bool:
        """RFC 9110 section 13.2.1: elsewhere preconditions do not count. Validators of an error page would be
        taken for those of the target, once it is there."""
        return 200 <= self.status_code < 300

    def _settles_soon(self, file: File) -> bool:
        wanted = self._is_success() and "etag" not in self.headers
        now_ns = time.time_ns() if file.now_ns is None else file.now_ns
        return wanted and settles_soon(self.policy, file.stat_result, now_ns)

    def _unavailable(self, error: OSError) -> Exception:
        """What Starlette raises for a path that is wrong."""
        if isinstance(error, FileNotFoundError):
            return RuntimeError(f"File at path {self.path} does not exist.")
        if isinstance(error, NotRegularError):
            return RuntimeError(f"File at path {self.path} is not a file.")
        return error

    def _of(self, file: File, path: Any) -> FileResponse:
        """A copy for one request, with the fields of this file."""
        response = self._copy(file.stat_result, file.now_ns)
        response.path = path
        response.stat_result = file.stat_result
        return response

    def _copy(self, st: StatResult, now_ns: int | None) -> FileResponse:
        response = copy.copy(self)
        response.raw_headers = list(self.raw_headers)
        response.__dict__.pop("_headers", None)
        response._now_ns = now_ns
        response.set_stat_headers(st)
        return response

    def _instead(self, outcome: Outcome, st: StatResult, now_ns: int | None = None) -> Response:
        response = Response(status_code=int(outcome), background=self.background)
        of_status = fields_of_304 if outcome is _NOT_MODIFIED else fields_of_412
        response.raw_headers += of_status(self._with_validators(st, now_ns))
        return response

    def _with_validators(self, st: StatResult, now_ns: int | None) -> list[tuple[bytes, bytes]]:
        """The fields of a 200, but for its length: what a copy has, at a quarter of the price."""
        if type(self).set_stat_headers is not _SET_STAT_HEADERS:
            return self._copy(st, now_ns).raw_headers
        fields = [
            (name.encode(), value.encode())
            for name, value in _fields(self.policy.validators(st, now_ns=now_ns))
        ]
        own = [name for name, _ in self.raw_headers]
        return self.raw_headers + [field for field in fields if field[0] not in own]

    def _whole(self, file: File, content: bytes) -> Response:
        response = Response(content, self.status_code, background=self.background)
        response.raw_headers = self._copy(file.stat_result, file.now_ns).raw_headers
        return response

    def _decided(self, scope: Scope, outcome: Outcome) -> Scope:
        """The scope, without the fields that have been evaluated or must be ignored."""
        spent = {b"if-range"}
        if outcome is Outcome.IGNORE_RANGE or self.status_code != 200 or in_other_unit(scope):
            spent.add(b"range")
        return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in spent]}


_VALIDATORS: Final = frozenset({b"etag", b"last-modified"})
_SET_STAT_HEADERS: Final = FileResponse.set_stat_headers  # where that of a subclass is to be called


class StaticFiles(StarletteStaticFiles):
    """Starlette's StaticFiles, with all preconditions evaluated, on GET and HEAD of files that are there.

    policy      which validators are sent and honoured, and how dates are compared
    nowait      look files up in the event loop where that takes no waiting (precond.stat_nowait), those of a
                200 too; with False always in a thread. Always looked up there are a path with a symbolic link
                in it, in the directory too, and all where a subclass has its own lookup_path or file_response
    options     as for starlette.staticfiles.StaticFiles: directory, packages, html, check_dir, follow_symlink

    A 304 or 412 costs the look-up of the path and nothing else. `is_not_modified` is not called. The
    stat_result of a response, for subclasses, may have st_mode, st_size, st_mtime_ns and st_ctime_ns alone.
    """

    def __init__(self, *, policy: Policy = DEFAULT, nowait: bool = True, **options: Unpack[_Options]) -> None:
        super().__init__(**options)
        # Once, and not for every request.
        self.all_directories = [os.fspath(directory) for directory in self.all_directories]
        check_policy(policy)
        self.policy = policy
        check_nowait(nowait)
        self.nowait = nowait

    def get_path(self, scope: Scope) -> str:
        """As Starlette's, which takes every path apart and puts it together; most are as they should be."""
        path: str = scope["path"]
        beneath = path.removeprefix(f"{scope.get('root_path', '')}/")
        if len(beneath) < len(path) and _is_plain(beneath):
            return beneath.replace("/", os.sep)
        return super().get_path(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette's, but a 304 that no subclass has a part in takes no Response: to make and send one is
        a quarter of what it takes beyond a constant 304.
        """
        own = getattr(self.get_response, "__func__", None) is _GET_RESPONSE
        if not own or not self.config_checked or scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path = self.get_path(scope)
        found = self._find_at_once(path, scope) or await self._find_in_thread(path, scope)
        if found is None or found[0] is not _NOT_MODIFIED:
            response = await self._respond(path, scope, found)
            await response(scope, receive, send)
            return
        _, _, st, now_ns = found
        await send({"type": "http.response.start", "status": 304, "headers": self._fields_of_304(st, now_ns)})
        await send({"type": "http.response.body", "body": b""})

    async def get_response(self, path: str, scope: Scope) -> Response:
        return await self._respond(
            path, scope, self._find_at_once(path, scope) or await self._find_in_thread(path, scope)
        )

    async def _respond(self, path: str, scope: Scope, found: _Found | None) -> Response:
        if found is not None:
            outcome, full_path, st, now_ns = found
            if outcome in _FINAL:
                return self._instead(outcome, st, now_ns)
            # Absolute for pathsend; each time, as Starlette does, should the current directory change.
            return self._file_response(os.path.abspath(full_path), cast("os.stat_result", st), 200)
        response = await super().get_response(path, scope)
        if type(response) is StarletteFileResponse and response.status_code == 404:  # 404.html
            return self._file_response(response.path, response.stat_result, response.status_code)
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        outcome = Outcome.PROCEED
        if status_code == 200:
            outcome = self.policy.evaluate_raw(stat_result, scope["method"], scope["headers"])
        if outcome not in _FINAL:
            return self._file_response(full_path, stat_result, status_code)
        if not is_readable(full_path):
            return self._file_response(full_path, None, status_code)  # which says how it cannot be read
        return self._instead(outcome, stat_result)

    def _find_at_once(self, path: str, scope: Scope) -> _Found | None:
        """The file and what is to become of it, where it is found without waiting."""
        return self._find(self._look, path, scope) if self.nowait and self._decides(scope) else None

    async def _find_in_thread(self, path: str, scope: Scope) -> _Found | None:
        """The same, for a conditional request; None too where Starlette's get_response has the answer."""
        if not is_conditional(scope) or not self._decides(scope):
            return None
        return await in_thread(self._find, self._look_waiting, path, scope)

    def _decides(self, scope: Scope) -> bool:
        """Whether all is ours to find: elsewhere a subclass has a say in which file is served, or how."""
        return (
            scope["method"] in ("GET", "HEAD")
            and getattr(self.lookup_path, "__func__", None) is _LOOKUP_PATH
            and getattr(self.file_response, "__func__", None) is _FILE_RESPONSE
        )

    def _find(
        self, look: Callable[[str, bool], tuple[str, StatResult] | None], path: str, scope: Scope
    ) -> _Found | None:
        now_ns = time.time_ns()
        found = look(path, self.html and scope["path"].endswith("/"))
        if found is None:
            return None
        full_path, st = found
        return self.policy.evaluate_raw(st, scope["method"], scope["headers"]), full_path, st, now_ns

    def _look(self, path: str, with_index: bool) -> tuple[str, StatResult] | None:
        """What Starlette's lookup_path leads to, where that is a file that is found without waiting.

        A file in the first directory is the one that is served, and without `..` or a symbolic link in its
        path it is in there. With with_index that of a directory is its index.html.
        """
        if not self.all_directories or ".." in path or path[:1] in ("/", "\\"):
            return None
        full_path = f"{self.all_directories[0]}{os.sep}{path}"  # os.path.join takes a microsecond
        st = look_nowait(full_path, b"", True)
        if st is None and with_index:
            full_path = os.path.join(full_path, "index.html")
            st = look_nowait(full_path, b"", True)
        return None if st is None else (full_path, st)

    def _look_waiting(self, path: str, with_index: bool) -> tuple[str, StatResult] | None:
        """The file that Starlette's lookup_path leads to, where it may be read; a 404 where there is none."""
        found = None if self.nowait else self._look(path, with_index)
        if found is not None:
            return found
        try:
            full_path, st = self.lookup_path(path)
            if with_index and st is not None and stat.S_ISDIR(st.st_mode):
                full_path, st = self.lookup_path(os.path.join(path, "index.html"))
            if st is None and (not self.html or self.lookup_path("404.html")[1] is None):
                raise HTTPException(404)
        except (OSError, ValueError):
            return None
        if st is None or not stat.S_ISREG(st.st_mode) or not is_readable(full_path):
            return None
        return full_path, st

    def _instead(self, outcome: Outcome, st: StatResult, now_ns: int | None = None) -> Response:
        response = Response(status_code=int(outcome))
        if outcome is _NOT_MODIFIED:
            response.raw_headers += self._fields_of_304(st, now_ns)
        return response

    def _fields_of_304(self, st: StatResult, now_ns: int | None) -> list[tuple[bytes, bytes]]:
        """RFC 9110 section 15.4.5: the entity-tag or, where there is none, the date."""
        etag, last_modified = self.policy.validators(st, now_ns=now_ns)
        if etag is not None:
            return [(b"etag", etag.encode())]
        return [] if last_modified is None else [(b"last-modified", last_modified.encode())]

    def _file_response(
        self, path: str | os.PathLike[str], stat_result: os.stat_result | None, status_code: int
    ) -> FileResponse:
        return _StaticFile(path, status_code, stat_result=stat_result, policy=self.policy, nowait=self.nowait)


_NAME: Final = r"[^/\\:\0.][^/\\:\0]*"  # neither "." nor "..", nor what a system takes for more than a name
_is_plain: Final = re.compile(rf"{_NAME}(?:/{_NAME})*").fullmatch

# Neither overridden nor replaced, of a class or of one object.
_GET_RESPONSE: Final = StaticFiles.get_response
_LOOKUP_PATH: Final = StarletteStaticFiles.lookup_path
_FILE_RESPONSE: Final = StaticFiles.file_response


class _StaticFile(FileResponse):
    def _unavailable(self, error: OSError) -> Exception:
        """What StaticFiles answers, for a file that it could not look up, where it went after the look-up."""
        if isinstance(error, (FileNotFoundError, NotADirectoryError, NotRegularError)):
            return HTTPException(404)
        if isinstance(error, PermissionError):
            return HTTPException(401)
        return error


def _fields(validators: Validators) -> list[tuple[str, str]]:
    pairs = ("etag", validators.etag), ("last-modified", validators.last_modified)
    return [(name, value) for name, value in pairs if value is not None]
