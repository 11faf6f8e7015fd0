"""A file system in user space: one file, whose stamp is told anew each time that the kernel asks.

Who answers is a thread of this process, which needs the GIL: a call that keeps that and waits never returns.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients import lacking

LOOKUP, GETATTR, INIT, ACCESS, FORGET, BATCH_FORGET, INTERRUPT = 1, 3, 26, 34, 2, 42, 36
ENOSYS = 38
ROOT, FILE = 1, 2
FOR_EVER = 10**9  # seconds: names and, for the file, no attributes


@contextmanager
def serving_stamps(
    directory: Path, stamps: list[int], *, asked: list[int] | None = None, block_device: Path | None = None
) -> Iterator[Path]:
    """The path of the file; stamps[0] is its time of modification, in POSIX nanoseconds.

    asked         what the kernel asks is added to it. Without it, the right of access is not answered, and
                  never asked for again
    block_device  what the file system has the device number of, as that of ntfs-3g has
    """
    target = directory / "fuse"
    target.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        lacking(str(error))
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    kind, source = b"fuse", b"test"
    if block_device is not None:
        kind, source, options = b"fuseblk", os.fsencode(block_device), f"{options},blksize=4096"
    if libc.mount(source, os.fsencode(target), kind, 0, options.encode()):
        os.close(device)
        lacking(f"mount: {os.strerror(ctypes.get_errno())}")
    thread = threading.Thread(target=_serve, args=(device, stamps, asked))
    thread.start()
    try:
        yield target / "file"
    finally:
        libc.umount2(os.fsencode(target), 2)  # MNT_DETACH; to read from the device is an error from then on
        thread.join()
        os.close(device)


def _serve(device: int, stamps: list[int], asked: list[int] | None) -> None:
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:
            return
        _, opcode, unique, node = struct.unpack_from("=IIQQ", request)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        if asked is not None:
            asked.append(opcode)
        body, error = (b"", 0) if opcode == ACCESS and asked is not None else _answer(opcode, node, stamps[0])
        os.write(device, struct.pack("=IiQ", 16 + len(body), -error, unique) + body)


def _answer(opcode: int, node: int, stamp: int) -> tuple[bytes, int]:
    if opcode == INIT:
        return struct.pack("=IIIIHHI", 7, 31, 0, 0, 0, 0, 1 << 12).ljust(64, b"\0"), 0
    if opcode == LOOKUP:
        return struct.pack("=QQQQII", FILE, 0, FOR_EVER, 0, 0, 0) + _attributes(FILE, stamp), 0
    if opcode == GETATTR:
        valid = FOR_EVER if node == ROOT else 0
        return struct.pack("=QII", valid, 0, 0) + _attributes(node, stamp), 0
    return b"", ENOSYS


def _attributes(node: int, stamp: int) -> bytes:
    seconds, nanoseconds = divmod(stamp, 10**9)
    mode = 0o040755 if node == ROOT else 0o100644
    return struct.pack(
        "=QQQQQQIIIIIIIIII",
        *(node, 0, 0),
        *(seconds, seconds, seconds),
        *(nanoseconds, nanoseconds, nanoseconds),
        *(mode, 1, os.getuid(), os.getgid(), 0, 4096, 0),
    )
