"""Both back ends, one after the other, for every test that takes `backend`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

from precond import _fallback

settings.register_profile("precond", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("precond")

PURE = os.environ.get("PRECOND_NO_EXTENSIONS", "0") not in ("", "0")


# For pytest-run-parallel, whose threads have one tmp_path each, but share all that fixtures made.
CHANGES_FILES = pytest.mark.thread_unsafe(reason="changes files that a fixture made for all threads")
CHANGES_PROCESS = pytest.mark.thread_unsafe(reason="changes or counts what all threads of a process share")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hypothesis expects to see the same again of an example, whatever other threads do meanwhile."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.thread_unsafe(reason="Hypothesis draws the examples"))


def back_ends() -> list[ModuleType]:
    """All that are to be tested: the compiled one is left out by PRECOND_NO_EXTENSIONS alone, and must not be
    missing by accident."""
    if PURE:
        return [_fallback]
    from precond import _core

    return [_core, _fallback]


@pytest.fixture(params=back_ends(), ids=lambda module: module.__name__.rpartition(".")[2])
def backend(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture
def caches() -> Iterator[None]:
    """For what counts on files in memory, or empties it: one such test at a time, in all processes."""
    if os.name != "posix":
        yield
        return
    import fcntl

    with open(Path(tempfile.gettempdir(), f"precond-caches-{os.getuid()}"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
