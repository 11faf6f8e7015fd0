"""HTTP-date, RFC 9110 section 5.6.7, between bytes and POSIX seconds; _httpdate.pxd in plain Python."""

from __future__ import annotations

import re
import time
from datetime import date as civil_date
from typing import Final

NS: Final = 1_000_000_000  # nanoseconds in a second

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER: Final = {name.encode(): number for number, name in enumerate(_MONTH_NAMES, 1)}
_EPOCH: Final = civil_date(1970, 1, 1).toordinal()
# A look-up is faster than a format or an int().
_TWO_DIGITS: Final = tuple(f"{number:02}" for number in range(100))
_NUMBER: Final = {digits.encode(): number for number, digits in enumerate(_TWO_DIGITS)}

_DAY_NAME: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAY_NAME_L: Final = rb"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH: Final = b"(" + b"|".join(_MONTH_NUMBER) + b")"
_2DIGIT: Final = rb"([0-9][0-9])"
_4DIGIT: Final = rb"([0-9][0-9][0-9][0-9])"
# time-of-day  = hour ":" minute ":" second
#              ; 00:00:00 - 23:59:60 (leap second)
_TIME_OF_DAY: Final = rb"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)"

# IMF-fixdate  = day-name "," SP date1 SP time-of-day SP GMT
# date1        = day SP month SP year
#
# Sun, 06 Nov 1994 08:49:37 GMT
_IMF_FIXDATE: Final = re.compile(
    _DAY_NAME + b", " + _2DIGIT + b" " + _MONTH + b" " + _4DIGIT + b" " + _TIME_OF_DAY + b" GMT"
)

# rfc850-date  = day-name-l "," SP date2 SP time-of-day SP GMT
# date2        = day "-" month "-" 2DIGIT
#
# Sunday, 06-Nov-94 08:49:37 GMT
_RFC850_DATE: Final = re.compile(
    _DAY_NAME_L + b", " + _2DIGIT + b"-" + _MONTH + b"-" + _2DIGIT + b" " + _TIME_OF_DAY + b" GMT"
)

# asctime-date = day-name SP date3 SP time-of-day SP year
# date3        = month SP ( 2DIGIT / ( SP 1DIGIT ))
#
# Sun Nov  6 08:49:37 1994
_ASCTIME_DATE: Final = re.compile(
    _DAY_NAME + b" " + _MONTH + b" ([0-9][0-9]| [0-9]) " + _TIME_OF_DAY + b" " + _4DIGIT
)


def time_of_day(hour: bytes, minute: bytes, second: bytes) -> int:
    """Seconds. :60, the leap second, may be in any minute: it is the first of the next, as in POSIX time."""
    return 3600 * _NUMBER[hour] + 60 * _NUMBER[minute] + _NUMBER[second]


def date_from_parts(year: int, month: int, day: int, seconds_of_day: int) -> int | None:
    """Put the parts together where they are those of a day that exists, in the years 1 to 9999.

    The weekday name is not compared with the date: to ignore a date for its weekday would open the guard of
    an If-Unmodified-Since whose sender cannot compute weekdays.
    """
    try:
        return (civil_date(year, month, day).toordinal() - _EPOCH) * 86_400 + seconds_of_day
    except ValueError:  # a day that does not exist, or the year 0
        return None


def parse_imf_fixdate(value: bytes) -> int | None:
    match = _IMF_FIXDATE.fullmatch(value)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    return date_from_parts(int(year), _MONTH_NUMBER[month], _NUMBER[day], time_of_day(hour, minute, second))


def full_year(two_digit_year: int, month: int, day: int, seconds_of_day: int, now: int) -> int:
    """The latest year with these last two digits in which the instant is at most 50 years after now.

    Section 5.6.7 counts the 50 years to the timestamp, not to its year. Within the last year a day is its
    month and number: February 29 is after the 28th and before March 1 in any year.
    """
    days, time_now = divmod(now // NS, 86_400)
    today = civil_date.fromordinal(days + _EPOCH)
    limit_year = today.year + 50
    limit = (today.month, today.day, time_now)
    year = limit_year - limit_year % 100 + two_digit_year
    if year > limit_year or (year == limit_year and (month, day, seconds_of_day) > limit):
        year -= 100
    return year


def parse_rfc850_date(value: bytes, now_ns: int | None) -> int | None:
    match = _RFC850_DATE.fullmatch(value)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    parts = _MONTH_NUMBER[month], _NUMBER[day], time_of_day(hour, minute, second)
    now = time.time_ns() if now_ns is None else now_ns
    return date_from_parts(full_year(_NUMBER[year], *parts, now), *parts)


def parse_asctime_date(value: bytes) -> int | None:
    match = _ASCTIME_DATE.fullmatch(value)
    if match is None:
        return None
    month, day, hour, minute, second, year = match.groups()
    return date_from_parts(int(year), _MONTH_NUMBER[month], int(day), time_of_day(hour, minute, second))


def parse_http_date(value: bytes, now_ns: int | None) -> int | None:
    """HTTP-date = IMF-fixdate / obs-date, told apart by their lengths.

    now_ns, in POSIX nanoseconds, is read for a two-digit year alone; None: the clock.
    """
    if len(value) == 29:
        return parse_imf_fixdate(value)
    if len(value) == 24:
        return parse_asctime_date(value)
    return parse_rfc850_date(value, now_ns)


def format_http_date(seconds: int) -> str:
    """The IMF-fixdate of an instant in the years 1 to 9999."""
    days, seconds_of_day = divmod(seconds, 86_400)
    minutes, second = divmod(seconds_of_day, 60)
    hour, minute = divmod(minutes, 60)
    day = civil_date.fromordinal(days + _EPOCH)
    return (
        f"{_WEEKDAYS[day.weekday()]}, {_TWO_DIGITS[day.day]} {_MONTH_NAMES[day.month - 1]} {day.year:04}"
        f" {_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]} GMT"
    )
