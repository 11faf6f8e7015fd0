# cython: cdivision=True
# Second implementations, as simple as they can be, and what they stand on.

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from precond cimport _etag
from precond._etag cimport EntityTag
from precond._rules cimport Field

cdef extern from *:
    """
    /* A macro, so that the report of a crash names the line that asked. */
    #define REQUIRE(holds) do { if (!(holds)) __builtin_trap(); } while (0)
    #define FIRST_SECOND (-62135596800LL)
    #define LAST_SECOND 253402300799LL
    """
    const int64_t FIRST_SECOND  # of the year 1
    const int64_t LAST_SECOND  # of the year 9999
    void REQUIRE(bint holds) noexcept nogil

cdef enum:
    NAIVE_DAYS_TO_EPOCH = 719162


# -- Memory --------------------------------------------------------------------------------------------------


cdef inline unsigned char* allocate(size_t length) noexcept nogil:
    cdef unsigned char* memory = <unsigned char*>malloc(length)
    REQUIRE(memory != NULL or length == 0)
    return memory


cdef inline Field copy_of(const unsigned char* value, size_t length) noexcept nogil:
    cdef Field copy
    cdef unsigned char* memory = allocate(length)
    if length:
        memcpy(memory, value, length)
    copy.value = memory
    copy.length = length
    return copy


cdef inline void release(const Field* field) noexcept nogil:
    free(<void*>field.value)


# -- Naive implementations -----------------------------------------------------------------------------------


cdef inline bint naive_blank(unsigned char octet) noexcept nogil:
    return octet == 0x20 or octet == 0x09


cdef inline Field naive_strip(Field value) noexcept nogil:
    while value.length > 0 and naive_blank(value.value[0]):
        value.value += 1
        value.length -= 1
    while value.length > 0 and naive_blank(value.value[value.length - 1]):
        value.length -= 1
    return value


cdef inline bint naive_etag(Field member, EntityTag* tag) noexcept nogil:
    """Whether all of the member is an entity-tag."""
    cdef size_t i
    tag.weak = member.length >= 2 and memcmp(member.value, b"W/", 2) == 0
    if tag.weak:
        member.value += 2
        member.length -= 2
    tag.opaque_tag = member.value
    tag.length = member.length
    if member.length < 2 or member.value[0] != 0x22 or member.value[member.length - 1] != 0x22:
        return False
    for i in range(1, member.length - 1):
        if not (member.value[i] == 0x21 or 0x23 <= member.value[i] <= 0x7E or member.value[i] >= 0x80):
            return False
    return True


cdef inline bint naive_list_has(const Field* list_, const EntityTag* own, bint strong) noexcept nogil:
    """Cut at the commas that stand outside of quotes, then look at each member by itself."""
    cdef size_t begin = 0
    cdef size_t i
    cdef bint quoted = False
    cdef bint found = False
    cdef EntityTag tag
    cdef Field member
    for i in range(list_.length + 1):
        if i < list_.length and (quoted or list_.value[i] != c","):
            if list_.value[i] == c'"':
                quoted = not quoted
            continue
        member.value = list_.value + begin
        member.length = i - begin
        begin = i + 1
        member = naive_strip(member)
        if member.length == 0:
            continue
        if not naive_etag(member, &tag):
            return False
        if (tag.length == own.length and memcmp(tag.opaque_tag, own.opaque_tag, own.length) == 0
                and not (strong and (tag.weak or own.weak))):
            found = True
    return found


cdef inline bint scanned_list_has(const Field* list_, const EntityTag* own, bint strong) noexcept nogil:
    """As parse_etags reads a list."""
    cdef const unsigned char* at = list_.value
    cdef const unsigned char* end = at + list_.length
    cdef EntityTag tag
    cdef bint found = False
    while True:
        at = _etag.skip_empty_members(at, end)
        if at == end:
            return found
        at = _etag.scan_etag(at, end, &tag)
        if at == NULL:
            return False
        if strong:
            found = found or _etag.strongly_equal(&tag, own)
        elif tag.length == own.length and memcmp(tag.opaque_tag, own.opaque_tag, own.length) == 0:
            found = True
        at = _etag.skip_comma(at, end)
        if at == NULL:
            return False


cdef inline int64_t naive_days(int year, int month, int day) noexcept nogil:
    """Days from 1970-01-01, by adding up months."""
    cdef int i
    cdef int64_t days = 365 * <int64_t>(year - 1) + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400
    for i in range(1, month):
        if i == 2:
            days += 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
        elif i == 4 or i == 6 or i == 9 or i == 11:
            days += 30
        else:
            days += 31
    return days + day - 1 - NAIVE_DAYS_TO_EPOCH


cdef inline int naive_number(const unsigned char* at, int digits) noexcept nogil:
    cdef int i
    cdef int number = 0
    for i in range(digits):
        REQUIRE(c"0" <= at[i] <= c"9")
        number = 10 * number + at[i] - c"0"
    return number
