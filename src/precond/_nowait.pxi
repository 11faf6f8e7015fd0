# A stat that cannot wait, for Python: glue of _core.pyx over _nowait.pxd.

cdef extern from *:
    """
    /* Written once, from 0 to 1, by any thread. */
    static int precond_refused;
    #if defined(__GNUC__)
    #define precond_is_refused() __atomic_load_n(&precond_refused, __ATOMIC_RELAXED)
    #define precond_refuse() __atomic_store_n(&precond_refused, 1, __ATOMIC_RELAXED)
    #else  /* where no call is made, and so none refused */
    #define precond_is_refused() (precond_refused)
    #define precond_refuse() (precond_refused = 1)
    #endif
    """
    bint precond_is_refused() noexcept nogil
    void precond_refuse() noexcept nogil

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)
    PyObject* PyErr_SetFromErrnoWithFilenameObject(object kind, object filename) except NULL


@cython.final
@cython.auto_pickle(False)
@cython.freelist(4)
cdef class FileStat:
    """What stat_nowait gives: st_mtime_ns, st_ctime_ns (POSIX nanoseconds), st_size (bytes) and st_mode."""

    cdef _nowait.Status status

    @property
    def st_mtime_ns(self):
        return nanoseconds(self.status.mtime)

    @property
    def st_ctime_ns(self):
        return nanoseconds(self.status.ctime)

    @property
    def st_size(self):
        return self.status.size

    @property
    def st_mode(self):
        return self.status.mode

    def __repr__(self):
        return (
            f"FileStat(st_mode={self.st_mode:#o}, st_size={self.st_size}, st_mtime_ns={self.st_mtime_ns},"
            f" st_ctime_ns={self.st_ctime_ns})"
        )


cdef object nanoseconds(_nowait.precond_time stamp):
    return stamp.seconds * NS + stamp.nanoseconds


cdef inline bint read_file_stat(Policy policy, FileStat st, Representation* current) noexcept:
    """As read_plain_stat, without making an object of either number."""
    cdef _nowait.precond_time* stamp = &st.status.mtime
    if policy.stamp_index == CTIME_NS:
        stamp = &st.status.ctime
    if not -LAST_WHOLE_SECOND <= stamp.seconds < LAST_WHOLE_SECOND:
        return False
    current.stamp = stamp.seconds * _httpdate.NS_A_SECOND + stamp.nanoseconds
    current.size = st.status.size
    if not _rules.is_modification_date(current.stamp):
        current.has_date = False
    return True


cdef int64_t LAST_WHOLE_SECOND = INT64_MAX // _httpdate.NS_A_SECOND


cdef int stat_unless_refused(
    const char* path, int dir_fd, uint64_t resolve, bint to_read, _nowait.Status* out,
) noexcept nogil:
    """As stat_file, but what has been refused once is not asked again.

    With CACHED callers keep the GIL: what cannot wait takes less time than it may take to get the GIL back.
    """
    if resolve and precond_is_refused():
        return EAGAIN
    cdef int error = _nowait.stat_file(path, dir_fd, resolve, to_read, out)
    if resolve and error and _nowait.is_refusal(error) and _nowait.is_refused():
        precond_refuse()
        return EAGAIN
    return error


cdef inline bytes encoded_path(object path):
    """Plain bytes, of a subclass of str or bytes too."""
    cdef bytes encoded
    if isinstance(path, bytes):
        encoded = PyBytes_FromStringAndSize(PyBytes_AS_STRING(path), PyBytes_GET_SIZE(path))
    else:
        encoded = PyUnicode_EncodeFSDefault(path)
    if strlen(PyBytes_AS_STRING(encoded)) != <size_t>PyBytes_GET_SIZE(encoded):
        raise ValueError(_types.NUL_IN_PATH)
    return encoded


cdef int read_descriptor(object dir_fd) except -1:
    cdef int overflow
    if not isinstance(dir_fd, int):
        raise type_error("dir_fd", _types.EXPECTED_DESCRIPTOR, dir_fd)
    cdef int64_t descriptor = PyLong_AsLongLongAndOverflow(dir_fd, &overflow)
    if overflow or not 0 <= descriptor <= INT32_MAX:
        raise ValueError(_types.NO_DESCRIPTOR.format(dir_fd))
    return <int>descriptor


def stat_nowait(path, *, dir_fd=None, beneath=False):
    """Stat a file without waiting for a disk or a network, or raise BlockingIOError.

    path          str, bytes or os.PathLike
    dir_fd        descriptor of the directory that a relative path starts from; None: the working directory
    beneath       stay beneath that directory: an absolute path, or a `..` or symbolic link that leads out of
                  it, is an OSError, of EXDEV or a BlockingIOError; os.stat has no such option

    Gives an object with st_mtime_ns, st_ctime_ns, st_size and st_mode as os.stat has them, accepted wherever
    a stat result is. BlockingIOError means: ask os.stat, in a thread. It is raised where part of the answer
    is not in memory; where others than this kernel may write the file (NFS, FUSE and their like; FAT is taken
    for one of them); and always where there is no such call: before Linux 5.12, on other systems, in the
    plain-Python back end, and where a sandbox refuses it, which is found out once. Other errors are those of
    os.stat, though Linux says of some only that it would have to wait. A TypeError or ValueError names an
    argument that is wrong.

    Of an overlay the layers are not asked: one over a network or user-space file system, and the file system
    of a cluster (GFS2, OrangeFS), are taken for this kernel's own. For files there ask os.stat; with the
    adapters that is nowait=False.
    """
    if not isinstance(path, (str, bytes)):
        if not isinstance(path, os.PathLike):
            raise type_error("path", _types.EXPECTED_PATH, path)
        path = os.fspath(path)
    cdef bytes encoded = encoded_path(path)
    cdef int directory = _nowait.AT_FDCWD if dir_fd is None else read_descriptor(dir_fd)
    if type(beneath) is not bool:
        raise type_error("beneath", "bool", beneath)
    cdef FileStat st = FileStat.__new__(FileStat)
    cdef uint64_t resolve = _nowait.CACHED | (_nowait.BENEATH if beneath else 0)
    cdef int error = stat_unless_refused(PyBytes_AS_STRING(encoded), directory, resolve, False, &st.status)
    if error == 0:
        return st
    _errno.errno = error if _nowait.is_answer(error) else EAGAIN
    PyErr_SetFromErrnoWithFilenameObject(OSError, path)


def look_nowait(path, bytes siblings not None, bint no_symlinks):
    """stat_nowait for the adapters: of a regular file that may be read and has no siblings, else None.

    siblings    what may stand after the path in the names of files that would have a say in the answer, a NUL
                after each
    no_symlinks None too where there is a symbolic link anywhere in the path

    None says no more than that the answer has to be found elsewhere; whatever the path is, it is no error.
    """
    return look_up(path, siblings, no_symlinks, False)


def look_waiting(path, bytes siblings not None, bint no_symlinks):
    """As look_nowait, but in a thread: what is not in memory is waited for."""
    return look_up(path, siblings, no_symlinks, True)


cdef FileStat look_up(object path, bytes siblings, bint no_symlinks, bint waits):
    cdef bytes encoded
    try:
        encoded = encoded_path(path)
    except ValueError:
        return None
    cdef const char* name = PyBytes_AS_STRING(encoded)
    cdef const char* beside = PyBytes_AS_STRING(siblings)
    cdef uint64_t resolve = (_nowait.NO_SYMLINKS if no_symlinks else 0) | (0 if waits else _nowait.CACHED)
    cdef FileStat st = FileStat.__new__(FileStat)
    cdef bint found
    if waits:
        with nogil:
            found = is_found(name, beside, resolve, &st.status)
    else:
        found = is_found(name, beside, resolve, &st.status)
    return st if found else None


cdef bint is_found(
    const char* path, const char* siblings, uint64_t resolve, _nowait.Status* out,
) noexcept nogil:
    return (
        stat_unless_refused(path, _nowait.AT_FDCWD, resolve, True, out) == 0
        and out.mode & _nowait.FORMAT == _nowait.REGULAR
        and _nowait.is_alone(path, siblings, resolve)
    )
