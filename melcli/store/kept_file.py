"""A file that stays open while its rows may be read."""

from __future__ import annotations

import os
import weakref
from typing import BinaryIO

from melcli.store.files import close_quietly

__all__ = ["KeptFile"]


class KeptFile:
    """A file that stays open, even if it is replaced or removed, until it is closed or this object is deleted.

    Parameters
    ----------
    descriptor : int
        Descriptor of the open file; owned by this object from now on.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._closed = weakref.finalize(self, close_quietly, descriptor)

    @classmethod
    def of(cls, file: BinaryIO) -> KeptFile:
        """Keep a file that the caller will close."""
        return cls(os.dup(file.fileno()))

    def read_at(self, start: int, size: int) -> bytes:
        """Read bytes from the offset ``start``.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        return os.pread(self._descriptor, size, start)

    def status(self) -> os.stat_result:
        """Return the result of `os.fstat`."""
        return os.fstat(self._descriptor)

    def close(self) -> None:
        """Close the file at once; nothing can be read afterwards."""
        self._closed()
        self._descriptor = -1
