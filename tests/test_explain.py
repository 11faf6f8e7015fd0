"""The reasons in words; that outcome and field are right is for the vectors."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from precond import Explanation, Outcome, Validators

BASE = 1_700_000_000_123_456_789
ST = SimpleNamespace(st_mtime_ns=BASE, st_size=95)
TAG = '"17979cfe3d85cd15-5f"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"
LATER = "Tue, 14 Nov 2023 22:13:22 GMT"
NOW = BASE + 10**12

CASES: list[tuple[str, Any, str, dict[str, str], str]] = [
    ("13.1.1", ST, "PUT", {"if_match": TAG}, f"an entity-tag of If-Match is strongly equal to {TAG}"),
    ("13.1.1", ST, "PUT", {"if_match": "*"}, "there is a current representation"),
    ("13.1.1", None, "PUT", {"if_match": "*"}, "there is no current representation"),
    ("13.1.1", ST, "PUT", {"if_match": "x"}, "If-Match is malformed, so it matches nothing"),
    ("13.1.1", ST, "PUT", {"if_match": ","}, "If-Match is an empty list, so it matches nothing"),
    ("13.1.1", None, "PUT", {"if_match": TAG}, "there is no entity-tag to compare with"),
    ("13.1.1", Validators(), "PUT", {"if_match": TAG}, "there is no entity-tag to compare with"),
    ("13.1.2", ST, "GET", {"if_none_match": TAG}, f"an entity-tag of If-None-Match is weakly equal to {TAG}"),
    ("13.1.2", ST, "GET", {"if_none_match": '"x"'}, f"no entity-tag of If-None-Match is weakly equal to {TAG}"),
    ("13.1.3", ST, "GET", {"if_modified_since": DATE}, f"the last modification, {DATE}, is not later than the date"),
    ("13.1.3", ST, "PUT", {"if_modified_since": DATE}, "If-Modified-Since is ignored: the method is neither GET nor HEAD"),
    ("13.1.3", ST, "GET", {"if_modified_since": "x"}, "If-Modified-Since is ignored: it is not one HTTP-date"),
    ("13.1.3", None, "GET", {"if_modified_since": DATE}, "If-Modified-Since is ignored: there is no modification date to compare with"),
    ("13.1.2", ST, "GET", {"if_none_match": '"x"', "if_modified_since": DATE}, f"no entity-tag of If-None-Match is weakly equal to {TAG}"),
    ("13.1.4", ST, "PUT", {"if_unmodified_since": LATER}, f"the last modification, {DATE}, is not later than the date"),
    ("13.1.1", ST, "PUT", {"if_match": "*", "if_unmodified_since": DATE}, "there is a current representation"),
    ("13.1.5", ST, "GET", {"if_range": TAG}, "If-Range is ignored: there is no Range"),
    ("13.1.5", ST, "GET", {"if_range": TAG, "range": "x"}, f"an entity-tag of If-Range is strongly equal to {TAG}"),
    ("13.1.5", ST, "GET", {"if_range": DATE, "range": "x"}, f"the date is the last modification, {DATE}, and settled"),
    ("13.1.5", ST, "GET", {"if_range": LATER, "range": "x"}, f"the date is not the last modification, {DATE}, or that is not settled yet"),
    ("13.1.5", ST, "GET", {"if_range": "*", "range": "x"}, "If-Range is neither one entity-tag nor an HTTP-date"),
    ("13.1.5", ST, "GET", {"if_range": f" {TAG}\t", "range": "x"}, f"an entity-tag of If-Range is strongly equal to {TAG}"),
    ("13.1.5", ST, "GET", {"if_range": f"W/{TAG}", "range": "x"}, f"no entity-tag of If-Range is strongly equal to {TAG}"),
    ("13.1.5", ST, "GET", {"if_range": f"{TAG},", "range": "x"}, "If-Range is neither one entity-tag nor an HTTP-date"),
    ("13.1.5", ST, "GET", {"if_range": f",{TAG}", "range": "x"}, "If-Range is neither one entity-tag nor an HTTP-date"),
    ("13.1.5", None, "GET", {"if_range": DATE, "range": "x"}, "a date is compared with the stamp of a file alone, and there is none that says anything"),
    ("14.2", ST, "PUT", {"range": "x"}, "Range is ignored: GET is the only method that has ranges"),
    ("13.2.1", ST, "OPTIONS", {"if_match": TAG}, "OPTIONS ignores every precondition"),
    ("13.2.2", ST, "GET", {}, "there is no precondition"),
]  # fmt: skip


@pytest.mark.parametrize("section,st,method,fields,reason", CASES)
def test_reason(
    backend: ModuleType, section: str, st: Any, method: str, fields: dict[str, str], reason: str
) -> None:
    explanation = backend.Policy().explain(st, method, **fields, now_ns=NOW)
    assert (explanation.section, explanation.reason) == (section, reason)


def test_modes(backend: ModuleType) -> None:
    exact = backend.Policy(if_modified_since="exact")
    assert exact.explain(ST, "GET", if_modified_since=DATE).reason.endswith("is equal to the date")
    assert exact.explain(ST, "GET", if_modified_since=LATER).reason.endswith("is not equal to the date")
    off = backend.Policy(if_modified_since="off")
    reason = off.explain(ST, "GET", if_modified_since=DATE).reason
    assert reason == 'If-Modified-Since is ignored: the policy says if_modified_since="off"'
    tags = backend.Policy(last_modified=False)
    explanation = tags.explain(ST, "GET", if_range=DATE, range="x", now_ns=NOW)
    assert explanation.outcome is Outcome.IGNORE_RANGE
    assert explanation.reason == "a date is compared with nothing: the policy says last_modified=False"


def test_ignored_fields_are_all_named(backend: ModuleType) -> None:
    explanation = backend.Policy().explain(
        ST, "GET", if_modified_since="x", if_unmodified_since="y", if_range="z"
    )
    assert explanation == Explanation(
        Outcome.PROCEED,
        None,
        "13.1.5",
        "If-Unmodified-Since is ignored: it is not one HTTP-date; If-Modified-Since is ignored: it is not one"
        " HTTP-date; If-Range is ignored: there is no Range",
    )


def test_a_year_that_no_date_can_write(backend: ModuleType) -> None:
    st = SimpleNamespace(st_mtime_ns=10**21, st_size=1)
    reason = backend.Policy().explain(st, "GET", if_modified_since=DATE).reason
    assert "1000000000000 seconds after 1970, a year that no HTTP-date can write, is later than" in reason


def test_two_digit_years_are_read_by_the_instant_of_the_question(backend: ModuleType) -> None:
    in_2057 = 2_745_532_800_000_000_000
    value = "Tuesday, 29-Feb-00 00:00:00 GMT"  # of 2100 then, which will not have the day
    explanation = backend.Policy().explain(ST, "GET", if_range=value, range="x", now_ns=in_2057)
    assert explanation.reason == "If-Range is neither one entity-tag nor an HTTP-date"


def test_an_application_s_date(backend: ModuleType) -> None:
    reason = backend.Policy().explain(Validators(None, DATE), "GET", if_modified_since=LATER).reason
    assert reason == f"the last modification, {DATE}, is not later than the date"


def test_the_method_may_be_bytes(backend: ModuleType) -> None:
    assert backend.Policy().explain(ST, b"HEAD", if_none_match=b"*").outcome is Outcome.NOT_MODIFIED
