"""nginx and Varnish on ports of 127.0.0.1, as packages of Debian have them: nginx-light varnish"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients import free_port, needs, running

_NGINX = """
daemon off;
master_process off;
pid {at}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {at}/body;
    fastcgi_temp_path {at}/fastcgi;
    proxy_temp_path {at}/proxy;
    scgi_temp_path {at}/scgi;
    uwsgi_temp_path {at}/uwsgi;
    proxy_cache_path {at}/cache keys_zone=files:1m;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""

_VCL = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
{subroutines}
"""


@contextmanager
def nginx(at: Path, locations: str) -> Iterator[int]:
    """With the cache `files`, in a directory that is there already."""
    program, port = needs("nginx"), free_port()
    config = at / "nginx.conf"
    config.write_text(_NGINX.format(at=at, port=port, locations=locations))
    with running(at / "log", port, program, "-p", at, "-e", "stderr", "-c", config):
        yield port


@contextmanager
def varnish(at: Path, origin: int, subroutines: str) -> Iterator[int]:
    program, port = needs("varnishd"), free_port()
    config = at / "default.vcl"
    config.write_text(_VCL.format(origin=origin, subroutines=subroutines))
    command = program, "-F", "-j", "none", "-n", at / "n", "-a", f"127.0.0.1:{port}", "-s", "malloc,16m"
    with running(at / "log", port, *command, "-f", config):
        yield port
