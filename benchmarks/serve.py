"""One server, in a process of its own: python serve.py FRAMEWORK WAY CODE DIRECTORY DESCRIPTOR."""

from __future__ import annotations

import socket
import sys
from importlib import import_module
from pathlib import Path


def main(framework: str, way: str, code: str, directory: str, descriptor: str) -> None:
    module = import_module(f"apps.{framework}_apps")
    module.serve(module.APPS[way, code](Path(directory)), socket.socket(fileno=int(descriptor)))


if __name__ == "__main__":
    main(*sys.argv[1:])
