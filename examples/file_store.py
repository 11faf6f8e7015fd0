# python examples/file_store.py, then curl -T FILE http://127.0.0.1:8000/NAME: with -H 'If-None-Match: *' to
# make it if it is not there yet, with -H 'If-Match: "…"' (the ETag of a GET) to change it if nobody has since
import os
import re
import tempfile
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from wsgiref.simple_server import make_server

import precond
from precond.wsgi import FileApp


class FileStore:
    """GET, HEAD, PUT and DELETE of the files of one directory, in which no other process writes."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.lock = Lock()

    def __call__(self, environ, start_response):
        method, name = environ["REQUEST_METHOD"], environ["PATH_INFO"][1:]
        path = self.directory / name
        if not re.fullmatch("[A-Za-z0-9_-]+", name):
            status = 404
        elif method in ("GET", "HEAD"):
            with self.lock:  # no validators while a file is written that may get the same stamp
                return FileApp(path)(environ, start_response)
        elif method == "PUT":
            content = read(environ)
            status = 400 if content is None else self.write(path, environ, content)
        else:
            status = self.write(path, environ, None) if method == "DELETE" else 501
        about = [] if status == 204 else [("Content-Type", "text/plain"), ("Content-Length", "0")]
        start_response(f"{status} {HTTPStatus(status).phrase}", about)
        return []

    def write(self, path, environ, content):
        """Make or replace a file, or delete it (None), if the preconditions hold; gives the status."""
        with self.lock:  # nobody writes between the decision and the change
            st = path.stat() if path.exists() else None
            if st is None and content is None:
                return 404
            if precond.evaluate_environ(st, environ) is precond.Outcome.PRECONDITION_FAILED:
                return 412
            if content is None:
                path.unlink()
            else:
                unfinished = path.with_name(".unfinished")
                unfinished.write_bytes(content)  # here, not before the lock: its stamp has to be a new one
                os.replace(unfinished, path)
            return 201 if st is None else 204


def read(environ):
    """The content of a request, or None where its length is not given, or less has come."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not re.fullmatch("[0-9]{1,18}", length):  # int() takes "-1" too, and read(-1) waits for the end
        return None
    content = environ["wsgi.input"].read(int(length))
    return content if len(content) == int(length) else None


if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, FileStore(tempfile.mkdtemp())) as server:
        server.serve_forever()
