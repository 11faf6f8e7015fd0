# cython: cdivision=True
# entity-tag, RFC 9110 section 8.8.3: read lists of them, compare them, write our own.
#
#     entity-tag = [ weak ] opaque-tag
#     weak       = %s"W/"
#     opaque-tag = DQUOTE *etagc DQUOTE
#     etagc      = %x21 / %x23-7E / obs-text
#
# A list is read tag by tag in one pass, and nothing is kept but the tag at hand. A tag may hold commas, so a
# list is never split at them.
#
# Nothing here knows Python: bytes are a pointer and a length, nothing ends with NUL.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from precond._octets cimport load_eight, load_eight_back, store_eight

cdef enum:
    OPAQUE_TAG_SIZE = 37  # "-8000000000000000--8000000000000000"

cdef struct EntityTag:
    const unsigned char* opaque_tag  # quotes included
    size_t length
    bint weak


cdef inline bint is_etagc(unsigned char octet) noexcept nogil:
    return octet >= 0x21 and octet != 0x22 and octet != 0x7F


cdef inline uint64_t not_etagc(uint64_t octets) noexcept nogil:
    """Of eight bytes at once: bit 7 of the first that is not an etagc is set, and none before it.

    Set are those that are less than 0x21, those that are a quote, and those that 1 carries over from 0x7F.
    What is borrowed is borrowed by a later byte, no carry leaves its byte, and obs-text is never set."""
    cdef uint64_t quotes = (octets ^ 0x2222222222222222ULL) - 0x0101010101010101ULL
    cdef uint64_t deletes = (octets & 0x7F7F7F7F7F7F7F7FULL) + 0x0101010101010101ULL
    return ((octets - 0x2121212121212121ULL) | quotes | deletes) & ~octets & 0x8080808080808080ULL


cdef inline const unsigned char* opaque_tag_end(
    const unsigned char* at, const unsigned char* end,
) noexcept nogil:
    """The end of the opaque-tag that begins at `at`; NULL where none does."""
    cdef uint64_t stops
    if at == end or at[0] != c'"':
        return NULL
    at += 1
    if at < end and at[0] == c'"':  # without waiting for the bits below, which 8 KiB of `"",` would add up
        return at + 1
    while end - at >= 8:
        stops = not_etagc(load_eight(at))
        if stops:
            # All bits up to the lowest that is set; a bit a byte, counted by the product.
            at += (((stops ^ (stops - 1)) & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56
            return at if (at - 1)[0] == c'"' else NULL
        at += 8
    while at < end and is_etagc(at[0]):
        at += 1
    return at + 1 if at < end and at[0] == c'"' else NULL


cdef inline bint begins_weak(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """weak = %s"W/" """
    return at != end and at[0] == c"W" and at + 1 != end and at[1] == c"/"


cdef inline const unsigned char* scan_etag(
    const unsigned char* at, const unsigned char* end, EntityTag* tag,
) noexcept nogil:
    """Read the entity-tag that begins at `at`, as in `W/"xyzzy"`, and give its end; NULL where none does."""
    tag.weak = begins_weak(at, end)
    if tag.weak:
        at += 2
    tag.opaque_tag = at
    end = opaque_tag_end(at, end)
    tag.length = end - at if end != NULL else 0
    return end


# A list is read by turns of these two and a member between them:
#
#     #entity-tag => [ entity-tag ] *( OWS "," OWS [ entity-tag ] )      (section 5.6.1.2)


cdef inline bint is_blank(unsigned char octet) noexcept nogil:
    """OWS = *( SP / HTAB )"""
    return octet == c" " or octet == c"\t"


cdef inline const unsigned char* skip_empty_members(
    const unsigned char* at, const unsigned char* end,
) noexcept nogil:
    while at < end and at[0] != c'"' and (at[0] == c"," or is_blank(at[0])):
        at += 1
    return at


cdef inline const unsigned char* skip_comma(
    const unsigned char* at, const unsigned char* end,
) noexcept nogil:
    """What must come behind a member: a comma, or the end; NULL where something else does."""
    if end - at >= 2 and at[0] == c"," and at[1] == c" ":  # what nearly all lists have there
        return at + 2
    while at < end and at[0] != c",":
        if not is_blank(at[0]):
            return NULL
        at += 1
    return at + 1 if at < end else end


cdef inline bint is_any(const unsigned char* value, size_t length) noexcept nogil:
    return length == 1 and value[0] == c"*"


cdef inline bint same_octets(
    const unsigned char* one, const unsigned char* other, size_t length,
) noexcept nogil:
    """memcmp, but inline, and from the end: there tags of one server differ."""
    cdef const unsigned char* last
    if length < 8:
        return memcmp(one, other, length) == 0
    last = one + length - 8
    if load_eight(last) != load_eight(other + length - 8):
        return False
    while one < last:
        if load_eight(one) != load_eight(other):
            return False
        one += 8
        other += 8
    return True


cdef inline uint64_t perhaps_not_etagc(uint64_t octets) noexcept nogil:
    """As not_etagc in half the time, but set for `!` and obs-text too."""
    return ((octets - 0x2323232323232323ULL) | (octets + 0x0101010101010101ULL)) & 0x8080808080808080ULL


cdef inline bint are_etagc(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """Whether these bytes, 8 or more, are all etagc; of one that is `!` or obs-text it says no."""
    cdef const unsigned char* last = end - 8
    while at < last:
        if perhaps_not_etagc(load_eight(at)):
            return False
        at += 8
    return perhaps_not_etagc(load_eight(last)) == 0


cdef inline bint list_has(
    const unsigned char* value, size_t length, const EntityTag* own, bint strong,
) noexcept nogil:
    """Whether a member equals our tag, in the strong or the weak comparison of section 8.8.3.2. None does
    where the list breaks the grammar anywhere."""
    if length == own.length and same_octets(value, own.opaque_tag, length):  # what nearly all clients send
        return not (strong and own.weak)
    return any_member_is(value, value + length, own, strong)


cdef inline bint any_member_is(
    const unsigned char* at, const unsigned char* end, const EntityTag* own, bint strong,
) noexcept nogil:
    """Read the list to its end, because it may break the grammar there."""
    cdef size_t length = own.length
    cdef const unsigned char* member
    cdef bint found = False
    cdef bint weak
    while True:
        at = skip_empty_members(at, end)
        if at == end:
            return found
        weak = begins_weak(at, end)
        if weak:
            at += 2
        member = at
        # Most members are as long as our tag, because one server has made them all.
        if (<size_t>(end - at) >= length and length >= 10 and at[0] == c'"' and at[length - 1] == c'"'
                and are_etagc(at + 1, at + length - 1)):
            at += length
        else:
            at = opaque_tag_end(at, end)
            if at == NULL:
                return False
        if <size_t>(at - member) == length and same_octets(member, own.opaque_tag, length):
            found = found or not (strong and (weak or own.weak))
        at = skip_comma(at, end)
        if at == NULL:
            return False


cdef inline bint strongly_equal(const EntityTag* one, const EntityTag* other) noexcept nogil:
    """Strong comparison, section 8.8.3.2."""
    return (not one.weak and not other.weak and one.length == other.length
            and memcmp(one.opaque_tag, other.opaque_tag, one.length) == 0)


cdef inline uint64_t eight_digits(uint64_t number) noexcept nogil:
    """The lower 32 bits in hexadecimal, as eight bytes of which the highest is the first digit."""
    # Four bits a byte, and then "0" more, or "a" - 10.
    cdef uint64_t digits = number & 0xFFFFFFFFULL
    digits = (digits | (digits << 16)) & 0x0000FFFF0000FFFFULL
    digits = (digits | (digits << 8)) & 0x00FF00FF00FF00FFULL
    digits = (digits | (digits << 4)) & 0x0F0F0F0F0F0F0F0FULL
    return digits + 0x3030303030303030ULL + (
        ((digits + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL
    ) * 0x27


cdef inline unsigned char* write_hex(unsigned char* end, int64_t number) noexcept nogil:
    """Write as format(number, "x") does, so that it ends before `end`; give its first byte. Sixteen bytes
    before `end` may be written to, whatever the number."""
    # Negated as an unsigned number, the smallest int64_t has its magnitude too.
    cdef uint64_t magnitude = -<uint64_t>number if number < 0 else <uint64_t>number
    cdef unsigned char* at = end - 1
    store_eight(end - 8, eight_digits(magnitude))
    if magnitude >> 32:
        store_eight(end - 16, eight_digits(magnitude >> 32))
    if magnitude >> 60:  # as of every stamp since 2006
        at = end - 16
    else:
        while magnitude >> 4:
            at -= 1
            magnitude >>= 4
    if number < 0:
        at -= 1
        at[0] = c"-"
    return at


cdef inline void write_etag(
    unsigned char* buffer, int64_t stamp, int64_t size, EntityTag* tag,
) noexcept nogil:
    """Write `"<stamp>-<size>"`, both in hexadecimal, into the last bytes of a buffer of OPAQUE_TAG_SIZE, and
    point the tag there; whether it is weak is not for us to say."""
    # From the end, because how many digits there are is only known at their first.
    cdef unsigned char* end = buffer + OPAQUE_TAG_SIZE
    cdef unsigned char* at = end - 1
    at[0] = c'"'
    at = write_hex(at, size) - 1
    at[0] = c"-"
    at = write_hex(at, stamp) - 1
    at[0] = c'"'
    tag.opaque_tag = at
    tag.length = end - at


cdef inline bint may_be_tag_of(size_t length, int64_t stamp, int64_t size) noexcept nogil:
    """Whether is_tag_of can tell: for a stamp of 16 digits, which all have from 2006 on, and a value as long
    as a tag is with a size of 1 to 8 digits."""
    return 20 <= length <= 27 and (stamp >> 60) > 0 and size >= 0


cdef inline bint is_tag_of(
    const unsigned char* value, size_t length, int64_t stamp, int64_t size,
) noexcept nogil:
    """Whether a value is what write_etag writes of these numbers, as in `"17caf2b3f9d1cd15-400"`, found
    without writing it: bytes just stored in pieces are slow to load eight at a time.

    Only to be asked where may_be_tag_of says so.
    """
    cdef size_t size_digits = length - 19
    cdef uint64_t first_digit = <uint64_t>size >> (4 * (size_digits - 1))
    if first_digit > 0xF or (first_digit == 0 and size_digits > 1):
        return False
    return (value[0] == c'"' and load_eight_back(value + 1) == eight_digits(<uint64_t>stamp >> 32)
            and load_eight_back(value + 9) == eight_digits(stamp) and value[17] == c"-"
            and (load_eight_back(value + length - 9) ^ eight_digits(size)) << (64 - 8 * size_digits) == 0
            and value[length - 1] == c'"')
