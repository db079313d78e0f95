"""The audio at each sampling rate that it may have been read at."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

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
        self.at(sampling_rate)

    def rates(self) -> list[int]:
        """Return the rates that the file may have been read at, its own first."""
        return [self.sampling_rate, *(hz for hz in RATES_HZ if hz != self.sampling_rate and self.can_be_read_at(hz))]

    def can_be_read_at(self, sampling_rate: int) -> bool:
        """Tell whether a rate in hertz is near enough to the file's own to resample to it."""
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
        # Of a long file no more than these frames need: the padding at its end is not seen, and may drop some of it.
        end = first_sample(options) + int(frames[-1]) * options.sequence_stride + 2 * options.fft_length
        cut = frame_signal(prepare_signal(signal[: end + abs(options.pad_end)], options), options)
        windowed = np.zeros((len(frames), options.fft_length), dtype=cut.dtype)
        window = analysis_window(options).astype(cut.dtype)
        window_frames(cut[frames], window, options, out=windowed[:, : options.frame_length])
        return magnitude_spectrum(windowed, options)


def open_clips(path: str) -> list[Clip]:
    """Open a file in every way that its channels may have been taken: their mean first, and then one of them.

    Parameters
    ----------
    path : str

    Raises
    ------
    AudioError
        The file cannot be read, or lasts too long to be looked at.
    """
    sampling_rate, num_samples, num_channels = measure(path)
    if num_samples > MAX_SECONDS * sampling_rate:
        raise AudioError(
            "too_long",
            f"it lasts {num_samples / sampling_rate:,.0f} s, and {MAX_SECONDS} s are the most that is looked at; "
            "a few seconds tell as much, with features that were made of them",
        )
    single = range(min(num_channels, MAX_CHANNELS)) if num_channels > 1 else ()
    ways = [AudioOptions(), *(AudioOptions(channels=channel) for channel in single)]
    return [Clip(path, audio, sampling_rate) for audio in ways]
