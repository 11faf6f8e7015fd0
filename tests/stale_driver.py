"""Many random changes and requests: how many answers are stale, of each adapter and of stock classes.

    python tests/stale_driver.py --steps 10000 --markdown docs/_stale_table.md

It takes the packages of the dependency group "test", and root for the file system with stamps of one second.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from stale_files import GAPS_NS, KINDS, SIZES, Change, File, has_fine_stamps
from stale_mount import NoMountError, one_second_files
from stale_servers import ADAPTERS, STOCK, Server, serving
from stale_world import ASKINGS, SCENARIOS, SENDS, Ask, Client, Scenario, World

SERVERS: Final = {**ADAPTERS, **STOCK}
STAMPS: Final = ("fine", "seconds")
STALE: Final = ("stale 304", "wrong 206")
WRONG: Final = (*STALE, "wrong 200", "errors")

_CHANGES: Final = 0.3
"""The share of changes among the steps about a file that is not quiet."""
_KIND_WEIGHTS: Final = (6, 2, 2, 6, 4, 1, 6, 3)
_ASKING_WEIGHTS: Final = (8, 1, 3, 1, 4, 6)
_PAST: Final = 6
_PRESENT: Final = 4
"""How many files there are of either."""
_PRESENT_SHARE: Final = {"fine": 0.12, "seconds": 0.5}
"""Of the turns: with fine stamps a 200 about a file that was written just now takes 20 ms."""


class Result(NamedTuple):
    server: str
    stamps: str
    scenario: str
    counts: Counter[str]
    reports: list[str]

    @property
    def stale(self) -> int:
        return sum(self.counts[name] for name in STALE)

    @property
    def wrong(self) -> int:
        return sum(self.counts[name] for name in WRONG)

    @property
    def could_be_stale(self) -> int:
        """How often a client sent a validator."""
        return self.counts["revalidations"] + self.counts["resumed"]

    @property
    def share_of_304(self) -> float:
        return (self.counts["304"] + self.counts["stale 304"]) / max(self.counts["revalidations"], 1)

    def __str__(self) -> str:
        counts = self.counts
        told = ["steps", "changes", "revalidations", "resumed", "206", "late", *WRONG]
        figures = ", ".join(f"{name}: {counts[name]}" for name in told)
        return (
            f"{self.server}, {self.stamps}, {self.scenario}: {figures}; {self.share_of_304:.0%} answered 304"
        )


def sum_of(results: list[Result]) -> Result:
    counts = sum((result.counts for result in results), Counter[str]())
    return results[0]._replace(scenario="all", counts=counts)


class Files:
    """Those in use. They come to the present one after the other, and are deleted some time later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._present_share = _PRESENT_SHARE["fine" if world.fine else "seconds"]
        self._past = [world.file(past=True) for _ in range(_PAST)]
        self._present = [world.file(past=False)]

    def pick(self, rng: random.Random) -> File:
        with self._lock:
            if rng.random() < self._present_share:
                return rng.choice(self._present)
            index = rng.randrange(_PAST)
            file = self._past[index]
            if rng.random() < 0.97:
                return file
            self._past[index] = self._world.file(past=True)
            self._present.append(file)
            over = self._present.pop(0) if len(self._present) > _PRESENT else None
        file.to_the_present()
        if over is not None and over.now is not None:
            self._world.change(over, Change("delete"))
        return file


def turn(world: World, file: File, clients: list[Client], rng: random.Random) -> None:
    """Some steps about one file. Now and then time passes first, where stamps take seconds to settle."""
    client = rng.choice(clients)
    if not world.fine and rng.random() < 0.1:
        time.sleep(rng.uniform(0, 0.6))
    for _ in range(rng.randint(1, 12)):
        if rng.random() < _CHANGES and time.time() >= file.quiet_until:
            world.change(file, any_change(rng))
            if not file.in_the_past and rng.random() < 0.5:
                file.quiet_until = time.time() + 10 ** rng.uniform(-4, -1 if world.fine else 0.6)
            continue
        if rng.random() < 0.2:
            client = rng.choice(clients)
        (asking,) = rng.choices(ASKINGS, _ASKING_WEIGHTS)
        world.ask(client, file, asking, rng.randint(1, 80))


def any_change(rng: random.Random) -> Change:
    (kind,) = rng.choices(KINDS, _KIND_WEIGHTS)
    return Change(kind, rng.choice(SIZES), rng.choice(GAPS_NS), rng.randrange(4), rng.random() < 0.2)


def drive(
    server: Server, directory: Path, scenario: Scenario, *, steps: int, seed: int, threads: int
) -> World:
    """That many steps and a few more, by threads that share the files.

    One thread asks over sockets, the others by calls where there are any. The seed decides what each of them
    does, but neither how they meet nor what the clock says.
    """
    world = World(directory, scenario)
    files = Files(world)
    failed = threading.Event()

    def work(number: int, ask: Ask) -> None:
        rng = random.Random(f"{seed} {number}")
        clients = [Client(sends, ask) for sends in SENDS]
        try:
            while world.counts["steps"] < steps and not failed.is_set():
                turn(world, files.pick(rng), clients, rng)
        except BaseException:
            failed.set()
            raise

    with serving(server, directory, scenario.policy) as ways, ThreadPoolExecutor(threads) as pool:
        try:
            list(pool.map(work, range(threads), [*ways, *ways[-1:] * threads]))
        finally:
            failed.set()
    return world


def run(name: str, stamps: str, directory: Path, *, steps: int, seed: int, threads: int) -> list[Result]:
    """A third of the steps in each scenario."""
    results = []
    for scenario in SCENARIOS:
        below = Path(tempfile.mkdtemp(dir=directory))
        share = -(-steps // len(SCENARIOS))
        world = drive(SERVERS[name], below, SCENARIOS[scenario], steps=share, seed=seed, threads=threads)
        results.append(Result(name, stamps, scenario, world.counts, world.reports))
        shutil.rmtree(below)
    return results


def shortcomings(results: list[Result]) -> list[str]:
    """Of one adapter on one kind of stamps: what it must not do, and what would show nothing."""
    found = [
        report for result in results for report in (*result.reports, *[str(result)] * (result.wrong > 0))
    ]
    together = sum_of(results)
    if together.stamps == "fine" and together.share_of_304 < 0.2:
        found.append(f"304 too seldom: {together}")
    return found + [
        f"never {name}: {together}" for name in (*KINDS, "304", "206") if not together.counts[name]
    ]


# -- Command line --------------------------------------------------------------------------------------------


@contextmanager
def directory_of(stamps: str) -> Iterator[Path]:
    """On a file system with such stamps; a NoMountError where there is none."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if stamps == "seconds":
            directory = stack.enter_context(one_second_files(directory))
        if has_fine_stamps(directory) != (stamps == "fine"):
            raise NoMountError(f"{directory}: its stamps are not {stamps}")
        yield directory


def arguments() -> argparse.Namespace:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=about)
    parser.add_argument("--steps", type=int, default=10_000, help="for each server on each kind of stamps")
    parser.add_argument("--adapter", action="append", choices=SERVERS, help="may be repeated; default: all")
    parser.add_argument("--stamps", action="append", choices=STAMPS, help="may be repeated; default: both")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="default: any")
    parser.add_argument("--threads", type=int, default=4, help="that share the steps; default: 4")
    parser.add_argument("--markdown", type=Path, help="the file to write the table to")
    return parser.parse_args()


def main() -> int:
    """1 where an adapter of precond has shortcomings."""
    options = arguments()
    logging.disable()  # waitress tells of a queue, and what a stock class raises
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # by way of what unmounts
    print(f"seed {options.seed}", flush=True)
    results: list[Result] = []
    found: list[str] = []
    size = {"steps": options.steps, "seed": options.seed, "threads": options.threads}
    for name, stamps in itertools.product(options.adapter or SERVERS, options.stamps or STAMPS):
        began = time.monotonic()
        try:
            with directory_of(stamps) as directory:
                of_one = run(name, stamps, directory, **size)
        except NoMountError as error:
            if options.stamps or os.environ.get("PRECOND_CI"):
                raise
            print(f"{name}, {stamps}: left out. {error}")
            continue
        print(*of_one, f"  in {time.monotonic() - began:.0f} s", sep="\n", flush=True)
        results += of_one
        found += shortcomings(of_one) if name in ADAPTERS else []
    if options.markdown:
        options.markdown.write_text(table(results, options), "utf-8")
    print(*found, sep="\n", end="")
    return bool(found)


TABLE: Final = """\
<!-- python tests/stale_driver.py --steps {options.steps} --seed {options.seed} -->

Stale answers (a 304 for other bytes than the client has, or a 206 that continues another version), of those
to requests that sent a validator, and the share of revalidations that was answered 304. precond has the
policy that is told, the others have none. Stamps are fine, or whole seconds, on ext4. {system}

| Server | Release | Stamps | {columns} | 304 |
|---|---|---|{alignment}---:|
"""


def table(results: list[Result], options: argparse.Namespace) -> str:
    """A row for each server and kind of stamps."""
    columns = [f"{scenario.about} (`{scenario.policy!r}`)" for scenario in SCENARIOS.values()]
    system = f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}."
    lines = TABLE.format(
        options=options, system=system, columns=" | ".join(columns), alignment="---:|" * len(columns)
    )
    for (name, stamps), group in itertools.groupby(results, lambda result: (result.server, result.stamps)):
        rows = list(group)
        server = SERVERS[name]
        cells = [
            server.name,
            server.release,
            stamps,
            *(f"{row.stale} of {row.could_be_stale}" for row in rows),
        ]
        lines += f"| {' | '.join(cells)} | {sum_of(rows).share_of_304:.0%} |\n"
    return lines


if __name__ == "__main__":
    sys.exit(main())
