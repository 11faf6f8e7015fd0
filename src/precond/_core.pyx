# cython: language_level=3
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
# cython: boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
# cython: freethreading_compatible=True
"""The compiled back end: glue between Python objects and the rules in _rules.pxd.

From objects it makes pointers and lengths, two integers of a stat result, and back from a verdict a cached
Outcome. Whatever a pointer points into is held until the verdict is there; evaluate_raw alone borrows from a
list that can change, while no other code can run, and makes a tuple of it before any does.
"""

import os
from time import time_ns

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
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
from precond._types import ANY, ETag, Outcome, Validators, check_options, policy_of, type_error

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

    /* An instance of a named tuple of two, as tuple.__new__ makes it of another tuple, at more than the price
       of a tag and a date together. */
    static PyObject *precond_new_pair(PyObject *kind, PyObject *first, PyObject *second) {
        PyObject *pair = ((PyTypeObject *)kind)->tp_alloc((PyTypeObject *)kind, 2);
        if (pair != NULL) {
    #if PY_VERSION_HEX >= 0x030E0000
            ((PyTupleObject *)pair)->ob_hash = -1;  /* not computed yet; 0 would be taken for the hash */
    #endif
            Py_INCREF(first);
            Py_INCREF(second);
            PyTuple_SET_ITEM(pair, 0, first);
            PyTuple_SET_ITEM(pair, 1, second);
        }
        return pair;
    }

    /* The value of an int that is positive and within 62 bits, as stamps and sizes of files are; 0 where it
       is anything else. Reading its digits of 30 bits costs a fifth of what the call does. */
    static CYTHON_INLINE int precond_plain_int(PyObject *number, int64_t *value) {
    #if CYTHON_USE_PYLONG_INTERNALS && PyLong_SHIFT == 30
        const digit *digits;
        Py_ssize_t count;
        if (!PyLong_CheckExact(number)) {
            return 0;
        }
    #if PY_VERSION_HEX >= 0x030C0000
        digits = ((PyLongObject *)number)->long_value.ob_digit;
        count = (Py_ssize_t)(((PyLongObject *)number)->long_value.lv_tag >> 3);
        if (((PyLongObject *)number)->long_value.lv_tag & 2) {
            return 0;
        }
    #else
        digits = ((PyLongObject *)number)->ob_digit;
        count = Py_SIZE(number);
    #endif
        switch (count) {
            case 1: *value = digits[0]; return 1;
            case 2: *value = digits[0] | (int64_t)digits[1] << 30; return 1;
            case 3: *value = digits[0] | (int64_t)digits[1] << 30 | (int64_t)(digits[2] & 3) << 60;
                    return digits[2] < 4;
        }
    #endif
        return 0;
    }

    /* As PyLong_FromLongLong, but two digits of 30 bits, which any date since 2004 has, are written at once:
       to count them first takes a sixth of the time of parse_http_date. _PyLong_New is deprecated from Python
       3.14 on. */
    static CYTHON_INLINE PyObject *precond_int(int64_t value) {
    #if CYTHON_USE_PYLONG_INTERNALS && PyLong_SHIFT == 30 && PY_VERSION_HEX < 0x030E0000
        PyLongObject *number;
        digit *digits;
        if (value >> 30 > 0 && value >> 60 == 0) {
            number = _PyLong_New(2);
            if (number == NULL) {
                return NULL;
            }
    #if PY_VERSION_HEX >= 0x030C0000
            digits = number->long_value.ob_digit;
    #else
            digits = number->ob_digit;
    #endif
            digits[0] = (digit)(value & PyLong_MASK);
            digits[1] = (digit)(value >> 30);
            return (PyObject *)number;
        }
    #endif
        return PyLong_FromLongLong(value);
    }
    """
    object precond_dict_get(object dictionary, str key)
    object precond_new_pair(object kind, object first, object second)
    bint precond_plain_int(PyObject* number, int64_t* value) noexcept
    object precond_int(int64_t value)

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
cdef object NS = 1_000_000_000
cdef int64_t NO_DATE = INT64_MIN  # which no HTTP-date is

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
    """Any other value."""
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


cdef void trim_blanks(Field* field) noexcept nogil:
    while field.length and _etag.is_blank(field.value[field.length - 1]):
        field.length -= 1
    while field.length and _etag.is_blank(field.value[0]):
        field.value += 1
        field.length -= 1


cdef inline void trim(Field* field) noexcept nogil:
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
    """False where there is none that asks for the representation: without Range an If-Range is ignored
    (section 13.1.5), unless it is no field value."""
    if (if_none_match is None and if_modified_since is None and range is None and if_match is None
            and if_unmodified_since is None):
        read_field(if_range, "if_range", &fields.if_range)
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


cdef inline bint is_plain_stat(object st) noexcept:
    """Whether it is a stat result without being looked into."""
    return type(st) is STAT_RESULT or type(st) is FileStat


cdef inline bint read_plain_stat(Policy policy, object st, Representation* current) noexcept:
    """Whether this is all there is to do: otherwise read_other does it, and may run code of any kind."""
    current.exists = True
    current.has_etag = policy.choices.etag
    current.has_date = policy.choices.last_modified
    current.has_stamp = True
    current.etag.opaque_tag = NULL
    current.etag.weak = policy.choices.weak
    if type(st) is FileStat:
        return read_file_stat(policy, <FileStat>st, current)
    if (type(st) is not STAT_RESULT
            or not precond_plain_int(PyTuple_GET_ITEM(<PyObject*>st, policy.stamp_index), &current.stamp)
            or not precond_plain_int(PyTuple_GET_ITEM(<PyObject*>st, SIZE), &current.size)):
        return False
    if not _rules.is_modification_date(current.stamp):
        current.has_date = False
    return True


cdef inline object read_stat(Policy policy, object st, Representation* current):
    """The only reader of stat results. Whatever it gives back must be held as long as `current` is used."""
    return None if read_plain_stat(policy, st, current) else read_other(policy, st, current)


cdef object read_other(Policy policy, object st, Representation* current):
    if st is None:
        current.exists = current.has_etag = current.has_date = current.has_stamp = current.given = False
        return None
    if isinstance(st, Validators):
        current.has_stamp = False
        current.given = True
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
    current.given = False
    current.etag.opaque_tag = <const unsigned char*>PyBytes_AS_STRING(opaque_tag)
    current.etag.length = PyBytes_GET_SIZE(opaque_tag)
    current.has_date = policy.choices.last_modified and stamp >= _rules.FIRST_MODIFICATION * NS
    # No HTTP-date comes near the limits of 64 bits of seconds.
    current.date = min(max(-(-stamp // NS), INT64_MIN), INT64_MAX)
    return opaque_tag


cdef object read_validators(Policy policy, object given, Representation* current):
    """An application's own validators, which are literal too."""
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
        ) or current.date > LAST:
            raise ValueError(_types.NOT_A_DATE.format(last_modified))
    else:
        current.has_date = False
        current.date = NO_DATE
    return etag


cdef Verdict verdict_of(
    int method, const Conditions* fields, Representation* current, const Choices* choices, int64_t now,
) noexcept nogil:
    """The rules, which are inline throughout, compiled once for all but Policy.evaluate, which the call would
    cost a tenth."""
    return _rules.evaluate(<Method>method, fields, current, choices, now)


cdef inline bint can_decide(
    Policy policy, object st, const Conditions* fields, bint now_given, Representation* current,
) noexcept:
    """Whether the rules can be asked at once: False where the clock has to be read, or `st` is no plain stat
    result, which is for decide_held. Here no code but ours runs, so that values may be borrowed."""
    return read_plain_stat(policy, st, current) and (now_given or not _rules.needs_clock(fields))


cdef object decide_held(Policy policy, object st, int method, const Conditions* fields, object now_ns):
    """For all else. Code of any kind may run, so that the caller must hold what the fields point into."""
    cdef Representation current
    cdef object _held = read_stat(policy, st, &current)
    cdef int64_t now = 0
    if now_ns is not None or _rules.needs_clock(fields):
        now = read_now(now_ns)
    return outcome_of(verdict_of(method, fields, &current, &policy.choices, now))


cdef object unconditional(Policy policy, object st):
    """Check the type of `st` although no field needs it, so that a mistake shows on every request."""
    cdef Representation current
    read_stat(policy, st, &current)
    return PROCEED


# -- Public names --------------------------------------------------------------------------------------------


@cython.final
cdef class Policy:
    # The first lines are where inspect.signature looks for that of a type written in C.
    """Policy(*, etag=True, last_modified=True, weak=False, if_modified_since='before', stamp='mtime', \
settle=None)\n--\n
    The choices of one mount point, and the functions that honour them. Immutable, and final.

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
        }[self.options.if_modified_since]
        self.choices.settle = self.options.settle_ns()
        self.stamp_index = CTIME_NS if stamp == "ctime" else MTIME_NS
        self.stamp_name = "st_ctime_ns" if stamp == "ctime" else "st_mtime_ns"

    def __repr__(self):
        return repr(self.options)

    def __eq__(self, other):
        return self.options == other.options if isinstance(other, Policy) else NotImplemented

    def __hash__(self):
        return hash(self.options)

    def __reduce__(self):
        return policy_of, (self.options._asdict(),)

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
                    empty string: it is present and empty. Repeated lines come joined by ", ". A character
                    beyond U+00FF is no octet of a field, so that such a value is malformed and matches
                    nothing: give bytes where text was decoded otherwise
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
            return PROCEED if is_plain_stat(st) else unconditional(self, st)
        cdef Representation current
        if not can_decide(self, st, &fields, now_ns is not None, &current):
            return decide_held(self, st, verb, &fields, now_ns)
        return outcome_of(_rules.evaluate(<Method>verb, &fields, &current, &self.choices, now))

    def evaluate_raw(self, st, method, headers, *, now_ns=None):
        """Like evaluate, from the header pairs of a request: ASGI's scope["headers"], aiohttp's raw_headers.

        headers     an iterable of (name, value) pairs of bytes (or str); names are compared without case.
                    Repeated lines of If-Match and If-None-Match are one list; those of a date or of If-Range
                    make it invalid (RFC 9110 sections 5.3 and 13.1)
        """
        cdef int verb
        cdef int64_t now
        cdef Conditions fields
        cdef Representation current
        cdef bint plain
        if type(headers) is not list and type(headers) is not tuple:
            headers = as_tuple(headers)
        # Values are borrowed from a list while no code can run and no other thread can come in; from a tuple
        # nothing can be taken.
        with cython.critical_section(headers):
            plain = find_fields(PySequence_Fast_ITEMS(headers), PySequence_Fast_GET_SIZE(headers), &fields)
            if plain:
                verb = read_method(method)
                now = 0 if now_ns is None else read_now(now_ns)
                if not _rules.asks_for_representation(&fields):
                    return PROCEED if is_plain_stat(st) else unconditional(self, st)
                if can_decide(self, st, &fields, now_ns is not None, &current):
                    return outcome_of(verdict_of(verb, &fields, &current, &self.choices, now))
        if plain and type(headers) is tuple:
            return decide_held(self, st, verb, &fields, now_ns)
        if plain:
            return self.evaluate_raw(st, method, tuple(headers), now_ns=now_ns)
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
        # A look-up costs as much as a comparison of tags, so what would be ignored (RFC 9110 sections 13.1.3
        # to 13.1.5), or comes after the verdict (13.2.2), is not looked up.
        cdef object if_match = precond_dict_get(environ, "HTTP_IF_MATCH")
        cdef object if_none_match = precond_dict_get(environ, "HTTP_IF_NONE_MATCH")
        cdef object if_unmodified_since = None, if_modified_since = None
        if if_match is None:
            if_unmodified_since = precond_dict_get(environ, "HTTP_IF_UNMODIFIED_SINCE")
        if if_none_match is None:
            if_modified_since = precond_dict_get(environ, "HTTP_IF_MODIFIED_SINCE")
        cdef int verb = read_method(method)
        cdef int64_t now = 0 if now_ns is None else read_now(now_ns)
        cdef Conditions fields
        cdef Representation current
        cdef object outcome
        if read_fields(
            &fields, if_match, if_unmodified_since, if_none_match, if_modified_since, None, None,
        ):
            if can_decide(self, st, &fields, now_ns is not None, &current):
                outcome = outcome_of(verdict_of(verb, &fields, &current, &self.choices, now))
            else:
                outcome = decide_held(self, st, verb, &fields, now_ns)
            if outcome is not PROCEED:
                return outcome
        elif not is_plain_stat(st):
            unconditional(self, st)
        cdef object range = precond_dict_get(environ, "HTTP_RANGE")
        if range is None:
            return PROCEED
        cdef object if_range = precond_dict_get(environ, "HTTP_IF_RANGE")
        return self.evaluate(st, method, if_range=if_range, range=range, now_ns=now_ns)

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
        now_ns      POSIX nanoseconds, of an instant before the stat was taken and, if of an open file, before
                    that was opened. None: now, which is right only where nothing could have waited since.
                    Otherwise the tag of a file that was replaced by rename, within the tick of its stamp,
                    would settle although the later file has the same stamp

        RFC 9110 sections 8.8.2.1, 8.8.2.2 and 8.8.3.1.
        """
        cdef Representation current
        cdef int64_t now = read_now(now_ns)
        cdef object _held = read_stat(self, st, &current)
        cdef bint given = not current.has_stamp and current.given
        cdef int64_t stamp = current.stamp, settle = self.choices.settle
        cdef object etag = None
        cdef object last_modified = None
        if current.has_etag and (given or current.has_stamp and _rules.settled_etag(stamp, settle, now)):
            etag = etag_string(&current)
        if current.has_date and (given or current.has_stamp and _rules.settled_date(stamp, settle, now)):
            last_modified = http_date_string(_rules.modification_date(&current))
        return precond_new_pair(Validators, etag, last_modified)

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
        if current.has_stamp:
            return precond_int(_rules.whole_seconds(current.stamp))
        if current.given:
            return None if current.date == NO_DATE else current.date
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
        return precond_int(seconds)
    return None


def format_http_date(seconds):
    """Format POSIX seconds as an IMF-fixdate, such as "Sun, 06 Nov 1994 08:49:37 GMT".

    A ValueError says that the year is not one of 1 to 9999. RFC 9110 section 5.6.7.
    """
    cdef int64_t instant
    cdef int overflow = 0
    if not precond_plain_int(<PyObject*>seconds, &instant):
        if not isinstance(seconds, int):
            raise type_error("seconds", "int", seconds)
        instant = PyLong_AsLongLongAndOverflow(seconds, &overflow)
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


include "_nowait.pxi"
include "_capi.pxi"
