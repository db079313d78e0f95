"""Open regular files, and explain why another path cannot be opened."""

from __future__ import annotations

import errno
import os
from io import FileIO

from melcli.errors import AudioError
from melcli.opening import NotRegular, regular_only

__all__ = ["RegularFile", "open_regular"]

_HEAD_BYTES = 512  # holds most headers, so that they cost one call of the system
# These say something about this machine and nothing about the file.
_OUR_OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class RegularFile(FileIO):
    """A regular file that is open for reading, unbuffered.

    Attributes
    ----------
    size : int
        In bytes, when it was opened.
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
        """Read without moving the position, which belongs to the decoder; less or nothing past the end.

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
    """Open a regular file for reading, and nothing else; see `melcli.opening.regular_only`.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.

    Returns
    -------
    RegularFile
        For the caller to close.

    Raises
    ------
    AudioError
        ``vanished`` or ``unreadable``.
    OSError
        This process ran out of file descriptors or memory; the file is not to blame.
    """
    try:
        return RegularFile(path)
    except NotRegular as error:
        raise AudioError("unreadable", str(error.strerror)) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError("vanished", "there is no such file, or no longer") from error
    except OSError as error:
        if error.errno in _OUR_OWN_LIMITS:
            raise
        raise AudioError("unreadable", f"it cannot be opened: {error.strerror}") from error
