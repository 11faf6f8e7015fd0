"""The command line: `python -m precond explain FILE` says why, `python -m precond serve DIR` serves files."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import socket
import stat
import sys
import time
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from precond import BACKEND, Outcome, Policy
from precond._fields import combine
from precond._ranges import byte_range
from precond.wsgi import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# field-name = token (RFC 9110 section 5.6.2); no field value has CR, LF or NUL (section 5.5)
_HEADER_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")

_LATEST: Final = 2**63 - 1
"""POSIX nanoseconds; what is not settled by then never is."""


class _UsageError(Exception):
    """One line for the person at the terminal; exit status 2."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0, or 2 after an error that is said in one line on stderr."""
    try:
        arguments = _parser().parse_args(argv)
        command: Callable[[argparse.Namespace], None] = arguments.command
        command(arguments)
    except _UsageError as error:
        print(f"precond: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> _Parser:
    parser = _Parser(prog="python -m precond", description="HTTP preconditions (RFC 9110 section 13).")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    of_policy = _Parser(add_help=False)
    of_policy.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of precond.Policy, such as weak=true; may be repeated or separated by commas",
    )

    explain = commands.add_parser(
        "explain", parents=[of_policy], help="say how a request for a file is answered"
    )
    explain.add_argument("file", metavar="FILE")
    explain.add_argument("-H", dest="headers", action="append", default=[], metavar="'NAME: VALUE'")
    explain.add_argument("-X", dest="method", default="GET", metavar="METHOD")
    explain.add_argument("--json", action="store_true", help="print one JSON object")
    explain.set_defaults(command=_explain)

    serve = commands.add_parser("serve", parents=[of_policy], help="serve a directory until Ctrl-C")
    serve.add_argument("directory", nargs="?", default=".", metavar="DIR")
    serve.add_argument("--port", type=_port, default=8000, metavar="N", help="8000; 0 takes one that is free")
    serve.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="127.0.0.1")
    serve.set_defaults(command=_serve)
    return parser


def _version() -> str:
    try:
        version = importlib.metadata.version("precond")
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    return f"precond {version}, {BACKEND} back end"


# -- explain -------------------------------------------------------------------------------------------------


def _explain(arguments: argparse.Namespace) -> None:
    policy = _policy(arguments.policy)
    fields = combine([_header(line) for line in arguments.headers])
    now = time.time_ns()
    st = _stat(arguments.file)
    explanation = policy.explain(st, arguments.method, now_ns=now, **fields)
    etag, last_modified = policy.validators(st, now_ns=now)
    answer = {
        "file": arguments.file,
        "size": st.st_size,
        "etag": etag,
        "last_modified": last_modified,
        "held_back": _held_back(policy, st, now),
        "method": arguments.method,
        "outcome": explanation.outcome.name,
        "status": _status(explanation.outcome, arguments.method, st.st_size, fields.get("range")),
        "field": explanation.field,
        "section": explanation.section,
        "reason": explanation.reason,
    }
    _print(json.dumps(answer) if arguments.json else _as_text(answer))


def _stat(path: str) -> os.stat_result:
    try:
        st = os.stat(path)
    except FileNotFoundError:
        raise _UsageError(f"no such file: {path!r}") from None
    except OSError as error:
        raise _UsageError(f"{path!r}: {error.strerror}") from None
    if not stat.S_ISREG(st.st_mode):
        raise _UsageError(f"not a regular file: {path!r}")
    return st


def _header(line: str) -> tuple[bytes, bytes]:
    match = _HEADER_LINE.fullmatch(line)
    if match is None:
        raise _UsageError(f"-H: expected 'NAME: VALUE', got {line!r}")
    return match[1].encode(), os.fsencode(match[2])


def _held_back(policy: Policy, st: os.stat_result, now: int) -> dict[str, str]:
    """Why a response would carry no ETag or Last-Modified now."""
    ever = policy.validators(st, now_ns=_LATEST)._asdict()
    stamp = st.st_ctime_ns if policy.options.stamp == "ctime" else st.st_mtime_ns
    reasons = {}
    for name, value in policy.validators(st, now_ns=now)._asdict().items():
        if value is not None:
            continue
        if not getattr(policy.options, name):
            reasons[name] = "the policy says so"
        elif ever[name] is None:
            reasons[name] = "the stamp says nothing about the bytes: it is before 1990, or after 2262"
        elif stamp > now:
            reasons[name] = "the stamp is in the future"
        else:
            reasons[name] = "the stamp is not settled yet: a write that is still to come could share it"
    return reasons


def _status(outcome: Outcome, method: str, size: int, ranges: bytes | None) -> int | None:
    """The status of an answer from the file; None where the method decides."""
    if outcome in (Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED):
        return int(outcome)
    if method not in ("GET", "HEAD"):
        return None
    part = None
    if outcome is Outcome.PROCEED and ranges is not None:
        part = byte_range(ranges.decode("latin-1"), size)
    if part is None:
        return 200
    return 206 if part else 416


def _as_text(answer: dict[str, Any]) -> str:
    held_back = {name: f"held back: {why}" for name, why in answer["held_back"].items()}
    status = answer["status"]
    phrase = f"go on with {answer['method']}" if status is None else f"{status} {HTTPStatus(status).phrase}"
    lines = {
        "file": f"{answer['file']} ({answer['size']} bytes)",
        "ETag": answer["etag"] or held_back["etag"],
        "Last-Modified": answer["last_modified"] or held_back["last_modified"],
        "outcome": f"{answer['outcome']}: {phrase}",
        "field": answer["field"] or "none decided",
        "section": f"RFC 9110 section {answer['section']}",
        "reason": answer["reason"],
    }
    return "\n".join(f"{label:<15}{text}" for label, text in lines.items())


def _print(text: str) -> None:
    """Names of files need not be text that the terminal can show, nor need anybody read it."""
    encoding = sys.stdout.encoding
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        # Python writes once more when it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


# -- Policy --------------------------------------------------------------------------------------------------


def _policy(options: Sequence[str]) -> Policy:
    arguments: dict[str, Any] = {}
    for option in ",".join(options).split(",") if options else ():
        name, equals, value = option.partition("=")
        read = _READERS.get(name)
        if read is None or not equals:
            raise _UsageError(
                f"--policy: expected NAME=VALUE with one of {', '.join(_READERS)}, got {option!r}"
            )
        try:
            arguments[name] = read(value)
        except (KeyError, ValueError):
            raise _UsageError(f"--policy: {value!r} is not a value of {name}") from None
    try:
        return Policy(**arguments)
    except ValueError as error:
        raise _UsageError(f"--policy: {error}") from None


_SWITCH: Final = {"true": True, "false": False}

_READERS: Final[dict[str, Callable[[str], object]]] = {
    "etag": _SWITCH.__getitem__,
    "last_modified": _SWITCH.__getitem__,
    "weak": _SWITCH.__getitem__,
    "if_modified_since": str,
    "stamp": str,
    "settle": lambda seconds: None if seconds == "none" else float(seconds),
}


# -- serve ---------------------------------------------------------------------------------------------------


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128
    # A port that is taken is an error, on Windows too, and between processes of one user.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False

    def __init__(self, family: int, address: tuple[Any, ...]) -> None:
        self.address_family = family
        super().__init__(address, WSGIRequestHandler)

    def server_bind(self) -> None:
        # HTTPServer's asks the name service what this host is called, which may take its time.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()


def _serve(arguments: argparse.Namespace) -> None:
    policy = _policy(arguments.policy)
    if not os.path.isdir(arguments.directory):
        raise _UsageError(f"no such directory: {arguments.directory!r}")
    with _listen(arguments.bind, arguments.port) as server:
        server.set_app(StaticFiles(arguments.directory, policy=policy, index="index.html"))
        host = f"[{server.server_name}]" if ":" in server.server_name else server.server_name
        try:
            _print(f"Serving {arguments.directory} on http://{host}:{server.server_port}/ until Ctrl-C")
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected 0 to 65535, got {text!r}")
    return int(text)


def _listen(host: str, port: int) -> _Server:
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _Server(family, address)
    except (OSError, UnicodeError) as error:
        raise _UsageError(f"cannot listen on {host} port {port}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
