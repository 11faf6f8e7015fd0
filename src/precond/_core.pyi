# The compiled back end; documented in _fallback.py, of which it is the mirror.

from typing import Any, Literal, final, overload

from precond._fields import HeaderPairs
from precond._types import (
    ETag,
    Explanation,
    FieldValue,
    FilePath,
    IfModifiedSince,
    Options,
    Outcome,
    Stamp,
    StatResult,
    Validators,
    Wildcard,
)

__pyx_capi__: dict[str, object]  # see _core.pxd

@final
class Policy:
    @property
    def options(self) -> Options: ...
    def __new__(
        cls,
        *,
        etag: bool = True,
        last_modified: bool = True,
        weak: bool = False,
        if_modified_since: IfModifiedSince = "before",
        stamp: Stamp = "mtime",
        settle: float | None = None,
    ) -> Policy: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def evaluate(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        *,
        if_match: FieldValue | None = None,
        if_unmodified_since: FieldValue | None = None,
        if_none_match: FieldValue | None = None,
        if_modified_since: FieldValue | None = None,
        if_range: FieldValue | None = None,
        range: FieldValue | None = None,
        now_ns: int | None = None,
    ) -> Outcome: ...
    def evaluate_raw(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        headers: HeaderPairs,
        *,
        now_ns: int | None = None,
    ) -> Outcome: ...
    def evaluate_environ(
        self, st: StatResult | Validators | None, environ: dict[str, Any], *, now_ns: int | None = None
    ) -> Outcome: ...
    def explain(
        self,
        st: StatResult | Validators | None,
        method: FieldValue,
        *,
        if_match: FieldValue | None = None,
        if_unmodified_since: FieldValue | None = None,
        if_none_match: FieldValue | None = None,
        if_modified_since: FieldValue | None = None,
        if_range: FieldValue | None = None,
        range: FieldValue | None = None,
        now_ns: int | None = None,
    ) -> Explanation: ...
    def validators(self, st: StatResult | Validators | None, *, now_ns: int | None = None) -> Validators: ...
    @overload
    def etag(self, st: Validators) -> str | None: ...
    @overload
    def etag(self, st: StatResult) -> str: ...
    @overload
    def last_modified(self, st: Validators) -> int | None: ...
    @overload
    def last_modified(self, st: StatResult) -> int: ...

def parse_http_date(value: FieldValue, *, now_ns: int | None = None) -> int | None: ...
def format_http_date(seconds: int) -> str: ...
def parse_etags(value: FieldValue) -> tuple[ETag, ...] | Literal[Wildcard.ANY] | None: ...

@final
class FileStat:
    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_ctime_ns(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mode(self) -> int: ...

def stat_nowait(path: FilePath, *, dir_fd: int | None = None, beneath: bool = False) -> FileStat: ...
def look_nowait(path: str | bytes, siblings: bytes, no_symlinks: bool) -> FileStat | None: ...
def look_waiting(path: str | bytes, siblings: bytes, no_symlinks: bool) -> FileStat | None: ...
