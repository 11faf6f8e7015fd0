"""The command line, in this process for its branches and in others for what a person sees."""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import precond
from cases import Case, cases, check, fetch, make_file
from precond import __main__ as command

STAMP = 1_700_000_000_123_456_789
TAG = f'"{STAMP:x}-5"'
DATE = "Tue, 14 Nov 2023 22:13:21 GMT"

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no signal that is Ctrl-C for one process"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return stamped(tmp_path / "file.txt", STAMP)


def stamped(path: Path, stamp: int) -> Path:
    path.write_bytes(b"hello")
    os.utime(path, ns=(stamp, stamp))
    return path


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "precond", *arguments]


# -- explain -------------------------------------------------------------------------------------------------


def explain(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert command.main(["explain", "--json", *map(str, arguments)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    answer: dict[str, Any] = json.loads(output.out)
    return answer


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    st = os.stat(file)
    reason = precond.explain(st, "GET", if_none_match=TAG).reason
    assert explain(capsys, file, "-H", f"If-None-Match: {TAG}") == {
        "file": str(file),
        "size": 5,
        "etag": TAG,
        "last_modified": DATE,
        "held_back": {},
        "method": "GET",
        "outcome": "NOT_MODIFIED",
        "status": 304,
        "field": "If-None-Match",
        "section": "13.1.2",
        "reason": reason,
    }


def test_text(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["explain", str(file), "-H", "If-Match: junk"]) == 0
    assert capsys.readouterr().out == (
        f"file           {file} (5 bytes)\n"
        f"ETag           {TAG}\n"
        f"Last-Modified  {DATE}\n"
        "outcome        PRECONDITION_FAILED: 412 Precondition Failed\n"
        "field          If-Match\n"
        "section        RFC 9110 section 13.1.1\n"
        f"reason         {precond.explain(os.stat(file), 'GET', if_match='junk').reason}\n"
    )
    assert command.main(["explain", str(file), "-X", "PUT", "--policy", "etag=false"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "ETag           held back: the policy says so"
    assert lines[3] == "outcome        PROCEED: go on with PUT"
    assert lines[4] == "field          none decided"


@pytest.mark.parametrize(
    "arguments, outcome, status",
    [
        ([], "PROCEED", 200),
        (["-X", "HEAD", "-H", "Range: bytes=0-1"], "IGNORE_RANGE", 200),
        (["-X", "DELETE"], "PROCEED", None),
        (["-X", "DELETE", "-H", "If-None-Match: *"], "PRECONDITION_FAILED", 412),
        (["-H", "Range: bytes=0-1"], "PROCEED", 206),
        (["-H", "Range: bytes=5-"], "PROCEED", 416),
        (["-H", "Range: lines=5-"], "PROCEED", 200),
        (["-H", "range:bytes=0-1", "-H", 'If-Range: "x"'], "IGNORE_RANGE", 200),
        (["-H", 'If-None-Match: "x"', "-H", f"if-none-match: {TAG}"], "NOT_MODIFIED", 304),
        (["-H", f"If-Modified-Since: {DATE}", "-H", f"If-Modified-Since: {DATE}"], "PROCEED", 200),
        (["-H", "If-None-Match:"], "PROCEED", 200),
        (["-H", "Accept: */*", "-H", "If-Match: *"], "PROCEED", 200),
        (["-H", 'If-None-Match: "\udcff"'], "PROCEED", 200),
        (["-H", f"If-Match: {TAG}", "--policy", "weak=true"], "PRECONDITION_FAILED", 412),
        (
            ["-H", "If-Modified-Since: Tue, 14 Nov 2023 22:13:22 GMT", "--policy", "if_modified_since=exact"],
            "PROCEED",
            200,
        ),
    ],
)
def test_outcomes(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], outcome: str, status: int | None
) -> None:
    answer = explain(capsys, file, *arguments)
    assert (answer["outcome"], answer["status"]) == (outcome, status)


def test_policy(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (
        ["--policy", "weak=true,etag=true", "--policy", "settle=0.5"],
        ["--policy", "weak=true,settle=none"],
    ):
        assert explain(capsys, file, *options)["etag"] == f"W/{TAG}"
    answer = explain(capsys, file, "--policy", "etag=false,last_modified=false")
    assert answer["etag"] is answer["last_modified"] is None
    assert answer["held_back"] == dict.fromkeys(("etag", "last_modified"), "the policy says so")


@pytest.mark.skipif(sys.platform == "win32", reason="there stamp='ctime' is refused")
def test_policy_ctime(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = explain(capsys, stamped(file, 0), "--policy", "stamp=ctime,settle=0")
    assert answer["etag"] == f'"{os.stat(file).st_ctime_ns:x}-5"'
    answer = explain(capsys, stamped(file, 0), "--policy", "stamp=ctime,settle=1000")
    assert answer["held_back"].keys() == {"etag", "last_modified"}


@pytest.mark.parametrize(
    "stamp, options, why",
    [
        (0, [], "before 1990"),
        (time.time_ns() + 3600 * 10**9, [], "in the future"),
        (STAMP, ["--policy", "settle=999999999"], "not settled yet"),
    ],
    ids=["placeholder", "future", "young"],
)
def test_held_back(
    file: Path, capsys: pytest.CaptureFixture[str], stamp: int, options: list[str], why: str
) -> None:
    answer = explain(capsys, stamped(file, stamp), *options)
    assert answer["etag"] is answer["last_modified"] is None
    assert answer["held_back"].keys() == {"etag", "last_modified"}
    assert all(why in reason for reason in answer["held_back"].values())


def test_the_clock_is_read_before_the_stat(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As validators() wants it: a tag of a file that waited on its way to us must not settle meanwhile."""
    asked: list[str] = []
    clock, stat = time.time_ns, os.stat

    def recorded_clock() -> int:
        asked.append("clock")
        return clock()

    def recorded_stat(path: Any, **options: Any) -> os.stat_result:
        if path == str(file):
            asked.append("stat")
        return stat(path, **options)

    monkeypatch.setattr(time, "time_ns", recorded_clock)
    monkeypatch.setattr(os, "stat", recorded_stat)
    explain(capsys, file)
    monkeypatch.undo()
    assert asked == ["clock", "stat"]


@posix
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nobody_reads_what_is_printed(file: Path, options: list[str]) -> None:
    """As in `python -m precond explain FILE | true`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(python("explain", str(file), *options), stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take no such name")
def test_a_name_that_cannot_be_shown(tmp_path: Path) -> None:
    name = stamped(tmp_path / os.fsdecode(b"\xff\n"), STAMP)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    text = subprocess.run(python("explain", str(name)), capture_output=True, env=environment, check=True)
    assert rb"\udcff" in text.stdout
    assert text.stderr == b""
    output = subprocess.check_output(python("explain", str(name), "--json"))
    assert json.loads(output)["file"] == str(name)


# -- Errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "required: COMMAND"),
        (["nonsense"], "nonsense"),
        (["explain"], "FILE"),
        (["explain", "missing"], "no such file: 'missing'"),
        (["explain", "."], "not a regular file: '.'"),
        (["explain", "a" * 5000], "aaaa"),
        (["explain", "FILE", "-H", "If-None-Match"], "-H: expected 'NAME: VALUE', got 'If-None-Match'"),
        (["explain", "FILE", "-H", "If None Match: *"], "-H: "),
        (["explain", "FILE", "-H", "If-Match : *"], "-H: "),
        (["explain", "FILE", "-H", ": *"], "-H: "),
        (["explain", "FILE", "-H", "If-Match: *\r\nX: y"], "-H: "),
        (
            ["explain", "FILE", "--policy", "weak"],
            "expected NAME=VALUE with one of etag, last_modified, weak",
        ),
        (["explain", "FILE", "--policy", "colour=red"], "got 'colour=red'"),
        (["explain", "FILE", "--policy", "weak=perhaps"], "'perhaps' is not a value of weak"),
        (["explain", "FILE", "--policy", "settle=soon"], "'soon' is not a value of settle"),
        (["explain", "FILE", "--policy", "settle=nan"], "settle: expected seconds"),
        (["explain", "FILE", "--policy", "weak=true,"], "got ''"),
        (["explain", "FILE", "--policy", "if_modified_since=never"], "if_modified_since: expected one of"),
        (["serve", "missing"], "no such directory: 'missing'"),
        (["serve", "FILE"], "no such directory: "),
        (["serve", "--port", "65536"], "expected 0 to 65535, got '65536'"),
        (["serve", "--port", "http"], "expected 0 to 65535, got 'http'"),
        (["serve", "--port", "0", "--bind", "a..b"], "cannot listen on a..b port 0: "),
        (["serve", "--port", "0", "--bind", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0: "),
        (["serve", "--policy", "weak=?"], "'?' is not a value of weak"),
    ],
)
def test_errors(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(file.parent)
    assert command.main([str(file) if part == "FILE" else part for part in arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("precond: error: ")
    assert says in output.err
    assert output.err.count("\n") == 1


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert command.main(["serve", "--port", str(port)]) == 2
    assert capsys.readouterr().err.startswith(f"precond: error: cannot listen on 127.0.0.1 port {port}: ")


def test_the_exit_status_of_the_process(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    done = subprocess.run(python("explain", missing), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"precond: error: no such file: {missing!r}\n"


@pytest.mark.parametrize("installed, shown", [({"precond": "1.2.3"}, "1.2.3"), ({}, "(not installed)")])
def test_version(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    installed: dict[str, str],
    shown: str,
) -> None:
    def version(name: str) -> str:
        try:
            return installed[name]
        except KeyError:
            raise importlib.metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(SystemExit, match="0"):
        command.main(["--version"])
    assert capsys.readouterr().out == f"precond {shown}, {precond.BACKEND} back end\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["explain", "--help"], ["serve", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            command.main(arguments)
        assert "usage: python -m precond" in capsys.readouterr().out


# -- serve ---------------------------------------------------------------------------------------------------


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        python("serve", *arguments, "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # What a shell runs in the background ignores Ctrl-C, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"Serving .* on http://(?:127\.0\.0\.1|\[::1\]):(\d+)/ until Ctrl-C\n", line)
        assert match is not None, line
        yield int(match[1]), process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("served")
    (directory / "sub").mkdir()
    stamped(directory / "sub" / "index.html", STAMP)
    return directory


@pytest.fixture(scope="module")
def port(directory: Path) -> Iterator[int]:
    with serving(str(directory)) as (port, _):
        yield port


@pytest.mark.parametrize("case", list(cases(joined=True)), ids=lambda case: case.id)
def test_cases(port: int, directory: Path, case: Case) -> None:
    path = make_file(directory, case)
    answer = fetch(port, f"/{path.name}", case)
    check(case, answer)
    assert answer.status != 304 or not answer.fields.keys() & {"content-length", "content-type"}


@pytest.mark.parametrize(
    "method, target, status",
    [
        ("GET", "/sub/", 200),
        ("HEAD", "/sub/", 200),
        ("GET", "/sub", 301),
        ("GET", "/", 404),
        ("GET", "/missing", 404),
        ("GET", "/../secret", 404),
        ("PUT", "/sub/index.html", 405),
    ],
)
def test_other_answers(port: int, method: str, target: str, status: int) -> None:
    case = Case("", 0, 0, method, (("Host", "127.0.0.1"), ("Content-Length", "0")), frozenset())
    assert fetch(port, target, case).status == status


def test_a_client_that_says_nothing_holds_nobody_up(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        case = Case("", 0, 0, "GET", (("Host", "127.0.0.1"),), frozenset())
        assert fetch(port, "/sub/", case).body == b"hello"


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is not sent to one process")
def test_ctrl_c(directory: Path) -> None:
    with serving(str(directory), "--policy", "weak=true") as (port, process):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/sub/")
        assert connection.getresponse().getheader("ETag") == f"W/{TAG}"
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    "address, host",
    [
        ("127.0.0.1", r"127\.0\.0\.1"),
        pytest.param(
            "::1", r"\[::1\]", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
        ),
    ],
)
def test_serve_in_this_process(
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    host: str,
) -> None:
    def interrupted(server: Any) -> None:
        assert server.get_app() is not None
        raise KeyboardInterrupt

    monkeypatch.setattr(command._Server, "serve_forever", interrupted)
    monkeypatch.chdir(directory)
    assert command.main(["serve", "--port", "0", "--bind", address]) == 0
    assert re.fullmatch(rf"Serving \. on http://{host}:\d+/ until Ctrl-C\n", capsys.readouterr().out)
