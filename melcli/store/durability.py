"""Durability levels, and the mark on an OUT with unflushed outputs.

=========  ===========================================================  ===============================
level      flushed                                                      a power cut costs
=========  ===========================================================  ===============================
``none``   what is written once in a run: manifest, config, plan        any output of this run, even with
                                                                        its name and its row; the next
                                                                        run finds what is torn
``batch``  several files together, then their folders, then the row     the batches in the making
``file``   each file by itself, in a batch of its own                   the files in the making
=========  ===========================================================  ===============================

After a run at ``none`` OUT is marked with the system's boot id.  Work that the system still holds in memory is whole
whatever happened to melcli; only a run under another boot has to read all outputs to learn which are.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Literal

from melcli.store.files import storage_errors, write_file
from melcli.store.layout import own_folder

__all__ = ["Durability", "forget_unflushed", "lost_its_memory", "mark_unflushed"]

Durability = Literal["none", "batch", "file"]

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MOST_BYTES = 100


def mark_unflushed(out: str) -> None:
    """Mark OUT, on the disk, before its first output that is not flushed."""
    write_file(_mark(out), [_boot_id()])


def lost_its_memory(out: str) -> bool:
    """Tell whether OUT holds outputs that were not flushed under an earlier boot, so that any of them may be truncated.

    A mark that is a link is not followed.  Whoever put it there, it says nothing of this boot.
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
            return not boot_id or os.read(descriptor, MOST_BYTES) != boot_id
        finally:
            os.close(descriptor)


def forget_unflushed(out: str) -> None:
    """Take the mark away, once every output that is spoken of was read after the boot."""
    with storage_errors(_mark(out)), contextlib.suppress(FileNotFoundError):
        os.unlink(_mark(out))


def _mark(out: str) -> str:
    return os.path.join(own_folder(out), "unflushed")


def _boot_id() -> bytes:
    """Return what another boot would call itself otherwise; empty where the system does not say."""
    try:
        with open(BOOT_ID, "rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return b""
