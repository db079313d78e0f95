"""Views of MPEG audio for libsndfile: its frames, without the data before, between and behind them."""

from __future__ import annotations

from melcli.audio.mpeg import MpegEnding
from melcli.audio.view import Extent, View

__all__ = ["mpeg_views"]

# MP3 frames of one stream differ in size by up to 40 times (8 to 320 kbit/s), and so does mpg123's guess of a length.
_SEEMS_LONGER = 64
_ID3V1_BYTES = 128


def mpeg_views(ending: MpegEnding) -> tuple[View, ...] | None:
    """Show a file without its junk, and have one whose length mpg123 would guess seem 64 times as long as it is.

    Where an MP3 file has no Xing tag, mpg123 guesses its length from the size of the file and of the first frames, and
    libsndfile stops decoding there: 60,834 of 133,632 samples of an ordinary VBR file came out, without an error, and
    109,008 of 641,664 of one that begins loud.  A guess that is too high does no harm.

    libsndfile opens nothing that does not begin with a frame or an ID3 tag, and mpg123 gives up over 1,024 bytes that
    are no frame.

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
    tag_bytes = ending.tag_bytes if ending.tag_bytes < whole.size else 0  # otherwise nothing would be left to refuse
    pieces: tuple[Extent, ...] = (Extent(whole.offset + tag_bytes, whole.size - tag_bytes),)
    num_samples = None
    if ending.frames is not None:
        pieces = tuple(Extent(run.offset, run.end - run.offset) for run in ending.frames.runs if run.num_frames)
        num_samples = None if ending.is_tagged else ending.frames.num_samples
    size = sum(piece.size for piece in pieces)
    return (View(pieces=pieces, seeming_size=_SEEMS_LONGER * size + _ID3V1_BYTES, num_samples=num_samples),)
