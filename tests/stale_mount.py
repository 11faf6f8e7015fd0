"""A file system whose stamps are whole seconds: ext4 without room for more in its inodes of 128 bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 32 * 2**20


class NoMountError(Exception):
    """It cannot be made here, for the reason that is told."""


@contextmanager
def one_second_files(at: Path) -> Iterator[Path]:
    """Mounted below this directory, until the end of the block. It takes root and a free loop device."""
    image, directory = at / "image", at / "mounted"
    directory.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    _run("mkfs.ext4", "-q", "-I", "128", "-N", "8192", image)
    _run("mount", "-o", "loop,noatime", image, directory)
    try:
        yield directory
    finally:
        # Lazily where a descriptor is still open: it is gone when that is closed.
        if subprocess.run(["umount", directory], capture_output=True).returncode:
            _run("umount", "--lazy", directory)


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise NoMountError(str(error)) from error
    if done.returncode:
        raise NoMountError(f"{command[0]}: {done.stderr.strip()}")
