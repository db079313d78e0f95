"""Test with a small write whether OUT is writable, before decoding starts."""

from __future__ import annotations

import contextlib
import os

from melcli.store.files import flush_path, write_new
from melcli.store.layout import own_folder
from melcli.store.leftovers import temporary_name
from melcli.store.storage_errors import storage_errors

__all__ = ["probe_output"]

# Larger than a block of common file systems, and than what ext4 and btrfs store inside an inode.  So a disk with space
# for names but not for content does not pass.
PROBE = bytes(range(256)) * 32


def probe_output(out: str) -> None:
    """Test every operation that an output needs, in OUT and in OUT/.melcli, and leave nothing behind.

    A file is created, written, flushed, renamed and removed, and its folder is flushed.  The caller holds the lock, so
    OUT/.melcli exists.  If melcli is killed, `melcli.store.leftovers.remove_leftovers` recognizes the file by its name.

    Parameters
    ----------
    out : str
        OUT.

    Raises
    ------
    StorageError
        An operation failed; the message names OUT.
    """
    with storage_errors(out):
        for folder in (out, own_folder(out)):
            _probe(folder)


def _probe(folder: str) -> None:
    first, second = (os.path.join(folder, temporary_name()) for _ in range(2))
    try:
        write_new(first, [PROBE])
        flush_path(first)
        os.rename(first, second)
        flush_path(folder)
        os.unlink(second)
    except OSError:
        for path in (first, second):
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
