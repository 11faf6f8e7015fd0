"""Both back ends on any input, compared with each other and with themselves."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from inputs import (
    DATES,
    ENTRIES,
    ETAG,
    FIELDS,
    FIRST_SECOND,
    FORMAT,
    GIVEN,
    LAST_MODIFIED,
    LAST_SECOND,
    LISTS,
    METHODS,
    MODES,
    NAMES,
    NOTHING,
    SETTLE,
    STAMPS,
    WEAK,
    Input,
    unpack,
)

import precond
from precond import _core, _fallback
from precond._fields import combine

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_TAG, OWN_DATE = b"\1", b"\2"
WHOLE: Final = LAST_SECOND - FIRST_SECOND + 1

Value = bytes | str


def outcome_of(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """What a call gives, or the type and the words of what it raises; any other error is a finding."""
    try:
        return function(*args, **keywords)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def same(name: str, given: Input, *args: Any, **keywords: Any) -> Any:
    """What both back ends give, by the function or by the method of the policy that has this name."""
    answers = [
        outcome_of(getattr(owner, name), *args, **keywords)
        for owner in (POLICIES[given.policy] if hasattr(_fallback.Policy, name) else (_core, _fallback))
    ]
    compiled, plain = answers
    assert (type(compiled), compiled) == (type(plain), plain), (name, args, keywords)
    return compiled


def policy_of(module: ModuleType, bits: int) -> Any:
    return module.Policy(
        etag=bool(bits & ETAG),
        last_modified=bool(bits & LAST_MODIFIED),
        weak=bool(bits & WEAK),
        if_modified_since=MODES[(bits >> 3 & 3) % 3],
        stamp="ctime" if bits >> 3 & 3 == 3 else "mtime",
        settle=SETTLE[bits >> 5],
    )


POLICIES: Final = [(policy_of(_core, bits), policy_of(_fallback, bits)) for bits in range(256)]


# -- What an input means -------------------------------------------------------------------------------------


def as_type(value: bytes, given: Input) -> Value:
    """bytes, text of Latin-1, text as surrogateescape makes it, or text that no field can hold."""
    kind = given.method >> 2 & 3
    if kind == 0:
        return value
    if kind == 1:
        return value.decode("latin-1")
    if kind == 2:
        return value.decode("utf-8", "surrogateescape")
    return value.decode("latin-1") + "\N{SNOWMAN}" * (given.method >> 4 & 1)


def split(given: Input) -> tuple[Any, bytes]:
    """The representation, and the body without the line that belongs to it."""
    kind = given.kind & 3
    if kind == NOTHING:
        return None, given.body
    if kind != GIVEN:
        wide = given.kind >> 2 & 63  # beyond 64 bits
        st = SimpleNamespace(
            st_mtime_ns=given.stamp << wide, st_ctime_ns=given.stamp ^ given.now, st_size=given.size << wide
        )
        return st, given.body
    line, _, rest = given.body.partition(b"\n")
    date = precond.format_http_date(given.stamp) if FIRST_SECOND <= given.stamp <= LAST_SECOND else None
    return precond.Validators(line.decode("latin-1") if line else None, date), rest


def value_of(line: bytes, given: Input, st: Any) -> bytes:
    if OWN_TAG not in line and OWN_DATE not in line:
        return line
    plain = POLICIES[given.policy][1]
    tag = outcome_of(plain.etag, st)
    date = outcome_of(precond.format_http_date, outcome_of(plain.last_modified, st))
    opaque_tag = tag.removeprefix("W/").encode("latin-1") if isinstance(tag, str) else b""
    return line.replace(OWN_TAG, opaque_tag).replace(
        OWN_DATE, date.encode() if isinstance(date, str) else b""
    )


# -- Entries -------------------------------------------------------------------------------------------------


def fuzz_dates(given: Input) -> None:
    seconds = same("parse_http_date", given, as_type(given.body, given), now_ns=given.now)
    if seconds is not None and seconds <= LAST_SECOND:
        text = same("format_http_date", given, seconds)
        assert same("parse_http_date", given, text) == seconds


def fuzz_format(given: Input) -> None:
    same("format_http_date", given, given.stamp << (given.kind & 63))
    seconds = FIRST_SECOND + given.stamp % WHOLE
    assert same("parse_http_date", given, same("format_http_date", given, seconds)) == seconds


def fuzz_lists(given: Input) -> None:
    st, body = split(given)
    value = value_of(body, given, st)
    tags = same("parse_etags", given, as_type(value, given))
    if isinstance(tags, tuple):
        assert same("parse_etags", given, ", ".join(map(str, tags))) == tags
    arguments = st, METHODS[given.method & 3]
    same("evaluate", given, *arguments, if_match=as_type(value, given), now_ns=given.now)
    same("evaluate", given, *arguments, if_none_match=as_type(value, given), now_ns=given.now)


def fuzz_stamps(given: Input) -> None:
    st, _ = split(given)
    same("etag", given, st)
    same("last_modified", given, st)
    sent = same("validators", given, st, now_ns=given.now)
    if isinstance(sent, precond.Validators) and sent.last_modified is not None:
        assert same("parse_http_date", given, sent.last_modified) == same("last_modified", given, st)


def fuzz_names(given: Input) -> None:
    st, body = split(given)
    name, _, rest = body.partition(b"\n")
    value = value_of(rest, given, st)
    same("evaluate_raw", given, st, as_type(name, given), [(as_type(name, given), value)], now_ns=given.now)
    same("evaluate_raw", given, st, "GET", [(as_type(name, given), value), (b"Range", b"")], now_ns=given.now)


def fuzz_evaluate(given: Input) -> None:
    st, body = split(given)
    method = METHODS[given.method & 3]
    pairs: list[tuple[Value, Value]] = []
    for line in filter(None, body.split(b"\n")):
        number, rest = line[0] & 7, line[1:]
        if number < len(FIELDS):
            name = FIELDS[number].encode()
            name = (name, name.lower(), name.upper(), name.swapcase())[line[0] >> 6]
        else:
            name, _, rest = rest.partition(b":")
        pairs.append((name, as_type(value_of(rest, given, st), given)))
    raw = same("evaluate_raw", given, st, method, pairs, now_ns=given.now)
    fields = combine(pairs)
    assert same("evaluate", given, st, method, now_ns=given.now, **fields) == raw
    explained = same("explain", given, st, method, now_ns=given.now, **fields)
    assert explained == raw or explained.outcome is raw
    environ: dict[str, Any] = {"REQUEST_METHOD": method}
    for keyword, value in fields.items():
        environ[f"HTTP_{keyword.upper()}"] = value.decode("latin-1")
    assert same("evaluate_environ", given, st, environ, now_ns=given.now) == raw


FUZZ: Final = {
    DATES: fuzz_dates,
    FORMAT: fuzz_format,
    LISTS: fuzz_lists,
    STAMPS: fuzz_stamps,
    NAMES: fuzz_names,
}


def one_input(data: bytes) -> None:
    given = unpack(data)
    if given is not None:
        FUZZ.get(given.entry % ENTRIES, fuzz_evaluate)(given)
