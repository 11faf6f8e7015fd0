# Importing this puts precond's rules in place of those of Werkzeug's send_file and make_conditional.
from werkzeug.wrappers import Response

import precond

theirs = Response.make_conditional


def make_conditional(self, request_or_environ, accept_ranges=False, complete_length=None):
    environ = dict(getattr(request_or_environ, "environ", request_or_environ))
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") and 200 <= self.status_code < 300:
        current = precond.Validators(self.headers.get("ETag"), self.headers.get("Last-Modified"))
        outcome = precond.evaluate_environ(current, environ)
        if outcome in (304, 412):
            self.status_code = int(outcome)
        if outcome is not precond.Outcome.PROCEED:
            environ.pop("HTTP_RANGE", None)
    undecided = {name: environ[name] for name in environ if not name.startswith("HTTP_IF_")}
    return theirs(self, undecided, accept_ranges, complete_length)


Response.make_conditional = make_conditional
