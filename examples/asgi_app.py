# uvicorn --app-dir examples asgi_app:app, then http://127.0.0.1:8000/ and /page
import asyncio
import hashlib
import json
import os
import time
from pathlib import Path

from precond import Outcome, validators
from precond.asgi import ConditionalMiddleware, respond, stat

PUBLIC = Path(__file__).with_name("public")
FINAL = (Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED)


async def names(scope, receive, send):
    content = json.dumps(sorted(await asyncio.to_thread(os.listdir, PUBLIC))).encode()
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    await answer(send, 200, content, {"Content-Type": "application/json", "ETag": etag})


async def page(scope, receive, send):
    path = PUBLIC / "index.html"
    now_ns = time.time_ns()  # before the stat: what had settled by then, no later write can share
    if await respond(scope, send, await stat(path), now_ns=now_ns) in FINAL:
        return  # it need not be opened
    now_ns, st, content = await asyncio.to_thread(read, path)
    if await respond(scope, send, st, now_ns=now_ns) in FINAL:
        return  # it was another one by then
    etag, last_modified = validators(st, now_ns=now_ns)
    fields = {"Content-Type": "text/html", "ETag": etag, "Last-Modified": last_modified}
    await answer(send, 200, content, fields)


def read(path):
    now_ns = time.time_ns()  # before it is opened
    with path.open("rb") as file:
        return now_ns, os.fstat(file.fileno()), file.read()


async def answer(send, status, content, fields):
    fields = {**fields, "Content-Length": str(len(content))}
    headers = [(name.lower().encode(), value.encode()) for name, value in fields.items() if value is not None]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


VIEWS = {"/": ConditionalMiddleware(names), "/page": page}


async def app(scope, receive, send):
    assert scope["type"] == "http"  # by which a server knows that there is nothing to start or to stop
    if scope["path"] not in VIEWS:
        await answer(send, 404, b"", {})
    elif scope["method"] not in ("GET", "HEAD"):
        await answer(send, 405, b"", {"Allow": "GET, HEAD"})
    else:
        await VIEWS[scope["path"]](scope, receive, send)
