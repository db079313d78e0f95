"""Mel spectrograms equal to those of ``keras.layers.MelSpectrogram``: the stages of the core in their order.

=============  ===========================================  ===========================
``signal``     one channel, full scale is +-1.0             ``(samples,)``
``frames``     overlapping, centred, windowed               ``(frames, fft_length)``
``spectrum``   magnitudes raised to ``mag_exp``             ``(frames, bins)``
``mel``        through the filters, in dB if asked          ``(mels, frames)``
=============  ===========================================  ===========================

What Keras does and what is different here on purpose stands in docs/parity.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from melcli.mel.filters import linear_to_mel_weight_matrix, sparse_filters
from melcli.mel.frames import frame_signal, num_frames
from melcli.mel.levels import power_to_db, raise_to_top_db
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrum import magnitude_spectrum
from melcli.mel.windows import analysis_window
from melcli.options import read_options, to_plain

__all__ = ["MelSpectrogram"]

# Frames that go through all stages together: their windowed samples and spectra stay in a core's cache.
# 128 was the fastest or within 2 % of it for FFTs of 400 to 2048 samples; a whole minute at once is 1.5x slower.
BLOCK_FRAMES = 128


class MelSpectrogram:
    """Mel spectrogram of signals, by the arguments of ``keras.layers.MelSpectrogram``.

    Parameters
    ----------
    *values, **keys
        The keys of `melcli.mel.options.FeatureOptions`, by position or by name.

    Attributes
    ----------
    options : FeatureOptions

    Raises
    ------
    ConfigError
        An unknown key or a value against the rules; it is a `ValueError` too.

    Examples
    --------
    >>> import numpy as np
    >>> mel = MelSpectrogram(num_mel_bins=80, sampling_rate=8000, sequence_stride=128)
    >>> mel(np.zeros(16000)).shape
    (80, 126)
    """

    __signature__ = inspect.Signature(
        [
            parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for parameter in inspect.signature(FeatureOptions).parameters.values()
        ]
    )
    linear_to_mel_weight_matrix = staticmethod(linear_to_mel_weight_matrix)

    def __init__(self, *values: Any, **keys: Any) -> None:
        given = self.__signature__.bind_partial(*values).arguments
        if twice := given.keys() & keys:
            raise TypeError(f"MelSpectrogram got multiple values for {', '.join(sorted(twice))}")
        plain = {
            key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            for key, value in {**given, **keys}.items()
        }
        self.options = read_options(FeatureOptions, plain, "MelSpectrogram")
        self._window = analysis_window(self.options).astype(self.options.compute_dtype)
        self._filters = sparse_filters(self.options)

    def __call__(self, signal: ArrayLike) -> np.ndarray:
        """Compute the mel spectrogram of one signal or of a batch of equally long ones.

        Parameters
        ----------
        signal : array_like [shape=(samples,) or (batch, samples)]
            Full scale is +-1.0; integers are taken as they are, not scaled.

        Returns
        -------
        mel : np.ndarray [shape=(num_mel_bins, time) or (batch, num_mel_bins, time)], compute_dtype
            A batch is one call: its signals share the floor of ``top_db``, as in Keras.

        Raises
        ------
        ValueError
            Not one or two axes, or no samples.
        """
        signals = np.asarray(signal, dtype=self.options.compute_dtype)
        if signals.ndim not in (1, 2) or signals.size == 0:
            raise ValueError(f"signal of shape {signals.shape} must be (samples,) or (batch, samples), and not empty")
        frames = num_frames(signals.shape[-1], self.options)
        mel = np.empty((*signals.shape[:-1], self.options.num_mel_bins, frames), dtype=signals.dtype)
        for one, out in zip(np.atleast_2d(signals), mel.reshape(-1, *mel.shape[-2:]), strict=True):
            self._fill(one, out)
        if self.options.power_to_db and self.options.top_db is not None:
            raise_to_top_db(mel, self.options.top_db)
        return mel

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape that a signal of this shape gives; None stays None.

        Unlike Keras's, which is one frame too long where ``(samples + 1) % sequence_stride == 0``, and for odd
        ``fft_length`` where ``samples % sequence_stride == 0``.
        """
        *batch, samples = input_shape
        frames = None if samples is None else num_frames(samples, self.options)
        return (*batch, self.options.num_mel_bins, frames)

    def get_config(self) -> dict[str, Any]:
        """Return all keys with their values; ``sequence_length`` and ``max_freq`` resolved, as Keras does."""
        resolved = {"sequence_length": self.options.window_length, "max_freq": self.options.upper_edge_hz}
        return {**to_plain(self.options), **resolved}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MelSpectrogram:
        """Make one from `get_config`, ours or that of the Keras layer.

        Of what a Keras layer adds, ``name`` and ``trainable`` mean nothing here, and ``dtype`` (a name or a
        serialised policy) becomes ``compute_dtype`` where it is float64; for all others Keras computes in float32.
        """
        keys = {key: value for key, value in config.items() if key not in {"name", "trainable", "dtype"}}
        dtype = config.get("dtype")
        policy = dtype.get("config", {}).get("name") if isinstance(dtype, Mapping) else dtype
        if policy == "float64":
            keys["compute_dtype"] = "float64"
        return cls(**keys)

    def _fill(self, signal: np.ndarray, mel: np.ndarray) -> None:
        """Write the levels of one signal into ``mel``, block by block, all but the floor of ``top_db``."""
        frames = frame_signal(signal, self.options)
        windowed = np.empty((min(BLOCK_FRAMES, len(frames)), self.options.fft_length), dtype=signal.dtype)
        for start in range(0, len(frames), BLOCK_FRAMES):
            block = frames[start : start + BLOCK_FRAMES]
            np.multiply(block, self._window, out=windowed[: len(block)])
            spectrum = magnitude_spectrum(windowed[: len(block)], self.options.mag_exp)
            levels = self._filters @ spectrum.T
            if self.options.power_to_db:
                power_to_db(levels, min_power=self.options.min_power, ref_power=self.options.ref_power)
            mel[:, start : start + len(block)] = levels
