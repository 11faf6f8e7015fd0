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
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    /* Eight bytes as a number whose lowest byte is the first, whatever the machine. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define PRECOND_FIRST_LOWEST(word) __builtin_bswap64(word)
    #else
    #define PRECOND_FIRST_LOWEST(word) (word)
    #endif
    """
    uint64_t PRECOND_FIRST_LOWEST(uint64_t word) noexcept nogil

cdef enum:
    OPAQUE_TAG_SIZE = 37  # "-8000000000000000--8000000000000000"

cdef struct EntityTag:
    const unsigned char* opaque_tag  # quotes included
    size_t length
    bint weak


cdef inline uint64_t load_eight(const unsigned char* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return PRECOND_FIRST_LOWEST(word)


cdef inline bint is_etagc(unsigned char octet) noexcept nogil:
    return octet >= 0x21 and octet != 0x22 and octet != 0x7F


cdef inline uint64_t not_etagc(uint64_t octets) noexcept nogil:
    """Of eight bytes at once: bit 7 of the first that is not an etagc is set, and none before it but of `!`.

    Set are those that are less than 0x23 and those that 1 carries over from 0x7F; a borrow or a carry goes to
    later bytes only, and obs-text is never set."""
    return ((octets - 0x2323232323232323ULL) | (octets + 0x0101010101010101ULL)) \
        & ~octets & 0x8080808080808080ULL


cdef inline const unsigned char* opaque_tag_end(
    const unsigned char* at, const unsigned char* end,
) noexcept nogil:
    """The end of the opaque-tag that begins at `at`; NULL where none does."""
    cdef uint64_t stops
    if at == end or at[0] != c'"':
        return NULL
    at += 1
    while end - at >= 8:
        stops = not_etagc(load_eight(at))
        if stops == 0:
            at += 8
            continue
        # All bits up to the lowest that is set; a bit a byte, counted by the product.
        at += ((stops ^ (stops - 1)) & 0x0101010101010101ULL) * 0x0101010101010101ULL >> 56
        if (at - 1)[0] == c'"':
            return at
        if not is_etagc((at - 1)[0]):
            return NULL
    while at < end and is_etagc(at[0]):
        at += 1
    return at + 1 if at < end and at[0] == c'"' else NULL


cdef inline bint begins_weak(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """weak = %s"W/" """
    return end - at >= 2 and at[0] == c"W" and at[1] == c"/"


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
    # Not memcmp: its wide loads must wait for the stores of a tag that was written just now.
    while length >= 8:
        if load_eight(one) != load_eight(other):
            return False
        one += 8
        other += 8
        length -= 8
    while length:
        if one[0] != other[0]:
            return False
        one += 1
        other += 1
        length -= 1
    return True


cdef inline bint begins_with(
    const unsigned char* at, const unsigned char* end, const EntityTag* own,
) noexcept nogil:
    """Whether our opaque-tag, which ends with a quote as any does, stands at `at`."""
    if <size_t>(end - at) < own.length:
        return False
    # Most other tags differ in length, or at the end of the size.
    cdef size_t last = own.length - 1
    return (at[last] == c'"' and at[last - 1] == own.opaque_tag[last - 1]
            and same_octets(at + 1, own.opaque_tag + 1, last - 1))


cdef inline bint list_has(
    const unsigned char* value, size_t length, const EntityTag* own, bint strong,
) noexcept nogil:
    """Whether a member equals our tag, in the strong or the weak comparison of section 8.8.3.2. None does
    where the list breaks the grammar anywhere, so it is read to its end."""
    cdef const unsigned char* at = value
    cdef const unsigned char* end = value + length
    cdef bint found = False
    cdef bint weak
    while True:
        at = skip_empty_members(at, end)
        if at == end:
            return found
        weak = begins_weak(at, end)
        if weak:
            at += 2
        if begins_with(at, end, own):
            found = found or not (strong and (weak or own.weak))
            at += own.length
        else:
            at = opaque_tag_end(at, end)
            if at == NULL:
                return False
        at = skip_comma(at, end)
        if at == NULL:
            return False


cdef inline bint strongly_equal(const EntityTag* one, const EntityTag* other) noexcept nogil:
    """Strong comparison, section 8.8.3.2."""
    return (not one.weak and not other.weak and one.length == other.length
            and memcmp(one.opaque_tag, other.opaque_tag, one.length) == 0)


cdef inline const unsigned char* two_hex_digits(unsigned char octet) noexcept nogil:
    return <const unsigned char*>(
        b"000102030405060708090a0b0c0d0e0f"
        b"101112131415161718191a1b1c1d1e1f"
        b"202122232425262728292a2b2c2d2e2f"
        b"303132333435363738393a3b3c3d3e3f"
        b"404142434445464748494a4b4c4d4e4f"
        b"505152535455565758595a5b5c5d5e5f"
        b"606162636465666768696a6b6c6d6e6f"
        b"707172737475767778797a7b7c7d7e7f"
        b"808182838485868788898a8b8c8d8e8f"
        b"909192939495969798999a9b9c9d9e9f"
        b"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
        b"b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
        b"c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
        b"d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
        b"e0e1e2e3e4e5e6e7e8e9eaebecedeeef"
        b"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    ) + 2 * octet


cdef inline unsigned char* write_hex(unsigned char* end, int64_t number) noexcept nogil:
    """Write as format(number, "x") does, so that it ends before `end`; give its first byte."""
    # Negated as an unsigned number, the smallest int64_t has its magnitude too.
    cdef uint64_t magnitude = -<uint64_t>number if number < 0 else <uint64_t>number
    cdef unsigned char* at = end
    while magnitude >> 4:  # two digits or more are left
        at -= 2
        memcpy(at, two_hex_digits(magnitude & 0xFF), 2)
        magnitude >>= 8
    if magnitude or at == end:
        at -= 1
        at[0] = two_hex_digits(<unsigned char>magnitude)[1]
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
