"""Whatever happens to files, no client is given what is stale: by each adapter, on real file systems.

Hypothesis looks for short histories and shrinks them. Random ones are longer, and made by threads that share
the files: a few here, and as many as one likes by the command

    python tests/stale_driver.py --adapter wsgi --steps 10000
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clients import lacking
from precond import Policy
from stale_driver import STAMPS, directory_of, drive, run, shortcomings, sum_of
from stale_files import GAPS_NS, KINDS, SIZES, Change
from stale_mount import NoMountError
from stale_servers import ADAPTERS, STOCK, Server, serving
from stale_world import ASKINGS, SCENARIOS, SENDS, Ask, Asking, Client, World

pytestmark = pytest.mark.thread_unsafe(reason="has threads of its own, which share files")


class Place(NamedTuple):
    stamps: str
    directory: Path


@contextmanager
def place_with(stamps: str) -> Iterator[Place]:
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(directory_of(stamps))
        except NoMountError as error:
            lacking(str(error))
        yield Place(stamps, directory)


@pytest.fixture(scope="module", params=STAMPS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_with(request.param) as place:
        yield place


# -- At random -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADAPTERS)
def test_threads_at_random(name: str, place: Place) -> None:
    seed = random.randrange(10**6)
    results = run(name, place.stamps, place.directory, steps=900, seed=seed, threads=4)
    assert not any(result.wrong for result in results), (seed, shortcomings(results))
    total = sum_of(results)
    assert total.counts["304"]
    if place.stamps == "fine":
        assert total.share_of_304 >= 0.2
        if not total.counts["206"]:  # they are rare, and over ASGI one run in many has none
            total = sum_of(run(name, place.stamps, place.directory, steps=3600, seed=seed, threads=4))
        assert total.counts["206"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_driver_finds_what_is_stale(scenario: str, tmp_path: Path) -> None:
    """As what aiohttp answers by itself."""
    world = drive(STOCK["stock-aiohttp"], tmp_path, SCENARIOS[scenario], steps=1000, seed=1, threads=4)
    assert world.counts["stale 304"] + world.counts["wrong 206"]
    assert world.reports


def test_the_driver_finds_what_has_not_settled() -> None:
    unsettled = SCENARIOS["exact"]._replace(policy=Policy(if_modified_since="exact", settle=0))
    with place_with("seconds") as place:
        world = drive(ADAPTERS["wsgi"], place.directory, unsettled, steps=4000, seed=1, threads=4)
    assert world.counts["stale 304"] + world.counts["wrong 206"]


# -- By Hypothesis -------------------------------------------------------------------------------------------

CHANGES = st.builds(
    Change,
    st.sampled_from(KINDS),
    st.sampled_from(SIZES),
    st.sampled_from(GAPS_NS),
    st.integers(0, 3),
    st.booleans(),
)


class Machine(RuleBasedStateMachine):
    """Two files of the past, of which one may come to the present, and a client of each kind."""

    served: ClassVar[dict[str, tuple[Path, list[Ask]]]]
    counts: ClassVar[Counter[str]]
    present: ClassVar[bool]

    @initialize(index=st.integers(0, len(SCENARIOS) - 1), way=st.integers(0, 1))
    def begin(self, index: int, way: int) -> None:
        scenario = list(self.served)[index % len(self.served)]
        directory, ways = self.served[scenario]
        self.world = World(directory, SCENARIOS[scenario], strict=True)
        self.files = [self.world.file(past=True) for _ in range(2)]
        self.clients = [Client(sends, ways[way % len(ways)]) for sends in SENDS]
        for file in self.files:
            self.world.change(file, Change("replace"))

    @rule(index=st.integers(0, 1), change=CHANGES)
    def change(self, index: int, change: Change) -> None:
        self.world.change(self.files[index], change)

    @rule(
        index=st.integers(0, 1),
        client=st.integers(0, 2),
        asking=st.sampled_from(ASKINGS),
        first=st.integers(1, 80),
    )
    def ask(self, index: int, client: int, asking: Asking, first: int) -> None:
        self.world.ask(self.clients[client], self.files[index], asking, first)

    @rule(client=st.integers(0, 2), change=CHANGES)
    def ask_change_and_ask(self, client: int, change: Change) -> None:
        """What a short history seldom has."""
        file = self.files[1]
        self.world.ask(self.clients[client], file, "get")
        self.world.ask(self.clients[client], file, "get")
        self.world.change(file, change)
        self.world.ask(self.clients[client], file, "get")

    @precondition(lambda self: self.present)
    @rule()
    def to_the_present(self) -> None:
        self.files[1].to_the_present()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.counts.update(self.world.counts)
            for file in self.files:
                file.path.unlink(missing_ok=True)


def look_for_stale_answers(
    server: Server, place: Path, scenarios: Iterable[str], present: bool, **options: Any
) -> Counter[str]:
    """What was counted."""
    served = {}
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        for name in scenarios:
            directory = Path(tempfile.mkdtemp(dir=place))
            policy = SCENARIOS[name].policy
            served[name] = directory, stack.enter_context(serving(server, directory, policy))
        attributes = {"served": served, "counts": counts, "present": present}
        machine = type("Histories", (Machine,), attributes)
        run_state_machine_as_test(machine, settings=settings(stateful_step_count=30, **options))
    return counts


@pytest.mark.parametrize("name", ADAPTERS)
def test_histories(name: str, place: Place) -> None:
    counts = look_for_stale_answers(
        ADAPTERS[name], place.directory, SCENARIOS, present=True, max_examples=20, print_blob=True
    )
    assert counts["304"]


def test_histories_find_what_is_stale(tmp_path: Path) -> None:
    """In the past, where what has happened once happens again."""
    with pytest.raises(AssertionError, match=r"stale 304|wrong 206"):
        look_for_stale_answers(
            STOCK["stock-aiohttp"],
            tmp_path,
            ["exact"],
            present=False,
            max_examples=500,
            phases=[Phase.generate],
        )
