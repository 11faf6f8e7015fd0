"""If-Match and If-Unmodified-Since keep writers from overwriting each other, in examples/file_store.py."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import pytest

import precond
from wsgi_call import CONTENT, DATE, STAMP, TAG, environ, run, write

pytestmark = pytest.mark.thread_unsafe(reason="has clients in threads of its own, and one store")

_SPEC = importlib.util.spec_from_file_location(
    "file_store", Path(__file__).parent.with_name("examples") / "file_store.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
file_store = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(file_store)

CLIENTS = 4
ROUNDS = 10


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return file_store.FileStore(tmp_path)


class Response(NamedTuple):
    status: int
    body: bytes
    etag: str
    last_modified: str


def ask(store: Any, method: str, content: bytes | None = None, **fields: str) -> Response:
    variables = environ("/name", method, **fields)
    if content is not None:
        variables |= {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
    reply = run(store, variables)
    sent = {name.lower(): value for name, value in reply.fields}
    return Response(reply.status, reply.body, sent.get("etag", ""), sent.get("last-modified", ""))


def together(client: Callable[[int], int]) -> list[int]:
    """What each of the clients gives, by number, all of them started at once."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        return list(threads.map(client, range(CLIENTS), timeout=60))


# -- The store -----------------------------------------------------------------------------------------------


def test_methods(store: Any) -> None:
    assert ask(store, "GET").status == 404
    assert ask(store, "DELETE").status == 404
    assert ask(store, "PUT", b"one", if_match="*").status == 412
    assert ask(store, "PUT", b"one", if_none_match="*").status == 201
    assert ask(store, "PUT", b"two", if_none_match="*").status == 412
    got = ask(store, "GET")
    assert (got.status, got.body) == (200, b"one")
    assert ask(store, "GET", if_none_match=got.etag).status == 304
    assert ask(store, "PUT", b"two", if_match=got.etag).status == 204
    assert ask(store, "DELETE", if_match=got.etag).status == 412
    assert ask(store, "GET").body == b"two"
    assert ask(store, "DELETE", if_match=ask(store, "HEAD").etag).status == 204
    assert ask(store, "GET").status == 404
    assert ask(store, "POST").status == 501


def test_what_is_not_stored(store: Any) -> None:
    short = environ("/name", "PUT") | {"wsgi.input": io.BytesIO(b"on"), "CONTENT_LENGTH": "3"}
    assert run(store, short).status == 400
    assert run(store, environ("/name", "PUT") | {"wsgi.input": io.BytesIO(b"one")}).status == 400
    assert run(store, environ("/../name", "PUT")).status == 404
    assert list(store.directory.iterdir()) == []


class Input(io.BytesIO):
    """Fails where a socket would wait for as long as the client stays."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0
        return super().read(size)


@pytest.mark.parametrize("length", ["", "-1", "+3", "3.0", "0x3", "three", "\xb3", "\u0663", "9" * 5000])
def test_a_length_that_is_no_number_of_bytes(store: Any, length: str) -> None:
    statuses: list[str] = []
    variables = environ("/name", "PUT") | {"wsgi.input": Input(b"one"), "CONTENT_LENGTH": length}
    store(variables, lambda status, fields: statuses.append(status))
    assert statuses == ["400 Bad Request"]
    assert list(store.directory.iterdir()) == []


# -- Every client reads, and then every client writes --------------------------------------------------------


def put_by_all(store: Any, field: str | None) -> list[int]:
    """The statuses, where each client puts the number that it read, and 1 more."""
    all_have_read = Barrier(CLIENTS)

    def client(_: int) -> int:
        got = ask(store, "GET")
        fields = {"if_match": got.etag, "if_unmodified_since": got.last_modified}
        all_have_read.wait(60)
        kept = {name: value for name, value in fields.items() if name == field}
        return ask(store, "PUT", b"%d" % (int(got.body) + 1), **kept).status

    return together(client)


def rounds(store: Any, field: str | None) -> list[list[int]]:
    """The statuses of each round; before it, the file is set to a stamp that is settled, and new."""
    path = write(store.directory / "name", b"0")
    statuses = []
    for number in range(ROUNDS):
        stamp = STAMP + number * 60 * 10**9
        os.utime(path, ns=(stamp, stamp))
        statuses.append(sorted(put_by_all(store, field)))
    return statuses


@pytest.mark.parametrize("field", ["if_match", "if_unmodified_since"])
def test_no_update_is_lost(store: Any, field: str) -> None:
    assert rounds(store, field) == [[204, *[412] * (CLIENTS - 1)]] * ROUNDS
    assert (store.directory / "name").read_bytes() == b"%d" % ROUNDS


def test_updates_are_lost_without_a_precondition(store: Any) -> None:
    assert rounds(store, None) == [[204] * CLIENTS] * ROUNDS
    assert (store.directory / "name").read_bytes() == b"%d" % ROUNDS  # of four times as many


@pytest.mark.parametrize("field", ["if_match", "if_unmodified_since"])
def test_updates_are_lost_without_the_lock(store: Any, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    all_have_decided = Barrier(CLIENTS)
    evaluate = precond.evaluate_environ

    def evaluate_and_wait(st: Any, variables: dict[str, Any]) -> precond.Outcome:
        outcome = evaluate(st, variables)
        all_have_decided.wait(60)
        return outcome

    monkeypatch.setattr(file_store.precond, "evaluate_environ", evaluate_and_wait)
    monkeypatch.setattr(store, "lock", nullcontext())
    monkeypatch.setattr(file_store.os, "replace", replace_if_there)
    path = write(store.directory / "name", b"0")
    assert put_by_all(store, field) == [204] * CLIENTS
    assert path.read_bytes() == b"1"


def replace_if_there(source: Path, target: Path) -> None:
    """Without the lock, another client may have moved the unfinished file of all."""
    with suppress(FileNotFoundError):
        os.rename(source, target)


# -- Races of other kinds ------------------------------------------------------------------------------------


def test_one_of_those_who_make_a_file(store: Any) -> None:
    statuses = together(lambda number: ask(store, "PUT", b"%d" % number, if_none_match="*").status)
    assert sorted(statuses) == [201, *[412] * (CLIENTS - 1)]
    assert ask(store, "GET").body == b"%d" % statuses.index(201)


def test_one_of_those_who_change_or_delete_a_file(store: Any) -> None:
    path = write(store.directory / "name", CONTENT)

    def client(number: int) -> int:
        if number % 2:
            return ask(store, "DELETE", if_match=TAG).status
        return ask(store, "PUT", b"%d" % number, if_match=TAG).status

    statuses = together(client)
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 404, 412}  # 404: to DELETE what is gone, which is no matter of conditions
    assert path.exists() == (statuses.index(204) % 2 == 0)


def test_a_date_does_not_guard_what_is_gone(store: Any) -> None:
    """Section 13.1.4: without a modification date the field is ignored. If-Match is what guards."""
    write(store.directory / "name", CONTENT)
    assert ask(store, "DELETE", if_unmodified_since=DATE).status == 204
    assert ask(store, "PUT", b"new", if_match=TAG).status == 412
    assert ask(store, "PUT", b"new", if_unmodified_since=DATE).status == 201


def test_clients_that_try_again(store: Any) -> None:
    """Without rounds: each client adds 1 until it has done so three times."""
    write(store.directory / "name", b"0")

    def client(_: int) -> int:
        tries = done = 0
        while done < 3:
            tries += 1
            got = ask(store, "GET")
            put = ask(store, "PUT", b"%d" % (int(got.body) + 1), if_match=got.etag)
            assert put.status in (204, 412)
            done += put.status == 204
        return tries

    assert sum(together(client)) >= 3 * CLIENTS
    assert ask(store, "GET").body == b"%d" % (3 * CLIENTS)
