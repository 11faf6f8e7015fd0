"""Byte ranges (RFC 9110 section 14) and the part of a file that is sent for them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import CHANGES_FILES
from precond._ranges import BLOCK, FilePart, byte_range

SIZE = 10_000


@pytest.mark.parametrize(
    "value, expected",
    [
        ("bytes=0-499", range(500)),
        ("bytes=500-999", range(500, 1000)),
        ("bytes=9500-", range(9500, 10_000)),
        ("bytes=-500", range(9500, 10_000)),
        ("bytes=0-0", range(1)),
        ("bytes=-1", range(9999, 10_000)),
        ("bytes=9999-9999", range(9999, 10_000)),
        ("bytes=0-", range(10_000)),
        ("bytes=0-20000", range(10_000)),
        ("bytes=-20000", range(10_000)),
        ("bytes=00-0009", range(10)),
        ("BYTES=0-9", range(10)),
        (" \tbytes=0-9 ", range(10)),
        ("bytes= 0-9", range(10)),  # as section 14.1.2 has it among its examples
        ("bytes=, 0-9 ,\t,", range(10)),
        ("bytes=0-" + "9" * 5000, range(10_000)),
        ("bytes=" + "0" * 5000 + "5-5", range(5, 6)),
        ("bytes=-" + "9" * 5000, range(10_000)),
    ],
)
def test_one_range(value: str, expected: range) -> None:
    assert byte_range(value, SIZE) == expected


@pytest.mark.parametrize(
    "value", ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=-000", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_that_is_not_satisfiable_is_empty(value: str) -> None:
    part = byte_range(value, SIZE)
    assert part is not None
    assert not part


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0,-1",
        "bytes=0-9, 20-29",
        "bytes=5-4",
        "bytes=20000-19999",
        "lines=1-2",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=1",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=0 - 9",
        "bytes=+0-9",
        "bytes=0-9;",
        "bytes=--1",
        "bytes=\xb2-3",
        "bytes:0-9",
        "bytes =0-9",
        "octets bytes=0-9",
        "0-9",
        "",
        "bytes=0-9=",
    ],
)
def test_anything_else_is_ignored(value: str) -> None:
    assert byte_range(value, SIZE) is None


def test_ranges_of_nothing() -> None:
    """Only a suffix is satisfiable where there are no bytes, and no 206 can say which bytes it is."""
    assert byte_range("bytes=-5", 0) is None
    assert byte_range("bytes=0-", 0) == range(0)
    assert byte_range("bytes=0-0", 0) == range(0)
    assert byte_range("bytes=-0", 0) == range(0)


@given(first=st.integers(0, 2**64), length=st.integers(0, 2**64), size=st.integers(0, 2**63 - 1))
def test_a_range_is_cut_to_the_representation(first: int, length: int, size: int) -> None:
    part = byte_range(f"bytes={first}-{first + length}", size)
    assert part is not None
    if first < size:
        assert (part.start, part.stop) == (first, min(first + length + 1, size))
    else:
        assert not part


@given(value=st.text(st.characters(max_codepoint=255)), size=st.integers(0, 100))
def test_no_value_raises(value: str, size: int) -> None:
    for text in (value, f"bytes={value}"):
        part = byte_range(text, size)
        assert part is None or not part or 0 <= part.start < part.stop <= size


@pytest.mark.parametrize(
    "value", ["bytes=" + "," * 10**6, "bytes=" + "9" * 10**6 + "-", "bytes=" + "1-2," * 10**5]
)
def test_long_values_take_no_longer_than_their_length(value: str) -> None:
    byte_range(value, SIZE)


# -- FilePart ------------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 1024  # four blocks


@pytest.fixture
def file(tmp_path: Path) -> Iterator[io.FileIO]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with io.FileIO(path, "r+") as file:
        yield file


@CHANGES_FILES
def test_the_blocks_of_a_part_are_its_bytes(file: io.FileIO) -> None:
    blocks = list(FilePart(file, range(5, 5 + 2 * BLOCK)))
    assert [len(block) for block in blocks] == [BLOCK, BLOCK]
    assert b"".join(blocks) == CONTENT[5 : 5 + 2 * BLOCK]


@CHANGES_FILES
def test_no_bytes(file: io.FileIO) -> None:
    part = FilePart(file, range(7, 7))
    assert part.read() == part.read(10) == b""
    assert list(part) == []


@CHANGES_FILES
def test_reading(file: io.FileIO) -> None:
    part = FilePart(file, range(10, 30))
    assert part.read(8) == CONTENT[10:18]
    assert part.read(0) == b""
    assert part.tell() == 8
    assert part.read(1000) == CONTENT[18:30]
    assert part.read() == b""
    assert part.seek(5) == 5
    assert part.read() == CONTENT[15:30]
    assert part.seek(-4, 2) == 16
    assert part.seek(2, 1) == part.tell() == 18
    assert part.read() == CONTENT[28:30]
    assert part.seek(1, 2) == 21
    assert part.read() == b""


@CHANGES_FILES
def test_what_was_added_is_not_sent(file: io.FileIO) -> None:
    part = FilePart(file, range(len(CONTENT)))
    file.seek(0, 2)
    file.write(b"more")
    part.seek(0)
    assert b"".join(part) == CONTENT


@pytest.mark.parametrize("left", [0, 100, BLOCK, len(CONTENT) - 1])
@CHANGES_FILES
def test_a_file_that_became_shorter_is_an_error(file: io.FileIO, left: int) -> None:
    part = FilePart(file, range(len(CONTENT)))
    file.truncate(left)
    blocks: list[bytes] = []
    with pytest.raises(EOFError, match=f"{len(CONTENT) - left} bytes are missing"):
        blocks.extend(part)
    assert b"".join(blocks) == CONTENT[:left]


@CHANGES_FILES
def test_closing_and_no_descriptor(file: io.FileIO) -> None:
    part = FilePart(file, range(3))
    assert not hasattr(part, "fileno")
    part.close()
    part.close()
    assert file.closed
