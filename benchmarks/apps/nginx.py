"""nginx: a file from its disk, and a constant 304."""

from __future__ import annotations

import getpass
import os
import shutil
from pathlib import Path
from typing import Final

APPS: Final = {
    ("constant", ""): "return 304;",
    ("static file", ""): "root {directory};",
}

_CONFIGURATION: Final = """
daemon off;
user {user};
worker_processes 1;
pid {state}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ {location} }}
    }}
}}
"""


def path() -> str | None:
    """Where the program is; Debian has it outside the path of users."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def command(way: str, code: str, directory: Path, state: Path, port: int) -> list[str]:
    """What starts it; `state` is a directory of its own. The socket comes from the variable NGINX."""
    program = path()
    if program is None:
        raise FileNotFoundError("nginx is not installed")
    configuration = state / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            user=getpass.getuser(),
            state=state,
            port=port,
            location=APPS[way, code].format(directory=directory),
        ),
        encoding="utf-8",
    )
    return [program, "-e", "stderr", "-p", str(state), "-c", str(configuration)]
