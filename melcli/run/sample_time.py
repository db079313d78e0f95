"""Time a little of the work in a worker, so that a dry run can estimate the time of all of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from melcli.errors import AudioError
from melcli.run.batching import Batch, item_timeout_s
from melcli.run.compute import compute_outputs
from melcli.run.job import Job, TimedSample
from melcli.run.open_source import OpenSource
from melcli.run.watchdog import watchdog
from melcli.sources.items import Item
from melcli.stopwatch import Stopwatch

__all__ = ["time_sample"]

WARM_UP_S = 0.2  # the first item of a worker takes longer
SAMPLE_S = 0.6


class _Enough(Exception):
    """The sample took long enough."""


class _Timer:
    """Counts audio, and ends a sample that takes longer than a limit."""

    def __init__(self, limit_s: float) -> None:
        self.audio_s = 0.0
        self._limit_s = limit_s
        self._began_s = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self._began_s

    def __call__(self, audio_s: float) -> None:
        self.audio_s += audio_s
        if self.elapsed_s > self._limit_s:
            raise _Enough


def time_sample(task: tuple[Job, Batch]) -> TimedSample:
    """Extract some items for a short time and store nothing.

    Parameters
    ----------
    task : tuple
        The job, and the items.

    Returns
    -------
    timed : TimedSample
        The audio that was processed, and the time that it took.
    """
    job, batch = task
    _run(job, batch.items, _Timer(WARM_UP_S))
    timer = _Timer(SAMPLE_S)
    _run(job, batch.items, timer)
    return TimedSample(audio_s=timer.audio_s, elapsed_s=timer.elapsed_s)


def _run(job: Job, items: Sequence[Item], timer: _Timer) -> None:
    with suppress(_Enough), np.errstate(over="ignore", invalid="ignore"):
        for item in (item for item in items if not item.is_command):  # an estimate runs no commands
            with watchdog.item(job.limits.timeout_per_item_s or item_timeout_s(item)):
                _extract(job, item, timer)


def _extract(job: Job, item: Item, timer: _Timer) -> None:
    stopwatch = Stopwatch()
    with suppress(AudioError, MemoryError, OSError), OpenSource(job) as source:  # a failed item takes no time
        for piece in source.pieces(item, stopwatch):
            compute_outputs(piece.open, job.config, scratch=tempfile.gettempdir(), stopwatch=stopwatch, on_audio=timer)
