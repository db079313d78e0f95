"""Read a file, or an array, as signals at the target sampling rate, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import numpy as np

from melcli.audio.channels import count_outputs, select_channels
from melcli.audio.collect import Collector
from melcli.audio.decode import BLOCK_SAMPLES, AudioFile
from melcli.audio.levels import Levels
from melcli.audio.options import AudioOptions
from melcli.audio.resample import Resampler
from melcli.audio.sample_source import SampleSource
from melcli.errors import AudioError
from melcli.stopwatch import Stopwatch

__all__ = ["Audio", "AudioStream", "load_audio", "open_file"]


def open_file(path: str, options: AudioOptions, dtype: Literal["float32", "float64"]) -> AudioFile:
    """Open a file as the options say; errors are those of `melcli.audio.decode.AudioFile`."""
    return AudioFile(
        path,
        dtype=dtype,
        truncated=options.truncated,
        opus_rate=options.opus_rate,
        decoder=options.decoder,
        stream=options.stream,
    )


class AudioStream:
    """The signals of a file or an array at the target rate; a context manager that can be read once.

    Channels are mixed before resampling: the result is the same up to rounding, with less work.

    Parameters
    ----------
    source : str or SampleSource
        The path of a file, which may contain surrogate escapes, for names that are not UTF-8; or other samples, such as
        a part of a recording, whose owner closes it.
    options : AudioOptions
    sampling_rate : int
        The target rate, Hz.
    dtype : "float32" or "float64"
        Type used for decoding, resampling and the blocks.
    max_duration_s : float, optional
        Refuse a longer file: by its header or, if the header is missing or wrong, once that much was decoded.
    min_duration_s : float, optional
        Refuse a shorter file, at its end: a header may claim too little.
    stopwatch : Stopwatch, optional
        Records the stages ``decode`` and ``resample``.

    Attributes
    ----------
    num_outputs : int
        Number of signals that the file yields.
    num_samples : int
        Samples of each signal so far.
    expected_samples : int
        Estimate of the final number of samples, from the header; may be wrong.
    source_sampling_rate : int
        Sampling rate of the file, Hz.
    source_channels : int
    format : str
        See `melcli.audio.decode.AudioFile`.

    Raises
    ------
    AudioError
        See `melcli.audio.decode.AudioFile`; also ``unsupported_format`` for a channel that does not exist, and
        ``bad_rate`` for rates too far apart.
    """

    def __init__(
        self,
        source: str | SampleSource,
        options: AudioOptions,
        *,
        sampling_rate: int,
        dtype: Literal["float32", "float64"] = "float32",
        max_duration_s: float | None = None,
        min_duration_s: float | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._options = options
        self._stopwatch = stopwatch or Stopwatch()
        self._dtype = dtype
        self._max_duration_s = max_duration_s
        self._min_duration_s = min_duration_s
        with ExitStack() as opened:
            self._file = opened.enter_context(open_file(source, options, dtype)) if isinstance(source, str) else source
            self._check_duration(self._file.claimed_samples or 0, "lasts {:,.3f} s by its header")
            self.num_outputs = count_outputs(self._file.num_channels, options.channels)
            self._resample = Resampler(
                self._file.sampling_rate,
                sampling_rate,
                num_channels=self.num_outputs,
                method=options.resampler,
                dtype=dtype,
            )
            self.num_samples = 0
            self.sampling_rate = sampling_rate
            # Smaller input blocks if resampling expands them: 32,768 samples at 750 Hz are 33 million at 768 kHz.
            self._max_block_samples = max(1, BLOCK_SAMPLES * self._file.sampling_rate // max(sampling_rate, 1))
            self.source_sampling_rate = self._file.sampling_rate
            self.source_channels = self._file.num_channels
            self.format = self._file.format
            claimed = self._file.claimed_samples or BLOCK_SAMPLES
            self.expected_samples = round(claimed * sampling_rate / self.source_sampling_rate)
            self._is_mix_silent = options.channels == "mix" and self.source_channels > 1
            self._opened = opened.pop_all()

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the file, sorted; complete at the end.

        See `melcli.audio.decode.AudioFile`; also ``silent_mix``: the channels contain sound but cancel each other, so
        that their mean is exactly 0 everywhere.
        """
        flags = self._file.flags
        if not self._is_mix_silent or "silent" in flags:
            return flags
        return tuple(sorted((*flags, "silent_mix")))

    @property
    def levels(self) -> Levels:
        """Levels of the decoded samples, before channels are selected and resampled; complete at the end."""
        return self._file.levels

    def blocks(self) -> Iterator[np.ndarray]:
        """Read the file to its end.

        Yields
        ------
        block : np.ndarray [shape=(samples, num_outputs)]
            At least one sample; full scale is +-1, all finite.  Owned by the caller.

        Raises
        ------
        AudioError
            At the latest after the last block; the caller must then discard all blocks.  ``too_short`` for a file that
            is shorter than ``min_duration_s``, or than one sample of the target rate.
        """
        for block in self._file.blocks():
            self._stopwatch.lap("decode")
            self._check_duration(self._file.num_samples, "continues after {:,.3f} s")
            selected = select_channels(block, self._options.channels)
            if self._is_mix_silent:  # so far
                self._is_mix_silent = not selected.any()
            for start in range(0, len(selected), self._max_block_samples):
                yield from self._ready(self._resample(selected[start : start + self._max_block_samples]))
        self._stopwatch.lap("decode")
        self._check_min_duration()
        yield from self._ready(self._resample(np.empty((0, self.num_outputs), self._dtype), last=True))
        if not self.num_samples:
            raise AudioError(
                "too_short",
                f"{self._file.num_samples} samples at {self.source_sampling_rate} Hz are shorter than one sample at "
                f"{self.sampling_rate} Hz",
            )

    def _check_duration(self, num_samples: int, how: str) -> None:
        duration_s = num_samples / self._file.sampling_rate
        if self._max_duration_s is not None and duration_s > self._max_duration_s:
            raise AudioError("too_long", f"it {how.format(duration_s)}; the limit is {self._max_duration_s:,g} s")

    def _check_min_duration(self) -> None:
        duration_s = self._file.num_samples / self._file.sampling_rate
        if self._min_duration_s is not None and duration_s < self._min_duration_s:
            raise AudioError("too_short", f"it lasts {duration_s:,.6g} s; the minimum is {self._min_duration_s:,g} s")

    def _ready(self, resampled: np.ndarray) -> Iterator[np.ndarray]:
        self._stopwatch.lap("resample")
        self.num_samples += len(resampled)
        if len(resampled):
            yield resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """All samples of a file, and where they come from.

    Attributes
    ----------
    signals : np.ndarray [shape=(outputs, samples)]
        Full scale is +-1; C-contiguous, at least one sample, all finite.
    sampling_rate : int
        Rate of ``signals``, Hz.
    source_sampling_rate : int
        Rate of the file, Hz.
    source_channels : int
    flags : tuple of str
        See `AudioStream`.
    """

    signals: np.ndarray
    sampling_rate: int
    source_sampling_rate: int
    source_channels: int
    flags: tuple[str, ...]


def load_audio(
    path: str, options: AudioOptions, *, sampling_rate: int, dtype: Literal["float32", "float64"] = "float32"
) -> Audio:
    """Read a complete file; parameters and errors are those of `AudioStream`.

    Memory stays below twice the size of ``signals`` plus a few blocks.
    """
    with AudioStream(path, options, sampling_rate=sampling_rate, dtype=dtype) as stream:
        collector = Collector(stream.num_outputs, dtype, stream.expected_samples)
        for block in stream.blocks():
            collector.add(block)
        return Audio(
            signals=collector.collected(),
            sampling_rate=sampling_rate,
            source_sampling_rate=stream.source_sampling_rate,
            source_channels=stream.source_channels,
            flags=stream.flags,
        )
