"""A file that was just written is opened, and replaced before the answer: the validators that go with its
bytes are never those of the file that took its place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import precond._aiohttp
import precond._starlette
import precond._wsgi
from cases import Answer
from clients import until
from precond import Policy
from stale_servers import ADAPTERS, serving

OLD, NEW = b"the first version", b"the other version"
MODULES = {"aiohttp": precond._aiohttp, "starlette": precond._starlette, "wsgi": precond._wsgi}


@pytest.fixture(params=MODULES)
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def check(
    adapter: str, path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch, replace: Callable[[], None]
) -> None:
    """`replace` is called once the file is open, within a tick of the file clock of some kernels."""
    module = MODULES[adapter]
    opens = module.open_regular
    within: list[bool] = []

    def opening(asked_for: Any) -> tuple[int, os.stat_result]:
        opened: tuple[int, os.stat_result] = opens(asked_for)
        within.append(time.time_ns() - path.stat().st_mtime_ns < 10_000_000)
        replace()
        return opened

    with serving(ADAPTERS[adapter], path.parent, policy) as (ask, *_):

        def try_once() -> Answer | None:
            path.write_bytes(OLD)
            with monkeypatch.context() as patched:
                patched.setattr(module, "open_regular", opening)
                answer = ask("GET", path.name, {})
            return answer if within[-1] else None

        first = until(try_once)
        assert first is not None
        assert first.body == OLD
        second = ask("GET", path.name, {"If-None-Match": first.fields.get("etag", '"none"')})
        assert (second.status, second.body) == (200, NEW)


def put_in_place(path: Path, stamp: int | None = None) -> None:
    other = path.with_name("other")
    other.write_bytes(NEW)
    if stamp is not None:
        os.utime(other, ns=(stamp, stamp))
    other.replace(path)


@pytest.mark.parametrize("name", ["1", "2"])
def test_one_ctime_for_both(adapter: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename changes both inodes, at one time."""
    path = tmp_path / name

    def replace() -> None:
        put_in_place(path)
        time.sleep(0.003)

    check(adapter, path, Policy(stamp="ctime"), monkeypatch, replace)


@pytest.mark.parametrize("name", ["1", "2"])
@pytest.mark.parametrize("stall", [0, 0.03])
def test_one_tick_for_both(
    adapter: str, name: str, stall: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two saves in one tick of the file clock, which is simulated: some kernels tell them apart."""
    path = tmp_path / name

    def replace() -> None:
        put_in_place(path, path.stat().st_mtime_ns)
        time.sleep(stall)

    check(adapter, path, Policy(), monkeypatch, replace)
