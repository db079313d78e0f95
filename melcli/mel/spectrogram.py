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
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from melcli.mel.blocks import BlockBuffers
from melcli.mel.filters import FilterBank, linear_to_mel_weight_matrix
from melcli.mel.framing import count_output_frames
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.mel.postprocess import Chunks, join_chunks, postprocess
from melcli.mel.signals import as_signal
from melcli.mel.stream import FeatureStream, LevelStream
from melcli.mel.windows import analysis_window
from melcli.options import read_options, to_plain
from melcli.stopwatch import Stopwatch

__all__ = ["MelSpectrogram"]

MAX_NUMBERS_SHOWN = 8  # of a list, in `repr`
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

    if TYPE_CHECKING:  # every key, for type checkers and editors; a test compares it with FeatureOptions

        def __init__(
            self,
            fft_length: int = 2048,
            sequence_stride: int = 512,
            sequence_length: int | None = None,
            window: Literal["hann", "hamming", "povey", "blackman"] | Sequence[float] | np.ndarray | None = "hann",
            sampling_rate: int = 16_000,
            num_mel_bins: int = 128,
            min_freq: float = 20.0,
            max_freq: float | None = None,
            power_to_db: bool = True,
            top_db: float | None = 80.0,
            mag_exp: float = 2.0,
            min_power: float = 1e-10,
            ref_power: float | Literal["max"] = 1.0,
            *,
            input_scale: float = 1.0,
            num_samples: int | None = None,
            pad_end: int = 0,
            preemphasis: float = 0.0,
            preemphasis_mode: Literal["signal", "signal_valid", "frame"] = "signal",
            padding: Literal["center", "same", "valid", "kaldi"] | Sequence[int] | np.ndarray = "center",
            pad_mode: Literal["reflect", "constant", "symmetric"] = "reflect",
            drop_last: bool = False,
            remove_dc_offset: bool = False,
            window_periodic: bool = True,
            mag_floor: float = 0.0,
            mag_eps: float = 0.0,
            mel_scale: Literal["htk", "slaney"] = "htk",
            mel_norm: Literal["slaney"] | None = None,
            mel_triangles: Literal["mel", "hz", "hz_symmetric"] = "mel",
            log: Literal["ln", "log10"] | None = None,
            log_offset: float = 0.0,
            num_frames: int | None = None,
            mean: float | Sequence[float] | np.ndarray | Literal["bin", "all"] = 0.0,
            std: float | Sequence[float] | np.ndarray | Literal["bin", "all"] = 1.0,
            std_ddof: Literal[0, 1] = 1,
            std_eps: float = 0.0,
            clip: Sequence[float] | np.ndarray | None = None,
            time_major: bool = False,
            num_ceps: int | None = None,
            cepstral_lifter: float = 0.0,
            cepstral_norm: Literal["ortho", "none"] = "ortho",
            use_energy: bool = False,
            compute_dtype: Literal["float32", "float64"] = "float32",
        ) -> None: ...

    else:

        def __init__(self, *values: Any, **keys: Any) -> None:
            self._set_up(values, keys)

    def _set_up(self, values: tuple[Any, ...], keys: Mapping[str, Any]) -> None:
        given = self.__signature__.bind_partial(*values).arguments
        if twice := given.keys() & keys:
            raise TypeError(f"MelSpectrogram got multiple values for {', '.join(sorted(twice))}")
        plain = {
            key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            for key, value in {**given, **keys}.items()
        }
        self._options = read_options(FeatureOptions, plain, "MelSpectrogram")
        self._window = analysis_window(self.options).astype(self.options.compute_dtype)
        self._filters = FilterBank(self.options)
        self._buffers = BlockBuffers(self.options)

    @property
    def options(self) -> FeatureOptions:
        """All keys as checked, immutable options."""
        return self._options

    def __repr__(self) -> str:
        """Show the keys that differ from their defaults, as a call that creates an equal instance."""
        defaults = to_plain(FeatureOptions())
        given = {key: value for key, value in to_plain(self.options).items() if value != defaults[key]}
        return f"{type(self).__name__}({', '.join(f'{key}={_shown(value)}' for key, value in given.items())})"

    def __eq__(self, other: object) -> bool:
        """Return whether another one has the same values in `get_config`, and so gives the same numbers."""
        return self._resolved() == other._resolved() if isinstance(other, MelSpectrogram) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._resolved())

    def _resolved(self) -> FeatureOptions:
        options = self.options
        return replace(options, sequence_length=options.window_length, max_freq=options.upper_edge_hz)

    def __call__(self, signal: ArrayLike) -> np.ndarray:
        """Compute the mel spectrogram of one signal or of a batch of signals with the same length.

        Parameters
        ----------
        signal : array_like [shape=(samples,) or (batch, samples)]
            Full scale is +-1.0.  Integers are not scaled, as in Keras: int16 samples give levels that are 90 dB too
            high.  Divide them first: ``signal / 32768``.

        Returns
        -------
        features : np.ndarray, compute_dtype
            ``(features, time)``, where features are mels or cepstral coefficients, or ``(time, features)`` with
            ``time_major``; a batch has one more axis in front.  A batch is one call: ``top_db`` and ``ref_power="max"``
            use the loudest value of all its signals, as in Keras.

        Raises
        ------
        ValueError
            ``signal`` does not have one or two axes, has no samples, or is complex.
        AudioError
            ``too_short``: too few samples for one frame.
        """
        signals = as_signal(signal, self.options.compute_dtype)
        if signals.ndim not in (1, 2) or signals.size == 0:
            raise ValueError(f"signal of shape {signals.shape} must be (samples,) or (batch, samples), and not empty")
        options = self.options
        batch: list[list[np.ndarray]] = []
        for row in np.atleast_2d(signals):
            batch.append([])
            stream = self.level_stream(batch[-1], expected_samples=len(row))
            piece = len(row) if len(row) < 2 * PIECE_SAMPLES else PIECE_SAMPLES
            for start in range(0, len(row), piece):
                stream.push(row[start : start + piece], last=start + piece >= len(row))
        postprocess(batch, options)
        features = [join_chunks(chunks, options) for chunks in batch]
        return np.stack(features) if signals.ndim == 2 else features[0]

    def stream(self, *, expected_samples: int = 0) -> FeatureStream:
        """Open a stream for one signal that arrives in pieces.

        Parameters
        ----------
        expected_samples : int
            Approximate length of the signal; a wrong value costs time, not correctness.

        Returns
        -------
        stream : FeatureStream
            Takes the pieces with ``push``, and returns the features with ``features``: the same bytes as one call.

        Examples
        --------
        >>> mel = MelSpectrogram(num_mel_bins=80, sampling_rate=8000, sequence_stride=128)
        >>> stream = mel.stream()
        >>> for piece in np.split(np.zeros(16000), 10):
        ...     stream.push(piece)
        >>> stream.features().shape
        (80, 126)
        """
        return FeatureStream(self.level_stream([], expected_samples=expected_samples), self.options)

    def level_stream(
        self, chunks: Chunks, *, expected_samples: int = 0, stopwatch: Stopwatch | None = None
    ) -> LevelStream:
        """Open a stream of levels whose chunks the caller provides; `stream` is simpler.

        Parameters
        ----------
        chunks : MutableSequence of np.ndarray
            Receives the levels.
        expected_samples : int
            Approximate length of the signal; a wrong value costs time, not correctness.
        stopwatch : Stopwatch, optional
            Records the stages ``fft``, ``mel`` and ``log``.

        Returns
        -------
        stream : LevelStream
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
        """Return the output shape for an input shape.

        Keras's is one frame too long if ``(samples + 1) % sequence_stride == 0``, and for odd ``fft_length`` if
        ``samples % sequence_stride == 0``.

        Parameters
        ----------
        input_shape : sequence of int or None
            ``(samples,)`` or ``(batch, samples)``; None is an unknown size, and stays None.

        Returns
        -------
        output_shape : tuple of int or None
            0 frames if the signal is too short for one: such a call raises `AudioError`.

        Raises
        ------
        ValueError
            No signal has this shape.
        """
        shape = tuple(input_shape)
        if not 1 <= len(shape) <= 2 or not all(size is None or _is_size(size) for size in shape):
            raise ValueError(
                f"input_shape={shape} must be (samples,) or (batch, samples), each None or an integer above 0"
            )
        *batch, samples = shape
        frames = None if samples is None else count_output_frames(samples, self.options)
        features = self.options.num_features
        return (*batch, frames, features) if self.options.time_major else (*batch, features, frames)

    def get_config(self) -> dict[str, Any]:
        """Return all keys with their values.

        Returns
        -------
        config : dict
            For `from_config`; ``sequence_length`` and ``max_freq`` are resolved, as in Keras.
        """
        resolved = {"sequence_length": self.options.window_length, "max_freq": self.options.upper_edge_hz}
        return {**to_plain(self.options), **resolved}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Create an instance from the `get_config` of this class or of the Keras layer.

        Parameters
        ----------
        config : Mapping of str to value
            A Keras layer adds ``name`` and ``trainable``, which are ignored, and ``dtype`` (a name or a serialized
            policy).  That becomes ``compute_dtype`` if it is float64; for all others Keras computes in float32.

        Returns
        -------
        spectrogram : MelSpectrogram
            With the same keys.

        Raises
        ------
        ConfigError
            An unknown key or an invalid value.
        """
        keys = {key: value for key, value in config.items() if key not in {"name", "trainable", "dtype"}}
        dtype = config.get("dtype")
        policy = dtype.get("config", {}).get("name") if isinstance(dtype, Mapping) else dtype
        if policy == "float64":
            keys["compute_dtype"] = "float64"
        return cls(**keys)


def _is_size(size: Any) -> bool:
    return isinstance(size, int | np.integer) and not isinstance(size, bool) and int(size) > 0


def _shown(value: Any) -> str:
    """Format a value as Python; abbreviate a long list to its first and last numbers."""
    if isinstance(value, list) and len(value) > MAX_NUMBERS_SHOWN:
        return f"[{value[0]!r}, {value[1]!r}, ..., {value[-1]!r}]"
    return repr(value)
