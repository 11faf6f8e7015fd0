"""Clients that revalidate files that change, and what each answer is held to.

After a 304 the client's bytes are those of the file, after a 206 the joined download is one version of it,
and a 200 is the file: as it was at some instant between the request and its answer. What happens is for
others to choose: at random and by threads in stale_driver.py, by Hypothesis in test_stale_machine.py.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from cases import Answer
from precond import Policy
from stale_files import Change, File, Version, has_fine_stamps

Ask: TypeAlias = Callable[[str, str, Mapping[str, str]], Answer]
"""The answer to a request: method, name of the file, fields."""

Sends: TypeAlias = Literal["tag", "date", "both"]
Asking: TypeAlias = Literal["get", "head", "fetch", "any", "begin", "resume"]
SENDS: Final[tuple[Sends, ...]] = get_args(Sends)
ASKINGS: Final[tuple[Asking, ...]] = get_args(Asking)


class Scenario(NamedTuple):
    """What happens to files, and the policy that promises to hold nevertheless.

    dates_survive   whether clients may ask by the date alone for what was put back
    forges          whether any version may come back, and its stamp over other bytes
    """

    about: str
    policy: Policy
    dates_survive: bool = True
    forges: bool = False


SCENARIOS: Final = {
    "default": Scenario("Edits; backups, asked for by tag", Policy(), dates_survive=False),
    "exact": Scenario("Backups, asked for by tag or date", Policy(if_modified_since="exact")),
    "ctime": Scenario("Any stamp over any bytes", Policy(stamp="ctime"), forges=True),
}


class Copy(NamedTuple):
    """What a client holds: the bytes, all or the first ones, and the validators that came with them."""

    data: bytes
    etag: str | None
    date: str | None
    whole: bool = True


class Client:
    """Holds the last copies of each file, the newest one last.

    sends   its validators, of those it holds
    ask     how the server is asked
    """

    def __init__(self, sends: Sends, ask: Ask) -> None:
        self.sends = sends
        self.ask = ask
        self.copies: dict[File, list[Copy]] = {}

    def held(self, file: File, *, whole: bool) -> list[Copy]:
        return [copy for copy in self.copies.get(file, ()) if copy.whole == whole]

    def keep(self, file: File, copy: Copy) -> None:
        self.copies.setdefault(file, []).append(copy)
        del self.copies[file][:-3]

    def conditions(self, copies: list[Copy]) -> dict[str, str]:
        """For what is held: any of them by the tag, the last by the date."""
        fields = {}
        tags = dict.fromkeys(copy.etag for copy in copies if copy.etag)
        if tags and self.sends != "date":
            fields["If-None-Match"] = ", ".join(tags)
        if self.sends != "tag" and copies[-1].date:
            fields["If-Modified-Since"] = copies[-1].date
        return fields

    def if_range(self, copy: Copy) -> str | None:
        return copy.etag if self.sends != "date" and copy.etag else copy.date if self.sends != "tag" else None


class Exchange(NamedTuple):
    """A request and its answer.

    seen    what there was meanwhile, None for nothing
    """

    client: Client
    file: File
    fields: dict[str, str]
    answer: Answer
    seen: list[Version | None]

    @property
    def etag(self) -> str | None:
        return self.answer.fields.get("etag")

    @property
    def date(self) -> str | None:
        return self.answer.fields.get("last-modified")

    @property
    def possible(self) -> list[bytes]:
        return [version.data for version in self.seen if version is not None]

    def copy(self) -> Copy:
        return Copy(self.answer.body, self.etag, self.date)


class World:
    """A directory that is served; threads may share it.

    fine        whether its file system has stamps finer than a second strict      whether a wrong answer is
    an AssertionError; otherwise the client forgets what it held reports     of the first wrong answers, with
    the history of the file counts      "steps", of which "changes", of each kind; "revalidations", of which
    "304"; "resumed", of which
                "206"; "stale 304", "wrong 206", "wrong 200", "errors"; and "late", wrong answers about a file
                that appeared later than its stamp says
    """

    def __init__(self, directory: Path, scenario: Scenario, *, strict: bool = False) -> None:
        self.fine = has_fine_stamps(directory)
        self.strict = strict
        self.reports: list[str] = []
        self.counts: Counter[str] = Counter()
        self._directory = directory
        self._scenario = scenario
        self._names = itertools.count()
        self._counting = threading.Lock()

    def count(self, *names: str) -> None:
        with self._counting:
            self.counts.update(names)

    def file(self, *, past: bool) -> File:
        """A new path. The time of the last change of an inode is always of the present."""
        forges = self._scenario.forges
        path = self._directory / str(next(self._names))
        return File(path, past=past and not forges, fine=self.fine, forges=forges)

    def change(self, file: File, change: Change) -> None:
        self.count("steps", "changes", file.change(change))

    # -- Requests --------------------------------------------------------------------------------------------

    def ask(self, client: Client, file: File, asking: Asking, first: int = 1) -> None:
        """One request.

        get, head   revalidates the last copy, if there is any
        any         revalidates all copies at once, of which the answer selects one, where tags are sent
        fetch       asks without conditions
        begin       gets the `first` bytes alone
        resume      gets the rest, if that is still of the same version
        """
        self.count("steps")
        whole = client.held(file, whole=True)
        begun = client.held(file, whole=False)
        if asking == "begin":
            self._begin(client, file, first)
        elif asking == "resume" and begun:
            self._resume(client, file, begun[-1])
        elif asking == "fetch" or not whole:
            self._fetch(client, file)
        else:
            asked = whole if asking == "any" and client.sends == "tag" else whole[-1:]
            self._revalidate(client, file, "HEAD" if asking == "head" else "GET", asked)

    def _exchange(self, client: Client, file: File, method: str, fields: dict[str, str]) -> Exchange:
        with file.asked() as seen:
            answer = client.ask(method, file.path.name, fields)
        exchange = Exchange(client, file, fields, answer, seen)
        file.note(f"{method} {fields}: {answer.status}, {exchange.etag}, {exchange.date}")
        return exchange

    def _fetch(self, client: Client, file: File) -> None:
        self._check_other(self._exchange(client, file, "GET", {}))

    def _revalidate(self, client: Client, file: File, method: str, copies: list[Copy]) -> None:
        fields = client.conditions(copies)
        by_date = list(fields) == ["If-Modified-Since"]
        if not fields or (by_date and self._is_out_of_dates(file)):
            self._fetch(client, file)
            return
        self.count("revalidations")
        exchange = self._exchange(client, file, method, fields)
        if exchange.answer.status == 304:
            if not (by_date and self._is_out_of_dates(file)):  # by now
                self._check_304(exchange, copies)
        elif exchange.answer.status != 200 or method != "HEAD":
            self._check_other(exchange)

    def _is_out_of_dates(self, file: File) -> bool:
        return file.rolled_back and not self._scenario.dates_survive

    def _begin(self, client: Client, file: File, first: int) -> None:
        exchange = self._exchange(client, file, "GET", {"Range": f"bytes=0-{first - 1}"})
        if exchange.answer.status != 206:
            self._check_other(exchange)
        elif any(data[:first] == exchange.answer.body for data in exchange.possible):
            client.keep(file, exchange.copy()._replace(whole=False))
        else:
            self._wrong("wrong 206", exchange)

    def _resume(self, client: Client, file: File, begun: Copy) -> None:
        """Without a validator it begins anew."""
        validator = client.if_range(begun)
        if validator is None:
            self._fetch(client, file)
            return
        self.count("resumed")
        fields = {"Range": f"bytes={len(begun.data)}-", "If-Range": validator}
        exchange = self._exchange(client, file, "GET", fields)
        if exchange.answer.status != 206:
            self._check_other(exchange)
        elif begun.data + exchange.answer.body in exchange.possible:
            self.count("206")
            client.keep(file, exchange.copy()._replace(data=begun.data + exchange.answer.body))
        else:
            self._wrong("wrong 206", exchange)

    # -- Answers ---------------------------------------------------------------------------------------------

    def _check_304(self, exchange: Exchange, copies: list[Copy]) -> None:
        by_tag = (copy for copy in reversed(copies) if copy.etag == exchange.etag)
        copy = next(by_tag, copies[-1])
        if copy.data not in exchange.possible:
            self._wrong("stale 304", exchange)
            return
        self.count("304")
        # What is stored is updated with the fields of the 304 (RFC 9111 section 3.2).
        etag, date = exchange.etag or copy.etag, exchange.date or copy.date
        exchange.client.keep(exchange.file, copy._replace(etag=etag, date=date))

    def _check_other(self, exchange: Exchange) -> None:
        """What is whole, is not there, or has no such range."""
        status = exchange.answer.status
        if status == 200 and exchange.answer.body in exchange.possible:
            exchange.client.keep(exchange.file, exchange.copy())
        elif status == 200:
            self._wrong("wrong 200", exchange)
        elif not (
            (status == 404 and None in exchange.seen) or (status == 416 and "Range" in exchange.fields)
        ):
            self._wrong("errors", exchange)

    def _wrong(self, what: str, exchange: Exchange) -> None:
        """What a file had for a predecessor is unknown to a server where it appeared late."""
        if what in ("stale 304", "wrong 206") and exchange.file.appeared_late(exchange.seen):
            what = "late"
        self.count(what)
        exchange.client.copies.pop(exchange.file, None)
        if what != "late" and len(self.reports) < 3:
            seen = "\n".join(f"there was: {version}" for version in exchange.seen)
            self.reports.append(f"{what}\n{exchange.file}\n{exchange.answer}\n{seen}")
        if self.strict and self.reports:
            raise AssertionError(self.reports[0])
