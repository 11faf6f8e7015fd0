# The C API, whose contracts are in _core.pxd and explained in docs/c-api.md: part of _core.pyx.

from libc.string cimport memset

cdef enum:
    KNOWN_FLAGS = (
        PRECOND_NO_ETAG | PRECOND_NO_LAST_MODIFIED | PRECOND_WEAK | PRECOND_EXACT
        | PRECOND_NO_IF_MODIFIED_SINCE | PRECOND_ABSENT
    )
    MAX_SETTLE = 1_000_000_000  # seconds; as _types.MAX_SETTLE, so that no sum leaves 64 bits

cdef Field NO_MEMBER = Field(b"", 0)
cdef Field BROKEN = Field(b"\0", 1)  # malformed by every grammar


cdef inline bint is_text(const void* text, size_t length) noexcept nogil:
    return text != NULL or length == 0


cdef inline Field trimmed(const char* text, size_t length) noexcept nogil:
    """A field that is present, which a value of NULL would not be, without outer whitespace."""
    cdef Field field = Field(<const unsigned char*>text, length)
    trim(&field)
    return field if field.length else NO_MEMBER


cdef inline bint read_etag(const char* text, size_t length, EntityTag* tag) noexcept nogil:
    cdef Field field = trimmed(text, length)
    cdef const unsigned char* end = field.value + field.length
    return _etag.scan_etag(field.value, end, tag) == end


cdef bint read_flags(unsigned int flags, int64_t settle_ns, Choices* choices) noexcept nogil:
    cdef unsigned int modified_since = flags & (PRECOND_EXACT | PRECOND_NO_IF_MODIFIED_SINCE)
    if flags & ~<unsigned int>KNOWN_FLAGS:
        return False
    if modified_since == (PRECOND_EXACT | PRECOND_NO_IF_MODIFIED_SINCE):
        return False
    if not PRECOND_SETTLE_BY_STAMP <= settle_ns <= MAX_SETTLE * <int64_t>_httpdate.NS_A_SECOND:
        return False
    choices.etag = not flags & (PRECOND_NO_ETAG | PRECOND_ABSENT)
    choices.last_modified = not flags & (PRECOND_NO_LAST_MODIFIED | PRECOND_ABSENT)
    choices.weak = flags & PRECOND_WEAK != 0
    choices.if_modified_since = (
        _rules.EXACT if modified_since == PRECOND_EXACT
        else _rules.OFF if modified_since == PRECOND_NO_IF_MODIFIED_SINCE
        else _rules.BEFORE
    )
    choices.settle = settle_ns
    return True


cdef bint is_list(const Field* field) noexcept nogil:
    cdef const unsigned char* at = field.value
    cdef const unsigned char* end = at + field.length
    cdef EntityTag tag
    while True:
        at = _etag.skip_empty_members(at, end)
        if at == end:
            return True
        at = _etag.scan_etag(at, end, &tag)
        if at == NULL:
            return False
        at = _etag.skip_comma(at, end)
        if at == NULL:
            return False


cdef int match_list(const Field* field, const EntityTag* own, bint strong) noexcept nogil:
    if _etag.is_any(field.value, field.length):
        return PRECOND_ANY
    if _etag.list_has(field.value, field.length, own, strong):
        return PRECOND_MATCH
    return PRECOND_NO_MATCH if is_list(field) else PRECOND_MALFORMED


cdef Field one_list(
    const Field* earlier, const Field* later, Representation* current, bint strong,
) noexcept nogil:
    """Two lines of a list as one that says the same about our tag, so that nothing has to be joined: our tag,
    no member, or what is malformed, which "*" is beside anything else."""
    if not current.has_etag:
        return NO_MEMBER
    cdef EntityTag* own = _rules.current_etag(current)
    cdef int first = match_list(earlier, own, strong)
    cdef int second = match_list(later, own, strong)
    if first in (PRECOND_ANY, PRECOND_MALFORMED) or second in (PRECOND_ANY, PRECOND_MALFORMED):
        return BROKEN
    if first == PRECOND_MATCH or second == PRECOND_MATCH:
        return Field(own.opaque_tag, own.length)
    return NO_MEMBER


cdef bint read_lines(
    const precond_field_line* lines, size_t count, Representation* current, Conditions* fields,
) noexcept nogil:
    cdef const precond_field_line* line
    cdef Field value
    cdef Field* field
    cdef size_t i
    memset(fields, 0, sizeof(Conditions))
    if not is_text(lines, count):
        return False
    for i in range(count):
        line = &lines[i]
        if not (is_text(line.name, line.name_length) and is_text(line.value, line.value_length)):
            return False
        field = _rules.field_of(fields, <const unsigned char*>line.name, line.name_length)
        if field == NULL:
            continue
        value = trimmed(line.value, line.value_length)
        if field.value == NULL:
            field[0] = value
        elif field == &fields.if_match or field == &fields.if_none_match:
            field[0] = one_list(field, &value, current, strong=field == &fields.if_match)
        else:  # never joined, because a date that is cut at its comma would become whole
            field[0] = BROKEN
    return True


cdef int decide_lines(
    const char* method, size_t method_length, const precond_field_line* lines, size_t count,
    Representation* current, const Choices* choices, int64_t now_ns,
) noexcept nogil:
    cdef Conditions fields
    if not is_text(method, method_length) or not read_lines(lines, count, current, &fields):
        return PRECOND_INVALID
    return verdict_of(
        _rules.method_of(<const unsigned char*>method, method_length), &fields, current, choices, now_ns,
    )


cdef int precond_parse_http_date(
    const char* value, size_t length, int64_t now_ns, int64_t* seconds,
) noexcept nogil:
    cdef Field field
    if seconds == NULL or not is_text(value, length):
        return PRECOND_INVALID
    field = trimmed(value, length)
    return _httpdate.parse_http_date(field.value, field.length, now_ns, seconds)


cdef int precond_format_http_date(int64_t seconds, char* out, size_t capacity) noexcept nogil:
    if not is_text(out, capacity) or not FIRST <= seconds <= LAST:
        return PRECOND_INVALID
    if capacity < PRECOND_HTTP_DATE_SIZE:
        return PRECOND_TOO_SMALL
    _httpdate.format_http_date(<unsigned char*>out, seconds)
    return PRECOND_HTTP_DATE_SIZE


cdef int precond_format_etag(
    int64_t stamp_ns, int64_t size, unsigned int flags, char* out, size_t capacity,
) noexcept nogil:
    cdef unsigned char buffer[_etag.OPAQUE_TAG_SIZE]
    cdef EntityTag tag
    cdef Choices choices
    cdef size_t prefix
    if not is_text(out, capacity) or not read_flags(flags, PRECOND_SETTLE_BY_STAMP, &choices):
        return PRECOND_INVALID
    _etag.write_etag(buffer, stamp_ns, size, &tag)
    prefix = 2 if choices.weak else 0
    if capacity < prefix + tag.length:
        return PRECOND_TOO_SMALL
    memcpy(out, b"W/", prefix)
    memcpy(out + prefix, tag.opaque_tag, tag.length)
    return <int>(prefix + tag.length)


cdef int64_t precond_last_modified(int64_t stamp_ns) noexcept nogil:
    return _rules.whole_seconds(stamp_ns)


cdef int precond_settled(
    int64_t stamp_ns, unsigned int flags, int64_t settle_ns, int64_t now_ns,
) noexcept nogil:
    cdef Choices choices
    cdef int sent = 0
    if not read_flags(flags, settle_ns, &choices):
        return PRECOND_INVALID
    if choices.etag and _rules.settled_etag(stamp_ns, settle_ns, now_ns):
        sent |= PRECOND_SEND_ETAG
    if choices.last_modified and _rules.settled_date(stamp_ns, settle_ns, now_ns):
        sent |= PRECOND_SEND_LAST_MODIFIED
    return sent


cdef int precond_match_etags(
    const char* value, size_t length, const char* etag, size_t etag_length, int strong,
) noexcept nogil:
    cdef EntityTag own
    cdef Field field
    if not (is_text(value, length) and is_text(etag, etag_length) and read_etag(etag, etag_length, &own)):
        return PRECOND_INVALID
    field = trimmed(value, length)
    return match_list(&field, &own, strong != 0)


cdef int precond_evaluate(
    const char* method, size_t method_length, const precond_field_line* lines, size_t count,
    int64_t stamp_ns, int64_t size, unsigned int flags, int64_t settle_ns, int64_t now_ns,
) noexcept nogil:
    cdef Representation current
    cdef Choices choices
    if not read_flags(flags, settle_ns, &choices):
        return PRECOND_INVALID
    current.exists = flags & PRECOND_ABSENT == 0
    current.has_etag = choices.etag
    current.has_date = choices.last_modified and _rules.is_modification_date(stamp_ns)
    current.has_stamp = True
    current.stamp = stamp_ns
    current.size = size
    current.etag.opaque_tag = NULL
    current.etag.weak = choices.weak
    return decide_lines(method, method_length, lines, count, &current, &choices, now_ns)


cdef bint read_given(
    const char* etag, size_t etag_length, const char* last_modified, size_t last_modified_length,
    Representation* current,
) noexcept nogil:
    cdef Field date
    if not (is_text(etag, etag_length) and is_text(last_modified, last_modified_length)):
        return False
    if etag != NULL and not read_etag(etag, etag_length, &current.etag):
        return False
    if last_modified == NULL:
        return True
    date = trimmed(last_modified, last_modified_length)
    return date.length == _httpdate.HTTP_DATE_LENGTH and _httpdate.parse_imf_fixdate(
        date.value, &current.date,
    )


cdef int precond_evaluate_validators(
    const char* method, size_t method_length, const precond_field_line* lines, size_t count,
    const char* etag, size_t etag_length, const char* last_modified, size_t last_modified_length,
    unsigned int flags, int64_t now_ns,
) noexcept nogil:
    cdef Representation current
    cdef Choices choices
    if not read_flags(flags, PRECOND_SETTLE_BY_STAMP, &choices):
        return PRECOND_INVALID
    current.exists = flags & PRECOND_ABSENT == 0
    if current.exists and not read_given(
        etag, etag_length, last_modified, last_modified_length, &current,
    ):
        return PRECOND_INVALID
    current.has_etag = choices.etag and etag != NULL
    current.has_date = choices.last_modified and last_modified != NULL
    current.has_stamp = False
    if current.has_etag:
        current.etag.weak = current.etag.weak or choices.weak
    return decide_lines(method, method_length, lines, count, &current, &choices, now_ns)
