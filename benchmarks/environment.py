"""On what a benchmark ran: the machine, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import precond


def environment(packages: Iterable[str], *commands: list[str]) -> dict[str, str]:
    """By name; `commands` are programs, those that are there, with the option that asks for their version."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "precond": f"{version('precond')}, {precond.BACKEND}",
        **{package: version(package) for package in packages},
        **{Path(command[0]).name: _version_of(command) for command in commands if shutil.which(command[0])},
    }


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return names[0] if names else platform.machine()


def _version_of(command: list[str]) -> str:
    """The first number with a dot; wrk and nginx write theirs to the standard error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    numbers = re.findall(r"\d+\.[\d.]+", done.stdout)
    return str(numbers[0])
