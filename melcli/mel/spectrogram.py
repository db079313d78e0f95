"""Mel spectrograms equal to those of ``keras.layers.MelSpectrogram`` and of other front ends: all stages in order.

=================  ==================================================  =================================
``signals``        scaled, truncated or padded, pre-emphasis           ``(samples,)``
``frames``         overlapping, without DC offset, windowed            ``(frames, fft_length)``
``spectrum``       magnitudes raised to ``mag_exp``                    ``(frames, bins)``
``filters``        mel filters applied                                 ``(frames, mels)``
``levels``         logarithm, if configured                            ``(mels, frames)``
``cepstra``        coefficients of the levels, if configured           ``(ceps, frames)``
``normalization``  number of frames, mean and deviation, clipping      ``(features, time)``
=================  ==================================================  =================================

`stream` computes the stages up to the levels in small blocks of frames, while the signal arrives.  `postprocess` does
the rest at the end, because some steps need the whole signal (``top_db``, ``mean: bin``).
docs/parity.md describes what Keras does and where melcli differs on purpose.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from melcli.mel.blocks import BlockBuffers
from melcli.mel.filters import FilterBank, linear_to_mel_weight_matrix
from melcli.mel.framing import count_output_frames
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.mel.postprocess import Chunks, join_chunks, postprocess
from melcli.mel.stream import LevelStream
from melcli.mel.windows import analysis_window
from melcli.options import read_options, to_plain
from melcli.stopwatch import Stopwatch

__all__ = ["MelSpectrogram"]

PIECE_SAMPLES = 2**17  # of a long signal at a time: padding a copy of a whole minute takes 6 % of its time


class MelSpectrogram:
    """Mel spectrogram of signals, with the arguments of ``keras.layers.MelSpectrogram`` and keys of other front ends.

    Parameters
    ----------
    *values, **keys
        The keys of `melcli.mel.options.FeatureOptions`; Keras's by position or by name, the others by name.

    Attributes
    ----------
    options : FeatureOptions

    Raises
    ------
    ConfigError
        An unknown key or an invalid value; it is also a `ValueError`.

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
        self._filters = FilterBank(self.options)
        self._buffers = BlockBuffers(self.options)

    def __call__(self, signal: ArrayLike) -> np.ndarray:
        """Compute the mel spectrogram of one signal or of a batch of signals with the same length.

        Parameters
        ----------
        signal : array_like [shape=(samples,) or (batch, samples)]
            Full scale is +-1.0; integers are not scaled.

        Returns
        -------
        features : np.ndarray, compute_dtype
            ``(features, time)``, where features are mels or cepstral coefficients, or ``(time, features)`` with
            ``time_major``; a batch has one more axis in front.  A batch is one call: ``top_db`` and ``ref_power="max"``
            use the loudest value of all its signals, as in Keras.

        Raises
        ------
        ValueError
            ``signal`` does not have one or two axes, or has no samples.
        AudioError
            ``too_short``: too few samples for one frame.
        """
        signals = np.asarray(signal, dtype=self.options.compute_dtype)
        if signals.ndim not in (1, 2) or signals.size == 0:
            raise ValueError(f"signal of shape {signals.shape} must be (samples,) or (batch, samples), and not empty")
        options = self.options
        batch: list[list[np.ndarray]] = []
        for row in np.atleast_2d(signals):
            batch.append([])
            stream = self.stream(batch[-1], expected_samples=len(row))
            piece = len(row) if len(row) < 2 * PIECE_SAMPLES else PIECE_SAMPLES
            for start in range(0, len(row), piece):
                stream.push(row[start : start + piece], last=start + piece >= len(row))
        postprocess(batch, options)
        features = [join_chunks(chunks, options) for chunks in batch]
        return np.stack(features) if signals.ndim == 2 else features[0]

    def stream(self, chunks: Chunks, *, expected_samples: int = 0, stopwatch: Stopwatch | None = None) -> LevelStream:
        """Open a stream for one signal that is passed in blocks; see `melcli.mel.stream.LevelStream`.

        At its end, `melcli.mel.postprocess.postprocess` converts the chunks to features.
        """
        return LevelStream(
            self.options,
            self._window,
            self._filters,
            chunks=chunks,
            expected_samples=expected_samples,
            buffers=self._buffers,
            stopwatch=stopwatch or Stopwatch(),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **to_plain(self.options)), ()  # buffers are per thread and are not pickled

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the output shape for an input shape; None stays None.

        Keras's is one frame too long if ``(samples + 1) % sequence_stride == 0``, and for odd ``fft_length`` if
        ``samples % sequence_stride == 0``.
        """
        *batch, samples = input_shape
        frames = None if samples is None else count_output_frames(samples, self.options)
        shape = (frames, self.options.num_features) if self.options.time_major else (self.options.num_features, frames)
        return (*batch, *shape)

    def get_config(self) -> dict[str, Any]:
        """Return all keys with their values; ``sequence_length`` and ``max_freq`` are resolved, as in Keras."""
        resolved = {"sequence_length": self.options.window_length, "max_freq": self.options.upper_edge_hz}
        return {**to_plain(self.options), **resolved}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MelSpectrogram:
        """Create an instance from the `get_config` of this class or of the Keras layer.

        A Keras layer adds ``name`` and ``trainable``, which are ignored, and ``dtype`` (a name or a serialized policy).
        That becomes ``compute_dtype`` if it is float64; for all others Keras computes in float32.
        """
        keys = {key: value for key, value in config.items() if key not in {"name", "trainable", "dtype"}}
        dtype = config.get("dtype")
        policy = dtype.get("config", {}).get("name") if isinstance(dtype, Mapping) else dtype
        if policy == "float64":
            keys["compute_dtype"] = "float64"
        return cls(**keys)
