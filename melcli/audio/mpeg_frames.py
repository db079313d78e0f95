"""Frames of MPEG audio (MP3, MP2, MP1), and the runs that they form in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from melcli.audio.ending import Read
from melcli.audio.mpeg_header import Header
from melcli.audio.mpeg_tags import after_tags

__all__ = ["Break", "Frames", "Run", "begins_run", "find_run", "follow_frames"]

MAX_FRAMES = 4_000_000  # 29 h at 44.1 kHz, looked at in 1 s; a hostile gigabyte could hold 44 million
MAX_RUNS = 1000
PROOF_FRAMES = 8  # that follow one another: three by chance are found once in 10^8 MB of noise
PROOF_FRAMES_AT_END = 3  # if the last one ends with the audio
MAX_GAP_BYTES = 1024  # over which mpg123 passes
SEARCH_BYTES = 2**24  # behind a run; at 1 GB/s in noise
WINDOW_BYTES = 2**17
MAX_CANDIDATES = 300_000  # of one search, 0.3 s

_MAY_BE_HEADER = re.compile(rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef])")


class Run(NamedTuple):
    """Frames of one stream without a gap between them.

    Attributes
    ----------
    offset, end : int
        In the file; ``end`` is that of the last complete frame.
    num_frames : int
        Complete ones.
    cut : bool
        Another frame begins at ``end`` and is not complete.
    """

    offset: int
    end: int
    num_frames: int
    cut: bool


class Break(NamedTuple):
    """Where frames end although more frames follow.

    Attributes
    ----------
    kind : "damage" or "change"
        Bytes that are neither frames nor tags, or frames of another stream.
    offset : int
        In the file.
    num_samples : int
        Per channel, before it.
    gap_bytes : int
        Up to the next frame.
    before, after : Header
        Of the frames on both sides.
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
        Of the first one.
    runs : tuple of Run
        Only tags lie between them, and gaps over which mpg123 passes, such as the rest of a frame that is cut.
    broken : Break or None
        Where the first of the other gaps is; the runs end there.
    junk_bytes : int
        Behind the last run, if nothing follows; tags are not counted.
    complete : bool
        All frames were looked at; False for a file of more than `MAX_FRAMES` frames or `MAX_RUNS` runs.
    """

    header: Header
    runs: tuple[Run, ...]
    broken: Break | None = None
    junk_bytes: int = 0
    complete: bool = True

    @property
    def num_samples(self) -> int:
        """Per channel, of all complete frames."""
        return self.header.num_samples * sum(run.num_frames for run in self.runs)

    @property
    def num_bytes(self) -> int:
        """Of all complete frames."""
        return sum(run.end - run.offset for run in self.runs)


def follow_frames(read: Read, first: int, end: int) -> Frames | None:
    """Look at the header of every frame.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    first : int
        Offset of the first frame.
    end : int
        Of the audio.

    Returns
    -------
    Frames or None
        None where no frame begins at ``first``.
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
        behind = run.end if run.cut else after_tags(read, run.end, end)
        found = None if run.cut else find_run(read, behind, end, most_bytes=SEARCH_BYTES, stream=header)
        if found is None:
            junk_bytes = 0 if run.cut else end - behind
            return Frames(header=header, runs=tuple(runs), junk_bytes=junk_bytes, complete=left > 0)
        first, after = found
        kind: Literal["damage", "change"] = "change" if after.stream != header.stream else "damage"
        # A gap of the size of a frame is a frame whose header is damaged.
        if kind == "change" or first - behind > MAX_GAP_BYTES or first - run.end in header.possible_frame_bytes:
            samples = header.num_samples * sum(run.num_frames for run in runs)
            gap = Break(kind, run.end, samples, first - run.end, header, after)
            return Frames(header=header, runs=tuple(runs), broken=gap)
    return Frames(header=header, runs=tuple(runs), complete=False)


def begins_run(read: Read, offset: int, end: int) -> bool:
    """Tell whether a frame begins there that another one of its stream follows."""
    header = Header.read(read(offset, 4))
    if header is None or offset + header.frame_bytes > end:
        return False
    after = Header.read(read(offset + header.frame_bytes, 4))
    return after is not None and after.stream == header.stream


def find_run(
    read: Read, offset: int, end: int, *, most_bytes: int, stream: Header | None = None
) -> tuple[int, Header] | None:
    """Find the next run that cannot be chance: of 8 frames, or of 3 of which the last one ends with the audio.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    offset, end : int
        Where the search begins, and the end of the audio.
    most_bytes : int
        Where the run has to begin, counted from ``offset``.
    stream : Header, optional
        Of frames before: two more of that stream within `MAX_GAP_BYTES` prove enough, and so does one that ends with
        the audio.

    Returns
    -------
    tuple of int and Header, or None
        Where the run begins, and its first header.
    """
    failed: set[int] = set()  # where frames of failed runs begin: each is looked at once
    left = MAX_CANDIDATES
    last = min(end, offset + most_bytes)
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
    """Follow the frames from ``at``, an offset in the window as ``end`` is."""
    wanted = 2 if near else PROOF_FRAMES
    wanted_at_end = 1 if near else PROOF_FRAMES_AT_END
    visited = []
    num_frames, stream = 0, header.stream
    following: Header | None = header
    while following is not None and following.stream == stream and begin + at not in failed:
        visited.append(begin + at)
        at += following.frame_bytes
        if at > end:  # a frame that is cut proves nothing by itself
            return num_frames >= wanted_at_end
        num_frames += 1
        if num_frames >= wanted or (at == end and num_frames >= wanted_at_end):
            return True
        following = Header.read(window, at)
    failed.update(visited)
    return False


def _run_at(read: Read, offset: int, end: int, header: Header, most_frames: int) -> Run:
    """Follow the frames of one stream as far as they go without a gap."""
    sizes: dict[bytes, int] = {}  # by the bytes of a header that matter
    at, num_frames = offset, 0
    piece, piece_at = b"", offset
    while num_frames < most_frames:
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
            return Run(offset, at, num_frames, cut=False)
        if at + size > end:
            return Run(offset, at, num_frames, cut=True)
        at += size
        num_frames += 1
    return Run(offset, at, num_frames, cut=False)
