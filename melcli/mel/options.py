"""What one mel spectrogram is made of: Keras's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from melcli.errors import ConfigError
from melcli.options import check_types

__all__ = ["FeatureOptions"]


# Below it a number loses its digits and at last becomes 0, which has no logarithm.
NORMAL_RANGE = {"float32": (2.0**-126, (2 - 2.0**-23) * 2.0**127), "float64": (2.0**-1022, (2 - 2.0**-52) * 2.0**1023)}
# Beyond these lies a slip of the finger, and features that no memory holds.
SIZES = {
    "fft_length": (2, 2**17),
    "sequence_stride": (1, 2**24),
    "sequence_length": (1, 2**17),
    "sampling_rate": (1, 768_000),  # the highest that converters are sold with
    "num_mel_bins": (1, 4096),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """Section ``features`` of a config, and the arguments of `melcli.mel.spectrogram.MelSpectrogram`.

    Names and defaults are those of ``keras.layers.MelSpectrogram``, in its order; ``compute_dtype`` is ours.
    An instance that exists is valid, can be hashed, and is written beside the features as the truth about them.

    Attributes
    ----------
    fft_length : int
        Samples under one FFT, 2 or more.
    sequence_stride : int
        Samples from one frame to the next.
    sequence_length : int or None
        Samples under the window, at most ``fft_length``; None means ``fft_length``.  A shorter window stands in
        the middle of the FFT's samples.
    window : "hann", "hamming", None or tuple of float
        Periodic, of ``sequence_length`` samples; numbers are taken as they are; None is a rectangle that is
        ``fft_length`` long whatever ``sequence_length`` says.
    sampling_rate : int
        Hertz of the signal that the core is given.
    num_mel_bins : int
        Filters.
    min_freq, max_freq : float
        Outer edges of the filters in hertz; ``max_freq=None`` means ``int(sampling_rate / 2)``.
    power_to_db : bool
        10 log10 of the mel powers, against ``ref_power``.
    top_db : float or None
        Values more than so many dB below the loudest of the whole call are raised to there; None leaves them.
    mag_exp : float
        The magnitude is raised to this: 2 gives power, 1 magnitude.
    min_power, ref_power : float
        Floor under the logarithm, and what counts as 0 dB.
    compute_dtype : "float32" or "float64"
        Type of signal, spectrum and result.  Filters and windows are always built in float64.
    """

    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: int | None = None
    window: Literal["hann", "hamming"] | tuple[float, ...] | None = "hann"
    sampling_rate: int = 16_000
    num_mel_bins: int = 128
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = True
    top_db: float | None = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float = 1.0
    compute_dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        check_types(self)
        self._check_sizes()
        self._check_window()
        self._check_frequencies()
        self._check_levels()

    @property
    def window_length(self) -> int:
        """Samples under the window."""
        return self.fft_length if self.sequence_length is None else self.sequence_length

    @property
    def num_bins(self) -> int:
        """Bins of a one-sided spectrum, 0 Hz included."""
        return self.fft_length // 2 + 1

    @property
    def upper_edge_hz(self) -> float:
        """Top edge of the highest filter; truncated to whole hertz by default, as Keras does."""
        return float(int(self.sampling_rate / 2)) if self.max_freq is None else self.max_freq

    def _check_sizes(self) -> None:
        for key, (least, most) in SIZES.items():
            value = getattr(self, key)
            if value is not None and not least <= value <= most:
                raise ConfigError(f"{key}={value} must lie in [{least}, {most}]", key=key)
        if self.window_length > self.fft_length:
            raise ConfigError(
                f"sequence_length={self.sequence_length} exceeds fft_length={self.fft_length}", key="sequence_length"
            )

    def _check_window(self) -> None:
        if isinstance(self.window, tuple) and len(self.window) != self.window_length:
            raise ConfigError(
                f"window holds {len(self.window)} numbers, but sequence_length is {self.window_length}", key="window"
            )

    def _check_frequencies(self) -> None:
        if not 0 <= self.min_freq < self.upper_edge_hz:
            below = "int(sampling_rate / 2)" if self.max_freq is None else "max_freq"
            raise ConfigError(
                f"min_freq={self.min_freq:g} must lie in [0, {self.upper_edge_hz:g}), below {below} "
                f"at sampling_rate={self.sampling_rate}",
                key="min_freq",
            )

    def _check_levels(self) -> None:
        if self.mag_exp <= 0:
            raise ConfigError(f"mag_exp={self.mag_exp:g} must be above 0", key="mag_exp")
        least, most = NORMAL_RANGE[self.compute_dtype]
        if not least <= self.min_power <= most:
            raise ConfigError(
                f"min_power={self.min_power:g} must lie in [{least:g}, {most:g}], as {self.compute_dtype} does",
                key="min_power",
            )
        if self.top_db is not None and self.top_db < 0:
            raise ConfigError(f"top_db={self.top_db:g} must be 0 or more, or null for no floor", key="top_db")
