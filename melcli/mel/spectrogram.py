"""Mel spectrograms equal to those of ``keras.layers.MelSpectrogram`` and of other front ends: the stages in order.

=================  ============================================  =================================
``signals``        scaled, brought to a length, pre-emphasised   ``(samples,)``
``frames``         overlapping, without offset, windowed         ``(frames, fft_length)``
``spectrum``       magnitudes raised to ``mag_exp``              ``(frames, bins)``
``levels``         through the filters, in dB if asked           ``(mels, frames)``
``cepstra``        coefficients of the levels, if asked          ``(ceps, frames)``
``normalisation``  a number of frames, mean, deviation, limits   ``(features, time)``
=================  ============================================  =================================

Up to the levels the work is done in blocks of frames; what needs the whole signal (``top_db``, ``mean: bin``) comes
after.
What Keras does and what is different here on purpose stands in docs/parity.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from melcli.mel.cepstra import cepstra
from melcli.mel.filters import linear_to_mel_weight_matrix, sparse_filters
from melcli.mel.frames import frame_signal, window_frames
from melcli.mel.geometry import count_frames, count_output_frames, count_prepared_samples
from melcli.mel.levels import mels_to_levels, raise_to_top_db, subtract_maximum, to_levels
from melcli.mel.normalisation import fit_frames, standardise
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.mel.signals import prepare_signal
from melcli.mel.spectrum import magnitude_spectrum
from melcli.mel.windows import analysis_window
from melcli.options import read_options, to_plain

__all__ = ["MelSpectrogram", "finish"]

# Frames that go through all stages together: their windowed samples and spectra stay in a core's cache.
# 128 was the fastest or within 2 % of it for FFTs of 400 to 2048 samples; a whole minute at once is 1.5x slower.
BLOCK_FRAMES = 128


class MelSpectrogram:
    """Mel spectrogram of signals, by the arguments of ``keras.layers.MelSpectrogram`` and those of other front ends.

    Parameters
    ----------
    *values, **keys
        The keys of `melcli.mel.options.FeatureOptions`; Keras's by position or by name, the further ones by name.

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
            parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) if name in KERAS_KEYS else parameter
            for name, parameter in inspect.signature(FeatureOptions).parameters.items()
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
        features : np.ndarray, compute_dtype
            ``(features, time)``, where features are mels or cepstral coefficients, or ``(time, features)`` with
            ``time_major``; of a batch, one more axis in front.  A batch is one call: its signals share the loudest
            value that ``top_db`` and ``ref_power="max"`` start from, as in Keras.

        Raises
        ------
        ValueError
            Not one or two axes, or no samples.
        AudioError
            ``too_short``: too few samples for one frame.
        """
        signals = np.asarray(signal, dtype=self.options.compute_dtype)
        if signals.ndim not in (1, 2) or signals.size == 0:
            raise ValueError(f"signal of shape {signals.shape} must be (samples,) or (batch, samples), and not empty")
        options = self.options
        rows = np.atleast_2d(signals)
        num_frames = count_frames(count_prepared_samples(rows.shape[1], options), options)
        levels = np.empty((len(rows), options.num_mel_bins, num_frames), dtype=signals.dtype)
        energies = np.empty((len(rows), num_frames), dtype=signals.dtype) if options.use_energy else None
        for number, row in enumerate(rows):
            self._fill(row, levels[number], None if energies is None else energies[number])
        features = finish(levels, options, energies=energies)
        return features if signals.ndim == 2 else features[0]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape that a signal of this shape gives; None stays None.

        Unlike Keras's, which is one frame too long where ``(samples + 1) % sequence_stride == 0``, and for odd
        ``fft_length`` where ``samples % sequence_stride == 0``.
        """
        *batch, samples = input_shape
        frames = None if samples is None else count_output_frames(samples, self.options)
        shape = (frames, self.options.num_features) if self.options.time_major else (self.options.num_features, frames)
        return (*batch, *shape)

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

    def _fill(self, signal: np.ndarray, levels: np.ndarray, energies: np.ndarray | None) -> None:
        """Write the levels of one signal, block by block, and where they are asked for the energies of its frames."""
        options = self.options
        frames = frame_signal(prepare_signal(signal, options), options)
        # A frame shorter than the FFT leaves zeros behind it, which nothing writes to.
        buffer = np.zeros((min(BLOCK_FRAMES, len(frames)), options.fft_length), dtype=signal.dtype)
        for start in range(0, len(frames), BLOCK_FRAMES):
            block = slice(start, start + BLOCK_FRAMES)
            windowed = buffer[: len(frames[block])]
            window_frames(
                frames[block],
                self._window,
                options,
                out=windowed[:, : options.frame_length],
                energies=None if energies is None else energies[block],
            )
            mels = self._filters @ magnitude_spectrum(windowed, options).T
            mels_to_levels(mels, options)
            levels[:, block] = mels


def finish(levels: np.ndarray, options: FeatureOptions, *, energies: np.ndarray | None = None) -> np.ndarray:
    """Do what needs the whole signal or the whole call.

    Parameters
    ----------
    levels : np.ndarray [shape=(batch, mels, frames)]
        Written to.
    options : FeatureOptions
    energies : np.ndarray [shape=(batch, frames)], optional
        Of the frames, for ``use_energy``.

    Returns
    -------
    features : np.ndarray [shape=(batch, features, frames) or (batch, frames, features)], same type
    """
    if options.logarithm is not None:
        if options.ref_power == "max":
            subtract_maximum(levels)
        if options.top_db is not None:
            raise_to_top_db(levels, options.top_db, options.logarithm)
    features = levels
    if options.num_ceps is not None:
        features = cepstra(
            levels, options.num_ceps, norm=options.cepstral_norm, cepstral_lifter=options.cepstral_lifter
        )
        if options.logarithm is not None and energies is not None:
            to_levels(energies, options.logarithm, min_power=options.min_power)
            features[:, 0] = energies
    if options.num_frames is not None:
        features = fit_frames(features, options.num_frames)
    standardise(features, options)
    if options.clip is not None:
        np.clip(features, *options.clip, out=features)
    return np.ascontiguousarray(features.swapaxes(-1, -2)) if options.time_major else features
