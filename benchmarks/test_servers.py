"""Every server that servers.py drives is started once, and answers each of its jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

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
