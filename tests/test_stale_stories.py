"""What this library started from: two saves in one second, behind Starlette's StaticFiles and behind ours.

That a 304 opens no file, the other beginning, is shown for each adapter by its system calls:
test_aiohttp_files.py, test_starlette_cost.py and test_wsgi_cost.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import starlette.staticfiles
from starlette.applications import Starlette
from starlette.routing import Mount

import asgi_server
import precond.starlette
from aiohttp_server import ask
from cases import Answer
from clients import browsing, lacking, shown, until
from stale_driver import directory_of
from stale_mount import NoMountError

pytestmark = pytest.mark.thread_unsafe(reason="a browser, and files that are saved in one second")

OLD, NEW = b"the first version", b"the other version"
SAVES = 10

STOCK_AND_OURS = pytest.mark.parametrize(
    "files", [starlette.staticfiles.StaticFiles, precond.starlette.StaticFiles], ids=["stock", "ours"]
)


def serving(files: type[starlette.staticfiles.StaticFiles], directory: Path) -> AbstractContextManager[int]:
    return asgi_server.serving(Starlette(routes=[Mount("/", files(directory=directory))]))


def saved_twice(path: Path, between: Callable[[], Answer]) -> Answer:
    """What came between two saves, of which both are stamped with one second."""

    def try_once() -> Answer | None:
        time.sleep(-time.time() % 1)  # from where a second begins
        path.write_bytes(OLD)
        second = int(path.stat().st_mtime)
        answer = between()
        path.write_bytes(NEW)
        return answer if int(path.stat().st_mtime) == second else None

    answer = until(try_once)
    assert answer is not None
    return answer


@STOCK_AND_OURS
def test_a_client_with_a_date(files: type[starlette.staticfiles.StaticFiles], tmp_path: Path) -> None:
    """As feed readers are, curl -z and wget -N."""
    with serving(files, tmp_path) as port:
        answer = saved_twice(tmp_path / "feed.xml", lambda: ask(port, "/feed.xml"))
        assert (answer.status, answer.body) == (200, OLD)
        date = answer.fields.get("last-modified")
        fields = [] if date is None else [("If-Modified-Since", date)]
        answer = ask(port, "/feed.xml", fields=fields)
    if files is starlette.staticfiles.StaticFiles:
        assert (answer.status, answer.body) == (304, b"")
    else:  # a date that another version could have was not sent
        assert (answer.status, answer.body, date) == (200, NEW, None)


@STOCK_AND_OURS
def test_a_browser_that_reloads_after_each_save(
    files: type[starlette.staticfiles.StaticFiles], tmp_path: Path
) -> None:
    """Of a page of a site generator, on a file system whose stamps are seconds."""
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(directory_of("seconds"))
        except NoMountError as error:
            lacking(str(error))
        file = directory / "page.html"
        file.write_text("<!doctype html><title>page</title><pre>save 000</pre>", "utf-8")
        port = stack.enter_context(serving(files, directory))
        page = stack.enter_context(browsing(tmp_path / "profile"))
        page.goto(f"http://127.0.0.1:{port}/page.html")
        saves = [f"save {number:03}" for number in range(1, 1000)]

        def is_shown(text: str) -> bool:
            file.write_text(f"<!doctype html><title>page</title><pre>{text}</pre>", "utf-8")
            page.reload()
            return shown(page) == text

        if files is starlette.staticfiles.StaticFiles:
            until(lambda: not is_shown(saves.pop(0)))
        else:
            assert all(is_shown(text) for text in saves[:SAVES])
