"""A file whose end libsndfile cannot foresee."""

from __future__ import annotations

import os
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["UnboundedFile"]

# MP3 frames of one stream differ in size by up to 40 times (8 to 320 kbit/s), and so does the guess.
_SEEMS_LONGER = 64
_ID3V1_BYTES = 128


class UnboundedFile(FileIO):
    """A file that seems 64 times as long as it is.

    Where an MP3 file has no Xing tag, mpg123 guesses its length from the size of the file and of the first frames, and
    libsndfile stops decoding there: 60,834 of 133,632 samples of an ordinary VBR file came out, without an error, and
    109,008 of 641,664 of one that begins loud.  A guess that is too high does no harm.

    Parameters
    ----------
    descriptor : int
        Of an open file; stays open.
    end : int
        Where reading ends, bytes: after the last frame and before tags, which mpg123 would complain about.

    Attributes
    ----------
    error : OSError or None
        What reading failed with.  soundfile calls from C, where an exception would be printed and lost.
    """

    def __init__(self, descriptor: int, end: int) -> None:
        super().__init__(descriptor, closefd=False)
        self._end = end
        self._seeming_size = _SEEMS_LONGER * end + _ID3V1_BYTES
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_END:
            return super().seek(self._seeming_size + offset)
        return super().seek(offset, whence)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        at = self.tell()
        if at >= self._seeming_size - _ID3V1_BYTES:
            # mpg123 looks for a tag in the last 128 bytes, and refuses the file if there is nothing at all.
            view[:] = bytes(len(view))
            return len(view)
        try:
            return super().readinto(view[: max(0, self._end - at)]) or 0
        except OSError as error:
            self.error = error
            return 0
