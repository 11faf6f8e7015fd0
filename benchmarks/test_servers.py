"""Every server that servers.py drives is started once, and answers each of its jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

import servers
from clients import needs
from origins import SERVERS, Server, asked_of, expected, make_files, running


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_answers(server: Server, tmp_path: Path) -> None:
    if server.framework == "nginx":
        needs("nginx")
    make_files(tmp_path)
    with running(server, tmp_path) as origin:
        for job in asked_of(server):
            assert origin.ask(job, origin.fields(job)).status == expected(server, job)


def test_processors_are_kept_awake_while_servers_are_driven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latency = tmp_path / "latency"
    monkeypatch.setattr(servers, "LATENCY", str(latency))
    with servers.awake() as is_awake:
        assert is_awake
        assert latency.read_bytes() == bytes(4)
    monkeypatch.setattr(servers, "LATENCY", str(tmp_path / "none" / "latency"))
    with servers.awake() as is_awake:
        assert not is_awake
