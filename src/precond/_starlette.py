"""What a FileResponse of precond.starlette reads, in which thread, and what a request asks of it."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anyio.to_thread
from starlette.datastructures import Headers

from precond._serving import NotRegularError, is_readable, open_regular, stat_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Scope, Send

_Result = TypeVar("_Result")


class File:
    """The file of one response; `open(file)` takes its descriptor over, and otherwise it is closed here.

    now_ns      by when its stamp must have settled, to be sent: an instant before its stat; None: now
    """

    def __init__(self, path: str | os.PathLike[str], st: os.stat_result | None) -> None:
        self.now_ns: int | None = None
        self.content: bytes | None = None
        self._path = path
        self._stat = st
        self._descriptors: list[int] = []  # one or none; whoever pops it owns it, in whatever thread

    @property
    def has_stat(self) -> bool:
        return self._stat is not None

    @property
    def is_open(self) -> bool:
        return bool(self._descriptors)

    @property
    def stat_result(self) -> os.stat_result:
        return cast("os.stat_result", self._stat)

    def stat(self) -> None:
        self.now_ns = time.time_ns()
        self._stat = os.stat(self._path)
        if not stat.S_ISREG(self._stat.st_mode):
            raise NotRegularError(f"not a regular file: {self._path!r}")

    def stat_again(self) -> None:
        if self.is_open and self.now_ns is not None:
            self._stat, self.now_ns = stat_again(self._path, self.stat_result, self.now_ns)
        else:
            self.stat()

    def open(self) -> None:
        self.now_ns = time.time_ns()
        descriptor, self._stat = open_regular(self._path)
        self._descriptors.append(descriptor)

    def read(self) -> None:
        """Read it in whole, but for what it has grown by since it was opened, and close it."""
        with open(self, "rb") as file:  # type: ignore[call-overload]
            self.content = file.read(self.stat_result.st_size)

    def check_readable(self) -> None:
        """Where it cannot be read, opening says why, or that it is gone."""
        if not is_readable(self._path):
            os.close(open_regular(self._path)[0])

    def __index__(self) -> int:
        """The descriptor, from here on the caller's: `open` makes a file object of it, as of any number."""
        return self._descriptors.pop()

    def __str__(self) -> str:
        return str(self._path)

    def close(self) -> None:
        with suppress(IndexError):
            os.close(self._descriptors.pop())

    # A thread that is opening the file cannot be cancelled; the one who waits for it can.
    __del__ = close


async def in_thread(job: Callable[..., _Result], *arguments: Any) -> _Result:
    """As anyio.to_thread.run_sync, but on asyncio in a thread of our own, for jobs that need no context.

    anyio turns the loop twice before each job, and makes a scope and a context for it: twice the time. The
    executor of the loop has few threads, and the application's own jobs wait for them too.
    """
    turns = [job]

    def once() -> _Result:
        return turns.pop()(*arguments)

    future = None
    try:
        task = asyncio.current_task()
        if task is not None:  # nor is it trio, as a guest of asyncio
            future = task.get_loop().run_in_executor(_threads, once)
    except RuntimeError:
        # No event loop of asyncio, or one whose thread outlived the main one. Or no thread can be started:
        # then the job stays in the queue.
        pass
    if future is None:
        return await anyio.to_thread.run_sync(once)
    return await future


def _have_no_threads() -> None:
    """Each is started when it is needed; those of a parent process are not there after a fork."""
    global _threads
    _threads = ThreadPoolExecutor(40, "precond")  # as many as anyio has


_threads: ThreadPoolExecutor
_have_no_threads()
with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_have_no_threads)


def is_conditional(scope: Scope) -> bool:
    for name, _ in scope.get("headers", ()):  # noqa: SIM110  any() takes twice as long
        if name in _CONDITIONAL:
            return True
    return False


_CONDITIONAL: Final = frozenset({b"if-match", b"if-modified-since", b"if-none-match", b"if-unmodified-since"})


def is_head(scope: Scope) -> bool:
    """In any case, as Starlette has it: what has no content must not be asked for it."""
    return scope["type"] == "http" and str(scope["method"]).upper() == "HEAD"


def reads_here(scope: Scope) -> bool:
    """Whether bytes may be read here: not for HEAD, nor where the server sends the whole file by its path."""
    if is_head(scope):
        return False
    by_path = "http.response.pathsend" in scope.get("extensions", {})
    return not by_path or "range" in Headers(scope=scope)


def in_other_unit(scope: Scope) -> bool:
    """RFC 9110 section 14.2: a range in a unit that is not known must be ignored."""
    unit, separator, _ = Headers(scope=scope).get("range", "").partition("=")
    return bool(separator) and unit.strip().lower() != "bytes"


def in_full(send: Send, path: str | os.PathLike[str]) -> Send:
    """`send`, with as many bytes as Content-Length says, whatever has become of the file.

    Those that have grown on are left out; where some are gone a RuntimeError leaves the response incomplete
    (RFC 9112 section 8), whether the server counts them or not.
    """
    left: int | None = None

    async def sending(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            length = Headers(raw=message["headers"]).get("content-length")
            left = None if length is None else int(length)
        elif message["type"] == "http.response.body" and left is not None:
            body = message.get("body", b"")[:left]
            left -= len(body)
            if left and not (body and message.get("more_body")):
                raise RuntimeError(f"File at path {path} is shorter than expected.")
            message = {**message, "body": body}
        await send(message)

    return sending
