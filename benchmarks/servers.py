"""Drive real servers with wrk, in interleaved rounds, and print their speed as ratios.

    python benchmarks/servers.py [--rounds N] [--seconds N] [--only TEXT]... [--cores N,N] [--json FILE]

Each server runs in a process of its own, all of them on one core, and wrk on another. A 304 is compared with
the constant 304 of the same framework, other answers with those of the framework's own class. It needs Linux,
wrk and nginx. It prints figures, and beside them the targets that the project has set itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from apps import nginx
from environment import environment
from figures import fastest
from origins import (
    CONDITIONAL,
    JOBS,
    SERVERS,
    Job,
    Origin,
    Server,
    asked_of,
    expected,
    make_files,
    running,
)

PACKAGES: Final = ("aiohttp", "starlette", "uvicorn", "uvloop", "httptools")
TIMEOUT: Final = 600  # seconds, for one run of wrk
LIFETIME: Final = 4  # rounds that a server lives for
LATENCY: Final = "/dev/cpu_dma_latency"  # how long a processor may take to wake
SHORTEST: Final = 0.2  # seconds: wrk looks ten times a second whether it was interrupted

TARGETS: Final = {
    Server("aiohttp", "FileResponse", "precond"): 0.80,
    Server("aiohttp", "FileResponse", "precond, nowait=False"): 0.50,
    Server("aiohttp", "static", "precond"): 0.80,
    Server("aiohttp", "static", "precond, nowait=False"): 0.50,
    Server("starlette", "StaticFiles", "precond"): 0.80,
    Server("starlette", "StaticFiles", "precond, nowait=False"): 0.35,
}
"""Of the constant 304."""

Report = dict[str, Any]


class Task(NamedTuple):
    """What one run of wrk is about."""

    job: Job
    server: Server

    def __str__(self) -> str:
        return f"{self.job.name}: {self.server}"


class Sample(NamedTuple):
    rate: float  # requests per second
    cpu: float  # seconds of the server's processor for one request


# -- Measuring -----------------------------------------------------------------------------------------------


def base_of(task: Task) -> Task:
    """What the server is compared with."""
    job, (framework, way, _) = task
    if job is CONDITIONAL:
        return Task(job, Server(framework, "constant", ""))
    return Task(job, Server(framework, way, "" if framework == "nginx" else "stock"))


def tasks(only: list[str]) -> list[Task]:
    """Those with one of these texts in their name, and what they are compared with."""
    every = [Task(job, server) for job in JOBS for server in SERVERS if job in asked_of(server)]
    named = [task for task in every if not only or any(text in str(task) for text in only)]
    bases = {base_of(task) for task in named}
    return [task for task in every if task in named or task in bases]


def measure(
    wanted: list[Task], rounds: int, seconds: float, server_core: int, client_core: int
) -> dict[Task, list[Sample]]:
    """Servers are started anew now and then: one process is faster than another by where its memory lies."""
    samples: dict[Task, list[Sample]] = {task: [] for task in wanted}
    with TemporaryDirectory(prefix="precond-files-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        make_files(directory)
        for done in range(0, rounds, LIFETIME):
            with ExitStack() as stack:
                origins: dict[Server, Origin] = {}
                for server in dict.fromkeys(task.server for task in wanted):
                    origins[server] = stack.enter_context(running(server, directory, server_core))
                    origins[server].ask(CONDITIONAL, {})  # all at once would be long on one core
                drive(origins, samples, min(LIFETIME, rounds - done), seconds, client_core)
    return samples


def drive(
    origins: dict[Server, Origin],
    samples: dict[Task, list[Sample]],
    rounds: int,
    seconds: float,
    client_core: int,
) -> None:
    """In each round every task comes once: those that are compared with one another one after the other."""
    fields = {task: checked_fields(task, origins[task.server]) for task in samples}
    for _ in range(rounds):
        for task in shuffled(list(samples)):
            origin = origins[task.server]
            options = [f"-c{task.job.connections}", *headers(fields[task])]
            before = origin.cpu()
            rate, requests = wrk(options, origin.url(task.job), client_core, seconds)
            samples[task].append(Sample(rate, (origin.cpu() - before) / requests))


@contextmanager
def awake() -> Iterator[bool]:
    """Let no processor sleep, where one may ask for that (Linux, root); and whether none does.

    That of wrk has nothing to do for most of the time, and the more of it the slower the server is. What it
    takes to wake it is the server's time, and in a virtual machine a tenth of a 304; over a network no server
    would pay for it. https://docs.kernel.org/power/pm_qos_interface.html
    """
    with ExitStack() as stack:
        try:
            latency = stack.enter_context(open(LATENCY, "wb", buffering=0))
        except OSError:
            yield False
            return
        latency.write(struct.pack("i", 0))  # microseconds, for as long as it is open
        yield True


def shuffled(wanted: list[Task]) -> list[Task]:
    """In a new order, in which a job and a framework stay together."""
    order = {key: random.random() for task in wanted for key in (task.job, task.server.framework)}
    return sorted(wanted, key=lambda t: (order[t.job], order[t.server.framework], random.random()))


def checked_fields(task: Task, origin: Origin) -> dict[str, str]:
    fields = origin.fields(task.job)
    status = origin.ask(task.job, fields).status
    if status != expected(task.server, task.job):
        raise RuntimeError(f"{task}: answered {status}")
    return fields


def headers(fields: dict[str, str]) -> list[str]:
    return [option for name, value in fields.items() for option in ("-H", f"{name}: {value}")]


def wrk(options: list[str], url: str, core: int, seconds: float) -> tuple[float, int]:
    """Requests per second, and how many there were; a RuntimeError where there were none, or one failed.

    It only takes whole seconds, in which a shared machine can change its speed, but reports when interrupted.
    """
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-d{TIMEOUT}s", "--timeout", "30s", *options, url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    rate = re.search(r"^Requests/sec:\s+([\d.]+)$", printed, re.MULTILINE)
    requests = re.search(r"^\s*(\d+) requests in ", printed, re.MULTILINE)
    failed = "Socket errors" in printed or "Non-2xx" in printed
    if failed or rate is None or requests is None or requests[1] == "0":
        raise RuntimeError(f"{' '.join(command)}: exit status {process.returncode}, {printed}")
    return float(rate[1]), int(requests[1])


# -- Report --------------------------------------------------------------------------------------------------


def report(samples: dict[Task, list[Sample]], rounds: int, seconds: float, is_awake: bool) -> Report:
    return {
        "environment": environment(PACKAGES, ["wrk", "-v"], [nginx.path() or "nginx", "-v"]),
        "rounds": rounds,
        "seconds": seconds,
        "awake": is_awake,
        "results": [result(task, samples) for task in samples],
    }


def result(task: Task, samples: dict[Task, list[Sample]]) -> Report:
    """Ratios to what it is compared with: of the requests per second, and of its processor time to ours, so
    that more is better in both."""
    ours, base = undisturbed(samples[task]), undisturbed(samples[base_of(task)])
    return {
        "job": task.job.name,
        **task.server._asdict(),
        "status": expected(task.server, task.job),
        "base": str(base_of(task).server),
        "rate": ours.rate,
        "cpu_us": ours.cpu * 1e6,
        "rate_ratio": ours.rate / base.rate,
        "cpu_ratio": base.cpu / ours.cpu,
        "target": target_of(task),
    }


def undisturbed(samples: list[Sample]) -> Sample:
    """Of the quarter of the turns that took least, of either kind of time by itself.

    What a machine that others share takes away comes and goes between one server's turn and the next one's.
    """
    seconds = fastest([1 / sample.rate for sample in samples])
    return Sample(1 / median(seconds), median(fastest([sample.cpu for sample in samples])))


def target_of(task: Task) -> float | None:
    """Of what it is compared with, at least."""
    if task.job is CONDITIONAL:
        return TARGETS.get(task.server)
    return 1.0 if task.server.code.startswith("precond") else None


def print_report(figures: Report) -> None:
    print(", ".join(f"{name} {value}" for name, value in figures["environment"].items()))
    print("no processor slept" if figures["awake"] else "processors slept when they had nothing to do")
    for name in dict.fromkeys(line["job"] for line in figures["results"]):
        of = "constant 304" if name == CONDITIONAL.name else "stock class"
        print(f"\n{name:52}{'per second':>12}{'x':>8}{'CPU us':>10}{'x':>8}   of the {of}")
        for line in figures["results"]:
            if line["job"] != name:
                continue
            server = str(Server(line["framework"], line["way"], line["code"]))
            note = "" if line["target"] is None else f"at least {line['target']:g}"
            note += "" if line["status"] == 304 or not name.startswith("304") else f"answers {line['status']}"
            speed = (
                f"{line['rate']:12.0f}{line['rate_ratio']:8.2f}{line['cpu_us']:10.1f}{line['cpu_ratio']:8.2f}"
            )
            print(f"  {server:50}{speed}   {note}".rstrip())


def cores(text: str) -> tuple[int, int]:
    server, client = map(int, text.split(","))
    return server, client


def main() -> None:
    available = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description="Drive real servers with wrk and print ratios.")
    parser.add_argument("--rounds", type=int, default=48, help="how often each is driven (default: 48)")
    parser.add_argument("--seconds", type=float, default=0.25, help="for how long each time (default: 0.25)")
    parser.add_argument("--only", action="append", default=[], help="only what has this in its name")
    parser.add_argument("--cores", type=cores, help="of the servers and of wrk (default: the first two)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    wanted = tasks(options.only)
    if not wanted or options.rounds < 1 or options.seconds < SHORTEST:
        parser.error("nothing to measure: too few --rounds or --seconds, or nothing has such a name")
    if options.cores is None and len(available) < 2:
        parser.error("one core for the servers and another one for wrk are needed")

    server_core, client_core = options.cores or available[:2]
    with awake() as is_awake:
        samples = measure(wanted, options.rounds, options.seconds, server_core, client_core)
    figures = report(samples, options.rounds, options.seconds, is_awake)
    print_report(figures)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
