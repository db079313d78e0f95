"""From a file to signals at the wanted rate, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from melcli.audio.channels import count_outputs, select_channels
from melcli.audio.collect import Collector
from melcli.audio.decode import BLOCK_SAMPLES, AudioFile
from melcli.audio.options import AudioOptions
from melcli.audio.resample import Resampler
from melcli.errors import AudioError

__all__ = ["Audio", "load_audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Signals, and where they come from.

    Attributes
    ----------
    signals : np.ndarray [shape=(outputs, samples)]
        Full scale is +-1; C-contiguous, at least one sample, all finite.
    sampling_rate : int
        Of ``signals``, Hz.
    source_sampling_rate : int
        Of the file, Hz.
    source_channels : int
    source_num_samples : int
        Decoded from the file, per channel.
    flags : tuple of str
        See `melcli.audio.decode.AudioFile`.
    """

    signals: np.ndarray
    sampling_rate: int
    source_sampling_rate: int
    source_channels: int
    source_num_samples: int
    flags: tuple[str, ...]


def load_audio(
    path: str, options: AudioOptions, *, sampling_rate: int, dtype: Literal["float32", "float64"] = "float32"
) -> Audio:
    """Decode a file, choose its channels and resample them.

    Channels are mixed before they are resampled: the same numbers up to rounding, for less work.  Memory stays
    under twice ``signals`` and a few blocks; with ``polyphase``, and the source's signal besides.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.
    options : AudioOptions
    sampling_rate : int
        The wanted one, Hz.
    dtype : "float32" or "float64"
        Of decoding, resampling and ``signals``.

    Returns
    -------
    Audio

    Raises
    ------
    AudioError
        See `melcli.audio.decode.AudioFile`; also ``unsupported_format`` for a channel that is not there, ``bad_rate``
        for rates too far apart, ``too_short`` for a file that lasts less than one sample of the wanted rate.
    """
    with AudioFile(path, dtype=dtype) as file:
        num_outputs = count_outputs(file.num_channels, options.channels)
        resample = Resampler(
            file.sampling_rate, sampling_rate, num_channels=num_outputs, method=options.resampler, dtype=dtype
        )
        expected = round((file.claimed_samples or BLOCK_SAMPLES) * sampling_rate / file.sampling_rate)
        collector = Collector(num_outputs, dtype, expected)
        for block in file.blocks():
            collector.add(resample(select_channels(block, options.channels)))
        collector.add(resample(np.empty((0, num_outputs), dtype), last=True))
    signals = collector.collected()
    if not signals.shape[1]:
        raise AudioError(
            "too_short",
            f"{file.num_samples} samples at {file.sampling_rate} Hz last less than one at {sampling_rate} Hz",
        )
    return Audio(
        signals=signals,
        sampling_rate=sampling_rate,
        source_sampling_rate=file.sampling_rate,
        source_channels=file.num_channels,
        source_num_samples=file.num_samples,
        flags=file.flags,
    )
