"""Open regular files, and report why another path cannot be opened."""

from __future__ import annotations

import errno
import os
from io import FileIO

from melcli.errors import AudioError
from melcli.opening import NotRegular, regular_only

__all__ = ["RegularFile", "open_regular"]

_HEAD_BYTES = 512  # contains most headers, which then take one system call
# Errors about this process or machine, not about the file.
_PROCESS_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class RegularFile(FileIO):
    """A regular file opened for unbuffered reading.

    Attributes
    ----------
    size : int
        In bytes, at the time of opening.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, opener=regular_only)
        self._head = b""
        try:
            self.size = os.fstat(self.fileno()).st_size
        except OSError:
            self.close()
            raise

    def read_at(self, offset: int, num_bytes: int) -> bytes:
        """Read without moving the position, which belongs to the decoder; return less or nothing at the end of file.

        Raises
        ------
        AudioError
            ``unreadable``.
        """
        try:
            if offset + num_bytes <= _HEAD_BYTES:
                self._head = self._head or os.pread(self.fileno(), _HEAD_BYTES, 0)
                return self._head[offset : offset + num_bytes]
            return os.pread(self.fileno(), num_bytes, offset)
        except OSError as error:
            raise AudioError("unreadable", f"it cannot be read: {error.strerror}") from error


def open_regular(path: str) -> RegularFile:
    """Open a regular file for reading, and refuse other kinds; see `melcli.opening.regular_only`.

    Parameters
    ----------
    path : str
        May contain surrogate escapes, for names that are not UTF-8.

    Returns
    -------
    RegularFile
        The caller must close it.

    Raises
    ------
    AudioError
        ``vanished`` or ``unreadable``.
    OSError
        This process ran out of file descriptors or memory; the file is not the cause.
    """
    try:
        return RegularFile(path)
    except NotRegular as error:
        raise AudioError("unreadable", str(error.strerror)) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError("vanished", "the file does not exist, or no longer") from error
    except OSError as error:
        if error.errno in _PROCESS_LIMITS:
            raise
        raise AudioError("unreadable", f"it cannot be opened: {error.strerror}") from error
