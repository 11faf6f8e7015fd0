# cython: language_level=3
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""What a call costs by itself: the arguments of every public function, and nothing done with them.

Arguments, directives and kinds of callable are those of src/precond/_core.pyx, so that a ratio to one of
these counts the work of ours and not the calling convention.
"""


cdef class Policy:

    def evaluate(
        self, st, method, *, if_match=None, if_unmodified_since=None, if_none_match=None,
        if_modified_since=None, if_range=None, range=None, now_ns=None,
    ):
        return None

    def evaluate_raw(self, st, method, headers, *, now_ns=None):
        return None

    def evaluate_environ(self, st, environ, *, now_ns=None):
        return None

    def validators(self, st, *, now_ns=None):
        return None

    def etag(self, st):
        return None

    def last_modified(self, st):
        return None


def parse_http_date(value, *, now_ns=None):
    return None


def format_http_date(seconds):
    return None


def parse_etags(value):
    return None
