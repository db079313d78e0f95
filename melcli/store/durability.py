"""Durability levels, and the mark on an OUT with unflushed outputs.

=========  ===========================================================  ===============================
level      flushed                                                      lost at a power failure
=========  ===========================================================  ===============================
``none``   files written once per run: manifest, config, plan           any output of this run, even with
                                                                        its name and its row; the next
                                                                        run finds truncated outputs
``batch``  several files together, then their folders, then the row     the batches in progress
``file``   each file separately, in its own batch                       the files in progress
=========  ===========================================================  ===============================

After a run at ``none``, OUT is marked with the system's boot id.  Data that the system has in memory stay complete even
if melcli is killed.  Only a run under another boot has to read all outputs to find those that are incomplete.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Literal

from melcli.store.files import write_file
from melcli.store.layout import own_folder
from melcli.store.storage_errors import storage_errors

__all__ = ["Durability", "clear_unflushed_mark", "has_unflushed_outputs", "mark_unflushed"]

Durability = Literal["none", "batch", "file"]

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MAX_BOOT_ID_BYTES = 100


def mark_unflushed(out: str) -> None:
    """Mark OUT, flushed to the disk, before its first unflushed output."""
    write_file(_mark(out), [_boot_id()])


def has_unflushed_outputs(out: str) -> bool:
    """Return whether OUT has outputs that an earlier boot did not flush, any of which may be truncated.

    A mark that is a link is not followed, and counts as one of another boot.
    """
    with storage_errors(_mark(out), "read"):
        try:
            descriptor = os.open(_mark(out), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.ELOOP:
                return True
            raise
        try:
            boot_id = _boot_id()
            return not boot_id or os.read(descriptor, MAX_BOOT_ID_BYTES) != boot_id
        finally:
            os.close(descriptor)


def clear_unflushed_mark(out: str) -> None:
    """Remove the mark, after every listed output was read under the present boot."""
    with storage_errors(_mark(out)), contextlib.suppress(FileNotFoundError):
        os.unlink(_mark(out))


def _mark(out: str) -> str:
    return os.path.join(own_folder(out), "unflushed")


def _boot_id() -> bytes:
    """Return an id that differs at every boot; empty if the system has none."""
    try:
        with open(BOOT_ID, "rb") as file:
            return file.read(MAX_BOOT_ID_BYTES)
    except OSError:
        return b""
