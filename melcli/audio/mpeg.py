"""The end of an MPEG audio stream: MP3, MP2, MP1.

There is no header over the whole stream.  Most encoders put a frame with a ``Xing``, ``Info`` or ``VBRI`` tag in
front that counts the bytes of the stream.  Of 200 random cuts each of files with the tag (LAME through ffmpeg,
libsndfile; constant and variable rate) all were found.  Without it only the headers of the frames tell where they end:
of 200 cuts 196 to 199 were found, and in the rest the cut fell between two frames.  That cannot be known, nor can
damage inside frames.

Of two files with tags, one after the other, mpg123 decodes the first; `goes_on` detects the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from melcli.audio.ending import Ending, Read
from melcli.audio.mpeg_frames import Break, Frames, begins_run, find_run, follow_frames
from melcli.audio.mpeg_header import Header
from melcli.audio.mpeg_tags import FrontTag, after_tags, before_tags, front_tag
from melcli.audio.undecoded import HEAD_BYTES, describe
from melcli.errors import AudioError

__all__ = ["MpegEnding", "break_in", "counts_itself", "end_of_mpeg", "follow", "goes_on"]

WINDOW_BYTES = 8192  # more than two of the largest frames, 2,881 bytes
MAX_JUNK_BYTES = 2**20  # in front of the first frame: the picture of an ID3 tag whose size is wrong has several 100 kB
MOST_TAIL_BYTES = 2**14  # that is neither frame nor tag, behind fewer bytes of frames
ID3_BYTES = 4096  # within which an ID3 tag begins that is not at the very beginning
_ZEROS = "nothing but zero bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class MpegEnding(Ending):
    """What an MPEG stream tells about its end.

    Attributes
    ----------
    audio_start : int
        Where the first frame begins, bytes.
    audio_end : int
        Where the frames end, before ID3v1, APE and Lyrics3 tags, bytes.
    num_frames, num_bytes : int
        Counted by a tag in the first frame; 0 for what it does not count.
    tag_bytes : int
        Size of a first frame that holds a VBRI tag, which is no audio; otherwise 0.
    is_tagged : bool
        The first frame holds a Xing or Info tag, which mpg123 does not decode.
    has_junk : bool
        Bytes that are no tag lie before the first frame.
    frames : Frames or None
        All frames, where no tag counts them; see `follow`.
    """

    format: str = "MP3"
    audio_start: int = 0
    audio_end: int
    num_frames: int = 0
    num_bytes: int = 0
    tag_bytes: int = 0
    is_tagged: bool = False
    has_junk: bool = False
    frames: Frames | None = None

    @property
    def counts_frames(self) -> bool:
        """A Xing or Info tag counts the frames, and mpg123 knows the length; otherwise it guesses."""
        return self.num_frames > 0

    def moved(self, distance: int) -> MpegEnding:
        """Return the same of a file with that many bytes more in front."""
        return replace(self, audio_start=self.audio_start + distance, audio_end=self.audio_end + distance)


def end_of_mpeg(read: Read, file_size: int) -> MpegEnding | None:
    """Find the first frame, and hold the byte count of its tag against the file; without one only `follow` tells.

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
    end = before_tags(read, file_size)
    head = read(0, min(HEAD_BYTES, end))
    first, header = 0, Header.read(head)
    tag = front_tag(head, header)
    # A frame with a tag is believed even where damage follows soon.
    if not tag.kind and not begins_run(read, 0, end):
        found = _behind_junk(read, head, end)
        if found is None:
            begins = header is not None and end < 2 * header.frame_bytes
            return MpegEnding(audio_end=end, cut_header=True) if begins else None
        first, header = found
        tag = front_tag(read(first, HEAD_BYTES), header)
    if header is None:
        return None
    return MpegEnding(
        audio_start=first,
        audio_end=end,
        num_frames=tag.num_frames,
        num_bytes=tag.num_bytes,
        tag_bytes=header.frame_bytes if tag.kind == "VBRI" else 0,
        is_tagged=tag.kind == "Xing",
        has_junk=first > 0,
        shortfall=_less_than_counted(read, first, header, tag, file_size),
    )


def follow(read: Read, ending: MpegEnding) -> MpegEnding:
    """Look at every frame of a file whose frames no tag counts.

    That reads the whole file, and takes 0.3 microseconds for a frame, 1 % of what it takes to decode it.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`; of the whole file, as are the offsets of ``ending``.
    ending : MpegEnding

    Returns
    -------
    MpegEnding
        With all frames, and with a shortfall where the last one is not complete.

    Raises
    ------
    AudioError
        ``unreadable`` if frames follow bytes that are not frames, or if more than half of the file is not frames;
        ``unsupported_format`` where frames of another stream follow.
    """
    if ending.counts_frames or ending.cut_header:
        return ending
    frames = follow_frames(read, ending.audio_start + ending.tag_bytes, ending.audio_end)
    if frames is None or not frames.complete:
        return ending
    if not frames.num_samples:
        return replace(ending, cut_header=True)
    if frames.broken is not None:
        raise _failure(frames.broken)
    if frames.junk_bytes > max(MOST_TAIL_BYTES, frames.num_bytes):
        # More than half of it, and so hardly padding.
        seconds = frames.num_samples / frames.header.sampling_rate
        rest = f"{frames.junk_bytes:,} bytes are left, and they are neither frames nor tags"
        raise AudioError("unreadable", f"the audio is damaged after about {seconds:.3f} s: {rest}")
    is_cut = frames.runs[-1].cut and not ending.num_bytes
    shortfall = ending.shortfall or (_CUT if is_cut else "")
    return replace(ending, frames=frames, shortfall=shortfall)


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
    frames = follow_frames(read, ending.audio_start, ending.audio_end)
    if frames is None or len(frames.runs) > 1:
        return False
    (run,) = frames.runs
    return run.end == ending.audio_end and run.num_frames == ending.num_frames


def break_in(read: Read, ending: MpegEnding) -> float | None:
    """Tell where the frames of a file break off first, in seconds; None where they do not before their end.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`; of the whole file, as are the offsets of ``ending``.
    ending : MpegEnding
    """
    frames = follow_frames(read, ending.audio_start, ending.audio_end)
    if frames is None or (len(frames.runs) < 2 and frames.broken is None):
        return None
    num_frames = max(0, frames.runs[0].num_frames - ending.is_tagged)
    return num_frames * frames.header.num_samples / frames.header.sampling_rate


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
    return end - offset > WINDOW_BYTES and find_run(read, offset, end, most_bytes=WINDOW_BYTES) is not None


_CUT = "the file ends inside an MPEG frame"


def _behind_junk(read: Read, head: bytes, end: int) -> tuple[int, Header] | None:
    """Find frames behind bytes that are not the beginning of something else: a video has such frames in it too."""
    looks = describe(head) if head else None
    if looks is None or looks.name not in ("", _ZEROS):
        return None
    # An ID3 tag behind a few bytes can hold a picture of any size, in which nothing should be searched.
    id3_at = max(0, read(0, ID3_BYTES).find(b"ID3"))
    start = after_tags(read, id3_at, end) if id3_at else 0
    found = find_run(read, 0, end, most_bytes=id3_at) if start > id3_at else None
    return found or find_run(read, start, end, most_bytes=MAX_JUNK_BYTES)


def _failure(broken: Break) -> AudioError:
    before, after = broken.before, broken.after
    place = f"after about {broken.num_samples / before.sampling_rate:.3f} s"
    if broken.kind == "damage":
        gap = f"{broken.gap_bytes:,} bytes between two MPEG frames are neither a frame nor a tag"
        return AudioError("unreadable", f"the audio is damaged {place}: {gap}")
    for what, old, new in (
        ("sampling rate", f"{before.sampling_rate} Hz", f"{after.sampling_rate} Hz"),
        ("number of channels", before.num_channels, after.num_channels),
        ("MPEG layer", before.layer, after.layer),
    ):
        if old != new:
            return AudioError("unsupported_format", f"the {what} changes from {old} to {new} {place}")
    raise AssertionError(broken)


def _less_than_counted(read: Read, first: int, header: Header, tag: FrontTag, file_size: int) -> str:
    """Say what the tag of the first frame counts and the file has not."""
    there = file_size - first
    if there < tag.num_bytes:
        return f"the first frame claims {tag.num_bytes:,} bytes of audio and {there:,} follow"
    if tag.num_frames and not begins_run(read, first, file_size):
        # mpg123 takes no frame for the first that no other follows: it would skip the tag and the frame behind it.
        return f"the first frame claims {tag.num_frames:,} frames of audio and no frame follows it"
    return ""
