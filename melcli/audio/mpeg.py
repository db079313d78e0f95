"""The end of an MPEG audio stream: MP3, MP2, MP1.

There is no header over the whole stream.  Most encoders put a frame with a ``Xing``, ``Info`` or ``VBRI`` tag in
front that counts the bytes of the stream; without one, all that can be seen is whether the last frame is whole.
Of 200 random cuts each of files with the tag (LAME through ffmpeg, libsndfile; constant and variable rate) all were
found; of files without it 196 to 199, and in the rest the cut fell between two frames.  That cannot be known, nor can
damage in the middle, over which mpg123 passes or at which it stops; where the tag counts frames, less comes out then
than it claims.

Of two files with tags, one after the other, mpg123 decodes the first; `goes_on` notices what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from melcli.audio.ending import Ending, Read

__all__ = ["MpegEnding", "counts_itself", "end_of_mpeg", "goes_on"]

WINDOW_BYTES = 8192  # more than two of the largest frames, 2,881 bytes
SAME_STREAM = 0xFFFE0C00  # sync, version, layer, sampling rate: what no frame of a stream may change
MPEG_1 = 3  # version bits; 2 is MPEG-2, 0 is MPEG-2.5
_KBPS_1 = {  # by layer; the index stands in the header
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KBPS_2 = {  # MPEG-2 and MPEG-2.5
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)  # MPEG-1; halved for MPEG-2 and again for MPEG-2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MpegEnding(Ending):
    """What an MPEG stream tells about its end.

    Attributes
    ----------
    audio_start : int
        Where the first frame begins, bytes.
    audio_end : int
        Where the frames end, before ID3v1 and APE tags, bytes.
    num_frames, num_bytes : int
        Counted by a tag in the first frame; 0 for what it does not count.
    """

    format: str = "MP3"
    audio_start: int = 0
    audio_end: int
    num_frames: int = 0
    num_bytes: int = 0

    @property
    def counts_frames(self) -> bool:
        """A Xing or Info tag counts the frames, and mpg123 knows the length; otherwise it guesses."""
        return self.num_frames > 0


class _Tag(NamedTuple):
    """What the first frame counts; 0 for what it does not."""

    num_frames: int  # mpg123 reads it from Xing and Info tags only
    num_bytes: int


class _Run(NamedTuple):
    """Frames that follow one another without a gap, from ``first`` to the end of a window or beyond."""

    first: int
    end: int


def end_of_mpeg(read: Read, file_size: int) -> MpegEnding | None:
    """Hold the byte count of the front tag against the file, or else look whether the last frame is whole.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    MpegEnding or None
        None when there are no frames near the beginning.
    """
    end = _without_tags(read, file_size)
    head = read(0, min(WINDOW_BYTES, end))
    # libsndfile wants a frame at the very beginning.  One with a tag is believed even where damage follows soon.
    first, tag = 0, _tag_in(head)
    if not any(tag):
        front = _run_in(head)
        if front is None:
            begins = 0 < len(head) < 2 * _frame_bytes(_header(head))
            return MpegEnding(audio_end=end, cut_header=True) if begins else None
        first, tag = front.first, _tag_in(head[front.first :])
    shortfall = _less_than_counted(read, first, tag, file_size) or (
        "" if tag.num_bytes else _cut_frame(read, first, end)
    )
    return MpegEnding(audio_start=first, audio_end=end, shortfall=shortfall, **tag._asdict())


def counts_itself(read: Read, ending: MpegEnding) -> bool:
    """Tell whether a front tag counts its own frame too, so that all is there and one frame less comes out.

    mp3splt writes such tags.  In a file with the frames alone counted, it cannot be told from a cut by one frame.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`; of the whole file, as are the offsets of ``ending``.
    ending : MpegEnding
    """
    if not ending.num_bytes:
        return False
    offset, frames = ending.audio_start, 0
    while offset < ending.audio_end:
        size = _frame_bytes(_header(read(offset, 4)))
        if not size:
            return False
        offset += size
        frames += 1
    return offset == ending.audio_end and frames == ending.num_frames


def goes_on(read: Read, offset: int, end: int) -> bool:
    """Tell whether more frames follow than the few that a decoder leaves at the end.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    offset : int
        Where the decoder stopped reading, bytes.
    end : int
        See `MpegEnding.audio_end`.
    """
    return end - offset > WINDOW_BYTES and _run_in(read(offset, WINDOW_BYTES)) is not None


def _less_than_counted(read: Read, first: int, tag: _Tag, file_size: int) -> str:
    """Say what the tag of the first frame counts and the file has not."""
    there = file_size - first
    if there < tag.num_bytes:
        return f"the first frame claims {tag.num_bytes:,} bytes of audio and {there:,} follow"
    header = _header(read(first, 4))
    if tag.num_frames and not _next_frame_bytes(header, _header(read(first + _frame_bytes(header), 4))):
        # mpg123 takes no frame for the first that no other follows: it would skip the tag and the frame behind it.
        return f"the first frame claims {tag.num_frames:,} frames of audio and no frame follows it"
    return ""


def _cut_frame(read: Read, first: int, end: int) -> str:
    tail = read(max(first, end - WINDOW_BYTES), min(WINDOW_BYTES, end - first))
    last = _run_in(tail)
    return "the file ends inside an MPEG frame" if last and last.end > len(tail) else ""


def _without_tags(read: Read, file_size: int) -> int:
    """Offset of the end of the audio, before ID3v1 and APE tags."""
    end = file_size
    if end >= 128 and read(end - 128, 3) == b"TAG":
        end -= 128
    ape = read(end - 32, 32) if end >= 32 else b""
    if ape.startswith(b"APETAGEX") and len(ape) == 32:
        has_header = ape[23] & 0x80
        end -= int.from_bytes(ape[12:16], "little") + (32 if has_header else 0)
    return max(0, end)


def _run_in(window: bytes) -> _Run | None:
    """Find the first run of at least two frames that reaches the end of the window."""
    dead: set[int] = set()  # where frames of failed runs began: a window made for it took 0.5 s without
    first = window.find(b"\xff")
    while first >= 0:
        stream = _header(window[first : first + 4])
        end, frames = first, 0
        while end not in dead and end + 4 <= len(window):
            size = _next_frame_bytes(stream, _header(window[end : end + 4]))
            if not size:
                break
            dead.add(end)
            end += size
            frames += 1
        if frames >= 2 and end + 4 > len(window):
            return _Run(first, end)
        first = window.find(b"\xff", first + 1)
    return None


def _header(data: bytes) -> int:
    return int.from_bytes(data[:4], "big")


def _next_frame_bytes(stream: int, header: int) -> int:
    """Size of the frame under a header, or 0 when it is none of the stream that another header belongs to."""
    return _frame_bytes(header) if (header ^ stream) & SAME_STREAM == 0 else 0


def _frame_bytes(header: int) -> int:
    """Size of the frame under a header, or 0 when that is no header (or of a free bit rate)."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    rate_index, kbps_index = header >> 10 & 3, header >> 12 & 15
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or rate_index == 3 or kbps_index == 15:
        return 0
    kbps = (_KBPS_1 if version == MPEG_1 else _KBPS_2)[layer][kbps_index]
    if not kbps:
        return 0
    rate_hz = _RATES_HZ[rate_index] >> {MPEG_1: 0, 2: 1, 0: 2}[version]
    padding = header >> 9 & 1
    if layer == 1:
        return (12_000 * kbps // rate_hz + padding) * 4
    samples_by_8 = 72 if layer == 3 and version != MPEG_1 else 144
    return samples_by_8 * 1000 * kbps // rate_hz + padding


def _tag_in(frame: bytes) -> _Tag:
    """Read the tag of the frame that begins there, if one does."""
    if not _frame_bytes(_header(frame)):
        return _Tag(0, 0)
    version, mono = frame[1] >> 3 & 3, frame[3] >> 6 == 3
    side_info = {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[version == MPEG_1, mono]
    xing = frame[4 + side_info : 4 + side_info + 16]
    if xing[:4] in (b"Xing", b"Info") and len(xing) == 16:
        counts = [int.from_bytes(xing[at : at + 4], "big") for at in (8, 12)]
        has_frames, has_bytes = xing[7] & 1, xing[7] & 2
        num_frames = counts.pop(0) if has_frames else 0
        return _Tag(num_frames, counts[0] if has_bytes else 0)
    if frame[36:40] == b"VBRI":
        return _Tag(0, int.from_bytes(frame[46:50], "big"))
    return _Tag(0, 0)
