"""The end of a FLAC file, and data behind the samples that its header counts.

libFLAC stops there without an error: 70,000 of 196,605 samples came out of a file whose count was damaged, and of two
files one after the other (``cat a.flac b.flac``) the first.  Frames that are left give both away.  libFLAC reads up to
8 KiB ahead, so that what is less than that cannot be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from melcli.audio.ending import Ending, Read
from melcli.audio.flac_frames import PIECE_BYTES, STRIDE_BYTES, find_change, frame_headers
from melcli.errors import AudioError

__all__ = ["FlacEnding", "check_frames", "end_of_flac", "goes_on"]

READ_AHEAD_BYTES = 8192
WINDOW_BYTES = 65_536  # holds several frames: one of 4096 samples in stereo and 24 bits has 24 kB at most
FRAMES_THAT_PROVE = 2  # bytes at random look like the header of a frame once in 20 MB
LEAST_PIECE_BYTES = 8192
MAX_BLOCKS = 1000  # of metadata: a hostile gigabyte could hold 100 million
_LAST_BLOCK = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacEnding(Ending):
    """What a FLAC file tells about its end.

    Attributes
    ----------
    audio_start : int
        Where the first frame begins, bytes; 0 where the metadata have no end.
    max_frame_bytes : int
        Of the largest frame; 0 where the header leaves it open.
    """

    format: str = "FLAC"
    audio_start: int = 0
    max_frame_bytes: int = 0

    def moved(self, distance: int) -> FlacEnding:
        """Return the same of a file with that many bytes more in front."""
        return replace(self, audio_start=self.audio_start and self.audio_start + distance)


def end_of_flac(read: Read, file_size: int) -> FlacEnding:
    """Walk the metadata; a sample count of zero is what a writer leaves that could not seek back.

    A FLAC file that is cut later fails in the decoder, or gives fewer samples than the count.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.
    """
    info = read(4, 26)  # a block header of 4 bytes and STREAMINFO, which comes first
    num_samples = int.from_bytes(info[17:22], "big") & (2**36 - 1)
    offset = 4
    for _ in range(MAX_BLOCKS):
        header = read(offset, 4)
        if len(header) < 4:
            return FlacEnding(cut_header=True)
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & _LAST_BLOCK:
            return FlacEnding(
                cut_header=offset >= file_size,
                open_ended=num_samples == 0,
                audio_start=offset,
                max_frame_bytes=int.from_bytes(info[11:14], "big"),
            )
    return FlacEnding(open_ended=num_samples == 0)


def goes_on(read: Read, offset: int, end: int) -> bool:
    """Tell whether more frames follow, or a second file.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    offset : int
        Where the decoder stopped reading, bytes.
    end : int
        Of the file, bytes.
    """
    if end - offset <= READ_AHEAD_BYTES:
        return False
    window = read(offset, WINDOW_BYTES)
    return b"fLaC" in window or len(list(islice(frame_headers(window), FRAMES_THAT_PROVE))) == FRAMES_THAT_PROVE


def _piece_bytes(ending: FlacEnding) -> int:
    """Return the size of a piece that has the header of a frame in it, also where the frames are twice as large."""
    return (
        min(max(2 * ending.max_frame_bytes, LEAST_PIECE_BYTES), PIECE_BYTES) if ending.max_frame_bytes else PIECE_BYTES
    )


def check_frames(
    read: Read, file_size: int, ending: FlacEnding, *, sampling_rate: int, num_channels: int, every_byte: bool
) -> None:
    """Refuse a file whose sampling rate or number of channels changes.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.
    ending : FlacEnding
    sampling_rate, num_channels : int
        By the header of the file.
    every_byte : bool
        Search all of the file, which takes 5 to 9 % of what it takes to decode it.  Of a file of more than 128 KiB, a
        piece in each 128 KiB is searched, which takes 1 % and does not miss what lasts that long.

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
