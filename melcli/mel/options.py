"""Options of a mel spectrogram: Keras's names and defaults, and the keys of other front ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from melcli.errors import ConfigError
from melcli.options import check_types

__all__ = ["KERAS_KEYS", "FeatureOptions"]

# In the order of Keras's arguments, which may be passed by position; all other keys are passed by name.
KERAS_KEYS = (
    "fft_length",
    "sequence_stride",
    "sequence_length",
    "window",
    "sampling_rate",
    "num_mel_bins",
    "min_freq",
    "max_freq",
    "power_to_db",
    "top_db",
    "mag_exp",
    "min_power",
    "ref_power",
)

# Smaller numbers lose digits, down to 0, which has no logarithm.
NORMAL_RANGE = {"float32": (2.0**-126, (2 - 2.0**-23) * 2.0**127), "float64": (2.0**-1022, (2 - 2.0**-52) * 2.0**1023)}
# A larger value is a typing error, or needs more memory than any machine has.
SIZES = {
    "fft_length": (2, 2**17),
    "sequence_stride": (1, 2**24),
    "sequence_length": (1, 2**17),
    "sampling_rate": (1, 768_000),  # the highest rate of commercial converters
    "num_mel_bins": (1, 4096),
    "num_samples": (1, 2**28),
    "pad_end": (-(2**28), 2**28),
    "preemphasis": (0, 1),
    "num_frames": (1, 2**24),
}
ABOVE_ZERO = ("input_scale", "mag_exp")
NOT_NEGATIVE = ("min_freq", "mag_floor", "mag_eps", "log_offset", "std_eps", "cepstral_lifter")
# Everything that signals and levels are multiplied by, added to or compared with, in compute_dtype.
WITHIN_COMPUTE_DTYPE = (
    "input_scale",
    "mag_floor",
    "mag_eps",
    "mag_exp",
    "log_offset",
    "ref_power",
    "top_db",
    "mean",
    "std",
    "std_eps",
    "clip",
    "window",
    "cepstral_lifter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """Section ``features`` of a config, and the arguments of `melcli.mel.spectrogram.MelSpectrogram`.

    The first 13 are those of ``keras.layers.MelSpectrogram``, in its order; the others follow in the order in which
    they are applied, and by default change nothing.  An instance is always valid and hashable, and is stored with the
    features.

    Attributes
    ----------
    fft_length : int
        Samples per FFT, at least 2.
    sequence_stride : int
        Samples from one frame to the next.
    sequence_length : int or None
        Samples per window, at most ``fft_length``; None means ``fft_length``.  With the paddings ``center`` and
        ``same``, a shorter window is centered in ``fft_length`` samples; see `melcli.mel.framing`.
    window : "hann", "hamming", "povey", "blackman", None or tuple of float
        Window of ``sequence_length`` samples; numbers are used unchanged.  None is a rectangle; with the paddings
        ``center`` and ``same``, it has ``fft_length`` samples whatever ``sequence_length`` is, as in Keras.
    sampling_rate : int
        Rate of the signal that is passed to the core, in hertz.
    num_mel_bins : int
        Number of filters.
    min_freq : float
        Lower edge of the lowest filter, in hertz.
    max_freq : float or None
        Upper edge of the highest filter, in hertz; None means ``int(sampling_rate / 2)``.
    power_to_db : bool
        Convert mel powers to 10 log10, relative to ``ref_power``.
    top_db : float or None
        Levels more than this below the loudest level of the whole call are raised to that limit; None disables it.
        Always in dB: with ``log="log10"``, where 1 is 10 dB, 80 means 8.
    mag_exp : float
        Exponent of the magnitude: 2 gives power, 1 magnitude.
    min_power : float
        Lower limit of the powers before the logarithm.
    ref_power : float or "max"
        The power of level 0; "max" is the loudest value of the whole call.
    input_scale : float
        Factor for the samples: 32768 for front ends that expect 16-bit integers.
    num_samples : int or None
        The signal is truncated or padded with zeros to this number of samples.
    pad_end : int
        Number of zeros to append; if negative, number of samples to remove from the end.
    preemphasis : float
        ``a`` in ``y[t] = x[t] - a x[t-1]``, from 0 to 1; 0 does nothing.
    preemphasis_mode : "signal", "signal_valid" or "frame"
        Applied to the signal, and the first sample is kept or dropped; or to each frame, whose first sample
        becomes ``(1 - a) x[0]``.
    padding : "center", "same", "valid", "kaldi" or (left, right)
        Position of the frames; see `melcli.mel.framing`.  Two numbers are samples before and after the signal.
    pad_mode : "reflect", "constant" or "symmetric"
        Values outside of the signal: its mirror image around the end sample, zeros, or the mirror image that
        repeats the end sample.
    drop_last : bool
        The last frame is dropped before any other step.
    remove_dc_offset : bool
        The mean of each frame is subtracted from it.
    window_periodic : bool
        Whether a named window has the period of its length, as for spectra, or one sample less, which makes it
        symmetric.
    mag_floor, mag_eps : float
        In the square root of the magnitude: squares are raised to at least ``mag_floor``, then ``mag_eps`` is added.
    mel_scale : "htk" or "slaney"
        The scale on which the filters' edges are equidistant; see `melcli.mel.scales`.
    mel_norm : "slaney" or None
        Every filter is divided by half its width in hertz; or its maximum is 1.
    mel_triangles : "mel", "hz" or "hz_symmetric"
        The axis on which the slopes of a filter are straight; in the last, both slopes are as wide as the left one.
    log : "ln", "log10" or None
        The logarithm if ``power_to_db`` is false; None for linear values.
    log_offset : float
        Added before the logarithm and the floor.
    num_frames : int or None
        The frames are truncated or padded with zeros to this number, before ``mean`` and ``std``.
    mean, std : float, tuple of float, "bin" or "all"
        Features become ``(x - mean) / (std + std_eps)``: by one number, by one per feature, or by the statistics of
        the signal, for each feature over time or over everything.  A deviation of 0 gives 0.
    std_ddof : 0 or 1
        Subtracted from the number of values in ``std``.
    std_eps : float
        Added to ``std``.
    clip : (low, high) or None
        Features are limited to this range.
    time_major : bool
        Shape (time, features) instead of (features, time).
    num_ceps : int or None
        Number of cepstral coefficients, computed from the levels; None for the levels themselves.
    cepstral_lifter : float
        ``Q`` in the factor ``1 + Q/2 sin(pi i / Q)`` of coefficient ``i``; 0 for none.
    cepstral_norm : "ortho" or "none"
        The cosine transform is orthonormal, or twice the sum.
    use_energy : bool
        Coefficient 0 becomes the logarithm of the frame's energy.
    compute_dtype : "float32" or "float64"
        Type of signal, spectrum and result.  Filters and windows are always built in float64.
    """

    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: int | None = None
    window: Literal["hann", "hamming", "povey", "blackman"] | tuple[float, ...] | None = "hann"
    sampling_rate: int = 16_000
    num_mel_bins: int = 128
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = True
    top_db: float | None = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float | Literal["max"] = 1.0

    input_scale: float = 1.0
    num_samples: int | None = None
    pad_end: int = 0
    preemphasis: float = 0.0
    preemphasis_mode: Literal["signal", "signal_valid", "frame"] = "signal"
    padding: Literal["center", "same", "valid", "kaldi"] | tuple[int, int] = "center"
    pad_mode: Literal["reflect", "constant", "symmetric"] = "reflect"
    drop_last: bool = False
    remove_dc_offset: bool = False
    window_periodic: bool = True
    mag_floor: float = 0.0
    mag_eps: float = 0.0
    mel_scale: Literal["htk", "slaney"] = "htk"
    mel_norm: Literal["slaney"] | None = None
    mel_triangles: Literal["mel", "hz", "hz_symmetric"] = "mel"
    log: Literal["ln", "log10"] | None = None
    log_offset: float = 0.0
    num_frames: int | None = None
    mean: float | tuple[float, ...] | Literal["bin", "all"] = 0.0
    std: float | tuple[float, ...] | Literal["bin", "all"] = 1.0
    std_ddof: Literal[0, 1] = 1
    std_eps: float = 0.0
    clip: tuple[float, float] | None = None
    time_major: bool = False

    num_ceps: int | None = None
    cepstral_lifter: float = 0.0
    cepstral_norm: Literal["ortho", "none"] = "ortho"
    use_energy: bool = False

    compute_dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        check_types(self)
        self._check_signs()
        self.check_spectrum()
        self._check_levels()
        self._check_cepstra()
        self._check_normalization()
        self._check_fixed_length()

    def check_spectrum(self) -> None:
        """Check the keys of frames, spectrum and filters together.

        Raises
        ------
        ConfigError
            They violate a rule.
        """
        self._check_sizes()
        self._check_frames()
        self._check_frequencies()

    @property
    def window_length(self) -> int:
        """Samples per window."""
        return self.fft_length if self.sequence_length is None else self.sequence_length

    @property
    def frame_length(self) -> int:
        """Samples per frame.

        Usually those of the window.  Without a window, Keras on NumPy, JAX and TensorFlow uses the whole FFT, whatever
        ``sequence_length`` is.
        """
        whole_fft = self.window is None and self.padding in ("center", "same")
        return self.fft_length if whole_fft else self.window_length

    @property
    def num_bins(self) -> int:
        """Bins of a one-sided spectrum, 0 Hz included."""
        return self.fft_length // 2 + 1

    @property
    def upper_edge_hz(self) -> float:
        """Upper edge of the highest filter; truncated to whole hertz by default, as in Keras."""
        return float(int(self.sampling_rate / 2)) if self.max_freq is None else self.max_freq

    @property
    def logarithm(self) -> Literal["db", "ln", "log10"] | None:
        """The logarithm of the levels: "db" is 10 log10; None for linear values."""
        return "db" if self.power_to_db else self.log

    @property
    def num_features(self) -> int:
        """Values per frame of the result."""
        return self.num_mel_bins if self.num_ceps is None else self.num_ceps

    @property
    def time_axis(self) -> int:
        """The axis of time in one signal's features."""
        return 0 if self.time_major else 1

    def _check_sizes(self) -> None:
        for key, (lowest, highest) in SIZES.items():
            value = getattr(self, key)
            if value is not None and not lowest <= value <= highest:
                raise ConfigError(f"{key}={value} must be in [{lowest}, {highest}]", key=key)
        if self.window_length > self.fft_length:
            raise ConfigError(
                f"sequence_length={self.sequence_length} exceeds fft_length={self.fft_length}", key="sequence_length"
            )

    def _check_signs(self) -> None:
        highest = NORMAL_RANGE[self.compute_dtype][1]
        for key in WITHIN_COMPUTE_DTYPE:
            value = getattr(self, key)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, float) and abs(number) > highest:
                    raise ConfigError(
                        f"{key}={number:g} is beyond {highest:g}, the limit of {self.compute_dtype} (compute_dtype)",
                        key=key,
                    )
        for key in ABOVE_ZERO:
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key}={getattr(self, key):g} must be above 0", key=key)
        for key in NOT_NEGATIVE:
            if getattr(self, key) < 0:
                raise ConfigError(f"{key}={getattr(self, key):g} must be 0 or more", key=key)

    def _check_frames(self) -> None:
        if isinstance(self.window, tuple) and len(self.window) != self.window_length:
            owner = "fft_length" if self.sequence_length is None else "sequence_length"
            raise ConfigError(
                f"window holds {len(self.window)} numbers, but {owner} is {self.window_length}", key="window"
            )
        if self.padding == "same" and self.sequence_stride > self.fft_length:
            raise ConfigError(
                f"padding=same pads by half of fft_length - sequence_stride, so sequence_stride={self.sequence_stride} "
                f"must be {self.fft_length} or less",
                key="padding",
            )
        highest = SIZES["sequence_stride"][1]
        if isinstance(self.padding, tuple) and not all(0 <= samples <= highest for samples in self.padding):
            raise ConfigError(f"padding={list(self.padding)} must be two numbers in [0, {highest}]", key="padding")

    def _check_frequencies(self) -> None:
        if self.min_freq < self.upper_edge_hz:
            return
        if self.max_freq is not None:
            raise ConfigError(f"max_freq={self.max_freq:g} must be above min_freq={self.min_freq:g}", key="max_freq")
        raise ConfigError(
            f"min_freq={self.min_freq:g} must be in [0, {self.upper_edge_hz:g}), below int(sampling_rate / 2) "
            f"at sampling_rate={self.sampling_rate}",
            key="min_freq",
        )

    def _check_levels(self) -> None:
        if self.power_to_db and self.log is not None:
            raise ConfigError(
                f"log={self.log} and power_to_db=true are two logarithms", key="log", hint="set power_to_db to false"
            )
        lowest, highest = NORMAL_RANGE[self.compute_dtype]
        if not lowest <= self.min_power <= highest:
            raise ConfigError(
                f"min_power={self.min_power:g} must be in [{lowest:g}, {highest:g}], "
                f"the range of compute_dtype={self.compute_dtype}",
                key="min_power",
            )
        if self.top_db is not None and self.top_db < 0:
            raise ConfigError(f"top_db={self.top_db:g} must be 0 or more, or null for no floor", key="top_db")

    def _check_cepstra(self) -> None:
        if self.num_ceps is None:
            if self.use_energy:
                raise ConfigError(
                    "use_energy=true replaces a cepstral coefficient", key="use_energy", hint="set num_ceps"
                )
            return
        if not 1 <= self.num_ceps <= self.num_mel_bins:
            raise ConfigError(
                f"num_ceps={self.num_ceps} must be in [1, {self.num_mel_bins}], up to num_mel_bins", key="num_ceps"
            )
        if self.logarithm is None:
            raise ConfigError(
                f"num_ceps={self.num_ceps} needs a logarithm", key="num_ceps", hint="set log, or power_to_db to true"
            )

    def _check_normalization(self) -> None:
        for key, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, tuple) and len(value) != self.num_features:
                owner = "num_mel_bins" if self.num_ceps is None else "num_ceps"
                raise ConfigError(f"{key} holds {len(value)} numbers, but {owner} is {self.num_features}", key=key)
        lowest = NORMAL_RANGE[self.compute_dtype][0]
        for deviation in self.std if isinstance(self.std, tuple) else (self.std,):
            if not isinstance(deviation, str) and deviation < lowest:
                rule = "above 0" if deviation <= 0 else f"{lowest:g} or more in compute_dtype={self.compute_dtype}"
                raise ConfigError(f"std={deviation:g} must be {rule}", key="std")
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ConfigError(f"clip={list(self.clip)} must be a low and a higher limit", key="clip")

    def _check_fixed_length(self) -> None:
        if self.num_samples is not None and self.num_samples + self.pad_end < 1:
            raise ConfigError(
                f"num_samples={self.num_samples} and pad_end={self.pad_end} leave no sample", key="pad_end"
            )
