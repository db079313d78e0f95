"""The end of a media file, as its container describes it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MediaEnd", "Track"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """An audio track.

    Attributes
    ----------
    duration_s : float or None
        In seconds, as it is presented; None if the header leaves it open.
    encryption : str
        The scheme, such as ``cenc``; empty if it is not encrypted.
    sampling_rate, num_channels : int
        As the header has them; 0 if unknown.  The decoder may find others: of HE-AAC the header has half of the rate.
    """

    duration_s: float | None = None
    encryption: str = ""
    sampling_rate: int = 0
    num_channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEnd:
    """Whether a file contains all that its header promises.

    Attributes
    ----------
    shortfall : str
        Why audio is missing, as a clause; empty if nothing is known to be missing.
    is_open_ended : bool
        The header leaves the length open, so that truncation may not be detected.
    encryption : str
        The scheme that encrypts all streams; empty if unknown.
    tracks : tuple of Track
        The audio tracks in their order; empty if the container is not read.
    """

    shortfall: str = ""
    is_open_ended: bool = False
    encryption: str = ""
    tracks: tuple[Track, ...] = ()

    def encryption_of(self, stream: int) -> str:
        """Return the scheme that encrypts an audio stream; empty if none is known."""
        own = self.tracks[stream].encryption if stream < len(self.tracks) else ""
        return self.encryption or own
