"""Why an outcome is what it is, in words: for people, so it is written once and asks the back end.

Whether a condition holds is never worked out here: `evaluate` is asked with that field alone. What is worked
out is only how to say it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from precond._fields import octets
from precond._types import ANY, ETag, Explanation, FieldValue, Outcome, StatResult, Validators, Wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from precond import _core, _fallback

    Policy: TypeAlias = _core.Policy | _fallback.Policy

_SAFE: Final = ("GET", "HEAD")
_UNCONDITIONAL: Final = ("OPTIONS", "TRACE", "CONNECT")
_FIRST_DATE: Final = "Mon, 01 Jan 0001 00:00:00 GMT"


class Grammar(NamedTuple):
    """The back end's functions that know no policy."""

    parse_etags: Callable[[FieldValue], tuple[ETag, ...] | Wildcard | None]
    parse_http_date: Callable[..., int | None]
    format_http_date: Callable[[int], str]


class _Step(NamedTuple):
    """One field of section 13.1: whether its condition is true, None where it is to be ignored, and why."""

    field: str
    section: str
    held: bool | None
    reason: str


class _Request(NamedTuple):
    """What every step asks about."""

    policy: Policy
    grammar: Grammar
    st: StatResult | Validators | None
    method: str
    now_ns: int

    def gives(self, outcome: Outcome, **fields: FieldValue) -> bool:
        return self.policy.evaluate(self.st, self.method, now_ns=self.now_ns, **fields) is outcome

    def is_date(self, value: FieldValue) -> bool:
        return self.grammar.parse_http_date(value, now_ns=self.now_ns) is not None

    def etag(self) -> str | None:
        """Our entity-tag, where there is one to compare with."""
        return self.policy.etag(self.st) if self.st is not None and self.policy.options.etag else None

    def date(self) -> str | None:
        """Our modification date, where there is one to compare with."""
        if isinstance(self.st, Validators):
            return self.policy.validators(self.st, now_ns=self.now_ns).last_modified
        # A date that nothing is older than fails this guard, unless there is no date to compare it with.
        if self.st is None:
            return None
        if self.policy.evaluate(self.st, "PUT", if_unmodified_since=_FIRST_DATE) is Outcome.PROCEED:
            return None
        seconds = self.policy.last_modified(self.st)
        try:
            return self.grammar.format_http_date(seconds)
        except ValueError:
            return f"{seconds} seconds after 1970, a year that no HTTP-date can write"


def explain(
    policy: Policy,
    grammar: Grammar,
    st: StatResult | Validators | None,
    method: FieldValue,
    now_ns: int | None,
    fields: dict[str, FieldValue | None],
) -> Explanation:
    """The work of Policy.explain; `fields` are the field arguments of `evaluate` by their names."""
    if now_ns is None:
        now_ns = time.time_ns()  # once, so that all questions are about one instant
    outcome = policy.evaluate(st, method, now_ns=now_ns, **fields)
    request = _Request(policy, grammar, st, octets(method, "method").decode("latin-1"), now_ns)
    ignored = []
    true = None
    for step in _steps(request, **fields):
        if step.held is False:
            return Explanation(outcome, step.field, step.section, step.reason)
        if step.held:
            true = step
        else:
            ignored.append(step)
    if true is not None:
        return Explanation(outcome, true.field, true.section, true.reason)
    if request.method in _UNCONDITIONAL:
        return Explanation(outcome, None, "13.2.1", f"{request.method} ignores every precondition")
    reason = "; ".join(step.reason for step in ignored) or "there is no precondition"
    return Explanation(outcome, None, ignored[-1].section if ignored else "13.2.2", reason)


def _steps(
    request: _Request,
    if_match: FieldValue | None = None,
    if_unmodified_since: FieldValue | None = None,
    if_none_match: FieldValue | None = None,
    if_modified_since: FieldValue | None = None,
    if_range: FieldValue | None = None,
    range: FieldValue | None = None,
) -> Iterator[_Step]:
    """The fields that are there, in the order of section 13.2.2."""
    if request.method not in _UNCONDITIONAL:
        if if_match is not None:
            yield _if_match(request, if_match)
        if if_unmodified_since is not None:
            yield _if_unmodified_since(request, if_unmodified_since, if_match)
        if if_none_match is not None:
            yield _if_none_match(request, if_none_match)
        if if_modified_since is not None:
            yield _if_modified_since(request, if_modified_since, if_none_match)
    if range is not None and request.method != "GET":
        yield _Step("Range", "14.2", False, "Range is ignored: GET is the only method that has ranges")
    elif if_range is not None:
        yield _if_range(request, if_range, range)


def _if_match(request: _Request, value: FieldValue) -> _Step:
    held = not request.gives(Outcome.PRECONDITION_FAILED, if_match=value)
    reason = _list_reason("If-Match", request, value, held, "strongly")
    return _Step("If-Match", "13.1.1", held, reason)


def _if_unmodified_since(request: _Request, value: FieldValue, if_match: FieldValue | None) -> _Step:
    name, section = "If-Unmodified-Since", "13.1.4"
    why = "If-Match is there" if if_match is not None else _no_date(request, value)
    if why is not None:
        return _Step(name, section, None, f"{name} is ignored: {why}")
    held = not request.gives(Outcome.PRECONDITION_FAILED, if_unmodified_since=value)
    verb = "is not" if held else "is"
    return _Step(name, section, held, f"the last modification, {request.date()}, {verb} later than the date")


def _if_none_match(request: _Request, value: FieldValue) -> _Step:
    held = request.gives(Outcome.PROCEED, if_none_match=value)
    return _Step(
        "If-None-Match", "13.1.2", held, _list_reason("If-None-Match", request, value, not held, "weakly")
    )


def _if_modified_since(request: _Request, value: FieldValue, if_none_match: FieldValue | None) -> _Step:
    name, section = "If-Modified-Since", "13.1.3"
    mode = request.policy.options.if_modified_since
    if if_none_match is not None:
        why: str | None = "If-None-Match is there"
    elif request.method not in _SAFE:
        why = "the method is neither GET nor HEAD"
    elif mode == "off":
        why = 'the policy says if_modified_since="off"'
    else:
        why = _no_date(request, value)
    if why is not None:
        return _Step(name, section, None, f"{name} is ignored: {why}")
    held = request.gives(Outcome.PROCEED, if_modified_since=value)
    if mode == "exact":
        verb = "is not equal to" if held else "is equal to"
    else:
        verb = "is later than" if held else "is not later than"
    return _Step(name, section, held, f"the last modification, {request.date()}, {verb} the date")


def _if_range(request: _Request, value: FieldValue, range: FieldValue | None) -> _Step:
    name, section = "If-Range", "13.1.5"
    if range is None:
        return _Step(name, section, None, f"{name} is ignored: there is no Range")
    held = request.gives(Outcome.PROCEED, if_range=value, range=range)
    if _is_etag(request, value):
        reason = _list_reason(name, request, value, held, "strongly")
    elif not request.is_date(value):
        reason = f"{name} is neither one entity-tag nor an HTTP-date"
    elif held:
        reason = f"the date is the last modification, {request.date()}, and settled"
    elif not request.policy.options.last_modified:
        reason = "a date is compared with nothing: the policy says last_modified=False"
    elif isinstance(request.st, Validators) or request.date() is None:
        reason = "a date is compared with the stamp of a file alone, and there is none that says anything"
    else:
        reason = f"the date is not the last modification, {request.date()}, or that is not settled yet"
    return _Step(name, section, held, reason)


def _is_etag(request: _Request, value: FieldValue) -> bool:
    """Whether it is one entity-tag, and not a list of one, which may have commas around."""
    tags = request.grammar.parse_etags(value)
    if not isinstance(tags, tuple) or len(tags) != 1:
        return False
    return str(tags[0]).encode("latin-1") == octets(value, "if_range").strip(b" \t")


def _list_reason(name: str, request: _Request, value: FieldValue, matched: bool, how: str) -> str:
    """What became of a field that is "*" or a list of entity-tags."""
    tags = request.grammar.parse_etags(value)
    if tags is ANY:
        return f"there is {'no' if request.st is None else 'a'} current representation"
    if tags is None:
        return f"{name} is malformed, so it matches nothing"
    if not tags:
        return f"{name} is an empty list, so it matches nothing"
    etag = request.etag()
    if etag is None:
        return "there is no entity-tag to compare with"
    return f"{'an' if matched else 'no'} entity-tag of {name} is {how} equal to {etag}"


def _no_date(request: _Request, value: FieldValue) -> str | None:
    """Why a date cannot be compared, or None where it can."""
    if not request.is_date(value):
        return "it is not one HTTP-date"
    if request.date() is None:
        return "there is no modification date to compare with"
    return None
