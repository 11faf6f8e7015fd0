# Importing this puts precond's rules in place of those of Werkzeug's send_file and make_conditional.
# The validators stay Werkzeug's, which sends them at once: the promise of docs/never-stale.md is not theirs.
from contextlib import suppress

from werkzeug.wrappers import Response

import precond

theirs = Response.make_conditional


def make_conditional(self, request_or_environ, accept_ranges=False, complete_length=None):
    environ = getattr(request_or_environ, "environ", request_or_environ)
    current = precond.Validators(self.headers.get("ETag"), self.headers.get("Last-Modified"))
    with suppress(ValueError):  # one of them is malformed: Werkzeug decides
        outcome = precond.evaluate_environ(current, environ)
        if outcome >= 304 and environ["REQUEST_METHOD"] in ("GET", "HEAD") and 200 <= self.status_code < 300:
            self.status_code = int(outcome)
        done = "HTTP_IF_" if outcome is precond.Outcome.PROCEED else ("HTTP_IF_", "HTTP_RANGE")
        environ = {name: environ[name] for name in environ if not name.startswith(done)}
    return theirs(self, environ, accept_ranges, complete_length)


Response.make_conditional = make_conditional
