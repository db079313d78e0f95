"""Views of MPEG audio for libsndfile: only the frames, without other data before, between and after them."""

from __future__ import annotations

from melcli.audio.mpeg import MpegEnding
from melcli.audio.view import Extent, View

__all__ = ["mpeg_views"]

# MP3 frames of one stream differ in size by up to 40 times (8 to 320 kbit/s), and so does mpg123's length estimate.
_SIZE_FACTOR = 64
_ID3V1_BYTES = 128


def mpeg_views(ending: MpegEnding) -> tuple[View, ...] | None:
    """Hide junk, and claim 64 times the real size if mpg123 would estimate the length.

    Without a Xing tag, mpg123 estimates the length of an MP3 file from its size and its first frames.  libsndfile stops
    decoding there, without an error.  An ordinary VBR file decoded to 60,834 of 133,632 samples, and one that
    begins loud to 109,008 of 641,664.  An estimate that is too high does no harm.

    libsndfile opens only files that begin with a frame or an ID3 tag, and mpg123 gives up after 1,024 bytes that are
    not a frame.

    Parameters
    ----------
    ending : MpegEnding

    Returns
    -------
    tuple of View, or None
        None: the file as it is.
    """
    whole = Extent(ending.audio_start, ending.audio_end - ending.audio_start)
    if ending.counts_frames:
        return (View(pieces=(whole,)),) if ending.has_junk else None
    tag_bytes = ending.tag_bytes if ending.tag_bytes < whole.size else 0  # an empty view would raise no useful error
    pieces: tuple[Extent, ...] = (Extent(whole.offset + tag_bytes, whole.size - tag_bytes),)
    num_samples = None
    if ending.frames is not None:
        pieces = tuple(Extent(run.offset, run.end - run.offset) for run in ending.frames.runs if run.num_frames)
        num_samples = None if ending.is_tagged else ending.frames.num_samples
    size = sum(piece.size for piece in pieces)
    return (View(pieces=pieces, claimed_size=_SIZE_FACTOR * size + _ID3V1_BYTES, num_samples=num_samples),)
