# cython: cdivision=True
# What an input says: see inputs.py, which writes them.

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free
from libc.string cimport memchr, memcpy

from naive cimport FIRST_SECOND, LAST_SECOND, allocate, copy_of, naive_strip, release
from precond cimport _etag, _httpdate, _rules
from precond._httpdate cimport HTTP_DATE_LENGTH
from precond._rules cimport Field, Representation

cdef enum:
    HEADER = 28
    OWN_TAG = 1  # this byte in a value stands for our opaque-tag,
    OWN_DATE = 2  # and this one for our modification date

cdef enum Kind:
    NOTHING
    STAT
    STAT_TOO
    GIVEN

cdef enum PolicyBit:
    ETAG = 1
    LAST_MODIFIED = 2
    WEAK = 4
    MODIFIED_SINCE = 24  # two bits, for a ModifiedSince or 3
    SETTLE = 224  # three, for one of settle_of()

cdef struct Input:
    uint8_t entry
    uint8_t method
    uint8_t policy
    uint8_t kind
    int64_t stamp
    int64_t size
    int64_t now
    Field tag  # the application's own, where the kind is GIVEN: the first line of the body
    Field body


cdef inline bint read_input(const uint8_t* data, size_t size, Input* given) noexcept nogil:
    """False where there is not enough; `tag` has to be released."""
    cdef Field line
    if size < HEADER:
        return False
    given.entry = data[0]
    given.method = data[1]
    given.policy = data[2]
    given.kind = data[3] % 4
    memcpy(&given.stamp, data + 4, 8)
    memcpy(&given.size, data + 12, 8)
    memcpy(&given.now, data + 20, 8)
    given.body.value = data + HEADER
    given.body.length = size - HEADER
    line.value = data + HEADER
    line.length = 0
    if given.kind == GIVEN:
        next_line(&given.body, &line)
    given.tag = copy_of(line.value, line.length)
    return True


cdef inline bint next_line(Field* rest, Field* line) noexcept nogil:
    """Take what stands before the next line feed off the rest; False where nothing is left."""
    if rest.length == 0:
        return False
    cdef const void* end = memchr(rest.value, c"\n", rest.length)
    line.value = rest.value
    line.length = rest.length if end == NULL else <const unsigned char*>end - rest.value
    cdef size_t taken = line.length if end == NULL else line.length + 1
    rest.value += taken
    rest.length -= taken
    return True


cdef inline Field value_of(const Field* line, Representation* own) noexcept nogil:
    """The line with our tag and our date where their bytes stand, without outer whitespace."""
    cdef unsigned char date[HTTP_DATE_LENGTH]
    cdef size_t date_length = 0
    cdef size_t tag_length = 0
    cdef int64_t seconds = _rules.modification_date(own)
    if FIRST_SECOND <= seconds <= LAST_SECOND:
        _httpdate.format_http_date(date, seconds)
        date_length = HTTP_DATE_LENGTH
    if own.has_etag:
        tag_length = _rules.current_etag(own).length
    cdef Field value
    cdef size_t i
    value.length = 0
    for i in range(line.length):
        if line.value[i] == OWN_TAG:
            value.length += tag_length
        elif line.value[i] == OWN_DATE:
            value.length += date_length
        else:
            value.length += 1
    cdef unsigned char* memory = allocate(value.length)
    cdef unsigned char* at = memory
    for i in range(line.length):
        if line.value[i] == OWN_TAG:
            if tag_length:
                memcpy(at, own.etag.opaque_tag, tag_length)
            at += tag_length
        elif line.value[i] == OWN_DATE:
            memcpy(at, date, date_length)
            at += date_length
        else:
            at[0] = line.value[i]
            at += 1
    value.value = memory
    cdef Field stripped = naive_strip(value)
    stripped = copy_of(stripped.value, stripped.length)
    free(memory)
    return stripped


cdef inline int64_t settle_of(const Input* given) noexcept nogil:
    cdef int64_t[8] choices = [
        _rules.GRAIN_OF_STAMP, 0, 1, 20_000_000, 1_000_000_000, 2_000_000_000,
        3600_000_000_000LL,
        1_000_000_000_000_000_000LL,
    ]
    return choices[given.policy >> 5]


cdef inline void representation_of(const Input* given, Representation* own) noexcept nogil:
    cdef const unsigned char* end = given.tag.value + given.tag.length
    own.exists = given.kind != NOTHING
    own.has_etag = own.exists and given.policy & ETAG != 0
    own.has_date = own.exists and given.policy & LAST_MODIFIED != 0
    own.has_stamp = own.exists and given.kind != GIVEN
    own.stamp = given.stamp
    own.size = given.size
    own.date = given.stamp
    own.etag.weak = given.policy & WEAK != 0
    own.etag.opaque_tag = NULL
    if own.has_stamp:
        own.has_date = own.has_date and _rules.is_modification_date(given.stamp)
    elif _etag.scan_etag(given.tag.value, end, &own.etag) == end and given.tag.length:
        own.etag.weak = own.etag.weak or given.policy & WEAK != 0
    else:
        own.has_etag = False
