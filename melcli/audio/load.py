"""Read a file, or an array, as signals at the wanted sampling rate, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import numpy as np

from melcli.audio.array_source import ArraySource
from melcli.audio.channels import count_outputs, select_channels
from melcli.audio.collect import Collector
from melcli.audio.decode import BLOCK_SAMPLES, AudioFile
from melcli.audio.options import AudioOptions
from melcli.audio.resample import Resampler
from melcli.errors import AudioError
from melcli.stopwatch import Stopwatch

__all__ = ["Audio", "AudioStream", "load_audio"]


class AudioStream:
    """The signals of a file or an array at the wanted rate; a context manager that is read once.

    Channels are mixed before they are resampled: the same numbers up to rounding, for less work.

    Parameters
    ----------
    source : str or ArraySource
        The path of a file, which may hold surrogate escapes, for names that are not UTF-8; or samples in an array.
    options : AudioOptions
    sampling_rate : int
        The wanted one, Hz.
    dtype : "float32" or "float64"
        Of decoding, resampling and the blocks.
    max_duration_s : float, optional
        A longer file is refused: by its header or, if the header is missing or wrong, once this much was decoded.
    stopwatch : Stopwatch, optional
        Is told ``decode`` and ``resample``.

    Attributes
    ----------
    num_outputs : int
        Signals that the file becomes.
    num_samples : int
        Of each signal, so far.
    expected_samples : int
        About how many there will be, by the header; nothing may rely on it.
    source_sampling_rate : int
        Of the file, Hz.
    source_channels : int
    format : str
        See `melcli.audio.decode.AudioFile`.

    Raises
    ------
    AudioError
        See `melcli.audio.decode.AudioFile`; also ``unsupported_format`` for a channel that is not there, ``bad_rate``
        for rates too far apart.
    """

    def __init__(
        self,
        source: str | ArraySource,
        options: AudioOptions,
        *,
        sampling_rate: int,
        dtype: Literal["float32", "float64"] = "float32",
        max_duration_s: float | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._options = options
        self._stopwatch = stopwatch or Stopwatch()
        self._dtype = dtype
        self._max_duration_s = max_duration_s
        with ExitStack() as opened:
            self._file: AudioFile | ArraySource
            if isinstance(source, ArraySource):
                self._file = source
            else:
                self._file = opened.enter_context(
                    AudioFile(source, dtype=dtype, truncated=options.truncated, opus_rate=options.opus_rate)
                )
            self._refuse_too_long(self._file.claimed_samples or 0, "lasts {:,.3f} s by its header")
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
            # Less at a time where it becomes more: 32,768 samples at 750 Hz are 33 million at 768 kHz.
            self._most_at_a_time = max(1, BLOCK_SAMPLES * self._file.sampling_rate // max(sampling_rate, 1))
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
        """Sorted; complete at the end.

        See `melcli.audio.decode.AudioFile`; also ``silent_mix``: the channels cancel each other, so that their mean is
        exactly 0 everywhere, though they hold sound.
        """
        flags = self._file.flags
        if not self._is_mix_silent or "silent" in flags:
            return flags
        return tuple(sorted((*flags, "silent_mix")))

    def blocks(self) -> Iterator[np.ndarray]:
        """Read to the end.

        Yields
        ------
        block : np.ndarray [shape=(samples, num_outputs)]
            At least one sample; full scale is +-1, all finite.  The caller's own.

        Raises
        ------
        AudioError
            At the latest after the last block, and then what came before is not to be used; ``too_short`` for a file
            that lasts less than one sample of the wanted rate.
        """
        for block in self._file.blocks():
            self._stopwatch.lap("decode")
            self._refuse_too_long(self._file.num_samples, "continues after {:,.3f} s")
            selected = select_channels(block, self._options.channels)
            if self._is_mix_silent:  # so far
                self._is_mix_silent = not selected.any()
            for start in range(0, len(selected), self._most_at_a_time):
                yield from self._ready(self._resample(selected[start : start + self._most_at_a_time]))
        self._stopwatch.lap("decode")
        yield from self._ready(self._resample(np.empty((0, self.num_outputs), self._dtype), last=True))
        if not self.num_samples:
            raise AudioError(
                "too_short",
                f"{self._file.num_samples} samples at {self.source_sampling_rate} Hz last less than one at "
                f"{self.sampling_rate} Hz",
            )

    def _refuse_too_long(self, num_samples: int, how: str) -> None:
        duration_s = num_samples / self._file.sampling_rate
        if self._max_duration_s is not None and duration_s > self._max_duration_s:
            raise AudioError("too_long", f"it {how.format(duration_s)}; {self._max_duration_s:,g} s are allowed")

    def _ready(self, resampled: np.ndarray) -> Iterator[np.ndarray]:
        self._stopwatch.lap("resample")
        self.num_samples += len(resampled)
        if len(resampled):
            yield resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Whole signals, and where they come from.

    Attributes
    ----------
    signals : np.ndarray [shape=(outputs, samples)]
        Full scale is +-1; C-contiguous, at least one sample, all finite.
    sampling_rate : int
        Of ``signals``, Hz.
    source_sampling_rate : int
        Of the file, Hz.
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
    """Read a file whole; parameters and errors are those of `AudioStream`.

    Memory stays under twice ``signals`` and a few blocks.
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
