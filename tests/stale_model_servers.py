"""The rules of well-known servers for files, as rules of the model, each read in the source that it names.

    python tests/stale_model_servers.py     # what it takes to get a stale answer of each, and a shortest run

What a class does is that release's default. Only what the model's requests reach is written down: a field has
one tag or date, which the same rule made before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import precond
from precond import Validators, format_http_date
from stale_model import ALL, MS, NS, Ask, File, Found, Library, Rule, World, own_second, search


def _float_mtime(st: File) -> float:
    """As os.stat_result has it: a double, some 240 ns apart in this century."""
    seconds, nanoseconds = divmod(st.st_mtime_ns, NS)
    return seconds + 1e-9 * nanoseconds


def _whole(st: File) -> int:
    return st.st_mtime_ns // NS


def _date(value: str) -> int:
    seconds = precond.parse_http_date(value)
    assert seconds is not None
    return seconds


class Aiohttp:
    """aiohttp 3.14.5, web_fileresponse.py: FileResponse._make_response and ._prepare_open_file;
    web_request.py: BaseRequest.if_range, which is None for a tag; web_response.py: Response.last_modified."""

    def validators(self, st: File, now: int) -> Validators:
        return Validators(
            f'"{st.st_mtime_ns:x}-{st.st_size:x}"', format_http_date(math.ceil(_float_mtime(st)))
        )

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        if tag is not None:
            return tag == self.validators(st, now).etag
        return date is not None and _float_mtime(st) <= _date(date)

    def partial(self, st: File, now: int, if_range: str) -> bool:
        return if_range.startswith('"') or _float_mtime(st) <= _date(if_range)


class Starlette:
    """Starlette 1.10.0, responses.py: FileResponse.set_stat_headers and ._should_use_range; staticfiles.py:
    StaticFiles.is_not_modified. The tag is a digest of what stands here."""

    def validators(self, st: File, now: int) -> Validators:
        return Validators(f'"{_float_mtime(st)}-{st.st_size}"', format_http_date(int(_float_mtime(st))))

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        own = self.validators(st, now)
        if tag is not None:
            return tag == own.etag
        return date is not None and int(_float_mtime(st)) <= _date(date)

    def partial(self, st: File, now: int, if_range: str) -> bool:
        return if_range in self.validators(st, now)


class Werkzeug:
    """Werkzeug 3.1.9, utils.py: send_file; sansio/http.py: is_resource_modified; wrappers/response.py:
    Response._is_range_request_processable. The tag has a checksum of the path besides."""

    def validators(self, st: File, now: int) -> Validators:
        return Validators(f'"{_float_mtime(st)}-{st.st_size}"', format_http_date(int(_float_mtime(st))))

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        if tag is not None:
            return tag == self.validators(st, now).etag
        return date is not None and int(_float_mtime(st)) <= _date(date)

    def partial(self, st: File, now: int, if_range: str) -> bool:
        by_tag = if_range.startswith('"')
        return self.not_modified(st, now, *((if_range, None) if by_tag else (None, if_range)))


class Django:
    """Django 6.1.3, views/static.py: serve and was_modified_since. No tags and no ranges."""

    def validators(self, st: File, now: int) -> Validators:
        return Validators(None, format_http_date(int(_float_mtime(st))))

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        return date is not None and int(_float_mtime(st)) <= _date(date)

    def partial(self, st: File, now: int, if_range: str) -> bool:
        return False


class Nginx:
    """nginx, with `if_modified_since exact`, its default: ngx_http_core_module.c: ngx_http_set_etag;
    ngx_http_not_modified_filter_module.c and ngx_http_range_filter_module.c. Both fields must agree."""

    def validators(self, st: File, now: int) -> Validators:
        return Validators(f'"{_whole(st):x}-{st.st_size:x}"', format_http_date(_whole(st)))

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        own = self.validators(st, now)
        return (date is None or date == own.last_modified) and (tag is None or tag == own.etag)

    def partial(self, st: File, now: int, if_range: str) -> bool:
        return if_range in self.validators(st, now)


class Apache:
    """Apache httpd, trunk: server/util_etag.c: ap_make_etag_ex (FileETag MTIME Size); modules/http/
    http_protocol.c: ap_meets_conditions, ap_condition_if_none_match, _if_modified_since and _if_range.

    The tag is weak in the first second of the file, and weakly compared. Both fields must agree.
    """

    def validators(self, st: File, now: int) -> Validators:
        weak = "W/" if now // 1000 - st.st_mtime_ns // 1000 < NS // 1000 else ""
        return Validators(
            f'{weak}"{st.st_size:x}-{st.st_mtime_ns // 1000:x}"', format_http_date(self._modified(st, now))
        )

    def _modified(self, st: File, now: int) -> int:
        return min(st.st_mtime_ns, now) // NS  # ap_rationalize_mtime

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        own = self.validators(st, now).etag
        assert own is not None
        same_date = date is None or self._modified(st, now) <= _date(date) <= now // NS
        return same_date and (tag is None or tag.removeprefix("W/") == own.removeprefix("W/"))

    def partial(self, st: File, now: int, if_range: str) -> bool:
        own = self.validators(st, now)
        if if_range.startswith('"'):
            return if_range == own.etag
        return if_range == own.last_modified and now // NS >= self._modified(st, now) + 60


SERVERS: Final[dict[str, Rule]] = {
    "aiohttp": Aiohttp(),
    "Starlette": Starlette(),
    "Werkzeug": Werkzeug(),
    "Django": Django(),
    "nginx": Nginx(),
    "Apache httpd": Apache(),
}
OURS: Final[dict[str, Rule]] = {
    "precond": Library(precond.Policy()),
    'precond, `if_modified_since="exact"`': Library(precond.Policy(if_modified_since="exact")),
    'precond, `stamp="ctime"`': Library(precond.Policy(stamp="ctime")),
}

# Each run of the second is one of the first. In the third, what is put back has a second of its own.
TICK: Final = 4 * MS
WITHIN_A_TICK: Final = World(TICK, ALL, steps=5, waits=(60 * NS,))  # when Apache takes a date to be strong
WITHIN_A_SECOND: Final = WITHIN_A_TICK._replace(spacing=TICK)
PUT_BACK: Final = WITHIN_A_TICK._replace(spacing=3 * NS, put_back=own_second, contents=2)


def what_it_takes(rule: Rule, ask: Ask) -> str:
    """The cell of a table: what has to happen for a stale answer to this kind of request."""

    def stale(world: World) -> bool:
        return search(world._replace(asks=(ask,)), rule).run is not None

    young = "second" if stale(WITHIN_A_SECOND) else "tick" if stale(WITHIN_A_TICK) else ""
    old = "rollback" if stale(PUT_BACK) else ""
    return ", ".join(filter(None, (young, old))) or "none"


def table() -> Iterator[str]:
    yield f"| server | {' | '.join(ALL)} |"
    yield f"|---{'|---' * len(ALL)}|"
    for name, rule in (SERVERS | OURS).items():
        yield f"| {name} | {' | '.join(what_it_takes(rule, ask) for ask in ALL)} |"


def shortest(rule: Rule) -> Found:
    """With every change a tick or more after the one before, where there is one; else with any."""
    apart = search(WITHIN_A_SECOND, rule)
    return apart if apart.run is not None else search(WITHIN_A_TICK, rule)


def main() -> None:
    print("\n".join(table()))
    for name, rule in SERVERS.items():
        print(f"\n{name}:", *(shortest(rule).run or ("no stale answer",)), sep="\n    ")


if __name__ == "__main__":
    main()
