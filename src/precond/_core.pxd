# The C API, for other Cython packages: `from precond cimport precond_evaluate`. docs/c-api.md explains it.
#
# Append-only: what stands here keeps its name, its signature, its value and its meaning; what is new is a new
# function, a new flag or a new enumerator, and an outcome or error that is new is given only where a new flag
# asks for it. So what was compiled against this file works with every later precond.
#
# For all functions: text is a pointer and a length, without a NUL, and NULL with a length of 0 is empty. No
# function raises, allocates, reads a clock, keeps a pointer or needs the GIL, and each may be called from any
# thread at any time. A result below 0 is an error, and then nothing was written; but PRECOND_MALFORMED is
# said of a list, and precond_last_modified(), which knows no error, gives any number of seconds.

from libc.stdint cimport int64_t

cdef extern from *:
    """
    /* One field line of a request (RFC 9110 section 5.2), and an array of them is its header section. */
    typedef struct {
        const char *name;
        size_t name_length;
        const char *value;
        size_t value_length;
    } precond_field_line;
    """
    ctypedef struct precond_field_line:
        const char* name
        size_t name_length
        const char* value
        size_t value_length

# Outcomes.
cdef enum:
    PRECOND_PROCEED = 0  # do what the method asks; a Range field may be honoured
    PRECOND_IGNORE_RANGE = 1  # proceed, but as if there were no Range field
    PRECOND_NOT_MODIFIED = 304  # answer 304
    PRECOND_PRECONDITION_FAILED = 412  # answer 412, and do not perform the method

# What a list of entity-tags says about a tag: it matches where the result is above 0.
cdef enum:
    PRECOND_MALFORMED = -3  # no list of entity-tags, so it matches nothing
    PRECOND_NO_MATCH = 0
    PRECOND_MATCH = 1
    PRECOND_ANY = 2  # "*": any current representation

# Errors.
cdef enum:
    PRECOND_INVALID = -1  # a mistake of the caller's, which the contract names; never caused by a request
    PRECOND_TOO_SMALL = -2  # the buffer

# Flags, the choices of precond.Policy: 0 is the default policy, and a bit that is not here PRECOND_INVALID.
cdef enum:
    PRECOND_NO_ETAG = 1  # etag=False
    PRECOND_NO_LAST_MODIFIED = 2  # last_modified=False
    PRECOND_WEAK = 4  # weak=True
    PRECOND_EXACT = 8  # if_modified_since="exact"
    PRECOND_NO_IF_MODIFIED_SINCE = 16  # if_modified_since="off"; PRECOND_INVALID beside PRECOND_EXACT
    PRECOND_ABSENT = 32  # there is no current representation, and arguments about it are not looked at

# What precond_settled() gives, as bits.
cdef enum:
    PRECOND_SEND_ETAG = 1
    PRECOND_SEND_LAST_MODIFIED = 2

cdef enum:
    PRECOND_SETTLE_BY_STAMP = -1  # settle_ns: 2 s for a stamp of whole seconds, 20 ms for any other
    PRECOND_HTTP_DATE_SIZE = 29  # bytes that precond_format_http_date() writes
    PRECOND_ETAG_SIZE = 39  # bytes that precond_format_etag() writes at most

# 1 with *seconds the POSIX time of an HTTP-date, or 0; now_ns (POSIX) is read for a two-digit year alone.
# PRECOND_INVALID: NULL with a length, or for seconds.
cdef int precond_parse_http_date(
    const char* value, size_t length, int64_t now_ns, int64_t* seconds,
) noexcept nogil

# Write the IMF-fixdate of a POSIX time; its length, which is PRECOND_HTTP_DATE_SIZE.
# PRECOND_TOO_SMALL; PRECOND_INVALID: NULL, or a year outside 1 to 9999.
cdef int precond_format_http_date(int64_t seconds, char* out, size_t capacity) noexcept nogil

# Write the entity-tag of a file, of its stamp (st_mtime in nanoseconds) and size; its length.
# PRECOND_TOO_SMALL, where PRECOND_ETAG_SIZE never is; PRECOND_INVALID: NULL, or flags.
cdef int precond_format_etag(
    int64_t stamp_ns, int64_t size, unsigned int flags, char* out, size_t capacity,
) noexcept nogil

# The last modification date of a file, in POSIX seconds: the stamp rounded up to a whole second.
cdef int64_t precond_last_modified(int64_t stamp_ns) noexcept nogil

# Which validators of a file a response may carry: 0, or PRECOND_SEND_... bits.
# now_ns: POSIX, of an instant before the stat was taken and, if of an open file, before that was opened.
# settle_ns: nanoseconds until a stamp is final, to 10**18, or PRECOND_SETTLE_BY_STAMP.
# PRECOND_INVALID: flags, or settle_ns.
cdef int precond_settled(
    int64_t stamp_ns, unsigned int flags, int64_t settle_ns, int64_t now_ns,
) noexcept nogil

# Whether the value of If-Match (strong: 1) or If-None-Match (0) has this entity-tag: PRECOND_MATCH and so on.
# PRECOND_INVALID: NULL with a length, or an etag that is no entity-tag.
cdef int precond_match_etags(
    const char* value, size_t length, const char* etag, size_t etag_length, int strong,
) noexcept nogil

# Decide on a request for a file: an outcome. Lines that are no preconditions are passed over, repeated ones
# are combined, and now_ns (POSIX) is read for a date in If-Range and for a two-digit year.
# PRECOND_INVALID: NULL with a length or count, flags, or settle_ns.
cdef int precond_evaluate(
    const char* method, size_t method_length, const precond_field_line* lines, size_t count,
    int64_t stamp_ns, int64_t size, unsigned int flags, int64_t settle_ns, int64_t now_ns,
) noexcept nogil

# The same for what is no file: by the values of ETag and Last-Modified of its response; NULL: it has none.
# PRECOND_INVALID also: an etag that is no entity-tag, or a last_modified that is no IMF-fixdate.
cdef int precond_evaluate_validators(
    const char* method, size_t method_length, const precond_field_line* lines, size_t count,
    const char* etag, size_t etag_length, const char* last_modified, size_t last_modified_length,
    unsigned int flags, int64_t now_ns,
) noexcept nogil
