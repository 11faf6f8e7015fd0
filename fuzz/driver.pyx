# cython: language_level=3
"""Inputs through the fuzzer of the C level, once and without libFuzzer, for other tools to look at."""

from libc.stdint cimport uint8_t
from libc.stdio cimport FILE, fclose, fopen, fread

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
    """
    int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) noexcept nogil


cdef public int main(int argc, char** argv) noexcept nogil:
    cdef uint8_t data[65536]
    cdef FILE* file
    cdef int i
    for i in range(1, argc):
        file = fopen(argv[i], b"rb")
        if file == NULL:
            return 1
        LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file))
        fclose(file)
    return 0
