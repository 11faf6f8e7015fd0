"""HTTP preconditions (RFC 9110 section 13): send the file, send it whole, answer 304, or answer 412?

    import os, precond

    st = os.stat("index.html")
    precond.evaluate_raw(st, "GET", scope["headers"])  # an Outcome
    precond.validators(st)  # ETag and Last-Modified of a response

Everything is decided from an os.stat_result and the raw field values; nothing is opened and nothing blocks.
"""

from precond._backend import (
    BACKEND,
    DEFAULT,
    Policy,
    etag,
    evaluate,
    evaluate_environ,
    evaluate_raw,
    explain,
    format_http_date,
    last_modified,
    parse_etags,
    parse_http_date,
    stat_nowait,
    validators,
)
from precond._types import ANY, ETag, Explanation, Outcome, StatResult, Validators

__all__ = [
    "ANY",
    "BACKEND",
    "DEFAULT",
    "ETag",
    "Explanation",
    "Outcome",
    "Policy",
    "StatResult",
    "Validators",
    "etag",
    "evaluate",
    "evaluate_environ",
    "evaluate_raw",
    "explain",
    "format_http_date",
    "last_modified",
    "parse_etags",
    "parse_http_date",
    "stat_nowait",
    "validators",
]
