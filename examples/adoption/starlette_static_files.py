# Importing this puts precond's rules in place of those of Starlette's StaticFiles.
# The validators stay Starlette's, which sends them at once: the promise of docs/never-stale.md is not theirs.
from contextlib import suppress

from starlette.staticfiles import NotModifiedResponse, Response, StaticFiles

import precond

theirs = StaticFiles.file_response


def file_response(self, full_path, stat_result, scope, status_code=200):
    response = theirs(self, full_path, stat_result, {**scope, "headers": []}, status_code)
    current = precond.Validators(response.headers.get("etag"), response.headers.get("last-modified"))
    with suppress(ValueError):  # one of them is malformed: no precondition is evaluated
        outcome = precond.evaluate_raw(current, scope["method"], scope["headers"])
        if outcome in (304, 412):
            return NotModifiedResponse(response.headers) if outcome == 304 else Response(status_code=412)
        if outcome is precond.Outcome.IGNORE_RANGE:
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return response


StaticFiles.file_response = file_response
