"""Deliberate bugs, planted one at a time in a scratch copy: the tests catch every one.

    python tests/planted_bugs.py [TEXT]     only bugs whose file or words hold TEXT

Each is built without optimisation and put to tests/quick.py; those that only memory shows, to a build with
AddressSanitizer. Exit status 1 where a bug survives, or its place is not to be found once and only once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from scratch import ROOT, scratch_copy

WORKERS = 2
LIMIT = 600  # seconds, for one bug: one that makes an endless loop is caught too


class Bug(NamedTuple):
    """A change of one place in a file of src/precond.

    sanitized       whether only AddressSanitizer can tell
    """

    file: str
    old: str
    new: str
    what: str
    sanitized: bool = False


ETAG, DATE, RULES, CORE = "_etag.pxd", "_httpdate.pxd", "_rules.pxd", "_core.pyx"
PURE, PURE_ETAG, PURE_DATE = "_fallback.py", "_fallback_etag.py", "_fallback_httpdate.py"

BUGS = [
    Bug(
        ETAG,
        "            at += length\n",
        "            at += length - 1\n",
        "a tag as long as ours ends too early",
    ),
    Bug(
        ETAG,
        "return perhaps_not_etagc(load_eight(last)) == 0",
        "return True",
        "the end of a tag not looked at",
    ),
    Bug(ETAG, "(octets & 0x7F7F7F7F7F7F7F7FULL) +", "octets +", "~ behind obs-text taken for DEL"),
    Bug(ETAG, "while one < last:", "while one + 8 < last:", "digits in the middle not compared"),
    Bug(
        ETAG,
        "<size_t>(end - at) >= length and length",
        "length",
        "no bound before the end of a tag",
        sanitized=True,
    ),
    Bug(
        ETAG,
        "while end - at >= 8:",
        "while end - at >= 1:",
        "eight bytes read where there are fewer",
        sanitized=True,
    ),
    Bug(ETAG, "octet != 0x7F", "octet != 0x7E", "~ for DEL in an opaque-tag"),
    Bug(ETAG, "octet >= 0x21 and", "octet > 0x21 and", "> for >=: no ! in an opaque-tag"),
    Bug(
        ETAG,
        "not (strong and (weak or own.weak))",
        "not (strong and own.weak)",
        "weak members match strongly",
    ),
    Bug(
        ETAG,
        "not (strong and (weak or own.weak))",
        "not (not strong and (weak or own.weak))",
        "weak and strong swapped",
    ),
    Bug(
        ETAG, "return not (strong and own.weak)", "return True", "our weak tag, sent back alone, in If-Match"
    ),
    Bug(ETAG, "not one.weak and not other.weak", "not one.weak", "our weak tag equal to a strong one"),
    Bug(ETAG, 'at[0] == c"W"', '(at[0] | 0x20) == c"w"', "w/ taken for W/"),
    Bug(ETAG, 'return octet == c" " or octet == c"\\t"', 'return octet == c" "', "tabs are no blanks"),
    Bug(ETAG, "            return found\n", "            return True\n", "a list without our tag has it"),
    Bug(
        ETAG,
        "at = skip_comma(at, end)",
        "at = end if found else skip_comma(at, end)",
        "not read on behind our tag",
    ),
    Bug(ETAG, "        return at + 2\n", "        return at + 3\n", "a byte lost behind a comma and a blank"),
    Bug(ETAG, "magnitude >> 60:", "magnitude >> 59:", "a leading zero in hexadecimal"),
    Bug(ETAG, ") * 0x27", ") * 0x07", "upper-case hexadecimal"),
    Bug(ETAG, "first_digit > 0xF or", "", "a size without its first digit for the size"),
    Bug(ETAG, "or (first_digit == 0 and size_digits > 1)", "", "a size with leading zeros for the size"),
    Bug(ETAG, "(stamp >> 60) <= 0", "(stamp >> 60) < 0", "a stamp with leading zeros for the stamp"),
    Bug(
        ETAG,
        "eight_digits(<uint64_t>stamp >> 32)",
        "load_eight_back(value + 1)",
        "half a stamp for the whole",
    ),
    Bug(ETAG, 'and value[17] == c"-"', "", "any byte for the hyphen between stamp and size"),
    Bug(DATE, "year % 100 != 0 or", "year % 100 == 0 or", "a swapped comparison in the leap years"),
    Bug(DATE, "606)) & 0xF0F0F0F0ULL", "606)) & 0xF0F0F000ULL", "a colon for the first digit of a year"),
    Bug(DATE, "second > 60", "second > 59", "no leap second"),
    Bug(DATE, "hour > 23", "hour > 24", "24 o'clock"),
    Bug(DATE, "month + (month >> 3)", "month + (month >> 2)", "the lengths of months"),
    Bug(DATE, "day > days_in_month", "day >= days_in_month", ">= for > at the end of a month"),
    Bug(
        DATE,
        "    if month <= 2:\n        year -= 1",
        "    if month < 2:\n        year -= 1",
        "February in the year of its March",
    ),
    Bug(
        DATE,
        "since_0000:\n        year[0] += 1",
        "since_0000:\n        pass",
        "February 29 in the year before",
    ),
    Bug(DATE, "limit_year += 50", "limit_year += 49", "two-digit years 49 years ahead"),
    Bug(DATE, "year > limit_year or", "year >= limit_year or", ">= for > in the rule of 50 years"),
    Bug(DATE, "month, day, time) > in_year(", "month, day, time) >= in_year(", ">= for > at the very second"),
    Bug(DATE, "    if length == 24:", "    if length == 25:", "asctime dates of a wrong length"),
    Bug(DATE, "3 * (days % 7)", "3 * ((days + 1) % 7)", "the weekday after"),
    Bug(RULES, "stamp % NS_A_SECOND > 0", "stamp % NS_A_SECOND >= 0", "a whole second rounded up"),
    Bug(RULES, "FINE_GRAIN = 20_000_000 ", "FINE_GRAIN = 2_000_000 ", "a wrong grain"),
    Bug(RULES, "return FINE_GRAIN if", "return COARSE_GRAIN if", "the coarse grain for every stamp"),
    Bug(RULES, "stamp >= FIRST_MODIFICATION", "stamp > FIRST_MODIFICATION", "> for >= at 1990"),
    Bug(RULES, "now - stamp >= grain(", "now - stamp > grain(", "> for >=: a tag settled a nanosecond late"),
    Bug(RULES, ">= to_whole_second(stamp) + grain(", ">= grain(", "a date sent before its second is over"),
    Bug(
        RULES,
        "modification_date(current) <= date",
        "modification_date(current) < date",
        "< for <= in If-Unmodified-Since",
    ),
    Bug(
        RULES,
        "modification_date(current) > date",
        "modification_date(current) >= date",
        ">= for > in If-Modified-Since",
    ),
    Bug(RULES, "strong=True", "strong=False", "the weak comparison for If-Match"),
    Bug(RULES, "strong=False", "strong=True", "the strong comparison for If-None-Match"),
    Bug(RULES, "condition(not current.exists)", "condition(current.exists)", "If-None-Match: * turned round"),
    Bug(
        RULES,
        "if held == ABSENT and if_unmodified_since(",
        "if if_unmodified_since(",
        "If-Unmodified-Since beside If-Match",
    ),
    Bug(RULES, "if held == ABSENT and safe and", "if safe and", "If-Modified-Since beside If-None-Match"),
    Bug(RULES, "return NOT_MODIFIED if safe else PRECONDITION_FAILED", "return NOT_MODIFIED", "304 for PUT"),
    Bug(
        RULES,
        "                     and settled_date(current.stamp, settle, now))",
        "                     )",
        "If-Range by a date that is not settled",
    ),
    Bug(RULES, " != c'\"'", " == c'\"'", "the clock read for a tag in If-Range, and for no date"),
    Bug(RULES, "    if method != GET or ", "    if ", "ranges of HEAD"),
    Bug(
        RULES,
        'length == 7 and (memcmp(name, b"OPTIONS", 7) == 0 or ',
        "length == 7 and (",
        "conditions for OPTIONS",
    ),
    Bug(RULES, 'c"A" <= letter', 'c"A" < letter', "A has no lower case"),
    Bug(
        CORE,
        "cdef void trim_blanks(Field* field) noexcept nogil:\n",
        "cdef void trim_blanks(Field* field) noexcept nogil:\n    return\n",
        "a missing trim",
    ),
    Bug(CORE, "if field.value != NULL or not PyBytes", "if not PyBytes", "of two lines the first is lost"),
    Bug(CORE, "return digits[2] < 4;", "return 1;", "numbers of more than 62 bits cut off"),
    Bug(
        CORE,
        "        if (!PyLong_CheckExact(number)) {",
        "        Py_INCREF(number);\n        if (!PyLong_CheckExact(number)) {",
        "a leaked reference to a number of the stat",
    ),
    Bug(
        CORE,
        "    cdef object _held = read_stat(policy, st, &current)",
        "    read_stat(policy, st, &current)",
        "a tag let go while it is in use",
        sanitized=True,
    ),
    Bug(
        CORE,
        "current.etag.weak or policy.choices.weak",
        "current.etag.weak",
        "an application's tag not made weak",
    ),
    Bug(PURE, 'return octets_of_it.strip(b" \\t")', "return octets_of_it", "a missing trim"),
    Bug(PURE_ETAG, "value.count(b'\"') == 2 * len(opaques)", "True", "a quote in a tag of a plain list"),
    Bug(
        PURE_ETAG,
        'b" " * (len(opaques) - 1)',
        "value.translate(None, _QUOTES_AND_ETAGC)",
        "a blank in a tag of a plain list",
    ),
    Bug(
        PURE_ETAG,
        "own[0] in opaques and not (strong and own[1])",
        "own[0] in opaques",
        "our weak tag, in an If-Match of several",
    ),
    Bug(PURE_DATE, '|60)"', ')"', "no leap second"),
    Bug(PURE_DATE, "today.year + 50", "today.year + 51", "two-digit years 51 years ahead"),
    Bug(PURE_ETAG, r"\x23-\x7E\x80", r"\x23-\x7F\x80", "DEL in an opaque-tag"),
    Bug(PURE_ETAG, "not one[1] and not other[1] and", "not other[1] and", "a weak tag in If-Range"),
    Bug(PURE_ETAG, "return not (strong and own[1])", "return True", "our weak tag in If-Match"),
    Bug(PURE, "stamp >= FIRST_MODIFICATION", "stamp > FIRST_MODIFICATION", "> for >= at 1990"),
    Bug(PURE, "return -(-stamp // NS)", "return stamp // NS", "the stamp rounded down"),
    Bug(PURE, "return date <= since", "return date < since", "< for <= in If-Unmodified-Since"),
    Bug(PURE, "return date > since", "return date != since", "every date compared by exact"),
    Bug(PURE, "strong=True", "strong=False", "the weak comparison for If-Match"),
    Bug(PURE, "return not exists", "return exists", "If-None-Match: * turned round"),
    Bug(PURE, "if held is None and safe and", "if safe and", "If-Modified-Since beside If-None-Match"),
    Bug(
        PURE, " and _settled_date(stamp, settle, _now(now_ns))", "", "If-Range by a date that is not settled"
    ),
    Bug(PURE, "return NOT_MODIFIED if safe else PRECONDITION_FAILED", "return NOT_MODIFIED", "304 for PUT"),
]

NONE = [
    Bug(PURE, "", "", "nothing"),
    Bug(CORE, "", "", "nothing"),
    Bug(CORE, "", "", "nothing", sanitized=True),
]


def main(text: str) -> int:
    bugs = [bug for bug in BUGS if text in f"{bug.file} {bug.what}"]
    lost = [bug for bug in bugs if (ROOT / "src/precond" / bug.file).read_text("utf-8").count(bug.old) != 1]
    for bug in lost:
        print(f"not found once: {bug.file}: {bug.old!r}")
    planted = [bug for bug in bugs if bug not in lost]
    with ThreadPoolExecutor(WORKERS) as pool:
        unsound = [bug for bug, found in zip(NONE, pool.map(is_caught, NONE), strict=True) if found]
        survived = [
            bug for bug, found in zip(planted, pool.map(is_caught, planted), strict=True) if not found
        ]
    for bug in unsound:
        print(f"fails without a bug: {bug}")
    for bug in survived:
        print(f"survived: {bug.file}: {bug.what}")
    print(f"{len(bugs)} bugs, {len(lost)} not to be planted, {len(survived)} survived")
    return 1 if lost or survived or unsound else 0


def is_caught(bug: Bug) -> bool:
    """Whether a test fails; a bug that cannot be built is a fault of this list."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = scratch_copy(Path(scratch))
        path = directory / "src/precond" / bug.file
        path.write_text(path.read_text("utf-8").replace(bug.old, bug.new), "utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": "src",
            "PRECOND_NO_EXTENSIONS": str(int(bug.file.endswith(".py"))),
        }
        if not bug.file.endswith(".py"):
            environment |= {"PRECOND_DEBUG": "1", "PRECOND_SANITIZE": str(int(bug.sanitized))}
            run(directory, environment, "setup.py", "-q", "build_ext", "--inplace").check_returncode()
        if bug.sanitized:
            asan = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
            # Python's own allocator hides where its objects end; and what it never frees is no leak of ours.
            environment |= {"LD_PRELOAD": asan, "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"}
        try:
            done = run(directory, environment, "tests/quick.py")
        except subprocess.TimeoutExpired:
            return True
    print(f"{bug.file}: {bug.what}: {evidence(done)}", flush=True)
    return done.returncode != 0  # 1 by a test, others by AddressSanitizer and crashes


def run(directory: Path, environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env=environment,
        timeout=LIMIT,
        capture_output=True,
        text=True,
    )


def evidence(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says what was wrong."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip("= ")]
    return lines[0][:150] if lines else f"exit status {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
