"""Find frames of MPEG audio (MP3, MP2, MP1), and runs of consecutive frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from melcli.audio.end_of_audio import Read
from melcli.audio.mpeg_header import Header
from melcli.audio.mpeg_tags import after_tags

__all__ = ["Break", "Frames", "Run", "begins_run", "find_run", "follow_frames"]

MAX_FRAMES = 4_000_000  # 29 h at 44.1 kHz, read in 1 s; a hostile gigabyte could hold 44 million
MAX_RUNS = 1000
PROOF_FRAMES = 8  # consecutive frames that prove a run: random bytes form three once in 10^8 MB
PROOF_FRAMES_AT_END = 3  # if the last one ends with the audio
MAX_GAP_BYTES = 1024  # that mpg123 skips
SEARCH_BYTES = 2**24  # after a run; at 1 GB/s in noise
WINDOW_BYTES = 2**17
MAX_CANDIDATES = 300_000  # per search, 0.3 s

_MAY_BE_HEADER = re.compile(rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef])")


class Run(NamedTuple):
    """Consecutive frames of one stream, without a gap.

    Attributes
    ----------
    offset, end : int
        Offsets in the file, bytes; ``end`` is the end of the last complete frame.
    num_frames : int
        Number of complete frames.
    is_incomplete : bool
        Another frame begins at ``end``, but is incomplete.
    """

    offset: int
    end: int
    num_frames: int
    is_incomplete: bool


class Break(NamedTuple):
    """A place where frames end although more frames follow.

    Attributes
    ----------
    kind : "damage" or "change"
        Bytes that are neither frames nor tags, or frames of another stream.
    offset : int
        Offset in the file, bytes.
    num_samples : int
        Samples per channel before it.
    gap_bytes : int
        Distance to the next frame.
    before, after : Header
        Headers of the frames on both sides.
    """

    kind: Literal["damage", "change"]
    offset: int
    num_samples: int
    gap_bytes: int
    before: Header
    after: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """All frames of a file.

    Attributes
    ----------
    header : Header
        Header of the first frame.
    runs : tuple of Run
        Only tags are between them, or gaps that mpg123 skips, such as the rest of an incomplete frame.
    broken : Break or None
        The first other gap; the runs end there.
    junk_bytes : int
        Bytes after the last run, if no frame follows; tags are not counted.
    complete : bool
        All frames were read; False for a file of more than `MAX_FRAMES` frames or `MAX_RUNS` runs.
    """

    header: Header
    runs: tuple[Run, ...]
    broken: Break | None = None
    junk_bytes: int = 0
    complete: bool = True

    @property
    def num_samples(self) -> int:
        """Samples per channel of all complete frames."""
        return self.header.num_samples * sum(run.num_frames for run in self.runs)

    @property
    def num_bytes(self) -> int:
        """Size of all complete frames, in bytes."""
        return sum(run.end - run.offset for run in self.runs)


def follow_frames(read: Read, first: int, end: int) -> Frames | None:
    """Read the header of every frame.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    first : int
        Offset of the first frame, bytes.
    end : int
        Offset of the end of the audio, bytes.

    Returns
    -------
    Frames or None
        None if no frame begins at ``first``.
    """
    header = Header.read(read(first, 4))
    if header is None:
        return None
    runs: list[Run] = []
    left = MAX_FRAMES
    while len(runs) < MAX_RUNS and left > 0:
        run = _run_at(read, first, end, header, left)
        runs.append(run)
        left -= run.num_frames
        tail_at = run.end if run.is_incomplete else after_tags(read, run.end, end)
        found = None if run.is_incomplete else find_run(read, tail_at, end, max_bytes=SEARCH_BYTES, stream=header)
        if found is None:
            junk_bytes = 0 if run.is_incomplete else end - tail_at
            return Frames(header=header, runs=tuple(runs), junk_bytes=junk_bytes, complete=left > 0)
        first, after = found
        kind: Literal["damage", "change"] = "change" if after.stream != header.stream else "damage"
        # A gap of the size of a frame is a frame with a damaged header.
        if kind == "change" or first - tail_at > MAX_GAP_BYTES or first - run.end in header.possible_frame_bytes:
            samples = header.num_samples * sum(run.num_frames for run in runs)
            gap = Break(kind, run.end, samples, first - run.end, header, after)
            return Frames(header=header, runs=tuple(runs), broken=gap)
    return Frames(header=header, runs=tuple(runs), complete=False)


def begins_run(read: Read, offset: int, end: int) -> bool:
    """Return whether a frame begins at ``offset``, followed by another one of its stream."""
    header = Header.read(read(offset, 4))
    if header is None or offset + header.frame_bytes > end:
        return False
    after = Header.read(read(offset + header.frame_bytes, 4))
    return after is not None and after.stream == header.stream


def find_run(
    read: Read, offset: int, end: int, *, max_bytes: int, stream: Header | None = None
) -> tuple[int, Header] | None:
    """Find the next run that is not coincidence: 8 frames, or 3 of which the last one ends with the audio.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    offset, end : int
        Start of the search, and end of the audio, bytes.
    max_bytes : int
        The run must begin within this distance from ``offset``.
    stream : Header, optional
        Header of preceding frames.  Within `MAX_GAP_BYTES`, two more frames of that stream are enough, or one that
        ends with the audio.

    Returns
    -------
    tuple of int and Header, or None
        Offset of the run, and its first header.
    """
    failed: set[int] = set()  # offsets of frames in failed runs, so that each is checked once
    left = MAX_CANDIDATES
    last = min(end, offset + max_bytes)
    for begin in range(offset, last, WINDOW_BYTES // 2):
        window = read(begin, min(WINDOW_BYTES, end - begin))
        for candidate in _MAY_BE_HEADER.finditer(window, 0, min(WINDOW_BYTES // 2 + 2, last - begin + 2)):
            at = candidate.start()
            header = Header.read(window, at)
            if header is None:
                continue
            near = stream is not None and header.stream == stream.stream and begin + at - offset <= MAX_GAP_BYTES
            if _is_proven(window, at, header, end - begin, near, begin, failed):
                return begin + at, header
            left -= 1
            if not left:
                return None
    return None


def _is_proven(window: bytes, at: int, header: Header, end: int, near: bool, begin: int, failed: set[int]) -> bool:
    """Follow the frames from ``at``; ``at`` and ``end`` are offsets in the window."""
    wanted = 2 if near else PROOF_FRAMES
    wanted_at_end = 1 if near else PROOF_FRAMES_AT_END
    visited = []
    num_frames, stream = 0, header.stream
    following: Header | None = header
    while following is not None and following.stream == stream and begin + at not in failed:
        visited.append(begin + at)
        at += following.frame_bytes
        if at > end:  # an incomplete frame proves nothing by itself
            return num_frames >= wanted_at_end
        num_frames += 1
        if num_frames >= wanted or (at == end and num_frames >= wanted_at_end):
            return True
        following = Header.read(window, at)
    failed.update(visited)
    return False


def _run_at(read: Read, offset: int, end: int, header: Header, max_frames: int) -> Run:
    """Follow consecutive frames of one stream until a gap."""
    sizes: dict[bytes, int] = {}  # frame size by the header's bytes
    at, num_frames = offset, 0
    piece, piece_at = b"", offset
    while num_frames < max_frames:
        start = at - piece_at
        head = piece[start : start + 4]
        if len(head) < 4:
            piece, piece_at = read(at, min(WINDOW_BYTES, max(0, end - at))), at
            head = piece[:4]
        size = sizes.get(head)
        if size is None:
            found = Header.read(head)
            size = found.frame_bytes if found is not None and found.stream == header.stream else 0
            sizes[head] = size
        if not size:
            return Run(offset, at, num_frames, is_incomplete=False)
        if at + size > end:
            return Run(offset, at, num_frames, is_incomplete=True)
        at += size
        num_frames += 1
    return Run(offset, at, num_frames, is_incomplete=False)
