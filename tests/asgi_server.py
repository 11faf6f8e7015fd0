"""Two ways to ask an ASGI application: over a real uvicorn, and by its messages."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """The application on a port of 127.0.0.1, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]  # connections wait in the backlog until the server takes them
        finally:
            while not server.started and thread.is_alive():
                thread.join(0.01)
            server.should_exit = True
            thread.join()


class Sent(NamedTuple):
    """What an application sent: field names in lower case, those of repeated lines joined by ", "."""

    status: int
    fields: dict[str, str]
    body: bytes
    messages: list[dict[str, Any]]


def scope_of(path: str, method: str, headers: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        **more,
    }


async def exchange(
    app: Any,
    path: str = "/",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    on_send: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    **more: Any,
) -> Sent:
    """One request; `on_send` is awaited with each message, `more` goes into the scope."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)
        if on_send is not None:
            await on_send(message)

    await app(scope_of(path, method, headers or {}, **more), receive, send)
    start = next(message for message in messages if message["type"].endswith("http.response.start"))
    fields: dict[str, str] = {}
    for raw_name, raw_value in start["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    body = b"".join(message.get("body", b"") for message in messages)
    return Sent(start["status"], fields, body, messages)


def ask(
    app: Any, path: str = "/", method: str = "GET", headers: Mapping[str, str] | None = None, **more: Any
) -> Sent:
    return asyncio.run(exchange(app, path, method, headers, **more))
