"""precond.wsgi over real servers: the table of request cases, and files that become shorter while sent."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import shift_path_info
from wsgiref.validate import validator

import pytest

import precond
from cases import Answer, Case, cases, check, fetch, make_file, policies
from precond.wsgi import FileApp, StaticFiles
from wsgi_server import run_waitress

POLICIES = policies()


def mounts(directory: Path) -> Callable[..., Any]:
    """A directory under every policy, by its number: /3/name"""
    apps = {str(number): StaticFiles(directory, policy=policy) for number, policy in enumerate(POLICIES)}

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return apps[shift_path_info(environ) or ""](environ, start_response)

    return app


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def run_wsgiref(app: Callable[..., Any]) -> Iterator[int]:
    with make_server("127.0.0.1", 0, validator(app), ThreadingServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


SERVERS = {"waitress": run_waitress, "wsgiref": run_wsgiref}
each_server = pytest.mark.parametrize("port", SERVERS, indirect=True)


@pytest.fixture(scope="module")
def port(request: pytest.FixtureRequest, directory: Path) -> Iterator[int]:
    yield from SERVERS[request.param](mounts(directory))


TABLE = [
    pytest.param(number, case, id=f"{number}-{case.id}")
    for number, policy in enumerate(POLICIES)
    for case in cases(policy, joined=True)
]


@each_server
@pytest.mark.parametrize("number, case", TABLE)
def test_cases(port: int, directory: Path, number: int, case: Case) -> None:
    path = make_file(directory, case)
    answer = fetch(port, f"/{number}/{path.name}", case)
    check(case, answer)
    if answer.status == 304:
        assert not answer.fields.keys() & {"content-length", "content-type"}
    etag, last_modified = POLICIES[number].validators(path.stat())
    if answer.status in (200, 206):
        assert (answer.fields.get("etag"), answer.fields.get("last-modified")) == (etag, last_modified)
        assert "date" in answer.fields


def test_the_table_is_whole() -> None:
    assert len(TABLE) > 250
    assert precond.DEFAULT in POLICIES


@each_server
@pytest.mark.parametrize(
    "target",
    [
        "/0/../secret.txt",
        "/0/%2e%2e/secret.txt",
        "/0/..%2fsecret.txt",
        "/0/%2e%2e%2fsecret.txt",
        "/0//secret.txt",
        "/0/%2fetc/passwd",
        "/0/x%00",
        "/0/..%5csecret.txt",
        "/0/%c0%ae%c0%ae/secret.txt",
        "/0/",
        "/0/missing",
    ],
)
def test_no_way_out(port: int, directory: Path, target: str) -> None:
    (directory.parent / "secret.txt").write_bytes(b"secret")
    case = Case("", 0, 0, "GET", (("Host", "127.0.0.1"), ("If-None-Match", "*")), frozenset())
    answer = fetch(port, target, case)
    assert answer.status == 404
    assert b"secret" not in answer.body


# -- Files that change ---------------------------------------------------------------------------------------


def test_requests_while_the_file_is_replaced_and_deleted(tmp_path: Path) -> None:
    """Whatever version is answered with, its entity-tag and its bytes belong together."""
    path = tmp_path / "file"
    versions: dict[str, bytes] = {}
    answers: list[Answer] = []
    case = Case("", 0, 0, "GET", (("Host", "127.0.0.1"),), frozenset())

    def ask(port: int) -> None:
        answers.extend(fetch(port, "/", case) for _ in range(30))

    for port in run_waitress(FileApp(path)):
        clients = [threading.Thread(target=ask, args=(port,)) for _ in range(3)]
        for client in clients:
            client.start()
        stamp = 1_700_000_000_123_456_789
        while any(client.is_alive() for client in clients):
            stamp += 1
            temporary = tmp_path / "temporary"
            temporary.write_bytes(str(stamp).encode())
            os.utime(temporary, ns=(stamp, stamp))
            versions[precond.etag(temporary.stat())] = temporary.read_bytes()
            os.replace(temporary, path)
            if stamp % 3 == 0:
                path.unlink()
    assert len(answers) == 90
    assert {answer.status for answer in answers} <= {200, 404}
    assert all(answer.body == versions[answer.fields["etag"]] for answer in answers if answer.status == 200)


WHOLE = 64 << 20  # bytes, of a sparse file: more than all buffers between server and client hold
LEFT = 32 << 20


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("ranges", [None, "bytes=1-"])
def test_a_file_that_becomes_shorter(tmp_path: Path, server: str, ranges: str | None) -> None:
    """The connection ends, and the client sees that bytes are missing."""
    path = tmp_path / "big"
    path.touch()
    os.truncate(path, WHOLE)
    for port in SERVERS[server](FileApp(path)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.request("GET", "/", headers={"Range": ranges} if ranges else {})
        response = connection.getresponse()
        assert response.status == (206 if ranges else 200)
        response.read(10)
        os.truncate(path, LEFT)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        connection.close()
