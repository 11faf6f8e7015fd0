"""aiohttp: FileResponse and static(), with the preconditions of RFC 9110 section 13 and a policy for each.

    from aiohttp import web
    from precond.aiohttp import FileResponse, static

    async def report(request: web.Request) -> web.StreamResponse:
        return FileResponse("report.pdf", headers={"Cache-Control": "no-cache"})

    app = web.Application()
    app.add_routes([web.get("/report", report), static("/static", "public")])

304 and 412 are found in the event loop where that takes no waiting (precond.stat_nowait). Otherwise one job
in the executor does the stat, the decision and, only where bytes will be sent, open and fstat.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

# Of what aiohttp does not document, this is all that is used here; tested with 3.11.10 to 3.14.5:
# - web_fileresponse.CONTENT_TYPES, its table of media types, and NOSENDFILE, its switch AIOHTTP_NOSENDFILE;
# - StaticResource._handle, the handler of the routes, which _StaticResource overrides and calls;
# - FileResponse.__init__, which is not called, and _path, which it would set: some have come to read it;
# - what StreamResponse.prepare() sets: _req, _payload_writer and _keep_alive; and _prepare_hook of a request,
#   which sends the signal on_response_prepare;
# - of StreamResponse, _cookies, and what the properties status, headers and compression read; _status and
#   _reason, which set_status() sets; and _message of a request, which its properties read. For every 304
#   those would be called nine times, and take as long as two of the calls that look at the file.
from aiohttp import HttpVersion11, hdrs, web, web_fileresponse, web_response

from precond import DEFAULT, Policy
from precond._aiohttp import Answer, File, Question, find_answer, find_short_answer, weakened
from precond._backend import look_nowait, look_waiting
from precond._serving import check_nowait, check_policy, fields_of_304, fields_of_412

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.typedefs import LooseHeaders, PathLike
    from typing_extensions import Unpack

    from precond._types import Look

__all__ = ["FileResponse", "static"]

_CHUNK_SIZE: Final = 256 * 1024
# Its SERVER_SOFTWARE is what aiohttp sends, and some applications set another there (aiohttp #3607).
_web_response: Final[Any] = web_response
_log: Final = logging.getLogger("aiohttp.server")  # where aiohttp says why it answers 500


class _Options(TypedDict, total=False):
    """Those of add_static."""

    append_version: bool
    chunk_size: int
    expect_handler: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None
    follow_symlinks: bool
    name: str | None
    show_index: bool


class FileResponse(web.FileResponse):
    """aiohttp.web.FileResponse, with the preconditions of RFC 9110 section 13 by a policy.

    The arguments are aiohttp's; chunk_size is in bytes, policy a precond.Policy. With nowait=False answers
    are always found in a thread. Preconditions are evaluated with the request's method, where status is 2xx:
    one that fails is answered 412, and on PUT and POST the handler has run by then. Range is honoured where
    status is 200.

    ETag, Last-Modified, Cache-Control and Vary that the application sets, in headers or later, are kept, on a
    304 too, and the first two are evaluated in place of the file's; one that is malformed matches nothing.
    With enable_compression() the entity-tag is weak, and Range ignored. Beside a .br or .gz an ETag that the
    application sets is weak.

    A missing file is answered 404; one that is not regular, or may not be read, 403; trouble of the server,
    such as too many open files, 500. These, a 412 and a 416 have none of the fields above but Vary. A
    TypeError says that policy is none, or nowait no bool.
    """

    def __init__(
        self,
        path: PathLike,
        chunk_size: int = _CHUNK_SIZE,
        status: int = 200,
        reason: str | None = None,
        headers: LooseHeaders | None = None,
        *,
        policy: Policy = DEFAULT,
        nowait: bool = True,
    ) -> None:
        # aiohttp's own makes a Path too, for what is replaced here, and at more than the price of a decision.
        web.StreamResponse.__init__(self, status=status, reason=reason, headers=headers)
        check_policy(policy)
        check_nowait(nowait)
        self._asked_for = path if type(path) is str else _path_as_text(path)
        self._chunk_size = chunk_size
        self._policy = policy
        self._nowait = nowait
        self._answered: tuple[web.BaseRequest, Answer] | None = None

    @functools.cached_property
    def _path(self) -> Path:  # type: ignore[override]
        return Path(self._asked_for)

    def prepare(self, request: web.BaseRequest) -> Coroutine[Any, Any, AbstractStreamWriter | None]:
        # Not a coroutine itself, which would be one more for every 304.
        if self.prepared:
            return self._start_response(request)
        answer = self._answer_at_once(request)
        if answer is None or answer.part is not None:
            return self._prepare(request, answer)
        return self._start_without_content(request, answer)

    async def _prepare(self, request: web.BaseRequest, answer: Answer | None) -> AbstractStreamWriter | None:
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(None, self._answer, request)
        if answer.part is None:
            return await self._start_without_content(request, answer)
        try:
            return await self._respond_with_content(request, answer, answer.part)
        finally:
            if answer.file is not None:
                # Not awaited, and not here: to close can wait for a network or a file system in user space.
                asyncio.get_running_loop().run_in_executor(None, answer.file.close)

    def _answer_at_once(self, request: web.BaseRequest) -> Answer | None:
        if self._answered is not None:
            asked, answer = self._answered
            self._answered = None
            if asked is request and self._is_plain():
                return answer
        return self._short_answer(request, look_nowait) if self._nowait and _is_conditional(request) else None

    def _answer(self, request: web.BaseRequest) -> Answer:
        """By one look where that is enough, and the event loop has not looked yet."""
        looks = not self._nowait and _is_conditional(request)
        answer = self._short_answer(request, look_waiting) if looks else None
        try:
            return answer or find_answer(self._asked_for, self._question(request))
        except OSError:
            # From a response that is being prepared it would end the connection, without an answer.
            _log.exception("Error handling request from %s", request.remote)
            return Answer(500)

    def _short_answer(self, request: web.BaseRequest, look: Look) -> Answer | None:
        if self._is_plain():
            headers = request._message.raw_headers
            return find_short_answer(look, self._asked_for, request.method, headers, self._policy)
        question = self._question(request)
        if question.compressed or not question.succeeds:
            return None
        return find_short_answer(
            look, self._asked_for, question.method, question.headers, question.policy, question.representation
        )

    def _is_plain(self) -> bool:
        """Whether neither application nor middleware has set what the answer depends on."""
        if self._status != 200 or self._compression:
            return False
        headers = self._headers
        return not headers or (hdrs.ETAG not in headers and hdrs.LAST_MODIFIED not in headers)

    def _question(self, request: web.BaseRequest) -> Question:
        return Question(
            request.method,
            request.raw_headers,
            self._policy,
            self.status,
            self.compression,
            self.headers.get(hdrs.ETAG),
            self.headers.get(hdrs.LAST_MODIFIED),
        )

    def _start_response(self, request: web.BaseRequest) -> Coroutine[Any, Any, AbstractStreamWriter | None]:
        """What every response does to be prepared, without aiohttp's way with files."""
        return web.StreamResponse.prepare(self, request)

    def _start_without_content(
        self, request: web.BaseRequest, answer: Answer
    ) -> Coroutine[Any, Any, AbstractStreamWriter | None]:
        if answer.status == 304:
            self._become_not_modified(answer)
            if self._keep_alive is None and not self._cookies:
                message = request._message
                if message.version == HttpVersion11 and not message.should_close:
                    return self._start_not_modified(request)
        else:
            self._become_refusal(answer)
        self._leave_as_it_is()
        return self._start_response(request)

    async def _start_not_modified(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """_start_response of a 304 that sets no cookie, on a connection that stays open: the same bytes.

        aiohttp's takes four coroutines to find out about content, its length, coding and chunks. Where there
        is none that costs more than the decision, and as much as two of the calls that look at the file.
        """
        self._req = request
        self._keep_alive = True
        writer = self._payload_writer = request.writer
        headers = self._headers
        headers.setdefault(hdrs.DATE, _web_response.rfc822_formatted_time())
        headers.setdefault(hdrs.SERVER, _web_response.SERVER_SOFTWARE)
        await request._prepare_hook(self)
        # Sent with the end of the response, as those of web.Response are.
        await writer.write_headers("HTTP/1.1 304 Not Modified", headers)
        return writer

    def _become_not_modified(self, answer: Answer) -> None:
        self._status = 304
        self._reason = "Not Modified"
        headers = self._headers
        if answer.varies:
            _vary(headers)
        has_own = bool(headers)
        etag, last_modified = answer.validators
        if etag is not None:
            headers.setdefault(hdrs.ETAG, etag)
        elif last_modified is not None:
            headers.setdefault(hdrs.LAST_MODIFIED, last_modified)
        if has_own:
            self._keep(fields_of_304(headers.items()))

    def _become_refusal(self, answer: Answer) -> None:
        self.set_status(answer.status)
        if answer.varies:
            _vary(self.headers)
        self._keep(fields_of_412(self.headers.items()))
        if answer.status == 416:
            self.headers[hdrs.CONTENT_RANGE] = f"bytes */{answer.size}"
        self.content_length = 0

    def _keep(self, fields: list[tuple[str, str]]) -> None:
        self.headers.clear()
        self.headers.extend(fields)

    async def _respond_with_content(
        self, request: web.BaseRequest, answer: Answer, part: range
    ) -> AbstractStreamWriter | None:
        if answer.varies:
            _vary(self.headers)
        for name, value in zip((hdrs.ETAG, hdrs.LAST_MODIFIED), answer.validators, strict=True):
            if value is not None:
                self.headers.setdefault(name, value)
        self.content_length = len(part)
        if hdrs.CONTENT_TYPE not in self.headers:
            self.content_type = _media_type(self._asked_for)
        if answer.coding is not None:
            self.headers[hdrs.CONTENT_ENCODING] = answer.coding
        if answer.status == 206 and self.status != 206:  # not the application's own, of whatever it is a part
            self.set_status(206)
            self.headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{answer.size}"
        if answer.coding is not None or not self.compression:
            self._leave_as_it_is()
            if answer.status in (200, 206):
                self.headers[hdrs.ACCEPT_RANGES] = "bytes"
        elif answer.file is None:
            # HEAD: how long the content would be is unknown, and the compressor would write its last bytes.
            self._leave_as_it_is()
            self.content_length = None
        writer = await self._start_response(request)
        if answer.file is not None:
            await self._send(request, answer.file, part)
        return writer

    def _leave_as_it_is(self) -> None:
        """What has no content, or has a coding already, is not to be compressed."""
        if self.compression:
            self.enable_compression(web.ContentCoding.identity)

    async def _send(self, request: web.BaseRequest, file: File, part: range) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("Connection lost")
        sent = 0
        # To compress takes Content-Length away. sendfile() is for one byte or more, and uvloop has none.
        copied = web_fileresponse.NOSENDFILE or self.content_length is None or not part
        if not copied:
            try:
                sent = await asyncio.get_running_loop().sendfile(transport, file, part.start, len(part))
            except NotImplementedError:
                copied = True
        if copied:
            sent = await self._copy(file, part)
        if sent < len(part):
            # The connection ends before the last byte, the last chunk, or the end of the compressed data.
            raise ConnectionResetError("the file became shorter while it was sent")

    async def _copy(self, file: File, part: range) -> int:
        loop = asyncio.get_running_loop()
        sent = 0
        while sent < len(part):
            size = min(self._chunk_size, len(part) - sent)
            data = await loop.run_in_executor(None, _read, file, part.start + sent, size)
            if not data:
                break
            await self.write(data)
            sent += len(data)
        return sent


class _StaticResource(web.StaticResource):
    """aiohttp's, except that one job finds both the file and the answer, or none does."""

    def __init__(
        self, prefix: str, directory: PathLike, *, policy: Policy, nowait: bool, **options: Any
    ) -> None:
        super().__init__(prefix, directory, **options)
        self._root = Path(directory).expanduser().resolve(strict=True)
        self._beneath = os.path.join(self._root, "")
        self._follows = options.get("follow_symlinks", False)
        self._indexes = options.get("show_index", False)
        self._piece = options.get("chunk_size", _CHUNK_SIZE)
        self._policy = policy
        self._nowait = nowait

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        response = None
        if self._nowait and _is_conditional(request):
            response = self._short_response(request, look_nowait)
        if response is None:
            response = await asyncio.get_running_loop().run_in_executor(None, self._look_up, request)
        if response is not None:
            return response
        if self._indexes:
            return await super()._handle(request)
        raise web.HTTPForbidden

    def _look_up(self, request: web.Request) -> FileResponse | None:
        """The response, with its answer; None for a directory.

        As in aiohttp, what is outside the root is raised here, where middlewares see it, and it is for the
        response to tell that a file is missing.
        """
        if not self._nowait and _is_conditional(request):
            response = self._short_response(request, look_waiting)
            if response is not None:
                return response
        now_ns = time.time_ns()
        try:
            path, st = self._locate(request.match_info["filename"])
        except ValueError as error:  # a NUL, or what no file name can encode
            raise web.HTTPNotFound from error
        if st is not None and stat.S_ISDIR(st.st_mode):
            return None
        response = self._response(path)
        response._answered = request, find_answer(os.fspath(path), response._question(request), now_ns, st)
        return response

    def _short_response(self, request: web.Request, look: Look) -> FileResponse | None:
        """The response with its answer, where one look finds that; None elsewhere.

        Where no part of the path is a symbolic link or `..`, what is found is inside the root.
        """
        filename = request.match_info["filename"]
        if ".." in filename or filename[:1] == "/":
            return None
        path = self._beneath + filename
        headers = request._message.raw_headers
        answer = find_short_answer(look, path, request.method, headers, self._policy, no_symlinks=True)
        if answer is None:
            return None
        response = self._response(path)
        response._answered = request, answer
        return response

    def _response(self, path: PathLike) -> FileResponse:
        return FileResponse(path, self._piece, policy=self._policy, nowait=self._nowait)

    def _locate(self, filename: str) -> tuple[Path, os.stat_result | None]:
        """The path without symbolic links, and its stat, for which the file itself is looked at only once.

        None where there is none.
        """
        if Path(filename).anchor:
            raise web.HTTPNotFound
        path = self._root / filename
        if self._follows:
            path = Path(os.path.normpath(path))
            self._check_inside(path)
        elif ".." in path.parts:
            path = Path(os.path.realpath(path))
        # The root is looked at each time too: it may have become a symbolic link since.
        path = Path(os.path.realpath(path.parent), path.name)
        if not self._follows:
            self._check_inside(path)
        try:
            st = os.lstat(path)
            if stat.S_ISLNK(st.st_mode):
                path = Path(os.path.realpath(path))
                if not self._follows:
                    self._check_inside(path)
                st = os.stat(path)
        except OSError:
            return path, None
        return path, st

    def _check_inside(self, path: Path) -> None:
        if not path.is_relative_to(self._root):
            raise web.HTTPNotFound


class _StaticDef(web.StaticDef):
    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        resource = _StaticResource(self.prefix.removesuffix("/"), self.path, **self.kwargs)
        router.register_resource(resource)
        return [*resource]


def static(
    prefix: str, path: PathLike, *, policy: Policy = DEFAULT, nowait: bool = True, **options: Unpack[_Options]
) -> web.AbstractRouteDef:
    """aiohttp.web.static, with the preconditions of RFC 9110 section 13 by a policy.

    For `app.add_routes([...])`, or by itself: `static(...).register(app.router)`. The options are those of
    `add_static`: name, expect_handler, chunk_size, show_index, follow_symlinks, append_version. nowait is
    that of FileResponse; a path with a symbolic link in it is always looked up in a thread.

    A TypeError says that policy is none, nowait no bool, or that there is no such option; a ValueError that
    prefix does not begin with a slash or, once it is registered, that path is no directory.
    """
    check_policy(policy)
    check_nowait(nowait)
    if unknown := sorted(options.keys() - _Options.__annotations__.keys()):
        raise TypeError(f"static() has no option {unknown[0]!r}")
    if not prefix.startswith("/"):
        raise ValueError(f"prefix: expected a path that begins with '/', got {prefix!r}")
    return _StaticDef(prefix, path, {"policy": policy, "nowait": nowait, **options})


def _path_as_text(path: PathLike) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path: expected str or os.PathLike[str], got {type(path).__name__}")
    return text


def _is_conditional(request: web.BaseRequest) -> bool:
    headers = request.headers
    return (
        hdrs.IF_NONE_MATCH in headers
        or hdrs.IF_MODIFIED_SINCE in headers
        or hdrs.IF_MATCH in headers
        or hdrs.IF_UNMODIFIED_SINCE in headers
    )


def _vary(headers: Any) -> None:
    """Say of the fields that the application has set that they are of the content in one of its codings."""
    if hdrs.ETAG in headers:
        headers[hdrs.ETAG] = weakened(headers[hdrs.ETAG])
    listed = ",".join(headers.getall(hdrs.VARY, ())).lower().split(",")
    if not {"*", "accept-encoding"} & {name.strip(" \t") for name in listed}:
        headers.add(hdrs.VARY, "Accept-Encoding")


def _media_type(path: str) -> str:
    types = web_fileresponse.CONTENT_TYPES
    guess = getattr(types, "guess_file_type", types.guess_type)  # of Python 3.13, for paths alone
    return guess(path)[0] or "application/octet-stream"


def _read(file: File, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
