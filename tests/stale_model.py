"""A small model of a file that changes, the clock that stamps it, a server and a client; and its search.

    world = World(tick=4 * MS, asks=ALL)
    search(world, Library(precond.Policy())).run    # None, or a shortest run that ends in a stale answer

Time is whole nanoseconds. A step happens at once, or at one of the later instants where an answer or a stamp
changes, and is one of: a write, of the same size or another; an earlier version put back with its mtime; a
write that is given the mtime of an earlier version; a GET. The client keeps the content and the validators
that it was last given, and each request may use them in another way. An answer is stale where a 304 or a 206
goes to a client that holds other content than the file's.

What the search cannot see: a file that changes between its stat and the end of the answer; clocks that jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import precond
from precond import Outcome, Validators

NS: Final = 1_000_000_000
MS: Final = 1_000_000
START: Final = 1_700_000_000 * NS  # a multiple of every tick
SIZE: Final = 5

Ask: TypeAlias = Literal["tag", "date", "both", "range by tag", "range by date", "made-up date"]
"""What a client sends: If-None-Match, If-Modified-Since or both; Range with an If-Range; or, where a response
had no Last-Modified, an If-Modified-Since made of its Date."""

BY_TAG: Final[tuple[Ask, ...]] = ("tag", "both", "range by tag")
ALL: Final[tuple[Ask, ...]] = (*BY_TAG, "date", "range by date")


class File(NamedTuple):
    """One version in place: its content, by number, and what stat(2) says of it."""

    content: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int


class Client(NamedTuple):
    """What a client was last given, 0 being no content. `received` is kept only where it makes up dates."""

    content: int = 0
    given: Validators = Validators()
    received: int = 0


class State(NamedTuple):
    """`versions` are all that could be put back, without their ctime, which that changes."""

    now: int
    file: File
    versions: frozenset[File]
    client: Client = Client()


class Rule(Protocol):
    """What a server does with a stat and the values of fields. All fields of one call may not be None."""

    def validators(self, st: File, now: int) -> Validators: ...
    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool: ...
    def partial(self, st: File, now: int, if_range: str) -> bool: ...


class Library:
    """Ours: the functions of a real Policy of either back end.

    ahead       nanoseconds that the clock of `validators` is ahead: to see what it takes to be too early
    """

    def __init__(self, policy: precond.Policy, *, ahead: int = 0) -> None:
        self.policy = policy
        self.ahead = ahead

    def validators(self, st: File, now: int) -> Validators:
        return self.policy.validators(st, now_ns=now + self.ahead)

    def not_modified(self, st: File, now: int, tag: str | None, date: str | None) -> bool:
        outcome = self.policy.evaluate(st, "GET", if_none_match=tag, if_modified_since=date, now_ns=now)
        return outcome is Outcome.NOT_MODIFIED

    def partial(self, st: File, now: int, if_range: str) -> bool:
        outcome = self.policy.evaluate(st, "GET", if_range=if_range, range="bytes=2-", now_ns=now)
        return outcome is Outcome.PROCEED


# -- Which versions may be put back --------------------------------------------------------------------------

PutBack: TypeAlias = Callable[[File, File], bool]
"""Whether a version (first) may be put back although there was another (second), of other content."""


def always(_: File, __: File) -> bool:
    return True


def own_stamp(version: File, other: File) -> bool:
    return (version.st_mtime_ns, version.st_size) != (other.st_mtime_ns, other.st_size)


def own_second(version: File, other: File) -> bool:
    return _second(version.st_mtime_ns) != _second(other.st_mtime_ns)


def _second(stamp: int) -> int:
    """The end of the second that the stamp is in, in nanoseconds."""
    return -(-stamp // NS) * NS


# -- What can happen -----------------------------------------------------------------------------------------


class World(NamedTuple):
    """The choices of one search.

    tick        nanoseconds: a stamp is the time cut to a multiple of it
    asks        what the client may send
    steps       how many, the first write among them
    put_back    which versions may be put back; None: none
    forges      whether a write may be given the mtime of an earlier version
    lag         nanoseconds that the clock of the file system is behind the server's
    spacing     nanoseconds from one step to the next, at least
    waits       nanoseconds after that second: more instants for a step
    contents    how many different ones, where versions are kept
    """

    tick: int
    asks: tuple[Ask, ...]
    steps: int = 6
    put_back: PutBack | None = None
    forges: bool = False
    lag: int = 0
    spacing: int = 0
    waits: tuple[int, ...] = ()
    contents: int = 3

    def stamp(self, now: int) -> int:
        return (now - self.lag) // self.tick * self.tick

    def first(self) -> State:
        """A write well within a second."""
        now = START + 600 * MS
        file = File(1, SIZE, self.stamp(now), self.stamp(now))
        return State(now, file, self._kept(frozenset(), file))

    def instants(self, state: State) -> list[int]:
        """When the next step can be: as soon as may be; the last instant of the tick of the last change, and
        the first after it; the same of the second that its stamp is in; and when its validators settle."""
        stamp = state.file.st_ctime_ns
        second, late = _second(stamp), self.lag + self.tick
        grain = 20 * MS if stamp % NS else 2 * NS
        earliest = state.now + self.spacing
        marks = (
            *(stamp + late - 1, stamp + late, second - 1, second, second + late - 1),
            *(stamp + grain, second + grain, *(second + wait for wait in self.waits)),
        )
        return sorted({earliest, *(mark for mark in marks if mark > earliest)})

    def changes(self, state: State) -> Iterator[tuple[str, State]]:
        """Of the file, at state.now."""
        stamp = self.stamp(state.now)
        # The number of a content that nobody holds is free again.
        content = min({1, 2, 3, 4} - {state.client.content, *(kept.content for kept in state.versions)})
        if content <= self.contents:
            yield "write", self._with(state, File(content, SIZE, stamp, stamp))
            yield "write, longer", self._with(state, File(content, SIZE + 1, stamp, stamp))
        for version in state.versions:
            if self._may_be_put_back(version, state):
                yield "put an earlier version back", self._with(state, version._replace(st_ctime_ns=stamp))
            if self.forges and content <= self.contents:
                forged = File(content, SIZE, version.st_mtime_ns, stamp)
                yield "write, with an earlier mtime", self._with(state, forged)

    def _may_be_put_back(self, version: File, state: State) -> bool:
        put_back = self.put_back
        return (
            put_back is not None
            and version.content != state.file.content
            and all(put_back(version, kept) for kept in state.versions if kept.content != version.content)
        )

    def _with(self, state: State, file: File) -> State:
        return State(state.now, file, self._kept(state.versions, file), state.client)

    def _kept(self, versions: frozenset[File], file: File) -> frozenset[File]:
        if self.put_back is None and not self.forges:
            return frozenset()
        return versions | {file._replace(st_ctime_ns=0)}


def stale_answer(world: World, rule: Rule, state: State) -> str | None:
    """A request at state.now that is answered as if the client had the file's content, where it has not."""
    file, client = state.file, state.client
    if client.content in (0, file.content):
        return None
    for ask in world.asks:
        tag, date = _fields(ask, client)
        if ask.startswith("range"):
            if_range = tag or date
            if if_range is not None and rule.partial(file, state.now, if_range):
                return f"GET with Range and {'a tag' if tag else 'a date'} in If-Range: 206, stale"
        elif (tag or date) and rule.not_modified(file, state.now, tag, date):
            names = ("If-None-Match", tag), ("If-Modified-Since", date)
            return f"GET with {' and '.join(name for name, value in names if value)}: 304, stale"
    return None


def answers(world: World, rule: Rule, state: State) -> Iterator[tuple[str, State]]:
    """The answers at state.now that change what the client has. A stale one is none of them."""
    now, file, client = state.now, state.file, state.client
    given = rule.validators(file, now)
    received = now if "made-up date" in world.asks else 0
    yield "GET: 200", state._replace(client=Client(file.content, given, received))
    if client.content == file.content:
        # A 304 replaces only what it carries (RFC 9111 section 3.2).
        held = client.given
        merged = Validators(given.etag or held.etag, given.last_modified or held.last_modified)
        if merged != given:
            for ask in world.asks:
                tag, date = _fields(ask, client)
                if not ask.startswith("range") and (tag or date) and rule.not_modified(file, now, tag, date):
                    yield "GET: 304", state._replace(client=client._replace(given=merged))
                    return


def _fields(ask: Ask, client: Client) -> tuple[str | None, str | None]:
    """The tag and the date that the request carries."""
    tag, date = client.given
    if ask == "made-up date" and date is None:
        return None, precond.format_http_date(client.received // NS)
    return (tag if ask in BY_TAG else None), (None if ask in ("tag", "range by tag") else date)


# -- The search ----------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """A shortest run, a line a step, or None where there is none; and how many states were seen."""

    run: tuple[str, ...] | None
    states: int


_Origins: TypeAlias = dict[State, tuple[State | None, str]]


def search(world: World, rule: Rule) -> Found:
    """All that can happen in so many steps, breadth first: the first stale answer ends a shortest run."""
    first = world.first()
    origins: _Origins = {first: (None, "write")}
    layer = [first]
    for step in range(2, world.steps + 1):
        following: list[State] = []
        for state in layer:
            for now in world.instants(state):
                at = state._replace(now=now)
                stale = stale_answer(world, rule, at)
                if stale is not None:
                    return Found((*_run(origins, state), _line(at, stale)), len(origins))
                if step == world.steps:
                    continue
                for text, after in (*answers(world, rule, at), *world.changes(at)):
                    if after not in origins:
                        origins[after] = state, text
                        following.append(after)
        layer = following
    return Found(None, len(origins))


def _run(origins: _Origins, state: State | None) -> tuple[str, ...]:
    lines: list[str] = []
    while state is not None:
        before, text = origins[state]
        lines.append(_line(state, text))
        state = before
    return tuple(reversed(lines))


def _line(state: State, text: str) -> str:
    return f"{(state.now - START) / NS:6.3f} s  {text}"
