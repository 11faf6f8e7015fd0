"""Which back end is used; the only place that chooses.

PRECOND_NO_EXTENSIONS       use the pure-Python one, compiled or not
PRECOND_REQUIRE_EXTENSIONS  an ImportError where the compiled one cannot be had

Set means: not empty and not "0".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

__all__ = [
    "BACKEND",
    "DEFAULT",
    "REASON",
    "Policy",
    "format_http_date",
    "look_nowait",
    "look_waiting",
    "parse_etags",
    "parse_http_date",
    "stat_nowait",
]


def _is_set(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


def _choose() -> tuple[Literal["cython", "python"], str]:
    """The back end, and why it is that one."""
    if _is_set("PRECOND_NO_EXTENSIONS"):
        reason = "PRECOND_NO_EXTENSIONS is set"
    else:
        try:
            from precond import _core  # noqa: F401
        except ImportError as error:
            # Not only a missing file: an isolated subinterpreter refuses the module too.
            reason = str(error)
        else:
            return "cython", "the extension could be loaded"
    if _is_set("PRECOND_REQUIRE_EXTENSIONS"):
        raise ImportError(f"PRECOND_REQUIRE_EXTENSIONS is set, but the extension is not used: {reason}")
    return "python", reason


_CHOICE = _choose()
BACKEND: Final = _CHOICE[0]
REASON: Final[str] = _CHOICE[1]

if TYPE_CHECKING or BACKEND == "cython":
    from precond._core import (
        Policy,
        format_http_date,
        look_nowait,
        look_waiting,
        parse_etags,
        parse_http_date,
        stat_nowait,
    )
else:
    from precond._fallback import (
        Policy,
        format_http_date,
        look_nowait,
        look_waiting,
        parse_etags,
        parse_http_date,
        stat_nowait,
    )

DEFAULT: Final = Policy()

evaluate = DEFAULT.evaluate
evaluate_raw = DEFAULT.evaluate_raw
evaluate_environ = DEFAULT.evaluate_environ
explain = DEFAULT.explain
validators = DEFAULT.validators
etag = DEFAULT.etag
last_modified = DEFAULT.last_modified
