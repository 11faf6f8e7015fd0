# cython: cdivision=True
# HTTP-date, RFC 9110 section 5.6.7, between bytes and POSIX seconds.
#
#     HTTP-date = IMF-fixdate / obs-date
#     obs-date  = rfc850-date / asctime-date
#
# The three formats differ in length (29, 30 to 33, and 24 bytes), so the length alone says which one a
# value can be, and within a format everything stands at a fixed offset. Each parser looks at the separators
# and names first, then at the digits; that the day exists is checked once, where the parts are put together.
#
# A function that parses answers whether it could, and writes the seconds only then.
# Nothing here knows Python: bytes are a pointer and a length, nothing ends with NUL.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from precond._octets cimport load_eight

cdef enum:
    DAYS_TO_EPOCH = 719468  # from 0000-03-01 to 1970-01-01
    SECONDS_A_DAY = 86_400
    NS_A_SECOND = 1_000_000_000
    NOT_DIGITS = 10000  # larger than any number that stands in a date
    HTTP_DATE_LENGTH = 29  # of an IMF-fixdate, the only format that is sent

# The letters of day-name and month as numbers, so that telling them apart is one switch; the first letter is
# the lowest byte, as load_eight has it.
cdef enum:
    MON = 0x6E6F4D
    TUE = 0x657554
    WED = 0x646557
    THU = 0x756854
    FRI = 0x697246
    SAT = 0x746153
    SUN = 0x6E7553
    JAN = 0x6E614A
    FEB = 0x626546
    MAR = 0x72614D
    APR = 0x727041
    MAY = 0x79614D
    JUN = 0x6E754A
    JUL = 0x6C754A
    AUG = 0x677541
    SEP = 0x706553
    OCT = 0x74634F
    NOV = 0x766F4E
    DEC = 0x636544


cdef inline bint is_leap(int year) noexcept nogil:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


cdef inline int days_in_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 + ((month + (month >> 3)) & 1)


# Here a year begins with March, and is that of its December: a leap day is then the last of its year, and the
# lengths of the months before it repeat every five, of 153 days. 0000-03-01 is the first day of all.


cdef inline int days_before_year(int year) noexcept nogil:
    """Days from 0000-03-01 to March 1 of `year`."""
    cdef unsigned int past = year
    cdef unsigned int centuries = past // 100
    return 365 * past + past // 4 - centuries + centuries // 4


cdef inline int days_before_month(int since_march) noexcept nogil:
    """Days from March 1 to the first of the month that is so many later."""
    return (153 * since_march + 2) // 5


cdef inline int64_t days_from_civil(int year, int month, int day) noexcept nogil:
    """Days from 1970-01-01."""
    if month <= 2:
        year -= 1
        month += 12
    return days_before_year(year) + days_before_month(month - 3) + day - 1 - DAYS_TO_EPOCH


cdef inline void civil_from_days(int64_t days, int* year, int* month, int* day) noexcept nogil:
    """The inverse, for days of the years 1 to 9999."""
    cdef int since_0000 = <int>(days + DAYS_TO_EPOCH)
    year[0] = since_0000 * 400 // 146097  # mean years: right, or one too few
    if days_before_year(year[0] + 1) <= since_0000:
        year[0] += 1
    cdef int day_of_year = since_0000 - days_before_year(year[0])
    cdef int since_march = (5 * day_of_year + 2) // 153
    day[0] = day_of_year - days_before_month(since_march) + 1
    month[0] = since_march + 3
    if month[0] > 12:
        month[0] -= 12
        year[0] += 1


cdef inline int two_digits(const unsigned char* at) noexcept nogil:
    """2DIGIT, or NOT_DIGITS."""
    cdef unsigned int tens = at[0] - c"0"
    cdef unsigned int ones = at[1] - c"0"
    if tens > 9 or ones > 9:
        return NOT_DIGITS
    return 10 * tens + ones


cdef inline int four_digits(const unsigned char* at) noexcept nogil:
    """4DIGIT, or NOT_DIGITS. Four bytes of the date stand before it."""
    cdef uint64_t digits = (load_eight(at - 4) >> 32) ^ 0x30303030
    if (digits | (digits + 0x06060606)) & 0xF0F0F0F0ULL:  # a digit above 9
        return NOT_DIGITS
    digits = 10 * digits + (digits >> 8)  # each byte and the next as one number of two digits
    return 100 * (digits & 0xFF) + ((digits >> 16) & 0xFF)


cdef inline unsigned int letters(const unsigned char* at) noexcept nogil:
    """Three letters as one number, as the names in the enum above are. Eight bytes of the date begin here."""
    return load_eight(at) & 0xFFFFFF


cdef inline bint is_day_name(const unsigned char* at) noexcept nogil:
    """day-name, case-sensitive. It is not compared with the date: see date_from_parts."""
    return letters(at) in (MON, TUE, WED, THU, FRI, SAT, SUN)


cdef inline bint is_day_name_l(const unsigned char* at, size_t length) noexcept nogil:
    """day-name-l, case-sensitive; of 6 to 9 bytes."""
    if length == 6:
        return (memcmp(at, b"Monday", 6) == 0 or memcmp(at, b"Friday", 6) == 0
                or memcmp(at, b"Sunday", 6) == 0)
    if length == 7:
        return memcmp(at, b"Tuesday", 7) == 0
    if length == 8:
        return memcmp(at, b"Thursday", 8) == 0 or memcmp(at, b"Saturday", 8) == 0
    return memcmp(at, b"Wednesday", 9) == 0


cdef inline int month_number(const unsigned char* at) noexcept nogil:
    """month, case-sensitive: 1 to 12, or 0."""
    cdef unsigned int name = letters(at)
    if name == JAN:
        return 1
    elif name == FEB:
        return 2
    elif name == MAR:
        return 3
    elif name == APR:
        return 4
    elif name == MAY:
        return 5
    elif name == JUN:
        return 6
    elif name == JUL:
        return 7
    elif name == AUG:
        return 8
    elif name == SEP:
        return 9
    elif name == OCT:
        return 10
    elif name == NOV:
        return 11
    elif name == DEC:
        return 12
    return 0


cdef inline int time_of_day(const unsigned char* at) noexcept nogil:
    """time-of-day = hour ":" minute ":" second, as seconds; or -1.

    :60, the leap second, is allowed in any minute: it is the first second of the next one, as in POSIX time.
    """
    cdef uint64_t digits = load_eight(at) ^ 0x30303A30303A3030ULL  # 00:00:00
    if (digits | (digits + 0x0606000606000606ULL)) & 0xF0F0FFF0F0FFF0F0ULL:  # a digit above 9, or no colon
        return -1
    digits = 10 * digits + (digits >> 8)  # each byte and the next as one number of two digits
    cdef int hour = digits & 0xFF
    cdef int minute = (digits >> 24) & 0xFF
    cdef int second = (digits >> 48) & 0xFF
    if hour > 23 or minute > 59 or second > 60:
        return -1
    return 3600 * hour + 60 * minute + second


cdef inline bint date_from_parts(
    int year, int month, int day, int time, int64_t* seconds,
) noexcept nogil:
    """Put the parts together where they are those of a day that exists, in the years 1 to 9999.

    The weekday name is not compared with the date: to ignore a date for its weekday would open the guard of
    an If-Unmodified-Since whose sender cannot compute weekdays.
    """
    if not (1 <= year <= 9999 and month >= 1 and day >= 1 and time >= 0):
        return False
    if day > 28 and day > days_in_month(year, month):
        return False
    seconds[0] = days_from_civil(year, month, day) * SECONDS_A_DAY + time
    return True


cdef inline bint parse_imf_fixdate(const unsigned char* at, int64_t* seconds) noexcept nogil:
    # IMF-fixdate  = day-name "," SP date1 SP time-of-day SP GMT
    # date1        = day SP month SP year
    #
    # Sun, 06 Nov 1994 08:49:37 GMT
    # 0    5  8   12   17       26
    if not (at[3] == c"," and at[4] == c" " and at[7] == c" " and at[11] == c" " and at[16] == c" "
            and memcmp(at + 25, b" GMT", 4) == 0 and is_day_name(at)):
        return False
    return date_from_parts(four_digits(at + 12), month_number(at + 8), two_digits(at + 5),
                           time_of_day(at + 17), seconds)


cdef inline int in_year(int month, int day, int time) noexcept nogil:
    """A number that grows with the instant; not a count of seconds."""
    return (32 * month + day) * SECONDS_A_DAY + time


cdef inline int full_year(
    int two_digit_year, int month, int day, int time, int64_t now,
) noexcept nogil:
    """The latest year with these last two digits in which the instant is at most 50 years after now.

    Section 5.6.7 counts the 50 years to the timestamp, not to its year. Within the last year a day is its
    month and number: February 29 is after the 28th and before March 1 in any year.
    """
    cdef int64_t seconds = now // NS_A_SECOND - (1 if now % NS_A_SECOND < 0 else 0)  # C rounds towards zero
    cdef int time_now = <int>(seconds % SECONDS_A_DAY)
    if time_now < 0:
        time_now += SECONDS_A_DAY
    cdef int limit_year, limit_month, limit_day
    civil_from_days((seconds - time_now) // SECONDS_A_DAY, &limit_year, &limit_month, &limit_day)
    limit_year += 50
    cdef int year = limit_year - limit_year % 100 + two_digit_year
    if year > limit_year or year == limit_year and (
        in_year(month, day, time) > in_year(limit_month, limit_day, time_now)
    ):
        year -= 100
    return year


cdef inline bint parse_rfc850_date(
    const unsigned char* at, size_t length, int64_t now, int64_t* seconds,
) noexcept nogil:
    # rfc850-date  = day-name-l "," SP date2 SP time-of-day SP GMT
    # date2        = day "-" month "-" 2DIGIT
    #
    # Sunday, 06-Nov-94 08:49:37 GMT
    #       0 2  5   9  11       20       counted from the comma
    cdef size_t name_length = length - 24
    if not is_day_name_l(at, name_length):
        return False
    at += name_length
    if not (at[0] == c"," and at[1] == c" " and at[4] == c"-" and at[8] == c"-" and at[11] == c" "
            and memcmp(at + 20, b" GMT", 4) == 0):
        return False
    cdef int day = two_digits(at + 2)
    cdef int month = month_number(at + 5)
    cdef int year = two_digits(at + 9)
    cdef int time = time_of_day(at + 12)
    if year > 99 or month == 0 or day > 31 or time < 0:
        return False
    return date_from_parts(full_year(year, month, day, time, now), month, day, time, seconds)


cdef inline bint parse_asctime_date(const unsigned char* at, int64_t* seconds) noexcept nogil:
    # asctime-date = day-name SP date3 SP time-of-day SP year
    # date3        = month SP ( 2DIGIT / ( SP 1DIGIT ))
    #
    # Sun Nov  6 08:49:37 1994
    # 0   4   8  11       20
    cdef unsigned char padded[2]
    if not (at[3] == c" " and at[7] == c" " and at[10] == c" " and at[19] == c" " and is_day_name(at)):
        return False
    padded[0] = c"0" if at[8] == c" " else at[8]
    padded[1] = at[9]
    return date_from_parts(four_digits(at + 20), month_number(at + 4), two_digits(padded),
                           time_of_day(at + 11), seconds)


cdef inline bint parse_http_date(
    const unsigned char* value, size_t length, int64_t now, int64_t* seconds,
) noexcept nogil:
    """Parse an HTTP-date without outer whitespace; `now`, in POSIX nanoseconds, is read for a two-digit year
    alone."""
    if length == 29:
        return parse_imf_fixdate(value, seconds)
    if length == 24:
        return parse_asctime_date(value, seconds)
    if 30 <= length <= 33:
        return parse_rfc850_date(value, length, now, seconds)
    return False


cdef inline void write_two_digits(unsigned char* out, int number) noexcept nogil:
    out[0] = <unsigned char>(c"0" + number // 10)
    out[1] = <unsigned char>(c"0" + number % 10)


cdef inline void format_http_date(unsigned char* out, int64_t seconds) noexcept nogil:
    """Write the IMF-fixdate, HTTP_DATE_LENGTH bytes, of an instant in the years 1 to 9999."""
    cdef int64_t since_0000 = seconds + <int64_t>DAYS_TO_EPOCH * SECONDS_A_DAY
    cdef int days = <int>(since_0000 // SECONDS_A_DAY)
    cdef int time = <int>(since_0000 % SECONDS_A_DAY)
    cdef int year, month, day
    civil_from_days(days - DAYS_TO_EPOCH, &year, &month, &day)
    memcpy(out, b"Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_LENGTH)
    memcpy(out, <const char*>b"WedThuFriSatSunMonTue" + 3 * (days % 7), 3)  # 0000-03-01 was a Wednesday
    write_two_digits(out + 5, day)
    memcpy(out + 8, <const char*>b"JanFebMarAprMayJunJulAugSepOctNovDec" + 3 * (month - 1), 3)
    write_two_digits(out + 12, year // 100)
    write_two_digits(out + 14, year % 100)
    write_two_digits(out + 17, time // 3600)
    write_two_digits(out + 20, time // 60 % 60)
    write_two_digits(out + 23, time % 60)
