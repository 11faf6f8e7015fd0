"""Real clients and caches, against each adapter over a real server: what they hold is revalidated by a 304,
and is never what the file was before.

The programs, as packages of Debian: curl wget nginx-light varnish. The browser is in test_browser.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests_cache

import proxies
from clients import (
    ADAPTERS,
    JUST_AFTER,
    SECONDS_AFTER,
    Origin,
    get,
    needs,
    run,
    serving,
    until,
)

OLD = b"the first version\n"
NEW = b"the other version\n"  # of the same size


@pytest.fixture(params=ADAPTERS)
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Origin]:
    directory = tmp_path / "served"
    directory.mkdir()
    with serving(request.param, directory) as origin:
        origin.write("file.txt", OLD)
        yield origin


# -- curl and wget -------------------------------------------------------------------------------------------


def curl(origin: Origin, *options: str | Path, name: str = "file.txt") -> str:
    """The status, as text."""
    program = needs("curl")
    return run(program, "-q", "--silent", "--show-error", "-w", "%{http_code}", *options, origin.url(name))


@pytest.mark.parametrize("data", [OLD, b""], ids=["file", "empty"])
def test_curl_with_entity_tags(origin: Origin, tmp_path: Path, data: bytes) -> None:
    origin.write("file.txt", data)
    tag, output = tmp_path / "tag", tmp_path / "output"

    def ask() -> str:
        output.write_bytes(b"untouched")
        return curl(origin, "--etag-save", tag, "--etag-compare", tag, "-o", output)

    assert ask() == "200"
    assert output.read_bytes() == data
    assert ask() == "304"
    assert output.read_bytes() == b"untouched"
    origin.write("file.txt", NEW, JUST_AFTER)
    assert ask() == "200"
    assert output.read_bytes() == NEW
    assert ask() == "304"
    assert all(seen.conditional for seen in origin.seen)  # the first too: of no tag, curl makes an empty one


def test_curl_with_a_date(origin: Origin, tmp_path: Path) -> None:
    output, other = tmp_path / "output", tmp_path / "other"
    assert curl(origin, "-R", "-o", output) == "200"
    assert curl(origin, "-z", output, "-o", other) == "304"
    assert not other.exists() or not other.read_bytes()
    origin.write("file.txt", NEW, SECONDS_AFTER)
    assert curl(origin, "-z", output, "-o", other) == "200"
    assert other.read_bytes() == NEW
    assert [seen.conditional for seen in origin.seen] == [False, True, True]


def test_curl_resumes(origin: Origin, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    origin.write("big.bin", data)
    output = tmp_path / "output"
    output.write_bytes(data[:100_001])
    assert curl(origin, "-C", "-", "-o", output, name="big.bin") == "206"
    assert output.read_bytes() == data


def test_wget_asks_whether_the_file_is_newer(origin: Origin, tmp_path: Path) -> None:
    wget = needs("wget")
    copy = tmp_path / "file.txt"

    def ask() -> bytes:
        run(wget, "--no-config", "--no-hsts", "-q", "-N", "-P", tmp_path, origin.url("file.txt"))
        return copy.read_bytes()

    assert ask() == OLD
    written = copy.stat().st_ctime_ns
    assert ask() == OLD
    assert copy.stat().st_ctime_ns == written
    origin.write("file.txt", NEW, SECONDS_AFTER)
    assert ask() == NEW
    assert origin.statuses("file.txt") == [200, 304, 200]
    assert [seen.conditional for seen in origin.seen] == [False, True, True]


# -- Caches --------------------------------------------------------------------------------------------------


def test_requests_cache(origin: Origin) -> None:
    with requests_cache.CachedSession(backend="memory", always_revalidate=True) as session:
        session.trust_env = False  # no proxies

        def ask() -> tuple[bytes, bool]:
            response = session.get(origin.url("file.txt"), timeout=10)
            return response.content, response.from_cache

        assert ask() == (OLD, False)
        assert ask() == (OLD, True)
        origin.write("file.txt", NEW, JUST_AFTER)
        assert ask() == (NEW, False)
        assert ask() == (NEW, True)
    assert origin.statuses("file.txt") == [200, 304, 200, 304]


# -- Reverse proxies -----------------------------------------------------------------------------------------

CACHED = """
location / {{
    proxy_pass http://127.0.0.1:{0};
    proxy_cache files;
    proxy_cache_revalidate on;
    proxy_cache_valid 200 1s;
    add_header X-Cache-Status $upstream_cache_status;
}}
"""


def test_nginx(origin: Origin, tmp_path: Path) -> None:
    origin.write("other.txt", OLD)

    def ask(name: str) -> tuple[str, bytes]:
        answer = get(port, name)
        assert answer.status == 200
        return answer.fields["x-cache-status"], answer.body

    def asked_again(name: str) -> tuple[str, bytes] | None:
        """None while the cache answers by itself, with what it holds."""
        answer = ask(name)
        assert answer[0] != "HIT" or answer[1] == OLD
        return answer if answer[0] != "HIT" else None

    with proxies.nginx(tmp_path, CACHED.format(origin.port)) as port:
        assert ask("file.txt") == ask("other.txt") == ("MISS", OLD)
        origin.write("other.txt", NEW, JUST_AFTER)
        assert until(lambda: asked_again("file.txt")) == ("REVALIDATED", OLD)
        assert until(lambda: asked_again("other.txt")) == ("EXPIRED", NEW)
    assert origin.statuses("file.txt") == [200, 304]
    assert origin.statuses("other.txt") == [200, 200]
    assert all(seen.conditional for seen in origin.seen[2:])


KEPT = "sub vcl_backend_response { set beresp.ttl = 0.1s; set beresp.grace = 0s; set beresp.keep = 1h; }"


def test_varnish(origin: Origin, tmp_path: Path) -> None:
    def ask() -> bytes:
        answer = get(port, "file.txt")
        assert answer.status == 200
        return answer.body

    def revalidated(body: bytes, statuses: list[int]) -> bool:
        assert ask() == body
        return origin.statuses("file.txt") == statuses

    with proxies.varnish(tmp_path, origin.port, KEPT) as port:
        assert ask() == OLD
        until(lambda: revalidated(OLD, [200, 304]))
        origin.write("file.txt", NEW, JUST_AFTER)
        until(lambda: ask() == NEW)
        until(lambda: revalidated(NEW, [200, 304, 200, 304]))
    assert [seen.conditional for seen in origin.seen] == [False, True, True, True]
