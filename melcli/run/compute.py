"""Compute the features of one source: decode, select channels, resample, mel, convert."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from melcli.audio.load import AudioStream
from melcli.config.config import Config
from melcli.mel.options import FeatureOptions
from melcli.mel.postprocess import postprocess
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain
from melcli.stopwatch import Stopwatch
from melcli.store.spool import MAX_BYTES_IN_MEMORY, Spool
from melcli.store.stored_array import StoredFeatures, as_stored

__all__ = ["compute_outputs"]

OUTPUTS_PER_PASS = 16  # over the samples of a source


def _ignore(audio_s: float) -> None:
    pass


def compute_outputs(
    open_audio: Callable[[], AudioStream],
    config: Config,
    *,
    scratch: str,
    stopwatch: Stopwatch,
    on_audio: Callable[[float], None] = _ignore,
) -> tuple[AudioStream, list[StoredFeatures]]:
    """Compute the features of a source, one array for each output.

    A source with many channels is read several times, for `OUTPUTS_PER_PASS` channels each: all 255 channels of a small
    FLAC file together need 1.3 GB.

    Parameters
    ----------
    open_audio : callable
        Opens the source; called once for each pass.
    config : Config
    scratch : str
        Folder of unnamed files for features that do not fit into memory.
    stopwatch : Stopwatch
        Measures the stages.
    on_audio : callable
        Receives the seconds of processed audio after each block, in the first pass only.

    Returns
    -------
    audio : AudioStream
        The source, closed.
    outputs : list of StoredFeatures
        One for each output of ``audio``.

    Raises
    ------
    AudioError
        The source cannot be decoded, or has no valid features.
    StorageError
        ``scratch`` cannot be written.
    """
    outputs: list[StoredFeatures] = []
    while True:
        audio, next_outputs = _compute_pass(
            open_audio, config, scratch, stopwatch, first=len(outputs), on_audio=on_audio
        )
        outputs += next_outputs
        on_audio = _ignore
        if len(outputs) == audio.num_outputs:
            return audio, outputs


def _compute_pass(
    open_audio: Callable[[], AudioStream],
    config: Config,
    scratch: str,
    stopwatch: Stopwatch,
    *,
    first: int,
    on_audio: Callable[[float], None],
) -> tuple[AudioStream, list[StoredFeatures]]:
    """Compute `OUTPUTS_PER_PASS` outputs, starting with number ``first``, block by block."""
    features, output = config.features, config.output
    mel = _mel(features)
    with open_audio() as audio:
        channels = range(first, min(first + OUTPUTS_PER_PASS, audio.num_outputs))
        max_bytes = MAX_BYTES_IN_MEMORY // audio.num_outputs
        spools = [Spool(scratch, max_bytes=max_bytes) for _ in channels]
        streams = [
            mel.level_stream(spool, expected_samples=audio.expected_samples, stopwatch=stopwatch) for spool in spools
        ]
        for block in audio.blocks():
            for channel, stream in zip(channels, streams, strict=True):
                stream.push(block[:, channel], last=False)
            on_audio(len(block) / features.sampling_rate)
        for stream in streams:
            stream.push(np.empty(0, dtype=features.compute_dtype), last=True)
    for spool in spools:
        postprocess([spool], features)
    stopwatch.lap("log")
    return audio, [as_stored(spool, output.dtype, time_axis=features.time_axis) for spool in spools]


@lru_cache(maxsize=1)
def _mel(features: FeatureOptions) -> MelSpectrogram:
    return MelSpectrogram(**to_plain(features))
