"""A file as its view describes it: parts of it, with bytes replaced or inserted."""

from __future__ import annotations

import os
from bisect import bisect_right
from io import RawIOBase
from itertools import accumulate
from typing import TYPE_CHECKING

from melcli.audio.view import View

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["SplicedFile"]

_ID3V1_BYTES = 128


class SplicedFile(RawIOBase):
    """The stream of a view, for soundfile.

    A view may claim more than the size of its pieces.  Then reading ends after the pieces, but the last 128 bytes of
    the claimed size are zeros.  mpg123 looks for a tag there, and refuses the file if it reads nothing.

    Parameters
    ----------
    descriptor : int
        An open file; its position is not used, and it stays open.
    view : View

    Attributes
    ----------
    error : OSError or None
        The error of a failed read.  soundfile calls from C, where an exception would be printed and lost.
    """

    def __init__(self, descriptor: int, view: View) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._pieces = view.pieces
        sizes = [len(piece) if isinstance(piece, bytes) else piece.size for piece in view.pieces]
        self._ends = list(accumulate(sizes)) or [0]
        self._size = self._ends[-1] if view.claimed_size is None else view.claimed_size
        self._at = 0
        self.error: OSError | None = None

    def file_position(self, at: int) -> int:
        """Return the offset in the file for a position in the stream; 0 before the first extent."""
        position = 0
        for piece, end in zip(self._pieces, self._ends, strict=False):
            if not isinstance(piece, bytes):
                begin = end - piece.size
                if at < begin:
                    break
                position = piece.offset + min(at - begin, piece.size)
        return position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the view."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the view."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer; after the pieces, read zeros as described for the class."""
        with memoryview(buffer) as view:  # libsndfile owns the memory: no traceback may reference it after the call
            if self._at >= self._ends[-1]:
                return self._read_zeros(view)
            done = 0
            try:
                while done < len(view) and self._at < self._ends[-1]:
                    with view[done:] as room:
                        num_bytes = self._read_piece(room)
                    if not num_bytes:  # the file became shorter
                        break
                    done += num_bytes
                    self._at += num_bytes
            except OSError as error:
                self.error = error.with_traceback(None)
            return done

    def _read_piece(self, room: memoryview) -> int:
        """Read from the piece at the position, up to its end."""
        number = bisect_right(self._ends, self._at)
        piece, left = self._pieces[number], self._ends[number] - self._at
        num_bytes = min(len(room), left)
        with room[:num_bytes] as part:
            if isinstance(piece, bytes):
                start = len(piece) - left
                part[:] = piece[start : start + num_bytes]
                return num_bytes
            return os.preadv(self._descriptor, [part], piece.offset + piece.size - left)

    def _read_zeros(self, view: memoryview) -> int:
        zeros_at = max(self._ends[-1], self._size - _ID3V1_BYTES)
        num_bytes = min(len(view), self._size - self._at) if self._at >= zeros_at else 0
        if num_bytes <= 0:
            return 0
        view[:num_bytes] = bytes(num_bytes)
        self._at += num_bytes
        return num_bytes
