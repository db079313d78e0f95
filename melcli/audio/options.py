"""Options of decoding and resampling: section ``audio`` of a config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from melcli.errors import ConfigError
from melcli.options import check_types, neutral

__all__ = ["MAX_STREAM", "AudioOptions"]

MAX_STREAM = 65_535
MIN_CHUNK_S, MAX_CHUNK_S = 0.001, 86_400.0


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
    chunk_s : float or None
        Length in seconds of the chunks into which each input is divided; None for no chunks.  The outputs of an input
        ``a`` are then ``a.00000``, ``a.00001``, ...
    chunk_hop_s : float or None
        Seconds between the starts of chunks; None for ``chunk_s``.
    chunk_last : "keep", "pad" or "drop"
        A last chunk that is shorter: kept as it is, completed with zeros, or dropped.
    opus_rate : "header" or 48000
        The rate in Hz at which Opus is decoded: the rate of the original recording by the file's header, or always the
        codec's own rate, as in ffmpeg and torchcodec.
    decoder : "auto", "libsndfile" or "ffmpeg"
        The decoder of all files.  With ``auto``, libsndfile decodes what it supports, and ffmpeg the rest if it is
        installed.
    stream : int
        Number of the audio stream to decode, counted from 0; only files that ffmpeg decodes have several.
    """

    channels: Literal["mix", "each"] | int = "mix"
    resampler: Literal["soxr_vhq", "soxr_hq", "soxr_mq", "polyphase"] = "soxr_hq"
    truncated: Literal["fail", "keep"] = field(default="fail", metadata=neutral("fail"))
    opus_rate: Literal["header", 48000] = field(default="header", metadata=neutral("header"))
    chunk_s: float | None = field(default=None, metadata=neutral(None))
    chunk_hop_s: float | None = field(default=None, metadata=neutral(None))
    chunk_last: Literal["keep", "pad", "drop"] = field(default="keep", metadata=neutral("keep"))
    # libsndfile alone gives the same numbers as auto, for fewer files; ffmpeg alone gives others, for example for MP3.
    decoder: Literal["auto", "libsndfile", "ffmpeg"] = field(default="auto", metadata=neutral("auto", "libsndfile"))
    stream: int = field(default=0, metadata=neutral(0))

    def __post_init__(self) -> None:
        check_types(self)
        self._check_chunks()
        if isinstance(self.channels, int) and self.channels < 0:
            raise ConfigError(f"channels={self.channels} must be 0 or more", key="channels")
        if not 0 <= self.stream <= MAX_STREAM:
            raise ConfigError(f"stream={self.stream} must be 0 to {MAX_STREAM:,}", key="stream")

    def _check_chunks(self) -> None:
        chunk_s, hop_s = self.chunk_s, self.chunk_hop_s
        if chunk_s is not None and not MIN_CHUNK_S <= chunk_s <= MAX_CHUNK_S:
            raise ConfigError(f"chunk_s={chunk_s:g} must be between {MIN_CHUNK_S:g} and {MAX_CHUNK_S:g}", key="chunk_s")
        if hop_s is not None and (chunk_s is None or not MIN_CHUNK_S <= hop_s <= chunk_s):
            rule = f"must be between {MIN_CHUNK_S:g} and chunk_s={chunk_s:g}" if chunk_s else "needs chunk_s"
            raise ConfigError(f"chunk_hop_s={hop_s:g} {rule}", key="chunk_hop_s")
        if self.chunk_last != "keep" and chunk_s is None:
            raise ConfigError(f"chunk_last={self.chunk_last} needs chunk_s", key="chunk_last")
