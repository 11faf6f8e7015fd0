# Eight bytes at a time, for what a byte at a time would cost more than all the rest.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define PRECOND_FIRST_LOWEST(word) __builtin_bswap64(word)
    #define PRECOND_FIRST_HIGHEST(word) (word)
    #else
    #define PRECOND_FIRST_LOWEST(word) (word)
    #ifdef _MSC_VER
    #define PRECOND_FIRST_HIGHEST(word) _byteswap_uint64(word)
    #else
    #define PRECOND_FIRST_HIGHEST(word) __builtin_bswap64(word)
    #endif
    #endif
    """
    uint64_t PRECOND_FIRST_LOWEST(uint64_t word) noexcept nogil
    uint64_t PRECOND_FIRST_HIGHEST(uint64_t word) noexcept nogil


cdef inline uint64_t load_eight(const unsigned char* at) noexcept nogil:
    """As a number whose lowest byte is the first, whatever the machine."""
    cdef uint64_t word
    memcpy(&word, at, 8)
    return PRECOND_FIRST_LOWEST(word)


cdef inline uint64_t load_eight_back(const unsigned char* at) noexcept nogil:
    """As the number of which store_eight has stored them: its highest byte is the first."""
    cdef uint64_t word
    memcpy(&word, at, 8)
    return PRECOND_FIRST_HIGHEST(word)


cdef inline void store_eight(unsigned char* at, uint64_t word) noexcept nogil:
    """Of a number the highest byte first, whatever the machine."""
    word = PRECOND_FIRST_HIGHEST(word)
    memcpy(at, &word, 8)
