# cython: cdivision=True
# Preconditions, RFC 9110 section 13: one function a field, and evaluate(), which is section 13.2.2.
#
# In _fallback.py the functions of stamps, those of fields and evaluate() stand under the same names, in the
# same order. The others are in C alone: there tag and date are made before a field asks for them, the clock
# is read where its time is needed, and _fields.py finds fields by their names.
#
# Values come without outer whitespace (section 5.5). Nothing here knows Python, allocates, or reads a clock.

from libc.stdint cimport int64_t
from libc.string cimport memcmp

from precond._etag cimport (
    EntityTag, OPAQUE_TAG_SIZE, is_any, is_tag_of, list_has, may_be_tag_of, opaque_tag_end, scan_etag,
    strongly_equal, write_etag,
)
from precond._httpdate cimport NS_A_SECOND, parse_http_date

cdef enum:
    FIRST_MODIFICATION = 631_152_000  # 1990-01-01, in seconds
    FINE_GRAIN = 20_000_000  # ns: above the tick that stamps files on Linux and Windows
    COARSE_GRAIN = 2_000_000_000  # ns: stamps of whole seconds are those of FAT, ext3, HFS+ and archives
    LENGTHS = (1 << 5) | (1 << 8) | (1 << 13) | (1 << 17) | (1 << 19)  # of the names of the fields
    GRAIN_OF_STAMP = -1  # the choice of `settle` that leaves it to the stamp

cdef enum Verdict:
    PROCEED = 0
    IGNORE_RANGE = 1
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412

cdef enum Condition:
    IS_FALSE
    IS_TRUE
    ABSENT  # the field is not there, or is to be ignored

cdef enum Method:
    GET
    HEAD
    UNCONDITIONAL  # OPTIONS, TRACE, CONNECT
    OTHER  # any that may change state

cdef enum ModifiedSince:
    BEFORE
    EXACT
    OFF

cdef struct Field:
    const unsigned char* value  # NULL: the field is not there
    size_t length

cdef struct Conditions:
    Field if_match
    Field if_unmodified_since
    Field if_none_match
    Field if_modified_since
    Field if_range
    Field range

cdef struct Choices:
    bint etag
    bint last_modified
    bint weak
    ModifiedSince if_modified_since
    int64_t settle  # nanoseconds, or GRAIN_OF_STAMP

# The selected representation. One with a stamp has its entity-tag written when a field first asks for it,
# unless its size is beyond 64 bits. One without (an application's own validators, or a stamp beyond 64 bits)
# is given its tag and its date.
cdef struct Representation:
    bint exists
    bint has_etag
    bint has_date
    bint has_stamp
    bint given  # where there is no stamp: whether by an application's own validators
    int64_t stamp
    int64_t size
    int64_t date
    EntityTag etag  # opaque_tag NULL: not written yet
    unsigned char buffer[OPAQUE_TAG_SIZE]


# -- What a stamp says ---------------------------------------------------------------------------------------


cdef inline bint is_modification_date(int64_t stamp) noexcept nogil:
    """False before 1990: 0, 1, 1980-01-01 and 1985-10-26 are what reproducible builds, package managers and
    image layers write, and say nothing about the bytes."""
    return stamp >= FIRST_MODIFICATION * <int64_t>NS_A_SECOND


cdef inline int64_t to_whole_second(int64_t stamp) noexcept nogil:
    """How many nanoseconds the next whole second is away."""
    cdef int64_t past = stamp % NS_A_SECOND
    if past < 0:  # C rounds towards zero
        past += NS_A_SECOND
    return NS_A_SECOND - past if past else 0


cdef inline int64_t whole_seconds(int64_t stamp) noexcept nogil:
    """The stamp rounded up, so that no later write within its second can share the date."""
    return stamp // NS_A_SECOND + (1 if stamp % NS_A_SECOND > 0 else 0)  # C has rounded towards zero


cdef inline int64_t grain(int64_t stamp, int64_t settle) noexcept nogil:
    if settle != GRAIN_OF_STAMP:
        return settle
    return FINE_GRAIN if stamp % NS_A_SECOND else COARSE_GRAIN


cdef inline bint settled_etag(int64_t stamp, int64_t settle, int64_t now) noexcept nogil:
    """Whether no later write can be stamped with this stamp."""
    # now >= stamp > 0 before the difference is taken, so it cannot overflow.
    return is_modification_date(stamp) and now >= stamp and now - stamp >= grain(stamp, settle)


cdef inline bint settled_date(int64_t stamp, int64_t settle, int64_t now) noexcept nogil:
    """Whether no later write can have this Last-Modified, and it is not later than Date (8.8.2.1)."""
    return (is_modification_date(stamp) and now >= stamp
            and now - stamp >= to_whole_second(stamp) + grain(stamp, settle))


# -- The selected representation -----------------------------------------------------------------------------


cdef inline EntityTag* current_etag(Representation* current) noexcept nogil:
    if current.etag.opaque_tag == NULL:
        write_etag(current.buffer, current.stamp, current.size, &current.etag)
    return &current.etag


cdef inline bint has_our_tag(const Field* field, Representation* current, bint strong) noexcept nogil:
    """Whether a list has a member that equals our tag, in the strong or the weak comparison."""
    if not current.has_etag:
        return False
    # Nearly all clients send one tag, ours of now or of before; then ours need not be written.
    if current.etag.opaque_tag == NULL and may_be_tag_of(field.length, current.stamp, current.size):
        if is_tag_of(field.value, field.length, current.stamp, current.size):
            return not (strong and current.etag.weak)
        if opaque_tag_end(field.value, field.value + field.length) == field.value + field.length:
            return False
    return list_has(field.value, field.length, current_etag(current), strong)


cdef inline int64_t modification_date(const Representation* current) noexcept nogil:
    return whole_seconds(current.stamp) if current.has_stamp else current.date


cdef inline Condition condition(bint holds) noexcept nogil:
    return IS_TRUE if holds else IS_FALSE


# -- Section 13.1: one function a field ----------------------------------------------------------------------


cdef inline Condition if_match(const Field* field, Representation* current) noexcept nogil:
    """Section 13.1.1. What is malformed matches nothing, so the guard fails closed.

    If-Match = "*" / #entity-tag
    """
    if field.value == NULL:
        return ABSENT
    if is_any(field.value, field.length):
        return condition(current.exists)
    return condition(has_our_tag(field, current, strong=True))


cdef inline Condition if_unmodified_since(
    const Field* field, const Representation* current, int64_t now,
) noexcept nogil:
    """Section 13.1.4. Ignored where it is not one valid date, or there is no modification date.

    If-Unmodified-Since = HTTP-date
    """
    cdef int64_t date
    if field.value == NULL or not current.has_date:
        return ABSENT
    if not parse_http_date(field.value, field.length, now, &date):
        return ABSENT
    return condition(modification_date(current) <= date)


cdef inline Condition if_none_match(const Field* field, Representation* current) noexcept nogil:
    """Section 13.1.2. What is malformed matches nothing.

    If-None-Match = "*" / #entity-tag
    """
    if field.value == NULL:
        return ABSENT
    if is_any(field.value, field.length):
        return condition(not current.exists)
    return condition(not has_our_tag(field, current, strong=False))


cdef inline Condition if_modified_since(
    const Field* field, const Representation* current, ModifiedSince mode, int64_t now,
) noexcept nogil:
    """Section 13.1.3. Ignored where it is not one valid date, or there is no modification date.

    If-Modified-Since = HTTP-date
    """
    cdef int64_t date
    if field.value == NULL or mode == OFF or not current.has_date:
        return ABSENT
    if not parse_http_date(field.value, field.length, now, &date):
        return ABSENT
    if mode == EXACT:
        return condition(modification_date(current) != date)
    return condition(modification_date(current) > date)


cdef inline Condition if_range(
    const Field* field, Representation* current, int64_t settle, int64_t now,
) noexcept nogil:
    """Section 13.1.5. A tag must be strongly equal; a date must be ours, and strong in the sense of section
    8.8.2.2, which only a settled stamp is. Anything else is false.

    If-Range = entity-tag / HTTP-date
    """
    cdef const unsigned char* end
    cdef EntityTag tag
    cdef int64_t date
    if field.value == NULL:
        return ABSENT
    end = field.value + field.length
    if scan_etag(field.value, end, &tag) == end:
        return condition(current.has_etag and strongly_equal(&tag, current_etag(current)))
    return condition(current.has_date and current.has_stamp
                     and parse_http_date(field.value, field.length, now, &date)
                     and date == modification_date(current)
                     and settled_date(current.stamp, settle, now))


# -- Section 13.2: evaluation --------------------------------------------------------------------------------


cdef inline Method method_of(const unsigned char* name, size_t length) noexcept nogil:
    """Methods are case-sensitive (section 9.1)."""
    if length == 3 and memcmp(name, b"GET", 3) == 0:
        return GET
    if length == 4 and memcmp(name, b"HEAD", 4) == 0:
        return HEAD
    if length == 5 and memcmp(name, b"TRACE", 5) == 0:
        return UNCONDITIONAL
    if length == 7 and (memcmp(name, b"OPTIONS", 7) == 0 or memcmp(name, b"CONNECT", 7) == 0):
        return UNCONDITIONAL
    return OTHER


cdef inline bint same_name(const unsigned char* name, const char* lower, size_t length) noexcept nogil:
    """Names of fields are case-insensitive (section 5.1)."""
    cdef size_t i
    cdef unsigned char letter
    if memcmp(name, lower, length) == 0:  # as ASGI servers hand them over
        return True
    for i in range(length):
        letter = name[i]
        if c"A" <= letter <= c"Z":
            letter += c"a" - c"A"
        if letter != <unsigned char>lower[i]:
            return False
    return True


cdef inline Field* field_of(Conditions* fields, const unsigned char* name, size_t length) noexcept nogil:
    """The field of this name; NULL where it is none of ours, as length or first letter tell of nearly all."""
    if length > 19 or not (1 << length) & LENGTHS or ((name[0] | 0x20) != c"i" and (name[0] | 0x20) != c"r"):
        return NULL
    if length == 5:
        return &fields.range if same_name(name, b"range", 5) else NULL
    if length == 8:
        if same_name(name, b"if-range", 8):
            return &fields.if_range
        return &fields.if_match if same_name(name, b"if-match", 8) else NULL
    if length == 13:
        return &fields.if_none_match if same_name(name, b"if-none-match", 13) else NULL
    if length == 17:
        return &fields.if_modified_since if same_name(name, b"if-modified-since", 17) else NULL
    return &fields.if_unmodified_since if same_name(name, b"if-unmodified-since", 19) else NULL


cdef inline void clear(Conditions* fields) noexcept nogil:
    fields.if_match.value = NULL
    fields.if_unmodified_since.value = NULL
    fields.if_none_match.value = NULL
    fields.if_modified_since.value = NULL
    fields.if_range.value = NULL
    fields.range.value = NULL


cdef inline bint asks_for_representation(const Conditions* fields) noexcept nogil:
    """Whether there is a field but If-Range, which is ignored without Range (section 13.1.5)."""
    return (fields.if_match.value != NULL or fields.if_unmodified_since.value != NULL
            or fields.if_none_match.value != NULL or fields.if_modified_since.value != NULL
            or fields.range.value != NULL)


cdef inline bint is_long_date(const Field* field) noexcept nogil:
    """Whether it can only be an rfc850-date, the only format of more than 29 bytes."""
    return field.value != NULL and field.length > 29


cdef inline bint may_be_date(const Field* field) noexcept nogil:
    """No date ends in a double quote, as all entity-tags do."""
    return field.value != NULL and field.length > 0 and field.value[field.length - 1] != c'"'


cdef inline bint needs_clock(const Conditions* fields) noexcept nogil:
    """Whether evaluate() may read `now`: to know whether the date of an If-Range is settled, and for the
    two-digit year of an rfc850-date."""
    return (may_be_date(&fields.if_range) or is_long_date(&fields.if_modified_since)
            or is_long_date(&fields.if_unmodified_since))


cdef inline Verdict evaluate(
    Method method, const Conditions* fields, Representation* current, const Choices* policy, int64_t now,
) noexcept nogil:
    """Sections 13.2.1 and 13.2.2; `now` in POSIX nanoseconds."""
    cdef bint safe = method == GET or method == HEAD
    cdef Condition held
    if method != UNCONDITIONAL:
        # 1. If-Match
        held = if_match(&fields.if_match, current)
        if held == IS_FALSE:
            return PRECONDITION_FAILED
        # 2. Without If-Match: If-Unmodified-Since
        if held == ABSENT and if_unmodified_since(&fields.if_unmodified_since, current, now) == IS_FALSE:
            return PRECONDITION_FAILED
        # 3. If-None-Match
        held = if_none_match(&fields.if_none_match, current)
        if held == IS_FALSE:
            return NOT_MODIFIED if safe else PRECONDITION_FAILED
        # 4. GET or HEAD, without If-None-Match: If-Modified-Since
        if held == ABSENT and safe and if_modified_since(
            &fields.if_modified_since, current, policy.if_modified_since, now,
        ) == IS_FALSE:
            return NOT_MODIFIED
    # 5. Range: GET is the only method that has it (section 14.2), and If-Range may take it away
    if fields.range.value == NULL:
        return PROCEED
    if method != GET or if_range(&fields.if_range, current, policy.settle, now) == IS_FALSE:
        return IGNORE_RANGE
    return PROCEED
