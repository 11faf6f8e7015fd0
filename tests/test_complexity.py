"""What a call costs grows as its input does: counted in instructions, not in seconds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hostile
from clients import needs

pytestmark = pytest.mark.thread_unsafe(reason="counts instructions in a process of its own")

LIMIT = 12  # times the instructions, for ten times the bytes
"""Not 10, because whether a list that grows is copied depends on what lies behind it in memory: 10.9 were
seen. What grows with the square is found where it is a fortieth of the shorter call."""


def instructions(module: str, directory: Path) -> list[tuple[str, int]]:
    """What each call of hostile.py takes, in its order."""
    callgrind = (
        *(needs("valgrind"), "--tool=callgrind", "--dump-before=getppid", "--compress-pos=no"),
        f"--callgrind-out-file={directory / 'count'}",
    )
    program = (sys.executable, hostile.__file__, module)
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*callgrind, *program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    names = done.stdout.splitlines()
    # The first is all that comes before the first call.
    return [(name, _total(directory / f"count.{number}")) for number, name in enumerate(names, 2)]


def _total(dump: Path) -> int:
    match = re.search(r"^totals: (\d+)$", dump.read_text("utf-8"), re.MULTILINE)
    assert match is not None
    return int(match[1])


def test_ten_times_the_bytes_take_ten_times_the_instructions(backend: ModuleType, tmp_path: Path) -> None:
    counted = instructions(backend.__name__, tmp_path)
    names = [call.name for call in hostile.calls(1)]
    assert [name for name, _ in counted] == names * 2
    short, long = counted[: len(names)], counted[len(names) :]
    growth = {name: more / few for (name, few), (_, more) in zip(short, long, strict=True)}
    assert {name: times for name, times in growth.items() if times > LIMIT} == {}
    assert max(growth.values()) > 5  # it is the input that the instructions go into
