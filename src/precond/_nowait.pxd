# A stat that cannot wait for a disk or a network: Linux, openat2(2) with RESOLVE_CACHED and statx(2). And one
# for threads, which may, by as few calls as it takes.
#
# Where headers or platform have no such calls, the answer is always EAGAIN. The calls are made by number, as
# the C libraries that wheels are built against are older than they; the layouts are those of the kernel's
# interface.

from libc.errno cimport (
    E2BIG, EACCES, EAGAIN, EBADF, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EPERM, EXDEV, errno,
)
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen

cdef extern from * nogil:
    """
    #include <errno.h>
    #include <stdint.h>
    #if defined(__linux__)
    #include <fcntl.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #ifndef O_PATH  /* in headers without _GNU_SOURCE; SPARC, Alpha and PA-RISC have another number */
    #define O_PATH 010000000
    #endif
    #endif

    /* The numbers are the same on these; the x32 and MIPS interfaces count from others. */
    #if defined(__linux__) && !defined(SYS_openat2) && (defined(__x86_64__) && !defined(__ILP32__) \\
        || defined(__i386__) || defined(__aarch64__) || defined(__arm__) || defined(__powerpc__) \\
        || defined(__s390__) || defined(__riscv))
    #define SYS_openat2 437
    #endif
    #if defined(SYS_openat2) && SYS_openat2 == 437 && !defined(SYS_faccessat2)
    #define SYS_faccessat2 439
    #endif

    typedef struct {
        int64_t seconds;
        uint32_t nanoseconds;
        int32_t unused;
    } precond_time;

    typedef struct {
        uint32_t mask;
        uint32_t block_size;
        uint64_t attributes;
        uint32_t links, user, group;
        uint16_t mode;
        uint16_t unused;
        uint64_t inode, size, blocks, attributes_mask;
        precond_time atime, btime, ctime, mtime;
        uint32_t special_major, special_minor, device_major, device_minor;
        uint64_t more[14];
    } precond_statx;

    #define PRECOND_AT_FDCWD (-100)
    #define PRECOND_AT_SYMLINK_NOFOLLOW 0x100
    #define PRECOND_AT_EACCESS 0x200
    #define PRECOND_AT_EMPTY_PATH 0x1000
    #define PRECOND_AT_STATX_DONT_SYNC 0x4000
    #define PRECOND_NO_SYMLINKS 0x04
    #define PRECOND_BENEATH 0x08
    #define PRECOND_CACHED 0x20

    #if defined(SYS_openat2) && defined(SYS_statx) && defined(SYS_faccessat2)
    static inline int precond_open_path(int dir_fd, const char *path, uint64_t resolve) {
        struct { uint64_t flags, mode, resolve; } how = { O_PATH | O_CLOEXEC, 0, resolve };
        return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    }

    static inline int precond_stat_path(int dir_fd, const char *path, int flags, precond_statx *out) {
        return (int)syscall(SYS_statx, dir_fd, path, flags, 0x7ff, out); /* STATX_BASIC_STATS */
    }

    static inline int precond_access_path(int dir_fd, const char *path, int flags) {
        return (int)syscall(SYS_faccessat2, dir_fd, path, 4, flags | PRECOND_AT_EACCESS); /* R_OK */
    }

    static inline void precond_close(int descriptor) {
        close(descriptor);
    }
    #else
    static inline int precond_open_path(int dir_fd, const char *path, uint64_t resolve) {
        (void)dir_fd, (void)path, (void)resolve;
        errno = EAGAIN;
        return -1;
    }

    static inline int precond_stat_path(int dir_fd, const char *path, int flags, precond_statx *out) {
        (void)dir_fd, (void)path, (void)flags, (void)out;
        errno = EAGAIN;
        return -1;
    }

    static inline int precond_access_path(int dir_fd, const char *path, int flags) {
        (void)dir_fd, (void)path, (void)flags;
        return -1;
    }

    static inline void precond_close(int descriptor) {
        (void)descriptor;
    }
    #endif
    """
    ctypedef struct precond_time:
        int64_t seconds
        uint32_t nanoseconds

    ctypedef struct precond_statx:
        uint32_t mask
        uint16_t mode
        uint64_t size, attributes_mask
        precond_time ctime, mtime

    int precond_open_path(int dir_fd, const char* path, uint64_t resolve)
    int precond_stat_path(int dir_fd, const char* path, int flags, precond_statx* out)
    int precond_access_path(int dir_fd, const char* path, int flags)
    void precond_close(int descriptor)

    enum:
        AT_FDCWD "PRECOND_AT_FDCWD"
        AT_SYMLINK_NOFOLLOW "PRECOND_AT_SYMLINK_NOFOLLOW"
        AT_EMPTY_PATH "PRECOND_AT_EMPTY_PATH"
        AT_STATX_DONT_SYNC "PRECOND_AT_STATX_DONT_SYNC"
        NO_SYMLINKS "PRECOND_NO_SYMLINKS"
        BENEATH "PRECOND_BENEATH"
        CACHED "PRECOND_CACHED"

cdef enum:
    FORMAT = 0o170000  # of the mode
    REGULAR = 0o100000
    WANTED = 0x001 | 0x002 | 0x040 | 0x080 | 0x200  # of statx's mask: type, mode, mtime, ctime, size
    IMMUTABLE = 0x10  # of statx's attributes
    LONGEST = 4096  # path that the kernel takes, with the NUL after it


ctypedef struct Status:
    precond_time mtime
    precond_time ctime
    int64_t size
    uint32_t mode


cdef inline bint is_kept_here(precond_statx* found) noexcept nogil:
    """Whether no one but this kernel writes what it has in memory.

    Elsewhere (NFS, CIFS, FUSE, 9p) it may be of any age: AT_STATX_DONT_SYNC finds what is there, and to ask
    would be to wait. The file systems of this kernel (ext4, XFS, Btrfs, tmpfs) know which inodes are
    immutable, and those others do not. That there is a block device proves nothing: ntfs-3g has one, in user
    space. The few of this kernel that do not know either (FAT, SquashFS) are left to a thread.

    An overlay knows whatever its layers are, and hands the call on to them; the file systems of clusters
    (GFS2, OrangeFS) know too. No call says what the layers are, and images of containers, overlays over ext4
    or XFS, have to be answered here; so the documentation says to serve such ones with nowait=False.
    """
    return (found.attributes_mask & IMMUTABLE) != 0


cdef inline int stat_file(
    const char* path, int dir_fd, uint64_t resolve, bint to_read, Status* out,
) noexcept nogil:
    """0, or an errno.

    resolve     openat2's. With CACHED, EAGAIN where all that it takes is not in the memory of this kernel.
                Without it this may wait; with 0 it does as stat(2), which takes no descriptor to ask
    to_read     EACCES where the file may not be read, as the kernel has it: bits of the mode say nothing of
                access control lists, capabilities and security modules. The one thing that can be missing in
                memory then is a list that the file has and nobody has asked for yet: one block, once.
    """
    cdef precond_statx found
    cdef bint cached = (resolve & CACHED) != 0
    cdef int descriptor = dir_fd
    cdef int flags = 0
    cdef int error = 0
    if resolve:
        descriptor = precond_open_path(dir_fd, path, resolve)
        if descriptor < 0:
            return errno
        path = b""
        flags = AT_EMPTY_PATH
    if precond_stat_path(descriptor, path, flags | AT_STATX_DONT_SYNC if cached else flags, &found):
        error = errno
    elif found.mask & WANTED != WANTED or cached and not is_kept_here(&found):
        error = EAGAIN
    # Not before it is known that the file is kept here: this has no flag that says not to ask a server.
    elif to_read and precond_access_path(descriptor, path, flags):
        error = errno
    if resolve:
        precond_close(descriptor)
    if error:
        return error
    out.mtime = found.mtime
    out.ctime = found.ctime
    out.size = <int64_t>found.size
    out.mode = found.mode
    return 0


cdef inline bint is_absent(const char* path, uint64_t resolve) noexcept nogil:
    """Whether there is nothing of this name; with CACHED: and that is in memory.

    Without it NO_SYMLINKS says nothing more: the file was found beside this name by a path without any.
    """
    cdef precond_statx ignored
    cdef int descriptor
    if not resolve & CACHED:
        return precond_stat_path(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &ignored) != 0 and errno == ENOENT
    descriptor = precond_open_path(AT_FDCWD, path, resolve)
    if descriptor < 0:
        return errno == ENOENT
    precond_close(descriptor)
    return False


cdef inline bint is_alone(const char* path, const char* siblings, uint64_t resolve) noexcept nogil:
    """Whether nothing has a name of the path and one of the siblings, which have a NUL after each."""
    cdef char beside[LONGEST]
    cdef size_t length = strlen(path)
    cdef size_t size
    while siblings[0]:
        size = strlen(siblings) + 1
        if length + size > LONGEST:
            return False
        memcpy(beside, path, length)
        memcpy(beside + length, siblings, size)
        if not is_absent(beside, resolve):
            return False
        siblings += size
    return True


cdef inline bint is_answer(int error) noexcept nogil:
    """Whether it is said about this path, and not about this way of asking: by stat(2) too, but for EXDEV,
    which is that of BENEATH."""
    return (
        error == ENOENT or error == ENOTDIR or error == EACCES or error == ELOOP or error == ENAMETOOLONG
        or error == EXDEV or error == EBADF
    )


cdef inline bint is_refusal(int error) noexcept nogil:
    """Whether it may be that a kernel before 5.12 or a seccomp filter said so, whatever the path."""
    return error == ENOSYS or error == EPERM or error == EINVAL or error == E2BIG or error == EACCES


cdef inline bint is_refused() noexcept nogil:
    """Whether the root directory is refused too, which is always in memory and open to all."""
    cdef Status ignored
    return is_refusal(stat_file("/", AT_FDCWD, CACHED, False, &ignored))
