"""The source of items: a file, which is opened once for all its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import NamedTuple

from melcli.audio.chunks import check_duration, chunks
from melcli.audio.command import output_of
from melcli.audio.load import AudioStream, open_file
from melcli.audio.options import AudioOptions
from melcli.audio.part import Part
from melcli.audio.recording import Recording
from melcli.audio.sample_source import SampleSource
from melcli.errors import AudioError, DecoderKilled
from melcli.run.job import Job
from melcli.sources.bounds import Bounds
from melcli.sources.content import hash_content
from melcli.sources.items import Item
from melcli.stopwatch import Stopwatch
from melcli.store.layout import own_folder

__all__ = ["OpenSource", "Piece"]


class Piece(NamedTuple):
    """A signal to compute features of.

    Attributes
    ----------
    open : callable
        Opens it; may be called several times.
    options : AudioOptions
        Those of the job, with the channel of the item.
    chunk : int or None
        The number of the chunk; None if the item is not divided.
    chunk_start_s : float or None
        The start of the chunk from the start of the source, in seconds.
    """

    open: Callable[[], AudioStream]
    options: AudioOptions
    chunk: int | None = None
    chunk_start_s: float | None = None


class OpenSource:
    """The source that some items share; a context manager.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._opened = ExitStack()
        self._recording: Recording | None = None
        self._hash: str | None = None
        self._output: str | None = None
        self._failure: AudioError | None = None  # also of all other parts

    def __enter__(self) -> OpenSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def pieces(self, item: Item, stopwatch: Stopwatch) -> Iterator[Piece]:
        """Yield the item, or its chunks; each must be read before the next.

        Reading a chunk may raise `melcli.audio.part.DroppedPart`: then the item continues with the next one.

        Raises
        ------
        AudioError
            The source cannot be opened, or has no such part.
        """
        bounds = Bounds.of_json(item.bounds)
        options = self._job.config.audio
        if bounds.source_channel is not None:
            options = replace(options, channels=bounds.source_channel)
        stream = partial(self._stream, options=options, stopwatch=stopwatch)
        limits = self._job.limits
        limited = partial(stream, min_duration_s=limits.min_duration_s, max_duration_s=limits.max_duration_s)
        is_whole = bounds.start_s is None and bounds.end_s is None
        if is_whole and options.chunk_s is None:
            yield Piece(partial(limited, self._path_of(item)), options)
            return
        recording = self._recording_of(item)
        first, end = bounds.samples(recording.file.sampling_rate)
        if options.chunk_s is None:
            yield Piece(partial(_again, limited, Part(recording, first, end)), options)
            return
        check_duration(recording, first, end, min_s=limits.min_duration_s, max_s=limits.max_duration_s)
        for number, start_s, part in chunks(
            recording,
            first,
            end,
            chunk_s=options.chunk_s,
            hop_s=options.chunk_hop_s or options.chunk_s,
            last=options.chunk_last,
        ):
            yield Piece(partial(_again, stream, part), options, number, start_s)

    def content_hash(self, item: Item) -> str:
        """Return the hash of the source's content, which is read once for all parts; OSError if it cannot be read."""
        if self._hash is None:
            self._hash = hash_content(item.source)
        return self._hash

    def check_rest(self) -> None:
        """Check the rest of a recording whose parts were read; see `Recording.check_rest`."""
        if self._recording is not None:
            self._recording.check_rest()

    def _stream(
        self,
        source: str | SampleSource,
        *,
        options: AudioOptions,
        stopwatch: Stopwatch,
        min_duration_s: float | None = None,
        max_duration_s: float | None = None,
    ) -> AudioStream:
        features = self._job.config.features
        return AudioStream(
            source,
            options,
            sampling_rate=features.sampling_rate,
            dtype=features.compute_dtype,
            max_duration_s=max_duration_s,
            min_duration_s=min_duration_s,
            stopwatch=stopwatch,
        )

    def _path_of(self, item: Item) -> str:
        if not item.is_command:
            return item.source
        if self._output is None:
            folder = self._job.scratch or own_folder(self._job.out)
            with self._failing():
                self._output = self._opened.enter_context(output_of(item.source, folder))
        return self._output

    def _recording_of(self, item: Item) -> Recording:
        if self._recording is None:
            config = self._job.config
            open_again = partial(open_file, self._path_of(item), config.audio, config.features.compute_dtype)
            recording = self._opened.enter_context(Recording(open_again))
            with self._failing():
                recording.open()
            self._recording = recording
        return self._recording

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Fail all parts of a source that cannot be opened, or whose command fails, after one attempt."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except DecoderKilled:  # perhaps by mistake: the item is tried once more
            raise
        except AudioError as error:
            self._failure = error.with_traceback(None)
            raise


def _again(stream: Callable[[Part], AudioStream], part: Part) -> AudioStream:
    """Open a part from its beginning."""
    return stream(part.again())
