"""A small write before the work, so that an unwritable OUT is found before decoding."""

from __future__ import annotations

import contextlib
import os

from melcli.store.files import bring_to_disk, storage_errors, temporary_name, write_whole
from melcli.store.layout import own_folder

__all__ = ["probe_output"]

# More than a block of the usual file systems, and more than ext4 and btrfs keep inside an inode: a disk that has room
# for names and none for content must not pass.
PROBE = bytes(range(256)) * 32


def probe_output(out: str) -> None:
    """Go once through all that an output needs, in OUT and in its own folder, and leave nothing behind.

    A file is created, written, flushed, renamed and removed, and its folder flushed.  The caller holds the lock, whose
    folder is therefore there; what a kill leaves has a name that `melcli.store.files.remove_leftovers` knows.

    Parameters
    ----------
    out : str
        OUT.

    Raises
    ------
    StorageError
        The system refuses some of it; the sentence names OUT.
    """
    with storage_errors(out):
        for folder in (out, own_folder(out)):
            _probe(folder)


def _probe(folder: str) -> None:
    first, second = (os.path.join(folder, temporary_name()) for _ in range(2))
    try:
        write_whole(first, [PROBE])
        bring_to_disk(first)
        os.rename(first, second)
        bring_to_disk(folder)
        os.unlink(second)
    except OSError:
        for path in (first, second):
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
