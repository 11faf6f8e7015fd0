"""Preconditions for any ASGI application: answer from a stat, or by the validators that the application set.

    async def app(scope, receive, send):
        now_ns = time.time_ns()
        st = await stat(path)
        outcome = await respond(scope, send, st, now_ns=now_ns)
        if outcome in (Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED):
            return  # the response is complete
        ...

    app = ConditionalMiddleware(app)

`stat` needs an event loop of asyncio; all else runs on any.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from precond import DEFAULT, Outcome, Policy, Validators, stat_nowait
from precond._serving import check_nowait, check_policy, fields_of_304, fields_of_412

if TYPE_CHECKING:
    from precond._types import FilePath, FileStat, StatResult

__all__ = ["ConditionalMiddleware", "respond", "stat"]

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields: TypeAlias = list[tuple[bytes, bytes]]

_FINAL: Final = (Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED)
_CONDITIONS: Final = frozenset({b"if-match", b"if-modified-since", b"if-none-match", b"if-unmodified-since"})


async def stat(path: FilePath, *, nowait: bool = True) -> FileStat:
    """os.stat for an event loop of asyncio: from memory where precond.stat_nowait can, else from a thread.

    nowait      with False always from a thread

    Gives an object with st_mtime_ns, st_ctime_ns, st_size and st_mode; errors are those of os.stat. Whether
    it is a regular file, and may be read, is for the application to see to before it calls respond.
    """
    check_nowait(nowait)
    if nowait:
        try:
            return stat_nowait(path)
        except BlockingIOError:
            pass
    return await asyncio.get_running_loop().run_in_executor(None, os.stat, path)


async def respond(
    scope: Scope,
    send: Send,
    st: StatResult | Validators | None,
    *,
    policy: Policy = DEFAULT,
    headers: Iterable[tuple[bytes, bytes]] = (),
    now_ns: int | None = None,
) -> Outcome:
    """Answer the request where its preconditions decide it, and give the outcome.

    NOT_MODIFIED and PRECONDITION_FAILED: the whole response has been sent, and nothing may follow.
    PROCEED and IGNORE_RANGE: nothing has been sent; the application answers, without ranges for the latter.

    scope       of type "http"; a ValueError otherwise
    st          as for precond.evaluate: a stat result, the application's own Validators, or None where there
                is no current representation
    headers     the fields of the 200. A 304 carries those of RFC 9110 section 15.4.5, a 412 those that do not
                speak of the representation. An ETag or Last-Modified among them is sent in place of that of
                `st`; to have it evaluated, give Validators
    now_ns      POSIX nanoseconds, of an instant before the stat was taken, as for precond.validators; None:
                now

    Call it where the answer would be 2xx (RFC 9110 section 13.2.1), and before a change is made.
    """
    if scope["type"] != "http":
        raise ValueError(f"scope: expected the type 'http', got {scope['type']!r}")
    outcome = policy.evaluate_raw(st, scope["method"], scope["headers"], now_ns=now_ns)
    if outcome in _FINAL:
        fields = list(headers)
        missing = _missing(fields, policy.validators(st, now_ns=now_ns))
        await _send_without_content(send, outcome, fields + missing)
    return outcome


class ConditionalMiddleware:
    """Turn a 200 or 206 to GET or HEAD into 304 or 412, by the ETag or Last-Modified the application set.

    All else passes as it is: other methods and scopes, other statuses, what has neither field or a malformed
    one, and what the application raises; and a 206 whatever If-Range says, which is for the application to
    evaluate. No body is held back; that of a response that was replaced is dropped, and its application finds
    the client gone, as after any complete response.

    app         the ASGI application
    policy      which validators count, and how dates are compared

    The application does its work first: this saves the transfer, and guards nothing that changes state.
    """

    def __init__(self, app: Application, *, policy: Policy = DEFAULT) -> None:
        check_policy(policy)
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(scope.get("headers", ()), (list, tuple)):
            # Any iterable, which may give them only once.
            scope = {**scope, "headers": list(scope["headers"])}
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _is_conditional(scope):
            send = self._conditional(scope, send)
        await self.app(scope, receive, send)

    def _conditional(self, scope: Scope, send: Send) -> Send:
        """`send`, but for a response that the request's preconditions replace."""
        replaced = False

        async def conditional(message: Message) -> None:
            nonlocal replaced
            if replaced and message["type"].startswith("http.response."):
                return  # content in any form: bytes, a file (pathsend, zerocopysend), trailers
            if message["type"] == "http.response.start" and message["status"] in (200, 206):
                # Any iterable, which may give them only once.
                message = {**message, "headers": list(message.get("headers", ()))}
                outcome = self._evaluate(scope, message["headers"])
                if outcome in _FINAL:
                    replaced = True
                    return await _send_without_content(send, outcome, message["headers"])
                # IGNORE_RANGE too: of a 206 the rest is not here to be sent in its place.
            await send(message)

        return conditional

    def _evaluate(self, scope: Scope, fields: Fields) -> Outcome:
        own = Validators(_joined(fields, b"etag"), _joined(fields, b"last-modified"))
        if own == Validators():
            return Outcome.PROCEED
        try:
            return self.policy.evaluate_raw(own, scope["method"], scope["headers"])
        except ValueError:  # malformed: they match nothing that a client can send
            return Outcome.PROCEED


def _is_conditional(scope: Scope) -> bool:
    return any(name.lower() in _CONDITIONS for name, _ in scope.get("headers", ()))


def _joined(fields: Fields, name: bytes) -> str | None:
    """The value of a field; that of repeated lines is no valid one here."""
    values = [value.decode("latin-1") for key, value in fields if key.lower() == name]
    return ", ".join(values) if values else None


def _missing(fields: Fields, validators: Validators) -> Fields:
    """The validators that are not among the fields."""
    pairs = (b"etag", validators.etag), (b"last-modified", validators.last_modified)
    return [
        (name, value.encode("latin-1"))
        for name, value in pairs
        if value is not None and _joined(fields, name) is None
    ]


async def _send_without_content(send: Send, outcome: Outcome, fields: Iterable[tuple[bytes, bytes]]) -> None:
    if outcome is Outcome.NOT_MODIFIED:
        kept = fields_of_304(fields)
    else:
        kept = [*fields_of_412(fields), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": int(outcome), "headers": kept})
    await send({"type": "http.response.body", "body": b""})
