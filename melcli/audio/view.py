"""A view: what libsndfile reads instead of the file, where the file itself would be refused or decoded wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Extent", "Piece", "View"]


class Extent(NamedTuple):
    """Bytes of the file, from ``offset`` on."""

    offset: int
    size: int


Piece = bytes | Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One stream for libsndfile, made of parts of the file and of bytes in place of others.

    Attributes
    ----------
    pieces : tuple of bytes or Extent
        Shown one after another.
    seeming_size : int or None
        What the stream claims as its size, bytes; None: the sum of its pieces. See `melcli.audio.spliced`.
    skip_samples : int
        Decoded samples per channel that are dropped at the beginning.
    num_samples : int or None
        Samples per channel that follow them; what the decoder gives beyond is dropped. None: what the decoder claims.
    """

    pieces: tuple[Piece, ...]
    seeming_size: int | None = None
    skip_samples: int = 0
    num_samples: int | None = None
