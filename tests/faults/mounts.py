"""File systems for a single test: small, full, read-only; only root can mount them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["ext4", "fill", "fill_names", "tmpfs"]

BLOCK_BYTES = 4096


@contextmanager
def tmpfs(folder: Path, *, size_kb: int = 2048, most_files: int = 10_000) -> Iterator[Path]:
    """Mount a file system in memory; skip the test with a message if that is not allowed."""
    options = f"size={size_kb}k,nr_inodes={most_files}"
    with _mounted(folder, "-t", "tmpfs", "-o", options, "tmpfs"):
        yield folder


@contextmanager
def ext4(folder: Path, *, size_mb: int = 8) -> Iterator[Path]:
    """Mount an ext4 in a file, without blocks reserved for root."""
    make = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if make is None:
        pytest.skip("needs mkfs.ext4")
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    subprocess.run([make, "-q", "-F", "-m", "0", image], check=True, capture_output=True)
    with _mounted(folder, "-o", "loop", str(image)):
        yield folder


@contextmanager
def _mounted(folder: Path, *arguments: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    folder.mkdir()
    made = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    try:
        yield
    finally:
        if subprocess.run(["umount", folder], capture_output=True).returncode != 0:
            subprocess.run(["umount", "--lazy", folder], check=True)  # also after a failed test
            pytest.fail(f"somebody still works in {folder}")


def fill(folder: Path, *, leave_bytes: int = 0, name: str = "ballast") -> Path:
    """Fill a file system except for ``leave_bytes``, rounded down to blocks; return the file that does."""
    ballast = folder / name
    with ballast.open("wb") as file, contextlib.suppress(*([] if leave_bytes else [OSError])):
        while (free := _free_bytes(folder) - leave_bytes) >= BLOCK_BYTES:  # ext4 uses some for its own metadata
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free // BLOCK_BYTES * BLOCK_BYTES)
    return ballast


def fill_names(folder: Path, *, leave_files: int = 0) -> Path:
    """Create files until a file system can hold only ``leave_files`` more; return their folder."""
    ballast = folder / "ballast.d"
    ballast.mkdir()
    for number in range(os.statvfs(folder).f_ffree - leave_files):
        (ballast / str(number)).touch()
    return ballast


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
