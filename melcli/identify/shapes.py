"""Strides, paddings and lengths that the shape of the features allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from melcli.mel.framing import count_output_frames
from melcli.mel.options import FeatureOptions

__all__ = ["PADDINGS", "Placement", "is_plain", "placements"]

Padding = Literal["center", "same", "valid", "kaldi"]
PADDINGS: tuple[Padding, ...] = ("center", "same", "valid", "kaldi")
STRIDES_S = (0.001, 0.1)  # frames are never nearer or further apart
MAX_STRIDE = 2**16  # whatever the rate: half of the longest FFT
MAX_STRIDES = 12  # that are tried one by one; of more, as few frames leave open, only those that people choose
PLAIN_UNITS_S, ROUND_UNITS_S = (0.001, 0.0025), (0.0025, 0.008)
MAX_PLAIN_STRIDES = 60  # of more, only round ones
PLAIN_STRIDES = (80, 100, 160, 200, 220, 240, 242, 275, 300, 320, 400, 441, 480, 882, 1000)
WINDOWS_S = (0.025, 0.02, 0.032, 0.05, 0.064, 0.04, 0.03, 0.016, 0.046, 0.128)
FFT_LENGTHS = (400, 512, 1024, 2048, 4096)
PADDED_S = (30.0, 10.0, 6.0, 5.0, 1.0, 3.0, 15.0, 20.0, 60.0)  # Whisper, CLAP, CLVP, OpenL3 and other round lengths
CUT_S = (2.0, 1.0, 3.0, 5.0, 4.0, 10.0, 1.5, 2.5, 0.5, 30.0)  # lengths that clips are cut to
ROUND_FRAMES = {*range(50, 1001, 50), *range(1000, 3001, 250), *range(64, 2049, 64), 96, 98}
CUT_STRIDES_S = (0.005, 0.01, 0.0125, 0.016, 0.02, 0.025)
CUT_STRIDES = (128, 160, 200, 220, 240, 256, 275, 300, 320, 400, 441, 512, 1024)
CUT_WINDOW_S = 0.025  # where frames are not padded: the number of frames says nothing of the window
BLURRED_FRAMES = 6  # how far into padding a window of eight strides still hears the clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where frames may stand, as keys of a config; ``window_length`` where the number of frames depends on it."""

    sampling_rate: int
    sequence_stride: int
    padding: Padding
    num_samples: int | None = None
    pad_end: int = 0
    num_frames: int | None = None
    window_length: int | None = None

    def keys(self) -> dict[str, Any]:
        """Return it as keys of a config, but for the window."""
        return {key: getattr(self, key) for key in self.__slots__ if key != "window_length"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Length:
    """How long a signal was made, and how many frames it then had."""

    frames: int
    num_samples: int | None = None
    pad_end: int = 0
    num_frames: int | None = None

    def samples(self, num_samples: int) -> int:
        return (self.num_samples or num_samples) + self.pad_end


def is_plain(stride: int, sampling_rate: int) -> bool:
    """Return whether a stride is a usual one: a multiple of 1 or 2.5 ms or of 32 samples, or a known one."""
    return stride % 32 == 0 or stride in PLAIN_STRIDES or _is_multiple(stride, sampling_rate, PLAIN_UNITS_S)


def is_round(stride: int, sampling_rate: int) -> bool:
    """Return whether a stride is a common one: a multiple of 2.5 or 8 ms or 128 samples, or a known one."""
    return stride % 128 == 0 or stride in PLAIN_STRIDES or _is_multiple(stride, sampling_rate, ROUND_UNITS_S)


def _is_multiple(stride: int, sampling_rate: int, units_s: tuple[float, ...]) -> bool:
    """Return whether a stride is a multiple of a unit in seconds, rounded up or down to whole samples."""
    units = [unit_s * sampling_rate for unit_s in units_s]
    return any(abs(stride - round(stride / unit) * unit) < 1 for unit in units)


def placements(
    num_samples: int, sampling_rate: int, num_frames: int, num_live_frames: int, *, cut: bool = False
) -> Iterator[Placement]:
    """Yield the placements that give this number of frames, or one more, since the last is often dropped.

    Parameters
    ----------
    num_samples : int
        Of the clip at ``sampling_rate``.
    sampling_rate : int
        Hertz.
    num_frames : int
        Of the features.
    num_live_frames : int
        Those before a constant tail.
    cut : bool
        Whether samples or frames at the end of the clip were left out, rather than all used or more appended.
    """
    if cut:
        yield from _cut_frames(num_samples, sampling_rate, num_frames)
    lengths = _cut_lengths if cut else _lengths
    for length in lengths(num_samples, sampling_rate, num_frames, num_live_frames):
        for stride, padding, window_length in _strides(length.samples(num_samples), sampling_rate, length.frames):
            if cut and not is_plain(stride, sampling_rate):
                continue
            yield Placement(
                sampling_rate=sampling_rate,
                sequence_stride=stride,
                padding=padding,
                num_samples=length.num_samples,
                pad_end=length.pad_end,
                num_frames=length.num_frames,
                window_length=window_length,
            )


def _lengths(num_samples: int, sampling_rate: int, num_frames: int, num_live_frames: int) -> Iterator[_Length]:
    yield _Length(frames=num_frames)
    if num_live_frames < num_frames:  # the tail is padding, of samples or of frames; or the clip ends in silence
        padded = [round(seconds * sampling_rate) for seconds in PADDED_S]
        yield from (_Length(frames=num_frames, num_samples=samples) for samples in padded if samples > num_samples)
        yield from (_Length(frames=num_frames, pad_end=samples) for samples in padded)
        for frames in range(max(1, num_live_frames - BLURRED_FRAMES), num_live_frames + 2):
            yield _Length(frames=frames, num_frames=num_frames)


def _cut_lengths(num_samples: int, sampling_rate: int, num_frames: int, num_live_frames: int) -> Iterator[_Length]:
    cuts = [round(seconds * sampling_rate) for seconds in CUT_S]
    yield from (_Length(frames=num_frames, num_samples=samples) for samples in cuts if samples < num_samples)


def _cut_frames(num_samples: int, sampling_rate: int, num_frames: int) -> Iterator[Placement]:
    """Yield placements of more frames, of which a round number was kept."""
    if num_frames not in ROUND_FRAMES:
        return
    strides = {round(seconds * sampling_rate) for seconds in CUT_STRIDES_S} | set(CUT_STRIDES)
    for stride in sorted(strides):
        for padding in PADDINGS:
            window_length = round(CUT_WINDOW_S * sampling_rate) if padding == "valid" else None
            if _count(num_samples, stride, padding, window_length or 2 * stride) > num_frames + 1:
                yield Placement(
                    sampling_rate=sampling_rate,
                    sequence_stride=stride,
                    padding=padding,
                    num_frames=num_frames,
                    window_length=window_length,
                )


def _strides(num_samples: int, sampling_rate: int, frames: int) -> Iterator[tuple[int, Padding, int | None]]:
    """Yield strides and paddings that give this number of frames, or one more."""
    shortest, longest = (seconds * sampling_rate for seconds in STRIDES_S)
    least = max(shortest, (num_samples - max(WINDOWS_S) * sampling_rate) / (frames + 2))
    most = min(longest, num_samples / max(1, frames - 1.5), MAX_STRIDE)
    strides = range(int(least), int(most) + 1)
    chosen = is_round if len(strides) > MAX_PLAIN_STRIDES else is_plain
    for stride in strides:
        if len(strides) > MAX_STRIDES and not chosen(stride, sampling_rate):
            continue
        for padding in PADDINGS:
            for window_length in _window_lengths(padding, stride, sampling_rate):
                if _count(num_samples, stride, padding, window_length) in (frames, frames + 1):
                    yield stride, padding, window_length if padding == "valid" else None


def _window_lengths(padding: Padding, stride: int, sampling_rate: int) -> list[int]:
    """Return the windows that the number of frames may depend on: any one, but those without padding."""
    if padding != "valid":
        return [2 * stride]
    return sorted({*(int(seconds * sampling_rate) for seconds in WINDOWS_S), *FFT_LENGTHS})


def _count(num_samples: int, stride: int, padding: Padding, window_length: int) -> int:
    options = FeatureOptions(sequence_stride=stride, fft_length=max(2, window_length), padding=padding)
    return count_output_frames(num_samples, options)
