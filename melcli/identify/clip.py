"""The audio at each sampling rate that it may have been read at."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from melcli.audio.decode import measure
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.audio.rates import MAX_RATIO
from melcli.errors import AudioError
from melcli.mel.frames import frame_signal, window_frames
from melcli.mel.framing import count_frames, count_prepared_samples, first_sample
from melcli.mel.options import FeatureOptions
from melcli.mel.signals import prepare_signal
from melcli.mel.spectrum import magnitude_spectrum
from melcli.mel.windows import analysis_window

__all__ = ["RATES_HZ", "Clip", "open_clips"]

# What front ends and scripts resample to: librosa's default, telephone, speech, music, film.
RATES_HZ = (16_000, 22_050, 24_000, 44_100, 48_000, 32_000, 8_000)
MAX_SECONDS = 300  # takes up to a minute and 1 GB; a few seconds tell as much
_OF_FRAMES = attrgetter(
    *("sampling_rate", "sequence_stride", "fft_length", "frame_length", "window", "window_periodic", "input_scale"),
    *("preemphasis", "preemphasis_mode", "remove_dc_offset", "mag_exp", "mag_floor", "mag_eps"),
)
_OF_SIGNALS = attrgetter("padding", "pad_mode", "drop_last", "num_samples", "pad_end", "sequence_length")
MAX_CHANNELS = 2  # that are tried one by one, beside their mean


class Clip:
    """One audio file, its channels taken in one way, read at any rate.

    Parameters
    ----------
    path : str
    audio : AudioOptions
    sampling_rate : int
        The file's own, Hz.

    Raises
    ------
    AudioError
        The file cannot be read.
    """

    def __init__(self, path: str, audio: AudioOptions, sampling_rate: int) -> None:
        self.path = path
        self.audio = audio
        self.sampling_rate = sampling_rate
        self._signals: dict[int, np.ndarray] = {}
        self._windows: dict[tuple[Any, ...], np.ndarray] = {}
        self.at(sampling_rate)

    def rates(self) -> list[int]:
        """Return the rates that the file may have been read at, its own first."""
        return [self.sampling_rate, *(hz for hz in RATES_HZ if hz != self.sampling_rate and self.can_be_read_at(hz))]

    def can_be_read_at(self, sampling_rate: int) -> bool:
        """Return whether a rate in hertz is near enough to the file's own to resample to it."""
        return max(sampling_rate, self.sampling_rate) <= MAX_RATIO * min(sampling_rate, self.sampling_rate)

    def at(self, sampling_rate: int) -> np.ndarray:
        """Return the signal at a rate in hertz."""
        if sampling_rate not in self._signals:
            self._signals[sampling_rate] = load_audio(self.path, self.audio, sampling_rate=sampling_rate).signals[0]
        return self._signals[sampling_rate]

    def through(self, resampler: Literal["soxr_vhq", "soxr_hq", "soxr_mq", "polyphase"]) -> Clip:
        """Return the same clip, resampled otherwise."""
        return Clip(self.path, replace(self.audio, resampler=resampler), self.sampling_rate)

    def with_signal(self, sampling_rate: int, signal: np.ndarray) -> Clip:
        """Return the same clip with another signal at one rate."""
        other = Clip(self.path, self.audio, self.sampling_rate)
        other._signals[sampling_rate] = signal
        return other

    def powers(self, options: FeatureOptions, frames: np.ndarray) -> np.ndarray | None:
        """Return the spectrum of some frames of the clip.

        Parameters
        ----------
        options : FeatureOptions
        frames : np.ndarray of int
            Their numbers.

        Returns
        -------
        spectrum : np.ndarray [shape=(frames, bins)] or None
            None where the clip has fewer frames.
        """
        signal = self.at(options.sampling_rate)
        if frames[-1] >= count_frames(count_prepared_samples(len(signal), options), options):
            return None
        cut = self._inner_frames(options, frames)
        if cut is None:
            # Of a long file no more than these frames need: the padding at its end is not seen, and may drop some.
            end = first_sample(options) + int(frames[-1]) * options.sequence_stride + 2 * options.fft_length
            prepared = prepare_signal(signal[: end + abs(options.pad_end)], options)
            cut = frame_signal(prepared, options)[frames]
        windowed = np.zeros((len(frames), options.fft_length), dtype=cut.dtype)
        window_frames(cut, self._window(options), options, out=windowed[:, : options.frame_length])
        return magnitude_spectrum(windowed, options)

    def spectral_key(self, options: FeatureOptions, frames: np.ndarray) -> tuple[Any, ...]:
        """Return what decides the spectrum of some frames: options of the same key have the same spectrum."""
        if self._has_inner(options, frames):
            return (*_OF_FRAMES(options), first_sample(options))
        return (*_OF_FRAMES(options), *_OF_SIGNALS(options))

    def _has_inner(self, options: FeatureOptions, frames: np.ndarray) -> bool:
        """Return whether frames are inside the signal, so that no padding is seen."""
        first = first_sample(options) + int(frames[0]) * options.sequence_stride
        end = first_sample(options) + int(frames[-1]) * options.sequence_stride + options.frame_length
        num_samples = len(self.at(options.sampling_rate))
        most = min(num_samples, options.num_samples or num_samples)
        return first >= 1 and end < most + min(0, options.pad_end)

    def _inner_frames(self, options: FeatureOptions, frames: np.ndarray) -> np.ndarray | None:
        """Return frames that no padding reaches into, of the prepared signal; None where one does."""
        if not self._has_inner(options, frames):
            return None
        signal = self.at(options.sampling_rate)
        starts = first_sample(options) + frames * options.sequence_stride
        on_signal = options.preemphasis and options.preemphasis_mode != "frame"
        if on_signal:
            starts = starts - (options.preemphasis_mode == "signal")
        cut: np.ndarray = np.lib.stride_tricks.sliding_window_view(signal, options.frame_length + bool(on_signal))[
            starts
        ]
        if options.input_scale != 1.0:
            cut = cut * cut.dtype.type(options.input_scale)
        if on_signal:
            cut = cut[:, 1:] - cut.dtype.type(options.preemphasis) * cut[:, :-1]
        return cut

    def _window(self, options: FeatureOptions) -> np.ndarray:
        key = options.frame_length, options.window, options.window_periodic
        if key not in self._windows:
            self._windows[key] = analysis_window(options).astype(np.float32)
        return self._windows[key]


def open_clips(path: str) -> list[Clip]:
    """Open a file in every way that its channels may have been taken: their mean first, and then one of them.

    Parameters
    ----------
    path : str

    Raises
    ------
    AudioError
        The file cannot be read, or is too long.
    """
    sampling_rate, num_samples, num_channels = measure(path)
    if num_samples > MAX_SECONDS * sampling_rate:
        raise AudioError(
            "too_long",
            f"it lasts {num_samples / sampling_rate:,.0f} s, and {MAX_SECONDS} s are the maximum; "
            "a few seconds tell as much, with features that were made of them",
        )
    single = range(min(num_channels, MAX_CHANNELS)) if num_channels > 1 else ()
    ways = [AudioOptions(), *(AudioOptions(channels=channel) for channel in single)]
    return [Clip(path, audio, sampling_rate) for audio in ways]
