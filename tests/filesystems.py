"""File systems of several kinds, mounted for the length of a block, and users who may not read all files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients import lacking, needs

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="file systems are mounted on Linux")

KINDS = ["tmpfs", "overlay", "ext4"]


@contextmanager
def mounted(kind: str, directory: Path) -> Iterator[Path]:
    """An empty file system. That of ext4 has inodes of 128 bytes, whose stamps are whole seconds."""
    if os.geteuid():
        lacking("only root may mount file systems")
    target = directory / kind
    target.mkdir()
    if kind == "tmpfs":
        command = [needs("mount"), "-t", kind, kind, str(target)]
    elif kind == "overlay":
        parts = {name: directory / name for name in ("lowerdir", "upperdir", "workdir")}
        for part in parts.values():
            part.mkdir()
        (parts["lowerdir"] / "below").write_bytes(b"of the lower layer")
        options = ",".join(f"{name}={part}" for name, part in parts.items())
        command = [needs("mount"), "-t", kind, kind, "-o", options, str(target)]
    else:
        image = directory / "image"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        _run([needs("mkfs.ext4"), "-q", "-I", "128", str(image)])
        command = [needs("mount"), "-o", "loop", str(image), str(target)]
    _run(command)
    try:
        yield target
    finally:
        _run([needs("umount"), str(target)])


def remount(target: Path) -> None:
    """Forget what is in memory of the ext4 in a file."""
    _run([needs("umount"), str(target)])
    _run([needs("mount"), "-o", "loop", str(target.with_name("image")), str(target)])


@contextmanager
def block_device(directory: Path) -> Iterator[Path]:
    """One that is a file."""
    image = directory / "device"
    with image.open("wb") as file:
        file.truncate(1 << 20)
    device = _run([needs("losetup"), "--find", "--show", str(image)])
    try:
        yield Path(device)
    finally:
        _run([needs("losetup"), "--detach", device])


def reads(path: Path) -> int:
    """How often its block device was read from, as far as the device has told."""
    device = path.stat().st_dev
    numbers = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text()
    return int(numbers.split()[0])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        lacking(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def as_nobody(path: Path) -> Iterator[None]:
    """Root may read everything; who is not root needs the directories above to be open."""
    if os.geteuid():
        yield
        return
    modes = {parent: parent.stat().st_mode for parent in path.parents}
    for parent, mode in modes.items():
        parent.chmod(mode | 0o111)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, mode in modes.items():
            parent.chmod(mode)
