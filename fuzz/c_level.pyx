# cython: language_level=3, cdivision=True, boundscheck=False
"""The C level under libFuzzer: no Python runs here, and none is linked.

What an input is stands in inputs.py. Each is put to the functions of src/precond/*.pxd, and what they answer
is held to a second, naive implementation, to a round trip, or to what RFC 9110 section 13.2.2 promises of any
request. A value stands in memory of exactly its own length, so that AddressSanitizer sees a byte read beside
it.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset, strlen

from input cimport (
    ETAG, LAST_MODIFIED, MODIFIED_SINCE, STAT, WEAK, Input, next_line, read_input, representation_of,
    settle_of, value_of,
)
from naive cimport (
    FIRST_SECOND, LAST_SECOND, NAIVE_DAYS_TO_EPOCH, REQUIRE, allocate, copy_of, naive_days, naive_list_has,
    naive_number, release, scanned_list_has,
)
from precond cimport _etag, _httpdate, _rules
from precond._etag cimport EntityTag
from precond._httpdate cimport HTTP_DATE_LENGTH, NS_A_SECOND, SECONDS_A_DAY
from precond._rules cimport (
    Choices, Conditions, Field, Method, ModifiedSince, Representation, Verdict,
)

cdef extern from "strings.h":
    int strncasecmp(const char* one, const char* other, size_t length) noexcept nogil

cdef enum:  # the fields of a request, as their lines are numbered
    MATCH
    UNMODIFIED_SINCE
    NONE_MATCH
    SINCE
    IF_RANGE
    RANGE
    FIELDS

cdef enum Entry:
    DATES
    FORMAT
    LISTS
    STAMPS
    NAMES
    EVALUATE
    ENTRIES


# -- Entries -------------------------------------------------------------------------------------------------


cdef void fuzz_dates(const Input* given) noexcept nogil:
    cdef Field value = copy_of(given.body.value, given.body.length)
    cdef int64_t seconds = given.stamp
    cdef int64_t again
    cdef unsigned char* text
    if _httpdate.parse_http_date(value.value, value.length, given.now, &seconds):
        REQUIRE(FIRST_SECOND <= seconds <= LAST_SECOND + 1)  # 23:59:60 of the last day is in the year 10000
        if seconds <= LAST_SECOND:
            text = allocate(HTTP_DATE_LENGTH)
            _httpdate.format_http_date(text, seconds)
            REQUIRE(_httpdate.parse_http_date(text, HTTP_DATE_LENGTH, given.now, &again) and again == seconds)
            if value.length == HTTP_DATE_LENGTH and memcmp(value.value + 23, b"60", 2) != 0:
                REQUIRE(memcmp(value.value + 3, text + 3, HTTP_DATE_LENGTH - 3) == 0)
            free(text)
    else:
        REQUIRE(seconds == given.stamp)  # written only where it could be parsed
    release(&value)


cdef void fuzz_format(const Input* given) noexcept nogil:
    cdef int64_t span = LAST_SECOND - FIRST_SECOND + 1
    cdef int64_t seconds = FIRST_SECOND + (given.stamp % span + span) % span
    cdef unsigned char* text = allocate(HTTP_DATE_LENGTH)
    cdef int64_t again
    cdef const unsigned char* month
    _httpdate.format_http_date(text, seconds)
    REQUIRE(_httpdate.parse_imf_fixdate(text, &again) and again == seconds)
    cdef int year = naive_number(text + 12, 4)
    month = <const unsigned char*>b"JanFebMarAprMayJunJulAugSepOctNovDec"
    cdef int number = 1
    while memcmp(month, text + 8, 3) != 0:
        REQUIRE(number < 12)
        month += 3
        number += 1
    cdef int64_t days = naive_days(year, number, naive_number(text + 5, 2))
    REQUIRE(days * SECONDS_A_DAY + naive_number(text + 17, 2) * 3600 + naive_number(text + 20, 2) * 60
            + naive_number(text + 23, 2) == seconds)
    cdef const char* weekday = <const char*>b"MonTueWedThuFriSatSun" + 3 * ((days + NAIVE_DAYS_TO_EPOCH) % 7)
    REQUIRE(memcmp(text, weekday, 3) == 0)
    fuzz_obsolete(text, weekday, seconds, year, given.now)
    free(text)


cdef void fuzz_obsolete(
    const unsigned char* imf, const char* weekday, int64_t seconds, int year, int64_t now,
) noexcept nogil:
    """The same instant in the two obsolete formats."""
    cdef int64_t again
    cdef unsigned char* text = allocate(24)
    memcpy(text, imf, 3)
    memcpy(text + 3, b" ", 1)
    memcpy(text + 4, imf + 8, 3)
    memcpy(text + 7, b" ", 1)
    memcpy(text + 8, imf + 5, 2)
    memcpy(text + 10, b" ", 1)
    memcpy(text + 11, imf + 17, 8)
    memcpy(text + 19, b" ", 1)
    memcpy(text + 20, imf + 12, 4)
    REQUIRE(_httpdate.parse_http_date(text, 24, now, &again) and again == seconds)
    text[8] = c" " if text[8] == c"0" else text[8]
    REQUIRE(_httpdate.parse_http_date(text, 24, now, &again) and again == seconds)
    free(text)

    cdef const char* names = b"Monday   Tuesday  WednesdayThursday Friday   Saturday Sunday   "
    cdef size_t name = 9
    while memcmp(names, weekday, 3) != 0:
        names += 9
    while names[name - 1] == c" ":
        name -= 1
    text = allocate(name + 24)
    memcpy(text, names, name)
    memcpy(text + name, b", ", 2)
    memcpy(text + name + 2, imf + 5, 2)
    memcpy(text + name + 4, b"-", 1)
    memcpy(text + name + 5, imf + 8, 3)
    memcpy(text + name + 8, b"-", 1)
    memcpy(text + name + 9, imf + 14, 2)
    memcpy(text + name + 11, imf + 16, 13)
    cdef int64_t at = now // NS_A_SECOND - (1 if now % NS_A_SECOND < 0 else 0)
    cdef unsigned char clock[HTTP_DATE_LENGTH]
    _httpdate.format_http_date(clock, at)
    cdef int now_year = naive_number(clock + 12, 4)
    # Of February 29 there is not one in each century.
    if _httpdate.parse_http_date(text, name + 24, now, &again):
        _httpdate.format_http_date(clock, again)
        REQUIRE(memcmp(clock + 4, imf + 4, 8) == 0 and memcmp(clock + 14, imf + 14, 15) == 0)
        REQUIRE(now_year - 50 <= naive_number(clock + 12, 4) <= now_year + 50)
        if now_year - 50 < year < now_year + 50:
            REQUIRE(again == seconds)
    else:
        REQUIRE(memcmp(text + name + 2, b"29-Feb", 6) == 0)
    free(text)


cdef void fuzz_lists(const Input* given) noexcept nogil:
    cdef Representation own
    cdef bint strong = given.policy & 8 != 0
    representation_of(given, &own)
    cdef Field value = value_of(&given.body, &own)
    cdef EntityTag* tag
    cdef bint found
    if own.has_etag:
        tag = _rules.current_etag(&own)
        found = _etag.list_has(value.value, value.length, tag, strong)
        REQUIRE(found == naive_list_has(&value, tag, strong))
        REQUIRE(found == scanned_list_has(&value, tag, strong))
        REQUIRE(not strong or not found or _etag.list_has(value.value, value.length, tag, False))
    release(&value)


cdef void fuzz_stamps(const Input* given) noexcept nogil:
    cdef Representation own
    cdef Input stat = given[0]
    stat.kind = STAT
    stat.policy = given.policy | ETAG
    representation_of(&stat, &own)
    cdef EntityTag* tag = _rules.current_etag(&own)
    cdef char expected[64]
    cdef const char* sign = b"-" if given.stamp < 0 else b""
    cdef const char* size_sign = b"-" if given.size < 0 else b""
    cdef int length = snprintf(
        expected, sizeof(expected), b'"%s%llx-%s%llx"',
        sign, magnitude(given.stamp), size_sign, magnitude(given.size),
    )
    REQUIRE(tag.length == <size_t>length and memcmp(tag.opaque_tag, expected, length) == 0)

    cdef int64_t seconds = _rules.whole_seconds(given.stamp)
    cdef int64_t ahead = _rules.to_whole_second(given.stamp)
    REQUIRE(0 <= ahead < NS_A_SECOND and (given.stamp % NS_A_SECOND + ahead) % NS_A_SECOND == 0)
    REQUIRE(given.stamp // NS_A_SECOND <= seconds <= given.stamp // NS_A_SECOND + 1)

    cdef int64_t settle = settle_of(given)
    cdef bint date = _rules.settled_date(given.stamp, settle, given.now)
    cdef bint etag = _rules.settled_etag(given.stamp, settle, given.now)
    REQUIRE(etag or not date)
    REQUIRE(given.now >= given.stamp or not etag)
    REQUIRE(not date or seconds <= given.now // NS_A_SECOND)  # never later than Date
    cdef int64_t later = given.now if given.now > INT64_MAX // 2 else given.now + (given.size & 0xFFFFFF)
    REQUIRE(not etag or _rules.settled_etag(given.stamp, settle, later))
    REQUIRE(not date or _rules.settled_date(given.stamp, settle, later))


cdef unsigned long long magnitude(int64_t number) noexcept nogil:
    return -<unsigned long long>number if number < 0 else <unsigned long long>number


cdef void fuzz_names(const Input* given) noexcept nogil:
    cdef const char** names = [
        b"if-match", b"if-unmodified-since", b"if-none-match", b"if-modified-since", b"if-range",
        b"range",
    ]
    cdef const char** methods = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT"]
    cdef Field name = copy_of(given.body.value, given.body.length)
    cdef const char* text = <const char*>name.value
    cdef Conditions fields
    cdef Field** own = [
        &fields.if_match, &fields.if_unmodified_since, &fields.if_none_match, &fields.if_modified_since,
        &fields.if_range, &fields.range,
    ]
    cdef Field* field = NULL
    cdef Method method = _rules.OTHER
    cdef int i
    for i in range(6):
        if strlen(names[i]) == name.length and strncasecmp(text, names[i], name.length) == 0:
            field = own[i]
    REQUIRE(_rules.field_of(&fields, name.value, name.length) == field)
    for i in range(5):
        if strlen(methods[i]) == name.length and memcmp(text, methods[i], name.length) == 0:
            method = _rules.GET if i == 0 else _rules.HEAD if i == 1 else _rules.UNCONDITIONAL
    REQUIRE(_rules.method_of(name.value, name.length) == method)
    release(&name)


# -- Evaluation ----------------------------------------------------------------------------------------------


cdef Verdict decide(Method method, const Field* fields, const Input* given, int64_t now) noexcept nogil:
    """From the beginning: no entity-tag is written yet."""
    cdef Representation own
    cdef Choices choices
    cdef Conditions conditions
    representation_of(given, &own)
    choices.etag = given.policy & ETAG != 0
    choices.last_modified = given.policy & LAST_MODIFIED != 0
    choices.weak = given.policy & WEAK != 0
    choices.if_modified_since = <ModifiedSince>((given.policy & MODIFIED_SINCE) // 8 % 3)
    choices.settle = settle_of(given)
    conditions.if_match = fields[MATCH]
    conditions.if_unmodified_since = fields[UNMODIFIED_SINCE]
    conditions.if_none_match = fields[NONE_MATCH]
    conditions.if_modified_since = fields[SINCE]
    conditions.if_range = fields[IF_RANGE]
    conditions.range = fields[RANGE]
    cdef Verdict verdict = _rules.evaluate(method, &conditions, &own, &choices, now)
    REQUIRE(_rules.evaluate(method, &conditions, &own, &choices, now) == verdict)
    if not _rules.needs_clock(&conditions):
        REQUIRE(_rules.evaluate(method, &conditions, &own, &choices, ~now) == verdict)
    return verdict


cdef Verdict decide_without(
    int left_out, Method method, const Field* fields, const Input* given,
) noexcept nogil:
    cdef Field[FIELDS] others
    memcpy(others, fields, sizeof(others))
    others[left_out].value = NULL
    others[left_out].length = 0
    return decide(method, others, given, given.now)


cdef void fuzz_evaluate(const Input* given) noexcept nogil:
    cdef Field[FIELDS] fields
    cdef Field body = given.body
    cdef Field line
    cdef Representation own
    cdef int i
    representation_of(given, &own)
    memset(fields, 0, sizeof(fields))
    while next_line(&body, &line):
        if line.length == 0:
            continue
        i = line.value[0] % 8
        line.value += 1
        line.length -= 1
        if i < FIELDS:
            release(&fields[i])
            fields[i] = value_of(&line, &own)
    check(<Method>(given.method % 4), fields, given, &own)
    for i in range(FIELDS):
        release(&fields[i])


cdef void check(Method method, const Field* fields, const Input* given, Representation* own) noexcept nogil:
    """What sections 13.1 and 13.2 promise of any request."""
    cdef bint safe = method == _rules.GET or method == _rules.HEAD
    cdef const Field* if_match = &fields[MATCH]
    cdef const Field* if_none_match = &fields[NONE_MATCH]
    cdef const Field* range_ = &fields[RANGE]
    cdef Verdict verdict = decide(method, fields, given, given.now)

    # 13.2.2: what is ignored beside another field.
    if if_match.value != NULL:
        REQUIRE(decide_without(UNMODIFIED_SINCE, method, fields, given) == verdict)
    if if_none_match.value != NULL or not safe:
        REQUIRE(decide_without(SINCE, method, fields, given) == verdict)
    if range_.value == NULL or method != _rules.GET:
        REQUIRE(decide_without(IF_RANGE, method, fields, given) == verdict)
    REQUIRE(decide_without(RANGE, method, fields, given) == (
        _rules.PROCEED if verdict == _rules.IGNORE_RANGE else verdict))

    if verdict == _rules.NOT_MODIFIED:
        REQUIRE(safe and own.exists)
        REQUIRE(if_none_match.value != NULL or (own.has_date and fields[SINCE].value != NULL))
    elif verdict == _rules.PRECONDITION_FAILED:
        REQUIRE(method != _rules.UNCONDITIONAL)
        REQUIRE(if_match.value != NULL or fields[UNMODIFIED_SINCE].value != NULL
                or (if_none_match.value != NULL and not safe))
    elif verdict == _rules.IGNORE_RANGE:
        REQUIRE(range_.value != NULL and (method != _rules.GET or fields[IF_RANGE].value != NULL))
    else:
        REQUIRE(verdict == _rules.PROCEED)
        REQUIRE(range_.value == NULL or method == _rules.GET)

    if method == _rules.UNCONDITIONAL:
        return
    # 13.1.1 and 13.1.2, by the naive list.
    if if_match.value != NULL:
        REQUIRE((verdict == _rules.PRECONDITION_FAILED) == (
            not naive_match(if_match, own, True) or (not safe and if_none_match.value != NULL
                                                     and naive_match(if_none_match, own, False))))
    elif fields[UNMODIFIED_SINCE].value == NULL and if_none_match.value != NULL:
        REQUIRE((verdict == _rules.NOT_MODIFIED or verdict == _rules.PRECONDITION_FAILED)
                == naive_match(if_none_match, own, False))


cdef bint naive_match(const Field* list_, Representation* own, bint strong) noexcept nogil:
    if list_.length == 1 and list_.value[0] == c"*":
        return own.exists
    return own.has_etag and naive_list_has(list_, _rules.current_etag(own), strong)


# -- libFuzzer -----------------------------------------------------------------------------------------------


cdef public int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) noexcept nogil:
    cdef Input given
    if not read_input(data, size, &given):
        return 0
    if given.entry % ENTRIES == DATES:
        fuzz_dates(&given)
    elif given.entry % ENTRIES == FORMAT:
        fuzz_format(&given)
    elif given.entry % ENTRIES == LISTS:
        fuzz_lists(&given)
    elif given.entry % ENTRIES == STAMPS:
        fuzz_stamps(&given)
    elif given.entry % ENTRIES == NAMES:
        fuzz_names(&given)
    else:
        fuzz_evaluate(&given)
    release(&given.tag)
    return 0
