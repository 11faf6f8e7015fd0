"""A server in C decides on a request: from its bytes to a response, without the GIL and without an object."""

from libc.stdint cimport int64_t
from libc.string cimport memchr, memcpy

from precond cimport (
    PRECOND_ETAG_SIZE, PRECOND_HTTP_DATE_SIZE, PRECOND_INVALID, PRECOND_NOT_MODIFIED,
    PRECOND_PRECONDITION_FAILED, PRECOND_SEND_ETAG, PRECOND_SEND_LAST_MODIFIED, PRECOND_SETTLE_BY_STAMP,
    precond_evaluate, precond_field_line, precond_format_etag, precond_format_http_date,
    precond_last_modified, precond_settled,
)

cdef enum:
    MAX_LINES = 100
    RESPONSE_SIZE = 256

cdef struct Request:
    const char* method
    size_t method_length
    precond_field_line lines[MAX_LINES]
    size_t count

# What the server knows of the file: its stat, and the choices of the place where it is served.
cdef struct File:
    int64_t stamp_ns
    int64_t size
    unsigned int flags
    int64_t settle_ns

cdef struct Response:
    char head[RESPONSE_SIZE]
    size_t length


cdef const char* line_end(const char* at, const char* end) noexcept nogil:
    while True:
        at = <const char*>memchr(at, c"\r", end - at)
        if at == NULL or end - at < 2:
            return NULL
        if at[1] == c"\n":
            return at
        at += 1


cdef bint read_request(const char* at, const char* end, Request* request) noexcept nogil:
    """The method and the field lines, which stay where they are; false where that is no request."""
    cdef precond_field_line* line
    cdef const char* mark
    cdef const char* stop = line_end(at, end)
    if stop == NULL:
        return False
    mark = <const char*>memchr(at, c" ", stop - at)
    if mark == NULL:
        return False
    request.method = at
    request.method_length = mark - at
    request.count = 0
    while True:
        at = stop + 2
        stop = line_end(at, end)
        if stop == at:
            return True
        if stop == NULL or request.count == MAX_LINES:
            return False
        mark = <const char*>memchr(at, c":", stop - at)
        if mark == NULL:
            return False
        line = &request.lines[request.count]
        line.name = at
        line.name_length = mark - at
        line.value = mark + 1  # with the space behind the colon, which precond trims
        line.value_length = stop - mark - 1
        request.count += 1


cdef void add(Response* response, const char* text, size_t length) noexcept nogil:
    memcpy(response.head + response.length, text, length)
    response.length += length


cdef void add_validators(Response* response, const File* file, int64_t now_ns, int outcome) noexcept nogil:
    """ETag and Last-Modified, each only once no later write can share it."""
    cdef int sent = precond_settled(file.stamp_ns, file.flags, file.settle_ns, now_ns)
    if outcome == PRECOND_NOT_MODIFIED and sent & PRECOND_SEND_ETAG:
        sent = PRECOND_SEND_ETAG  # then a 304 has no need of the date (RFC 9110 section 15.4.5)
    if sent & PRECOND_SEND_ETAG:
        add(response, b"ETag: ", 6)
        response.length += precond_format_etag(
            file.stamp_ns, file.size, file.flags, response.head + response.length, PRECOND_ETAG_SIZE,
        )
        add(response, b"\r\n", 2)
    if sent & PRECOND_SEND_LAST_MODIFIED:
        add(response, b"Last-Modified: ", 15)
        response.length += precond_format_http_date(
            precond_last_modified(file.stamp_ns), response.head + response.length, PRECOND_HTTP_DATE_SIZE,
        )
        add(response, b"\r\n", 2)


cdef int respond(
    const char* head, size_t length, const File* file, int64_t now_ns, Response* response,
) noexcept nogil:
    """The outcome, with the head of the response; PRECOND_INVALID where there is nothing to answer to."""
    cdef Request request
    cdef int outcome
    if not read_request(head, head + length, &request):
        return PRECOND_INVALID
    outcome = precond_evaluate(
        request.method, request.method_length, request.lines, request.count,
        file.stamp_ns, file.size, file.flags, file.settle_ns, now_ns,
    )
    if outcome < 0:
        return outcome
    response.length = 0
    if outcome == PRECOND_PRECONDITION_FAILED:
        add(response, b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n", 53)
    else:
        if outcome == PRECOND_NOT_MODIFIED:
            add(response, b"HTTP/1.1 304 Not Modified\r\n", 27)
        else:  # a Range may be looked at now, unless it is PRECOND_IGNORE_RANGE
            add(response, b"HTTP/1.1 200 OK\r\n", 17)
        add_validators(response, file, now_ns, outcome)
    add(response, b"\r\n", 2)
    return outcome


def answer(
    bytes head not None, int64_t stamp_ns, int64_t size, int64_t now_ns, unsigned int flags=0,
    int64_t settle_ns=PRECOND_SETTLE_BY_STAMP,
):
    """For tests: the outcome and the head of the response to the head of a request."""
    cdef const char* octets = head
    cdef size_t length = len(head)
    cdef File file = File(stamp_ns, size, flags, settle_ns)
    cdef Response response
    cdef int outcome
    with nogil:
        outcome = respond(octets, length, &file, now_ns, &response)
    return outcome, b"" if outcome < 0 else response.head[:response.length]
