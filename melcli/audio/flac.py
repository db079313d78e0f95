"""The end of a FLAC file, and data after the samples that its header counts.

libFLAC stops there without an error: a file whose sample count was damaged decoded to 70,000 of 196,605 samples, and
two concatenated files (``cat a.flac b.flac``) to the first.  Remaining frames reveal both.  libFLAC reads up to 8 KiB
ahead, so shorter remains are not detected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.flac_frames import PIECE_BYTES, STRIDE_BYTES, find_change, frame_headers
from melcli.errors import AudioError

__all__ = ["FlacEnding", "check_frames", "end_of_flac", "has_more_frames"]

READ_AHEAD_BYTES = 8192
WINDOW_BYTES = 65_536  # contains several frames: one of 4096 samples in 24-bit stereo has at most 24 kB
MIN_PROOF_FRAMES = 2  # random bytes look like a frame header once in 20 MB
MIN_PIECE_BYTES = 8192
MAX_BLOCKS = 1000  # of metadata: a hostile gigabyte could hold 100 million
_LAST_BLOCK = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacEnding(Ending):
    """The end of a FLAC file.

    Attributes
    ----------
    audio_start : int
        Offset of the first frame, bytes; 0 if the metadata have no end.
    max_frame_bytes : int
        Size of the largest frame; 0 if the header leaves it open.
    """

    format: str = "FLAC"
    audio_start: int = 0
    max_frame_bytes: int = 0

    def moved(self, distance: int) -> FlacEnding:
        """Return the ending with offsets for ``distance`` more bytes before the FLAC data."""
        return replace(self, audio_start=self.audio_start and self.audio_start + distance)


def end_of_flac(read: Read, file_size: int) -> FlacEnding:
    """Walk through the metadata; a sample count of zero means that the writer could not seek back.

    A FLAC file that is truncated later makes the decoder fail, or yields fewer samples than counted.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.
    """
    info = read(4, 26)  # a block header of 4 bytes and STREAMINFO, which comes first
    num_samples = int.from_bytes(info[17:22], "big") & (2**36 - 1)
    offset = 4
    for _ in range(MAX_BLOCKS):
        header = read(offset, 4)
        if len(header) < 4:
            return FlacEnding(incomplete_header=True)
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & _LAST_BLOCK:
            return FlacEnding(
                incomplete_header=offset >= file_size,
                open_ended=num_samples == 0,
                audio_start=offset,
                max_frame_bytes=int.from_bytes(info[11:14], "big"),
            )
    return FlacEnding(open_ended=num_samples == 0)


def has_more_frames(read: Read, offset: int, end: int) -> bool:
    """Return whether more frames or a second file follow.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    offset : int
        Offset at which the decoder stopped reading, bytes.
    end : int
        Size of the file, bytes.
    """
    if end - offset <= READ_AHEAD_BYTES:
        return False
    window = read(offset, WINDOW_BYTES)
    return b"fLaC" in window or len(list(islice(frame_headers(window), MIN_PROOF_FRAMES))) == MIN_PROOF_FRAMES


def _piece_bytes(ending: FlacEnding) -> int:
    """Return the size of a piece that contains a frame header, even if frames are twice as large as declared."""
    return min(max(2 * ending.max_frame_bytes, MIN_PIECE_BYTES), PIECE_BYTES) if ending.max_frame_bytes else PIECE_BYTES


def check_frames(
    read: Read, file_size: int, ending: FlacEnding, *, sampling_rate: int, num_channels: int, every_byte: bool
) -> None:
    """Raise if the sampling rate or the number of channels changes.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.
    ending : FlacEnding
    sampling_rate, num_channels : int
        From the header of the file.
    every_byte : bool
        Search the whole file, which takes 5 to 9 % of the decoding time.  Otherwise search one piece in every 128 KiB
        of a file larger than that.  This takes 1 %, and finds every change that lasts at least 128 KiB.

    Raises
    ------
    AudioError
        ``unsupported_format``.
    """
    if not ending.audio_start:
        return
    found = find_change(
        read,
        ending.audio_start,
        file_size,
        sampling_rate=sampling_rate,
        num_channels=num_channels,
        stride_bytes=None if every_byte or file_size <= STRIDE_BYTES else STRIDE_BYTES,
        piece_bytes=_piece_bytes(ending),
    )
    if found is not None:
        unit = " Hz" if found.what == "sampling rate" else ""
        change = f"the {found.what} changes from {found.before}{unit} to {found.after}{unit}"
        raise AudioError("unsupported_format", f"{change} at byte {found.offset:,} of {file_size:,}")
