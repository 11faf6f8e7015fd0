"""Each function of the C API by itself, as it is, for tests.

Text is bytes; None is NULL with a length of 0, and a number is NULL with that length. A buffer is a bytearray
or None, beside the capacity that the function is told.
"""

from libc.stdint cimport int64_t

cimport precond
from precond cimport precond_field_line

cdef enum:
    MAX_LINES = 16

cdef struct Text:
    const char* octets
    size_t length


cdef Text read(object text) except *:
    if text is None:
        return Text(NULL, 0)
    if isinstance(text, int):
        return Text(NULL, text)
    return Text(<const char*><bytes?>text, len(text))


cdef char* start(bytearray buffer) except? NULL:
    return NULL if buffer is None else <char*>buffer


cdef size_t read_lines(list pairs, precond_field_line* lines) except? 0:
    """The lines, which point into the bytes of the pairs."""
    cdef Text name, value
    if len(pairs) > MAX_LINES:
        raise ValueError(f"at most {MAX_LINES} lines")
    for i, pair in enumerate(pairs):
        name, value = read(pair[0]), read(pair[1])
        lines[<int>i] = precond_field_line(name.octets, name.length, value.octets, value.length)
    return len(pairs)


def parse_http_date(value, int64_t now_ns, int64_t seconds):
    """The result, and what stands in `seconds` behind the call."""
    cdef Text text = read(value)
    cdef int result
    with nogil:
        result = precond.precond_parse_http_date(text.octets, text.length, now_ns, &seconds)
    return result, seconds


def parse_http_date_into_null(value):
    cdef Text text = read(value)
    return precond.precond_parse_http_date(text.octets, text.length, 0, NULL)


def format_http_date(int64_t seconds, bytearray buffer, size_t capacity):
    cdef char* out = start(buffer)
    cdef int result
    with nogil:
        result = precond.precond_format_http_date(seconds, out, capacity)
    return result


def format_etag(int64_t stamp_ns, int64_t size, unsigned int flags, bytearray buffer, size_t capacity):
    cdef char* out = start(buffer)
    cdef int result
    with nogil:
        result = precond.precond_format_etag(stamp_ns, size, flags, out, capacity)
    return result


def last_modified(int64_t stamp_ns):
    cdef int64_t seconds
    with nogil:
        seconds = precond.precond_last_modified(stamp_ns)
    return seconds


def settled(int64_t stamp_ns, unsigned int flags, int64_t settle_ns, int64_t now_ns):
    cdef int result
    with nogil:
        result = precond.precond_settled(stamp_ns, flags, settle_ns, now_ns)
    return result


def match_etags(value, etag, int strong):
    cdef Text text = read(value)
    cdef Text tag = read(etag)
    cdef int result
    with nogil:
        result = precond.precond_match_etags(text.octets, text.length, tag.octets, tag.length, strong)
    return result


def evaluate(method, list pairs, int64_t stamp_ns, int64_t size, unsigned int flags, int64_t settle_ns,
             int64_t now_ns):
    cdef precond_field_line lines[MAX_LINES]
    cdef size_t count = read_lines(pairs, lines)
    cdef Text name = read(method)
    cdef int result
    with nogil:
        result = precond.precond_evaluate(
            name.octets, name.length, lines, count, stamp_ns, size, flags, settle_ns, now_ns,
        )
    return result


def evaluate_null_lines(size_t count):
    return precond.precond_evaluate(b"GET", 3, NULL, count, 0, 0, 0, precond.PRECOND_SETTLE_BY_STAMP, 0)


def evaluate_validators(method, list pairs, etag, last_modified, unsigned int flags, int64_t now_ns):
    cdef precond_field_line lines[MAX_LINES]
    cdef size_t count = read_lines(pairs, lines)
    cdef Text name = read(method)
    cdef Text tag = read(etag)
    cdef Text date = read(last_modified)
    cdef int result
    with nogil:
        result = precond.precond_evaluate_validators(
            name.octets, name.length, lines, count, tag.octets, tag.length, date.octets, date.length,
            flags, now_ns,
        )
    return result


def constants():
    return {
        "PRECOND_PROCEED": precond.PRECOND_PROCEED,
        "PRECOND_IGNORE_RANGE": precond.PRECOND_IGNORE_RANGE,
        "PRECOND_NOT_MODIFIED": precond.PRECOND_NOT_MODIFIED,
        "PRECOND_PRECONDITION_FAILED": precond.PRECOND_PRECONDITION_FAILED,
        "PRECOND_MALFORMED": precond.PRECOND_MALFORMED,
        "PRECOND_NO_MATCH": precond.PRECOND_NO_MATCH,
        "PRECOND_MATCH": precond.PRECOND_MATCH,
        "PRECOND_ANY": precond.PRECOND_ANY,
        "PRECOND_INVALID": precond.PRECOND_INVALID,
        "PRECOND_TOO_SMALL": precond.PRECOND_TOO_SMALL,
        "PRECOND_NO_ETAG": precond.PRECOND_NO_ETAG,
        "PRECOND_NO_LAST_MODIFIED": precond.PRECOND_NO_LAST_MODIFIED,
        "PRECOND_WEAK": precond.PRECOND_WEAK,
        "PRECOND_EXACT": precond.PRECOND_EXACT,
        "PRECOND_NO_IF_MODIFIED_SINCE": precond.PRECOND_NO_IF_MODIFIED_SINCE,
        "PRECOND_ABSENT": precond.PRECOND_ABSENT,
        "PRECOND_SEND_ETAG": precond.PRECOND_SEND_ETAG,
        "PRECOND_SEND_LAST_MODIFIED": precond.PRECOND_SEND_LAST_MODIFIED,
        "PRECOND_SETTLE_BY_STAMP": precond.PRECOND_SETTLE_BY_STAMP,
        "PRECOND_HTTP_DATE_SIZE": precond.PRECOND_HTTP_DATE_SIZE,
        "PRECOND_ETAG_SIZE": precond.PRECOND_ETAG_SIZE,
    }
