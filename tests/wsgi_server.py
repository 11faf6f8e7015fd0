"""A real WSGI server for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import waitress.server


def run_waitress(app: Callable[..., Any]) -> Iterator[int]:
    """Serve an application in a thread: gives the port, and stops when it is asked to go on."""
    server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=2, map={})
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        # In the thread that waits on the sockets; a worker that wakes it first has it closed before we write.
        with suppress(OSError):
            server.trigger.pull_trigger(server.close)
        thread.join()
        server.task_dispatcher.shutdown()
