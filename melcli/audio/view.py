"""A view: what libsndfile reads instead of a file that it would refuse or decode wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Extent", "Piece", "View"]


class Extent(NamedTuple):
    """A range of bytes of the file."""

    offset: int
    size: int


Piece = bytes | Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One stream for libsndfile: parts of the file, with some bytes replaced.

    Attributes
    ----------
    pieces : tuple of bytes or Extent
        Joined in this order.
    claimed_size : int or None
        The size that the stream reports, bytes; None: the sum of its pieces.  See `melcli.audio.spliced`.
    skip_samples : int
        Number of decoded samples per channel to drop at the beginning.
    num_samples : int or None
        Samples per channel after those; further ones are dropped.  None: the number that the decoder claims.
    """

    pieces: tuple[Piece, ...]
    claimed_size: int | None = None
    skip_samples: int = 0
    num_samples: int | None = None
