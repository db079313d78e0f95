"""Read what ffmpeg prints: its version, the streams of the input, and its warnings and errors.

Each message has its level, since ffmpeg runs with ``-loglevel level+info``::

    [info] ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers
    [info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/proc/self/fd/3':
    [info]   Duration: 00:00:05.00, start: 0.000000, bitrate: 131 kb/s
    [info]   Stream #0:0[0x1](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 127 kb/s (default)
    [aac @ 0x557649617ec0] [error] Number of bands (45) exceeds limit (44).

A hostile file can put lines of this form into its tags.  They change only what is said about this file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from melcli.audio.ffmpeg.program import version_in
from melcli.printable import printable

__all__ = ["Messages", "Problem"]

MAX_TAIL_CHARS = 1000
MAX_SHOWN_CHARS = 200  # of one message
LINE_SEPARATOR = " / "
_LINE = re.compile(r"((?:\[[^\[\]]*\] )*)\[(info|warning|error|fatal|panic)\] (.*)")
_CONTEXT = re.compile(r"\[([^\[\]@]*?)(?: @ 0x[0-9a-f]+)?\] ")
_INPUT = re.compile(r"Input #0, ([\w,-]+), from ")
_DURATION = re.compile(r"  Duration: (\d+):(\d\d):(\d\d\.\d+)")
_STREAM = re.compile(r" +Stream #0:\d+\S*: (Audio|Video|Subtitle|Data|Attachment): (\w+)(.*)")
_TAG_DURATION = re.compile(r" +DURATION\S* *: (\d+):(\d\d):(\d\d\.\d+)")
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")  # differs between runs, but rows must be equal
_NAME = re.compile(r"(?:file:)?(?:/proc/self/fd|/dev/fd)/\d+")
_IMAGES = ("mjpeg", "png", "bmp", "gif", "webp", "tiff")
_END_OF_INPUT = ("Stream mapping:", "Output #0")


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning or an error.

    Attributes
    ----------
    level : str
        ``warning``, ``error``, ``fatal`` or ``panic``.
    contexts : tuple of str
        What printed it, such as ``aac`` or ``mov,mp4,m4a,3gp,3g2,mj2``; empty for ffmpeg itself.
    text : str
        Printable.
    """

    level: str
    contexts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Stream:
    kind: str
    coding: str
    duration_s: float | None
    is_picture: bool


class Messages:
    """What an ffmpeg printed.

    Parameters
    ----------
    text : str
        Its standard error, from the beginning.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def version(self) -> str:
        """The version of ffmpeg; ``""`` if the first line does not have it."""
        return version_in(self._text)

    @cached_property
    def container(self) -> str:
        """The first of ffmpeg's names of the container, such as ``mov``; ``""`` if it did not open the file."""
        found = next((match for _, text in self._info if (match := _INPUT.match(text))), None)
        return found[1].partition(",")[0] if found else ""

    @cached_property
    def duration_s(self) -> float | None:
        """The duration of the input, of its longest stream, in seconds; None if it is unknown."""
        return next((_seconds(match) for _, text in self._info if (match := _DURATION.match(text))), None)

    @cached_property
    def is_duration_estimated(self) -> bool:
        """Whether the duration follows from the bit rate, and promises nothing."""
        return any("Estimating duration from bitrate" in problem.text for problem in self.problems)

    @cached_property
    def audio_codings(self) -> list[str]:
        """The codings of the audio streams, in their order."""
        return [stream.coding for stream in self._streams if stream.kind == "Audio"]

    def claimed_s(self, stream: int) -> float | None:
        """Return the duration of an audio stream, if the container claims it.

        The duration of the input is that of its only stream, apart from a picture of the cover.  Beside other streams
        it may be theirs.  Then only a tag of the stream counts, as Matroska has it.
        """
        audio = [one for one in self._streams if one.kind == "Audio"]
        if stream >= len(audio):
            return None
        others = [one for one in self._streams if not one.is_picture and one is not audio[stream]]
        if others:
            return audio[stream].duration_s
        return None if self.is_duration_estimated else self.duration_s

    @cached_property
    def problems(self) -> list[Problem]:
        """All warnings and errors, in their order."""
        return [
            Problem(level, tuple(_CONTEXT.findall(contexts)), printable(_NAME.sub("the file", text))[:MAX_SHOWN_CHARS])
            for contexts, level, text in self._lines
            if level != "info"
        ]

    def errors(self) -> list[Problem]:
        """Return the errors of the container, of the audio's decoder and of ffmpeg itself; not those of pictures."""
        return [problem for problem in self.problems if problem.level != "warning" and self._concerns_audio(problem)]

    def tail(self) -> str:
        """Return the end of the warnings and errors as one printable line; ``""`` if there are none."""
        lines = [
            _NAME.sub("the file", _ADDRESS.sub("", line.strip()))
            for line in self._text.splitlines()
            if line.strip() and "[info] " not in line
        ]
        return printable(LINE_SEPARATOR.join(lines)[-MAX_TAIL_CHARS:])

    def _concerns_audio(self, problem: Problem) -> bool:
        if not problem.contexts:
            return True
        names = {self.container, *self.audio_codings, "dec:", "in#", "aist#", "af#"}
        return any(context.startswith(tuple(filter(None, names))) for context in problem.contexts)

    @cached_property
    def _lines(self) -> list[tuple[str, str, str]]:
        found = map(_LINE.fullmatch, self._text.splitlines())
        return [(match[1], match[2], match[3]) for match in found if match]

    @cached_property
    def _info(self) -> list[tuple[str, str]]:
        """What is said of the input: contexts and text."""
        lines = []
        for contexts, level, text in self._lines:
            if text.startswith(_END_OF_INPUT):
                break
            if level == "info":
                lines.append((contexts, text))
        return lines

    @cached_property
    def _streams(self) -> list[_Stream]:
        streams: list[_Stream] = []
        for _, text in self._info:
            if found := _STREAM.match(text):
                is_picture = found[1] == "Video" and ("(attached pic)" in found[3] or found[2] in _IMAGES)
                streams.append(_Stream(found[1], found[2], None, is_picture))
            elif streams and (found := _TAG_DURATION.match(text)):
                last = streams.pop()
                streams.append(_Stream(last.kind, last.coding, _seconds(found), last.is_picture))
        return streams


def _seconds(found: re.Match[str]) -> float:
    return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])
