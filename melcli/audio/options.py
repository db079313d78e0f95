"""Options of decoding and resampling: section ``audio`` of a config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from melcli.errors import ConfigError
from melcli.options import check_types, neutral

__all__ = ["AudioOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioOptions:
    """Section ``audio`` of a config.

    Attributes
    ----------
    channels : "mix", "each" or int
        The mean of all channels; one output per channel; or one channel by its number, counted from 0.
    resampler : str
        Quality of soxr: very high, high or medium; or ``polyphase``, melcli's own long Kaiser filter.  Signals are
        not resampled if the rates are equal.
    truncated : "fail" or "keep"
        Whether a truncated file fails, or yields what can be decoded and gets the flag ``truncated``.
    opus_rate : "header" or 48000
        The rate in Hz at which Opus is decoded: the rate of the original recording by the file's header, or always the
        codec's own rate, as in ffmpeg and torchcodec.
    """

    channels: Literal["mix", "each"] | int = "mix"
    resampler: Literal["soxr_vhq", "soxr_hq", "soxr_mq", "polyphase"] = "soxr_hq"
    truncated: Literal["fail", "keep"] = field(default="fail", metadata=neutral("fail"))
    opus_rate: Literal["header", 48000] = field(default="header", metadata=neutral("header"))

    def __post_init__(self) -> None:
        check_types(self)
        if isinstance(self.channels, int) and self.channels < 0:
            raise ConfigError(f"channels={self.channels} must be 0 or more", key="channels")
