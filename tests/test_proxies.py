"""What docs/proxies.md says of nginx and Varnish, asked of both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import proxies
from aiohttp_server import ask
from cases import Answer
from clients import FIRST, JUST_AFTER, Origin, serving, until

pytestmark = pytest.mark.thread_unsafe(reason="one proxy with one origin, whose requests are counted")

DATA = b"0123456789" * 500
TAG = f'"{FIRST:x}-{len(DATA):x}"'
WEAK = f"W/{TAG}"
OTHER = '"other"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
LATER = "Wed, 15 Nov 2023 22:13:21 GMT"
GZIP = ("Accept-Encoding", "gzip")
RANGE = ("Range", "bytes=0-1")

Fields = list[tuple[str, str]]


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    directory = tmp_path / "served"
    directory.mkdir()
    with serving("wsgi", directory) as origin:
        origin.write("file.txt", DATA)
        yield origin


# -- nginx ---------------------------------------------------------------------------------------------------

LOCATIONS = """
location /passed/ {{ proxy_pass http://127.0.0.1:{0}/; }}
location /gzipped/ {{ proxy_pass http://127.0.0.1:{0}/; gzip on; gzip_types *; }}
location /asking/ {{ proxy_pass http://127.0.0.1:{0}/; add_header Cache-Control no-transform; }}
location /asked/ {{ proxy_pass http://127.0.0.1:$server_port/asking/file.txt; gzip on; gzip_types *; }}
location /own/ {{ alias {1}/; }}
location /cached/ {{ proxy_pass http://127.0.0.1:{0}/; proxy_cache files; proxy_cache_valid 200 1h; }}
"""


@pytest.fixture
def nginx(origin: Origin, tmp_path: Path) -> Iterator[int]:
    with proxies.nginx(tmp_path, LOCATIONS.format(origin.port, origin.directory)) as port:
        yield port


def test_nginx_passes_every_condition_on(origin: Origin, nginx: int) -> None:
    def status(*fields: tuple[str, str]) -> int:
        answer = ask(nginx, "/passed/file.txt", fields=fields)
        assert answer.status in (304, 412) or answer.fields["etag"] == TAG
        return answer.status

    assert status(("If-None-Match", TAG)) == 304
    assert status(("If-Match", OTHER)) == 412
    assert status(("If-Modified-Since", DATE)) == 304
    assert status(("If-Unmodified-Since", "Mon, 13 Nov 2023 22:13:21 GMT")) == 412
    assert status(RANGE, ("If-Range", TAG)) == 206
    assert status(RANGE, ("If-Range", OTHER)) == 200
    assert origin.statuses("file.txt") == [304, 412, 304, 412, 206, 200]


def test_nginx_weakens_what_it_compresses(nginx: int) -> None:
    def compressed(*fields: tuple[str, str]) -> Answer:
        return ask(nginx, "/gzipped/file.txt", fields=[GZIP, *fields])

    whole = compressed()
    assert (whole.fields["content-encoding"], whole.fields["etag"]) == ("gzip", WEAK)
    assert "vary" not in whole.fields
    assert "accept-ranges" not in whole.fields
    matched = compressed(("If-None-Match", WEAK))
    assert (matched.status, matched.fields["etag"]) == (304, TAG)
    assert compressed(("If-Match", WEAK)).status == 412
    assert compressed(RANGE, ("If-Range", WEAK)).status == 200
    part = compressed(RANGE)
    assert (part.status, part.body, part.fields["etag"]) == (206, DATA[:2], TAG)
    assert ask(nginx, "/gzipped/file.txt").fields["etag"] == TAG


def test_nginx_compresses_what_asks_to_be_left_alone(nginx: int) -> None:
    answer = ask(nginx, "/asked/", fields=[GZIP])
    assert (answer.fields["cache-control"], answer.fields["content-encoding"]) == ("no-transform", "gzip")


CACHED: list[tuple[Fields, int]] = [
    ([("If-None-Match", TAG)], 304),
    ([("If-None-Match", WEAK)], 304),
    ([("If-Modified-Since", DATE)], 304),
    ([("If-Modified-Since", LATER)], 200),  # the same date alone will do
    ([("If-None-Match", TAG), ("If-Modified-Since", LATER)], 200),  # where RFC 9110 leaves the date out
    ([("If-None-Match", OTHER), ("If-Modified-Since", DATE)], 200),
    ([("If-Match", OTHER)], 412),
    ([RANGE, ("If-Range", TAG)], 206),
    ([RANGE, ("If-Range", OTHER)], 200),
]


def test_nginx_decides_itself_where_it_caches(origin: Origin, nginx: int, tmp_path: Path) -> None:
    answers = []
    for fields, _ in CACHED:
        answers.append(ask(nginx, "/cached/file.txt", fields=fields).status)
        # A 304 goes out before the file has come in, and what is asked until then is a miss too.
        until(lambda: any(kept.is_file() for kept in (tmp_path / "cache").rglob("*")))
    assert answers == [status for _, status in CACHED]
    [miss] = origin.about("file.txt")
    assert (miss.status, miss.conditional) == (200, False)


def test_nginx_makes_entity_tags_of_whole_seconds(origin: Origin, nginx: int) -> None:
    first = ask(nginx, "/own/file.txt")
    assert (first.body, first.fields["last-modified"]) == (DATA, "Tue, 14 Nov 2023 22:13:20 GMT")
    origin.write("file.txt", DATA[::-1], JUST_AFTER)
    second = ask(nginx, "/own/file.txt")
    assert (second.body, second.fields["etag"]) == (DATA[::-1], first.fields["etag"])


def test_nginx_passes_on_the_condition_of_a_write(origin: Origin, nginx: int) -> None:
    ask(nginx, "/cached/file.txt", "PUT", [("If-Match", OTHER)])
    [seen] = origin.about("file.txt")
    assert "if-match" in seen.names


# -- Varnish -------------------------------------------------------------------------------------------------

PASS = "sub vcl_recv { if (req.http.x-pass) { return (pass); } }"
KEEP = "sub vcl_backend_response { set beresp.ttl = 1h; }"
COMPRESS = "sub vcl_backend_response { set beresp.do_gzip = true; }"
GRACE = "sub vcl_backend_response { set beresp.ttl = 0.1s; set beresp.grace = 1h; }"


@pytest.fixture
def varnish(request: pytest.FixtureRequest, origin: Origin, tmp_path: Path) -> Iterator[int]:
    with proxies.varnish(tmp_path, origin.port, request.param) as port:
        yield port


HIT: list[tuple[Fields, int]] = [
    ([("If-None-Match", TAG)], 304),
    ([("If-None-Match", WEAK)], 304),
    ([("If-Modified-Since", DATE)], 304),
    ([("If-Modified-Since", LATER)], 304),
    ([("If-None-Match", OTHER), ("If-Modified-Since", DATE)], 200),
    ([("If-Match", OTHER)], 200),  # not looked at
    ([RANGE, ("If-Range", TAG)], 206),
    ([RANGE, ("If-Range", OTHER)], 200),
]


@pytest.mark.parametrize("varnish", [KEEP], ids=["keep"], indirect=True)
def test_varnish_decides_itself(origin: Origin, varnish: int) -> None:
    answers = [ask(varnish, "/file.txt", fields=fields).status for fields, _ in HIT]
    assert answers == [status for _, status in HIT]
    [miss] = origin.about("file.txt")
    assert (miss.status, miss.conditional) == (200, False)


@pytest.mark.parametrize("varnish", [PASS], ids=["pass"], indirect=True)
def test_varnish_passes_conditions_on(origin: Origin, varnish: int) -> None:
    passed = ("X-Pass", "1")
    assert ask(varnish, "/file.txt", fields=[passed, ("If-None-Match", TAG)]).status == 304
    assert ask(varnish, "/file.txt", fields=[passed, ("If-Match", OTHER)]).status == 412
    assert ask(varnish, "/file.txt", fields=[passed, RANGE, ("If-Range", TAG)]).status == 206
    ask(varnish, "/file.txt", "PUT", [("If-Match", OTHER)])
    assert origin.statuses("file.txt") == [304, 412, 206, 405]
    assert "if-match" in origin.seen[-1].names


@pytest.mark.parametrize("varnish", [COMPRESS], ids=["compress"], indirect=True)
def test_varnish_weakens_what_it_compresses(varnish: int) -> None:
    for fields in ([GZIP], []):
        answer = ask(varnish, "/file.txt", fields=fields)
        assert (answer.fields["etag"], answer.fields["vary"]) == (WEAK, "Accept-Encoding")
        assert ("content-encoding" in answer.fields) == bool(fields)
    assert ask(varnish, "/file.txt", fields=[GZIP, ("If-None-Match", WEAK)]).status == 304


@pytest.mark.parametrize("varnish", [GRACE], ids=["grace"], indirect=True)
def test_varnish_in_grace_sends_what_it_has(origin: Origin, varnish: int) -> None:
    """And asks the origin for the next one. Without a word about it in its configuration, grace is 10 s."""
    assert ask(varnish, "/file.txt").body == DATA
    origin.write("file.txt", b"new", JUST_AFTER)

    def asked_again() -> bool:
        answer = ask(varnish, "/file.txt", fields=[("If-None-Match", TAG)])
        assert answer.status == 304 or answer.body == b"new"
        return len(origin.seen) > 1

    assert ask(varnish, "/file.txt", fields=[("If-None-Match", TAG)]).status == 304
    until(asked_again)
    until(lambda: ask(varnish, "/file.txt").body == b"new")
    assert all(seen.conditional for seen in origin.seen[1:])
