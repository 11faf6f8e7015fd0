"""Of all runs of the model in stale_model.py none ends in a stale answer of ours, some in one of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from precond import Validators
from stale_model import (
    ALL,
    BY_TAG,
    MS,
    NS,
    Ask,
    File,
    Library,
    Rule,
    World,
    always,
    answers,
    own_second,
    own_stamp,
    search,
)
from stale_model_servers import SERVERS, shortest, table

pytestmark = pytest.mark.thread_unsafe(reason="searches a model, which has nothing of threads")

TICKS = {"1 ns": 1, "4 ms": 4 * MS, "1 s": NS, "2 s": 2 * NS}
DOCS = Path(__file__).parents[1] / "docs"
BY_DATE: tuple[Ask, ...] = ("date", "range by date")


class Promise(NamedTuple):
    """Choices of a policy, and what may then happen on any file clock."""

    policy: dict[str, Any]
    world: World


PROMISES = {
    "writes": Promise({}, World(0, ALL, steps=7)),
    "rollbacks, clients that send the tag": Promise({}, World(0, BY_TAG, put_back=own_stamp)),
    "rollbacks, all clients": Promise({"if_modified_since": "exact"}, World(0, ALL, put_back=own_second)),
    "anything": Promise({"stamp": "ctime"}, World(0, ALL, put_back=always, forges=True, contents=2)),
}


def stale_run(world: World, rule: Rule) -> str:
    """The steps of a shortest one, a line each; empty where there is none."""
    return "\n".join(search(world, rule).run or ())


@pytest.mark.parametrize("tick", TICKS.values(), ids=TICKS)
@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_no_stale_answer(backend: ModuleType, promise: Promise, tick: int) -> None:
    rule = Library(backend.Policy(**promise.policy))
    assert not stale_run(promise.world._replace(tick=tick), rule)


@pytest.mark.parametrize("tick", TICKS.values(), ids=TICKS)
@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_an_unchanged_file_is_not_sent_again(backend: ModuleType, promise: Promise, tick: int) -> None:
    rule = Library(backend.Policy(**promise.policy))
    world = promise.world._replace(tick=tick)
    settled = world.first()
    settled = settled._replace(now=settled.now + 10 * NS)
    ((text, state),) = answers(world, rule, settled)
    etag, date = state.client.given
    assert text == "GET: 200"
    assert etag is not None
    assert date is not None
    assert rule.not_modified(state.file, state.now, etag, None)
    assert rule.not_modified(state.file, state.now, None, date)
    assert rule.not_modified(state.file, state.now, etag, date)
    assert rule.partial(state.file, state.now, etag)
    assert rule.partial(state.file, state.now, date)


@pytest.mark.parametrize("name", SERVERS)
def test_other_servers_give_stale_answers(name: str) -> None:
    run = shortest(SERVERS[name]).run
    assert run is not None
    print(name, *run, sep="\n")
    assert len(run) == 4


def test_the_documentation_has_the_table() -> None:
    assert "\n".join(table()) in (DOCS / "never-stale.md").read_text("utf-8")


def test_the_picture_is_what_its_script_makes() -> None:
    run = subprocess.run([sys.executable, DOCS / "timeline.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# -- Each part of the rule is needed -------------------------------------------------------------------------


class RoundedDown(Library):
    """Dates of the second that the stamp is in, not of its end."""

    def validators(self, st: File, now: int) -> Validators:
        return super().validators(_cut(st), now)

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        return super().not_modified(_cut(st), now, tag, date)


def _cut(st: File) -> File:
    return st._replace(st_mtime_ns=st.st_mtime_ns // NS * NS)


@pytest.mark.parametrize("asks", [BY_TAG, BY_DATE], ids=["tag", "date"])
@pytest.mark.parametrize(
    "tick, settle",
    [
        *((tick, 0) for tick in TICKS.values()),
        (4 * MS, 0.003_999_999),
        (NS, 0.02),
        (NS, 0.999_999_999),
        (2 * NS, 1),
        (2 * NS, 1.999_999_999),
    ],
)
def test_stamps_that_are_not_settled(
    backend: ModuleType, tick: int, settle: float, asks: tuple[Ask, ...]
) -> None:
    assert stale_run(World(tick, asks), Library(backend.Policy(settle=settle)))


@pytest.mark.parametrize("asks", [BY_TAG, BY_DATE], ids=["tag", "date"])
@pytest.mark.parametrize("tick, grain", [(1, 20 * MS), (4 * MS, 20 * MS), (NS, 2 * NS), (2 * NS, 2 * NS)])
def test_validators_one_grain_too_early(
    backend: ModuleType, tick: int, grain: int, asks: tuple[Ask, ...]
) -> None:
    assert stale_run(World(tick, asks), Library(backend.Policy(), ahead=grain))


def test_dates_rounded_down(backend: ModuleType) -> None:
    world = World(4 * MS, ("date",))
    assert stale_run(world, RoundedDown(backend.Policy(settle=0.02)))
    assert not stale_run(world, Library(backend.Policy(settle=0.02)))


# -- What docs/never-stale.md says is not covered is not, and no more than that ------------------------------


def test_dates_compared_by_order_after_a_rollback(backend: ModuleType) -> None:
    world = World(4 * MS, ("date",), steps=5, put_back=own_second)
    assert stale_run(world, Library(backend.Policy()))
    assert not stale_run(world, Library(backend.Policy(if_modified_since="exact")))
    assert not stale_run(world, Library(backend.Policy(if_modified_since="off")))


def test_a_rollback_within_the_second_of_another_version(backend: ModuleType) -> None:
    rule = Library(backend.Policy(if_modified_since="exact"))
    world = World(4 * MS, BY_DATE, steps=5, put_back=own_stamp)
    assert stale_run(world, rule)
    assert not stale_run(world._replace(asks=BY_TAG), rule)


@pytest.mark.parametrize("change", [{"put_back": always}, {"forges": True}], ids=["put back", "forge"])
def test_the_stamp_and_size_of_another_version(backend: ModuleType, change: dict[str, Any]) -> None:
    world = World(4 * MS, BY_TAG, steps=5, **change)
    assert stale_run(world, Library(backend.Policy(if_modified_since="exact")))
    assert not stale_run(world, Library(backend.Policy(stamp="ctime")))


@pytest.mark.parametrize("tick", TICKS.values(), ids=TICKS)
def test_dates_that_a_client_makes_up(backend: ModuleType, tick: int) -> None:
    world = World(tick, ("made-up date",))
    assert stale_run(world, Library(backend.Policy()))
    assert not stale_run(world, Library(backend.Policy(if_modified_since="off")))


@pytest.mark.parametrize("tick, limit", [(4 * MS, 16 * MS), (NS, NS), (2 * NS, 0)])
def test_a_file_clock_that_is_behind(backend: ModuleType, tick: int, limit: int) -> None:
    rule = Library(backend.Policy())
    assert not stale_run(World(tick, ALL, lag=limit), rule)
    assert stale_run(World(tick, ALL, lag=limit + 1), rule)
    enough = (limit + 1 + tick) / NS  # seconds
    assert not stale_run(World(tick, ALL, lag=limit + 1), Library(backend.Policy(settle=enough)))
