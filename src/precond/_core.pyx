# cython: language_level=3
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
# cython: boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
# cython: freethreading_compatible=True
"""The compiled back end: glue between Python objects and the rules in _rules.pxd.

From objects it makes pointers and lengths, two integers of a stat result, and back from a verdict a cached
Outcome. No reference is borrowed: whatever a pointer points into is held until the verdict is there.
"""

import os
from functools import partial
from time import time_ns

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.ref cimport PyObject
from cpython.unicode cimport (
    PyUnicode_1BYTE_DATA, PyUnicode_1BYTE_KIND, PyUnicode_DecodeLatin1, PyUnicode_GET_LENGTH,
    PyUnicode_KIND, PyUnicode_New,
)
from libc cimport errno as _errno
from libc.errno cimport EAGAIN
from libc.stdint cimport INT32_MAX, INT64_MAX, INT64_MIN, int64_t, uint64_t
from libc.string cimport memcpy, strlen

from precond cimport _etag, _httpdate, _nowait, _rules
from precond._etag cimport EntityTag
from precond._rules cimport Choices, Conditions, Field, Method, Representation, Verdict

from precond._explain import Grammar, explain as _explain
from precond._fields import as_tuple, combine
from precond import _types
from precond._types import ANY, ETag, Outcome, Validators, check_options, type_error

cdef extern from *:
    """
    /* A new reference to the value, or to None; NULL with an exception set. */
    static PyObject *precond_dict_get(PyObject *dict, PyObject *key) {
        PyObject *value;
    #if PY_VERSION_HEX >= 0x030D0000
        if (PyDict_GetItemRef(dict, key, &value) < 0) {
            return NULL;
        }
        return value != NULL ? value : Py_NewRef(Py_None);
    #else
        value = PyDict_GetItemWithError(dict, key);
        if (value == NULL && PyErr_Occurred()) {
            return NULL;
        }
        value = value != NULL ? value : Py_None;
        Py_INCREF(value);
        return value;
    #endif
    }

    /* The value of an int that is positive and within 62 bits, as stamps and sizes of files are; 0 where it
       is anything else. Reading its digits of 30 bits costs a fifth of what the call does. */
    static CYTHON_INLINE int precond_plain_int(PyObject *number, int64_t *value) {
    #if CYTHON_USE_PYLONG_INTERNALS && PyLong_SHIFT == 30
    #if PY_VERSION_HEX >= 0x030C0000
        const digit *digits = ((PyLongObject *)number)->long_value.ob_digit;
        const uintptr_t tag = ((PyLongObject *)number)->long_value.lv_tag;
        const Py_ssize_t count = (tag & 2) ? -1 : (Py_ssize_t)(tag >> 3);
    #else
        const digit *digits = ((PyLongObject *)number)->ob_digit;
        const Py_ssize_t count = Py_SIZE(number);
    #endif
        if (!PyLong_CheckExact(number)) {
            return 0;
        }
        switch (count) {
            case 1: *value = digits[0]; return 1;
            case 2: *value = digits[0] | (int64_t)digits[1] << 30; return 1;
            case 3: *value = digits[0] | (int64_t)digits[1] << 30 | (int64_t)(digits[2] & 3) << 60;
                    return digits[2] < 4;
        }
    #endif
        return 0;
    }
    """
    object precond_dict_get(dict dictionary, str key)
    bint precond_plain_int(PyObject* number, int64_t* value) noexcept

# These with borrowed references: where they are used, nothing else can run.
cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text) noexcept
    bint PyBytes_CheckExact(PyObject* thing) noexcept
    const unsigned char* octets_of "(const unsigned char *)PyBytes_AS_STRING" (PyObject* octets) noexcept
    size_t length_of "PyBytes_GET_SIZE" (PyObject* octets) noexcept
    bint PyTuple_CheckExact(PyObject* thing) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject* pair) noexcept
    PyObject* PyTuple_GET_ITEM(PyObject* pair, Py_ssize_t index) noexcept
    PyObject** PySequence_Fast_ITEMS(object list_or_tuple) noexcept
    Py_ssize_t PySequence_Fast_GET_SIZE(object list_or_tuple) noexcept

cdef object STAT_RESULT = os.stat_result
cdef object tuple_new = tuple.__new__
cdef object NS = 1_000_000_000

# Where a stat_result keeps its nanoseconds: built of the numbers 0, 1, 2, …, each field holds its own index.
# The first ten fields are the tuple that one sees; those of nanoseconds are hidden behind them.
_probe = os.stat_result(range(os.stat_result.n_fields))
cdef Py_ssize_t MTIME_NS = _probe.st_mtime_ns
cdef Py_ssize_t CTIME_NS = _probe.st_ctime_ns
cdef Py_ssize_t SIZE = _probe.st_size
del _probe

# An enum member looked up by its value costs ten times the decision.
cdef object PROCEED = Outcome.PROCEED
cdef object IGNORE_RANGE = Outcome.IGNORE_RANGE
cdef object NOT_MODIFIED = Outcome.NOT_MODIFIED
cdef object PRECONDITION_FAILED = Outcome.PRECONDITION_FAILED


# -- From objects to C ---------------------------------------------------------------------------------------


cdef inline bint is_plain(object value, Field* field) noexcept:
    """Whether a value is ASCII text, as nearly all are; then point the field at it."""
    if not isinstance(value, str) or not PyUnicode_IS_COMPACT_ASCII(value):
        return False
    field.value = <const unsigned char*>PyUnicode_1BYTE_DATA(value)
    field.length = PyUnicode_GET_LENGTH(value)
    return True


cdef int read_octets(object value, str argument, Field* field) except -1:
    if is_plain(value, field):
        return 0
    if isinstance(value, bytes):
        field.value = <const unsigned char*>PyBytes_AS_STRING(value)
        field.length = PyBytes_GET_SIZE(value)
    elif not isinstance(value, str):
        raise type_error(argument, _types.EXPECTED_VALUE, value)
    elif PyUnicode_KIND(value) == PyUnicode_1BYTE_KIND:
        field.value = <const unsigned char*>PyUnicode_1BYTE_DATA(value)
        field.length = PyUnicode_GET_LENGTH(value)
    else:  # characters that no byte of a field can be: malformed by every grammar, as NUL is
        field.value = b"\0"
        field.length = 1
    return 0


cdef void trim_blanks(Field* field) noexcept:
    while field.length and _etag.is_blank(field.value[field.length - 1]):
        field.length -= 1
    while field.length and _etag.is_blank(field.value[0]):
        field.value += 1
        field.length -= 1


cdef inline void trim(Field* field) noexcept:
    """Outer whitespace is not part of a field value (RFC 9110 section 5.5)."""
    if field.length and (_etag.is_blank(field.value[0]) or _etag.is_blank(field.value[field.length - 1])):
        trim_blanks(field)


cdef inline int read_value(object value, str argument, Field* field) except -1:
    if not is_plain(value, field):
        read_octets(value, argument, field)
    trim(field)
    return 0


cdef inline int read_field(object value, str argument, Field* field) except -1:
    """A field value, or None where the field is not there."""
    if value is None:
        field.value = NULL
        return 0
    return read_value(value, argument, field)


cdef inline bint read_fields(
    Conditions* fields, object if_match, object if_unmodified_since, object if_none_match,
    object if_modified_since, object if_range, object range,
) except -1:
    """False where there is none of them."""
    if (if_none_match is None and if_modified_since is None and range is None and if_match is None
            and if_unmodified_since is None and if_range is None):
        return False
    read_field(if_match, "if_match", &fields.if_match)
    read_field(if_unmodified_since, "if_unmodified_since", &fields.if_unmodified_since)
    read_field(if_none_match, "if_none_match", &fields.if_none_match)
    read_field(if_modified_since, "if_modified_since", &fields.if_modified_since)
    read_field(if_range, "if_range", &fields.if_range)
    read_field(range, "range", &fields.range)
    return True


cdef inline int read_method(object method) except -1:
    """As a Method."""
    cdef Field name
    if not is_plain(method, &name):
        read_octets(method, "method", &name)
    return _rules.method_of(name.value, name.length)


cdef inline bint find_fields(PyObject** pairs, Py_ssize_t count, Conditions* fields) noexcept:
    """Point the fields at their values in pairs of bytes, or at NULL. False where that is not all there is to
    do: a pair of other types, or a field on two lines."""
    cdef PyObject* name
    cdef PyObject* value
    cdef Field* field
    cdef Py_ssize_t i
    _rules.clear(fields)
    for i in range(count):
        if not PyTuple_CheckExact(pairs[i]) or PyTuple_GET_SIZE(pairs[i]) != 2:
            return False
        name = PyTuple_GET_ITEM(pairs[i], 0)
        if not PyBytes_CheckExact(name):
            return False
        field = _rules.field_of(fields, octets_of(name), length_of(name))
        if field == NULL:
            continue
        value = PyTuple_GET_ITEM(pairs[i], 1)
        if field.value != NULL or not PyBytes_CheckExact(value):
            return False
        field.value = octets_of(value)
        field.length = length_of(value)
        trim(field)
    return True


cdef int64_t read_now(object now_ns) except? -1:
    cdef int overflow
    if now_ns is None:
        now_ns = time_ns()
    elif not isinstance(now_ns, int):
        raise type_error("now_ns", _types.EXPECTED_NOW, now_ns)
    cdef int64_t now = PyLong_AsLongLongAndOverflow(now_ns, &overflow)
    if overflow:
        raise ValueError(_types.NOW_TOO_WIDE)
    return now


cdef object stat_number(object st, str name):
    try:
        return getattr(st, name)
    except AttributeError:
        raise type_error("st", _types.EXPECTED_STAT, st) from None


# -- From C to objects ---------------------------------------------------------------------------------------


cdef inline object outcome_of(Verdict verdict):
    if verdict == _rules.PROCEED:
        return PROCEED
    if verdict == _rules.NOT_MODIFIED:
        return NOT_MODIFIED
    if verdict == _rules.IGNORE_RANGE:
        return IGNORE_RANGE
    return PRECONDITION_FAILED


cdef inline str etag_string(Representation* current):
    cdef EntityTag* tag = _rules.current_etag(current)
    cdef size_t prefix = 2 if tag.weak else 0
    if not current.has_stamp:  # an application's own, which may hold obs-text
        return ("W/" if tag.weak else "") + PyUnicode_DecodeLatin1(<char*>tag.opaque_tag, tag.length, NULL)
    cdef str text = PyUnicode_New(prefix + tag.length, 127)
    cdef unsigned char* out = <unsigned char*>PyUnicode_1BYTE_DATA(text)
    memcpy(out, b"W/", prefix)
    memcpy(out + prefix, tag.opaque_tag, tag.length)
    return text


cdef inline str http_date_string(int64_t seconds):
    cdef str text = PyUnicode_New(_httpdate.HTTP_DATE_LENGTH, 127)
    _httpdate.format_http_date(<unsigned char*>PyUnicode_1BYTE_DATA(text), seconds)
    return text


# -- The selected representation -----------------------------------------------------------------------------


cdef inline object read_stat(Policy policy, object st, Representation* current):
    """The only reader of stat results. Whatever it gives back must be held as long as `current` is used."""
    current.exists = True
    current.has_etag = policy.choices.etag
    current.has_date = policy.choices.last_modified
    current.has_stamp = True
    current.etag.opaque_tag = NULL
    current.etag.weak = policy.choices.weak
    if type(st) is STAT_RESULT and precond_plain_int(
        PyTuple_GET_ITEM(<PyObject*>st, policy.stamp_index), &current.stamp,
    ) and precond_plain_int(PyTuple_GET_ITEM(<PyObject*>st, SIZE), &current.size):
        if not _rules.is_modification_date(current.stamp):
            current.has_date = False
        return None
    return read_other(policy, st, current)


cdef object read_other(Policy policy, object st, Representation* current):
    if type(st) is FileStat:
        return read_file_stat(policy, <FileStat>st, current)
    if st is None:
        current.exists = current.has_etag = current.has_date = current.has_stamp = False
        return None
    if isinstance(st, Validators):
        current.has_stamp = False
        return read_validators(policy, st, current)
    return read_numbers(policy, stat_number(st, policy.stamp_name), stat_number(st, "st_size"), current)


cdef object read_numbers(Policy policy, object stamp, object size, Representation* current):
    cdef int stamp_overflow, size_overflow
    if not isinstance(stamp, int):
        raise type_error(f"st.{policy.stamp_name}", "int", stamp)
    if not isinstance(size, int):
        raise type_error("st.st_size", "int", size)
    current.stamp = PyLong_AsLongLongAndOverflow(stamp, &stamp_overflow)
    current.size = PyLong_AsLongLongAndOverflow(size, &size_overflow)
    if stamp_overflow or size_overflow:
        return read_wide_numbers(policy, stamp, size, current)
    if not _rules.is_modification_date(current.stamp):
        current.has_date = False
    return None


cdef object read_wide_numbers(Policy policy, object stamp, object size, Representation* current):
    """Tag and date beyond 64 bits. Such a stamp is never settled, but one with such a size may be."""
    cdef bytes opaque_tag = b'"%x-%x"' % (stamp, size)
    current.has_stamp = INT64_MIN <= stamp <= INT64_MAX
    current.etag.opaque_tag = <const unsigned char*>PyBytes_AS_STRING(opaque_tag)
    current.etag.length = PyBytes_GET_SIZE(opaque_tag)
    current.has_date = policy.choices.last_modified and stamp >= _rules.FIRST_MODIFICATION * NS
    # No HTTP-date comes near the limits of 64 bits of seconds.
    current.date = min(max(-(-stamp // NS), INT64_MIN), INT64_MAX)
    return opaque_tag


cdef object read_validators(Policy policy, object given, Representation* current):
    """An application's own validators, which are literal too; `given` keeps them."""
    cdef object etag = given.etag
    cdef object last_modified = given.last_modified
    cdef Field field
    cdef const unsigned char* end
    if etag is not None:
        if not isinstance(etag, str):
            raise type_error("st.etag", "str or None", etag)
        read_value(etag, "st.etag", &field)
        end = field.value + field.length
        if _etag.scan_etag(field.value, end, &current.etag) != end:
            raise ValueError(_types.NOT_AN_ETAG.format(etag))
        current.etag.weak = current.etag.weak or policy.choices.weak
    else:
        current.has_etag = False
    if last_modified is not None:
        if not isinstance(last_modified, str):
            raise type_error("st.last_modified", "str or None", last_modified)
        read_value(last_modified, "st.last_modified", &field)
        if field.length != _httpdate.HTTP_DATE_LENGTH or not _httpdate.parse_imf_fixdate(
            field.value, &current.date,
        ):
            raise ValueError(_types.NOT_A_DATE.format(last_modified))
    else:
        current.has_date = False
    return given


cdef inline object decide(
    Policy policy, object st, int method, const Conditions* fields, int64_t now, bint now_given,
):
    cdef Representation current
    cdef object _held = read_stat(policy, st, &current)
    if not now_given and _rules.needs_clock(fields):
        now = read_now(None)
    return outcome_of(_rules.evaluate(<Method>method, fields, &current, &policy.choices, now))


cdef object unconditional(Policy policy, object st):
    """What is no stat result is refused, whatever the client sends."""
    cdef Representation current
    read_stat(policy, st, &current)
    return PROCEED


# -- Public names --------------------------------------------------------------------------------------------


cdef class Policy:
    # The first lines are where inspect.signature looks for that of a type written in C.
    """Policy(*, etag=True, last_modified=True, weak=False, if_modified_since='before', stamp='mtime', \
settle=None)\n--\n
    The choices of one mount point, and the functions that honour them. Immutable.

    etag, last_modified  send and honour that validator; off means never sent, and the fields about it are
                         those about a validator that this server does not have
    weak                 send W/"..."; then no If-Match list and no tag of If-Range ever matches
    if_modified_since    "before" (RFC 9110 section 13.1.3), "exact" (survives a rollback to an older file
                         too) or "off"
    stamp                "mtime" or "ctime", which also survives what sets mtime back (touch -d, cp -p,
                         rsync -t) but differs from one replica to the next; not on Windows
    settle               seconds after which a stamp is taken to be final; None: 2 s for a whole number of
                         seconds, 0.02 s otherwise

    TypeError and ValueError name the argument that is wrong.
    """

    cdef readonly object options
    cdef Choices choices
    cdef Py_ssize_t stamp_index
    cdef str stamp_name

    def __cinit__(
        self, *, etag=True, last_modified=True, weak=False, if_modified_since="before", stamp="mtime",
        settle=None,
    ):
        self.options = check_options(etag, last_modified, weak, if_modified_since, stamp, settle)
        self.choices.etag = etag
        self.choices.last_modified = last_modified
        self.choices.weak = weak
        self.choices.if_modified_since = {
            "before": _rules.BEFORE, "exact": _rules.EXACT, "off": _rules.OFF,
        }[if_modified_since]
        self.choices.settle = self.options.settle_ns()
        self.stamp_index = CTIME_NS if stamp == "ctime" else MTIME_NS
        self.stamp_name = f"st_{stamp}_ns"

    def __repr__(self):
        return repr(self.options)

    def __eq__(self, other):
        return self.options == other.options if isinstance(other, Policy) else NotImplemented

    def __hash__(self):
        return hash(self.options)

    def __reduce__(self):
        return partial(type(self), **self.options._asdict()), ()

    def evaluate(
        self, st, method, *, if_match=None, if_unmodified_since=None, if_none_match=None,
        if_modified_since=None, if_range=None, range=None, now_ns=None,
    ):
        """Decide what to do with a request that carries these fields.

        st          an os.stat_result; any object with st_mtime_ns and st_size (st_ctime_ns where
                    stamp="ctime"); the Validators of a representation that is no file; or None: there is no
                    current representation
        method      the request method, case-sensitive
        if_match, if_unmodified_since, if_none_match, if_modified_since, if_range, range
                    field values, str (Latin-1 or surrogateescape) or bytes; None: the field is absent; the
                    empty string: it is present and empty. Repeated lines come joined by ", "
        now_ns      POSIX nanoseconds; None: the clock is read, and only for the date of an If-Range and the
                    two-digit year of an obsolete date

        Gives an Outcome. Whatever the values are, nothing is raised for them; a TypeError or ValueError names
        an argument of a wrong type, an invalid member of Validators, or a now_ns beyond 64 bits.
        RFC 9110 section 13.2.
        """
        cdef int verb = read_method(method)
        cdef int64_t now = 0 if now_ns is None else read_now(now_ns)
        cdef Conditions fields
        if not read_fields(
            &fields, if_match, if_unmodified_since, if_none_match, if_modified_since, if_range, range,
        ):
            return PROCEED if type(st) is STAT_RESULT else unconditional(self, st)
        return decide(self, st, verb, &fields, now, now_ns is not None)

    def evaluate_raw(self, st, method, headers, *, now_ns=None):
        """Like evaluate, from the header pairs of a request: ASGI's scope["headers"], aiohttp's raw_headers.

        headers     an iterable of (name, value) pairs of bytes (or str); names are compared without case.
                    Repeated lines of If-Match and If-None-Match are one list; those of a date or of If-Range
                    make it invalid (RFC 9110 sections 5.3 and 13.1)
        """
        cdef int verb = read_method(method)
        cdef int64_t now = 0 if now_ns is None else read_now(now_ns)
        cdef Conditions fields
        if type(headers) is not tuple and (type(headers) is not list or type(st) is not STAT_RESULT):
            headers = as_tuple(headers)  # what is no stat result may run code, which may change a list
        # Values are borrowed until there is an outcome: no code runs meanwhile, and no other thread comes in.
        with cython.critical_section(headers):
            if find_fields(PySequence_Fast_ITEMS(headers), PySequence_Fast_GET_SIZE(headers), &fields):
                if not _rules.any_field(&fields):
                    return PROCEED if type(st) is STAT_RESULT else unconditional(self, st)
                return decide(self, st, verb, &fields, now, now_ns is not None)
        return self.evaluate(st, method, now_ns=now_ns, **combine(headers))

    def evaluate_environ(self, st, environ, *, now_ns=None):
        """Like evaluate, from a WSGI environ (PEP 3333): REQUEST_METHOD, HTTP_IF_MATCH and so on.

        environ     a dict; a ValueError says that it has no REQUEST_METHOD
        """
        if not isinstance(environ, dict):
            raise type_error("environ", "dict", environ)
        cdef object method = precond_dict_get(environ, "REQUEST_METHOD")
        if method is None:
            raise ValueError(_types.NO_METHOD)
        # A look-up costs as much as a comparison of tags, so what would be ignored beside another field (RFC
        # 9110 sections 13.1.3 to 13.1.5) is not looked up.
        cdef object if_match = precond_dict_get(environ, "HTTP_IF_MATCH")
        cdef object if_none_match = precond_dict_get(environ, "HTTP_IF_NONE_MATCH")
        cdef object range = precond_dict_get(environ, "HTTP_RANGE")
        cdef object if_unmodified_since = None, if_modified_since = None, if_range = None
        if if_match is None:
            if_unmodified_since = precond_dict_get(environ, "HTTP_IF_UNMODIFIED_SINCE")
        if if_none_match is None:
            if_modified_since = precond_dict_get(environ, "HTTP_IF_MODIFIED_SINCE")
        if range is not None:
            if_range = precond_dict_get(environ, "HTTP_IF_RANGE")
        cdef int verb = read_method(method)
        cdef int64_t now = 0 if now_ns is None else read_now(now_ns)
        cdef Conditions fields
        if not read_fields(
            &fields, if_match, if_unmodified_since, if_none_match, if_modified_since, if_range, range,
        ):
            return PROCEED if type(st) is STAT_RESULT else unconditional(self, st)
        return decide(self, st, verb, &fields, now, now_ns is not None)

    def explain(
        self, st, method, *, if_match=None, if_unmodified_since=None, if_none_match=None,
        if_modified_since=None, if_range=None, range=None, now_ns=None,
    ):
        """Like evaluate, but say why: an Explanation of the outcome, the field that decided, the section of
        RFC 9110 and the reason in words.
        """
        return _explain(self, GRAMMAR, st, method, now_ns, {
            "if_match": if_match,
            "if_unmodified_since": if_unmodified_since,
            "if_none_match": if_none_match,
            "if_modified_since": if_modified_since,
            "if_range": if_range,
            "range": range,
        })

    def validators(self, st, *, now_ns=None):
        """The ETag and Last-Modified that a response may carry now, as Validators.

        Each is None until it is settled: until no later write can share it. An entity-tag is settled 20 ms
        after its stamp (2 s where the stamp is a whole number of seconds), Last-Modified as long after the
        whole second that the stamp is rounded up to. A stamp before 1990, in the future, or beyond 64 bits is
        never settled.

        st          as for evaluate; of given Validators the policy's switches apply, of None nothing is left
        now_ns      POSIX nanoseconds; None: the clock is read

        RFC 9110 sections 8.8.2.1, 8.8.2.2 and 8.8.3.1.
        """
        cdef Representation current
        cdef int64_t now = read_now(now_ns)
        cdef object _held = read_stat(self, st, &current)
        cdef bint given = not current.has_stamp and isinstance(st, Validators)
        cdef object etag = None
        cdef object last_modified = None
        if current.has_etag and (given or current.has_stamp and _rules.settled_etag(
            current.stamp, self.choices.settle, now,
        )):
            etag = etag_string(&current)
        if current.has_date and (given or current.has_stamp and _rules.settled_date(
            current.stamp, self.choices.settle, now,
        )):
            last_modified = http_date_string(_rules.modification_date(&current))
        return tuple_new(Validators, (etag, last_modified))

    def etag(self, st):
        """The entity-tag `"<stamp:x>-<size:x>"` (nanoseconds, bytes), with W/ where the policy is weak.

        Literal: settled or not, sent or not. Of given Validators it is their own, which may be None.
        RFC 9110 section 8.8.3.
        """
        cdef Representation current
        cdef object _held = read_stat(self, st, &current)
        if not current.exists:
            raise type_error("st", _types.EXPECTED_REPRESENTATION, st)
        if not current.has_stamp and current.etag.opaque_tag == NULL:
            return None
        return etag_string(&current)

    def last_modified(self, st):
        """The last modification date in POSIX seconds: the stamp rounded up to a whole second.

        Literal, as etag is; of given Validators it is their own, which may be None. RFC 9110 section 8.8.2.
        """
        cdef Representation current
        cdef object _held = read_stat(self, st, &current)
        if not current.exists:
            raise type_error("st", _types.EXPECTED_REPRESENTATION, st)
        if isinstance(st, Validators):
            return None if st.last_modified is None else current.date
        if current.has_stamp:
            return _rules.whole_seconds(current.stamp)
        return -(-stat_number(st, self.stamp_name) // NS)  # beyond 64 bits


def parse_http_date(value, *, now_ns=None):
    """Parse an HTTP-date: POSIX seconds, or None for anything that is not one.

    All three formats of RFC 9110 section 5.6.7, case-sensitive. The day must exist; the weekday must be
    one, but need not be that of the date; second 60 is the first of the next minute; years 1 to 9999.
    now_ns (POSIX nanoseconds; None: the clock) is what two-digit years are read by: at most 50 years ahead.
    """
    cdef Field field
    cdef int64_t now = 0
    cdef int64_t seconds
    read_value(value, "value", &field)
    if now_ns is not None or field.length > _httpdate.HTTP_DATE_LENGTH:
        now = read_now(now_ns)
    if _httpdate.parse_http_date(field.value, field.length, now, &seconds):
        return seconds
    return None


def format_http_date(seconds):
    """Format POSIX seconds as an IMF-fixdate, such as "Sun, 06 Nov 1994 08:49:37 GMT".

    A ValueError says that the year is not one of 1 to 9999. RFC 9110 section 5.6.7.
    """
    cdef int overflow
    if not isinstance(seconds, int):
        raise type_error("seconds", "int", seconds)
    cdef int64_t instant = PyLong_AsLongLongAndOverflow(seconds, &overflow)
    if overflow or not FIRST <= instant <= LAST:
        raise ValueError(_types.OUTSIDE_YEARS)
    return http_date_string(instant)


def parse_etags(value):
    """Parse the value of If-Match or If-None-Match: a tuple of ETag, ANY for "*", or None where malformed.

    An empty list is valid, and empty members do not count (RFC 9110 sections 5.6.1.2 and 8.8.3).
    """
    cdef Field field
    cdef EntityTag tag
    cdef list tags = []
    read_value(value, "value", &field)
    if _etag.is_any(field.value, field.length):
        return ANY
    cdef const unsigned char* at = field.value
    cdef const unsigned char* end = at + field.length
    while True:
        at = _etag.skip_empty_members(at, end)
        if at == end:
            return tuple(tags)
        at = _etag.scan_etag(at, end, &tag)
        if at == NULL:
            return None
        tags.append(ETag(PyUnicode_DecodeLatin1(<char*>tag.opaque_tag + 1, tag.length - 2, NULL), tag.weak))
        at = _etag.skip_comma(at, end)
        if at == NULL:
            return None


cdef object GRAMMAR = Grammar(parse_etags, parse_http_date, format_http_date)
cdef int64_t FIRST = _types.FIRST_SECOND
cdef int64_t LAST = _types.LAST_SECOND


# -- A stat that cannot wait ---------------------------------------------------------------------------------

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


cdef inline object read_file_stat(Policy policy, FileStat st, Representation* current):
    """As read_numbers, without making an object of either number."""
    cdef _nowait.precond_time* stamp = &st.status.mtime
    if policy.stamp_index == CTIME_NS:
        stamp = &st.status.ctime
    if not -LAST_WHOLE_SECOND <= stamp.seconds < LAST_WHOLE_SECOND:
        return read_numbers(policy, nanoseconds(stamp[0]), st.status.size, current)
    current.stamp = stamp.seconds * _httpdate.NS_A_SECOND + stamp.nanoseconds
    current.size = st.status.size
    if not _rules.is_modification_date(current.stamp):
        current.has_date = False
    return None


cdef int64_t LAST_WHOLE_SECOND = INT64_MAX // _httpdate.NS_A_SECOND


cdef int look(
    const char* path, int dir_fd, uint64_t resolve, bint to_read, _nowait.Status* out,
) noexcept:
    """As stat_cached, but what has been refused once is not asked again.

    The GIL is held: what cannot wait takes less time than it may take to get the GIL back.
    """
    if precond_is_refused():
        return EAGAIN
    cdef int error = _nowait.stat_cached(path, dir_fd, resolve, to_read, out)
    if error and _nowait.is_refusal(error) and _nowait.is_refused():
        precond_refuse()
        return EAGAIN
    return error


cdef inline bytes encoded_path(object path):
    cdef bytes encoded = path if isinstance(path, bytes) else PyUnicode_EncodeFSDefault(path)
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
    is not in memory; where others than this kernel may write the file (NFS, FUSE and their like); and always
    where there is no such call: before Linux 5.12, on other systems, in the plain-Python back end, and where
    a sandbox refuses it, which is found out once. Other errors are those of os.stat, though Linux says of
    some only that it would have to wait. A TypeError or ValueError names an argument that is wrong.
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
    cdef int error = look(
        PyBytes_AS_STRING(encoded), directory, _nowait.BENEATH if beneath else 0, False, &st.status,
    )
    if error == 0:
        return st
    _errno.errno = error if _nowait.is_answer(error) else EAGAIN
    PyErr_SetFromErrnoWithFilenameObject(OSError, path)


def look_nowait(str path not None, tuple siblings not None, bint no_symlinks):
    """stat_nowait for the adapters: of a regular file that may be read and has no siblings, else None.

    siblings    what may stand after the path in the names of files that would have a say in the answer
    no_symlinks None too where there is a symbolic link anywhere in the path

    None says no more than that the answer has to be found elsewhere; whatever the path is, it is no error.
    """
    cdef bytes encoded, beside
    cdef uint64_t resolve = _nowait.NO_SYMLINKS if no_symlinks else 0
    try:
        encoded = encoded_path(path)
    except ValueError:
        return None
    cdef FileStat st = FileStat.__new__(FileStat)
    if look(PyBytes_AS_STRING(encoded), _nowait.AT_FDCWD, resolve, True, &st.status):
        return None
    if st.status.mode & _nowait.FORMAT != _nowait.REGULAR:
        return None
    for sibling in siblings:
        beside = encoded + <bytes?>sibling
        if not _nowait.is_absent(PyBytes_AS_STRING(beside), resolve):
            return None
    return st


# -- The C API: contracts in _core.pxd, explained in docs/c-api.md -------------------------------------------

from libc.string cimport memset

cdef enum:
    KNOWN_FLAGS = 63
    MAX_SETTLE = 1_000_000_000  # seconds; as _types.MAX_SETTLE, so that no sum leaves 64 bits

cdef Field NO_MEMBER = Field(b"", 0)
cdef Field BROKEN = Field(b"\0", 1)  # malformed by every grammar


cdef inline bint is_text(const void* text, size_t length) noexcept nogil:
    return text != NULL or length == 0


cdef inline Field field_of(const char* text, size_t length) noexcept nogil:
    """A field that is present, which a value of NULL would not be, without outer whitespace."""
    cdef const unsigned char* at = <const unsigned char*>text
    while length and _etag.is_blank(at[length - 1]):
        length -= 1
    while length and _etag.is_blank(at[0]):
        at += 1
        length -= 1
    return Field(at, length) if length else NO_MEMBER


cdef inline bint read_etag(const char* text, size_t length, EntityTag* tag) noexcept nogil:
    cdef Field field = field_of(text, length)
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


cdef Field* field_named(Conditions* fields, FieldName name) noexcept nogil:
    if name == _rules.IF_MATCH:
        return &fields.if_match
    if name == _rules.IF_UNMODIFIED_SINCE:
        return &fields.if_unmodified_since
    if name == _rules.IF_NONE_MATCH:
        return &fields.if_none_match
    if name == _rules.IF_MODIFIED_SINCE:
        return &fields.if_modified_since
    if name == _rules.IF_RANGE:
        return &fields.if_range
    return &fields.range


cdef bint read_lines(
    const precond_field_line* lines, size_t count, Representation* current, Conditions* fields,
) noexcept nogil:
    cdef const precond_field_line* line
    cdef FieldName name
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
        name = _rules.field_name(<const unsigned char*>line.name, line.name_length)
        if name == _rules.NOT_OURS:
            continue
        field = field_named(fields, name)
        value = field_of(line.value, line.value_length)
        if field.value == NULL:
            field[0] = value
        elif name == _rules.IF_MATCH or name == _rules.IF_NONE_MATCH:
            field[0] = one_list(field, &value, current, strong=name == _rules.IF_MATCH)
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
    return _rules.evaluate(
        _rules.method_of(<const unsigned char*>method, method_length), &fields, current, choices, now_ns,
    )


cdef int precond_parse_http_date(
    const char* value, size_t length, int64_t now_ns, int64_t* seconds,
) noexcept nogil:
    cdef Field field
    if seconds == NULL or not is_text(value, length):
        return PRECOND_INVALID
    field = field_of(value, length)
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
    field = field_of(value, length)
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
    date = field_of(last_modified, last_modified_length)
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
