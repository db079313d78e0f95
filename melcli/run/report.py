"""The counts of a run, and the interface of its listeners."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from melcli.errors import MelcliError
from melcli.mel.empty_filters import filters_above_source
from melcli.mel.options import FeatureOptions
from melcli.run.tally import Tally
from melcli.run.worker_losses import LossKind, WorkerLoss
from melcli.sources.found import Found
from melcli.store.rows import FailedRow

__all__ = ["MAX_TIME", "FailureLimit", "Report", "Listener"]

MAX_TIME = "max time"  # `Report.stopped_by` after ``--max-time``


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimit:
    """The allowed failures of a run: a number, or a percentage of the inputs to process.

    Attributes
    ----------
    number : int or None
        The allowed number of failures.
    percent : float or None
        The allowed percentage, 0 to 100.
    """

    number: int | None = None
    percent: float | None = None

    def exceeded(self, failed: int, to_do: int) -> bool:
        """Return whether ``failed`` of ``to_do`` inputs exceed the limit."""
        if self.number is not None:
            return failed > self.number
        return self.percent is not None and 100 * failed > self.percent * to_do


@dataclass(slots=True, kw_only=True)
class Report(Tally):
    """Counts of a run.

    Attributes
    ----------
    out : str
        OUT as it was given.
    to_do, unchanged, failed_before, orphans : int
        Counts of the plan.
    orphans_of_other_config : int
        Orphans of another config.
    unreadable_folders : int
        Folders below an INPUT that could not be listed.
    known_failures_ok : bool
        Whether the exit code is 0 despite inputs that failed before and are not retried.
    features : FeatureOptions
        The config of the features.
    done, audio_s, source_rates_hz, cut, cut_samples, truncated, more_streams, ffmpeg_versions
        Counts of this run; see `melcli.run.tally.Tally`.
    failed : int
        Inputs that failed in this run.
    reasons : Counter
        Failures of this run by reason.
    lost_batches : int
        Batches whose worker crashed or timed out.
    losses : Counter
        Lost workers by `melcli.run.worker_losses.LossKind`, including workers without a batch.
    retries : int
        Batches dispatched again after a loss, including batches of single inputs.
    retried_alone : int
        Inputs that were retried alone, to find those that crash workers.
    stopped_by : str or None
        Why the run ended early: ``too many failures``, ``storage``, ``max time`` or a signal's name.
    signal_number : int or None
        The number of the signal that stopped the run.
    workers : int
        Number of worker processes.
    working_s : float
        Time from the first dispatched batch to the last collected one, in seconds.
    stage_seconds : Counter
        Seconds of all workers by `melcli.stopwatch.STAGES`.
    worker_cpu_s : float
        CPU time of all workers, in seconds.
    started_s : float
        Start of the run, by `time.monotonic`.
    elapsed_s : float
        Duration of the run, in seconds.
    expected_audio_s : float
        The approximate audio of all inputs to process, in seconds, from some headers; 0 while unknown.
    items_in_progress : int
        Items that workers have finished, in batches that are still in flight.
    audio_s_in_progress : float
        Seconds of audio that workers have processed in these batches.
    """

    out: str
    to_do: int = 0
    unchanged: int = 0
    failed_before: int = 0
    orphans: int = 0
    orphans_of_other_config: int = 0
    unreadable_folders: int = 0
    known_failures_ok: bool = False
    features: FeatureOptions = field(default_factory=FeatureOptions)
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lost_batches: int = 0
    losses: Counter[LossKind] = field(default_factory=Counter)
    retries: int = 0
    retried_alone: int = 0
    stopped_by: str | None = None
    signal_number: int | None = None
    workers: int = 0
    working_s: float = 0.0
    stage_seconds: Counter[str] = field(default_factory=Counter)
    worker_cpu_s: float = 0.0
    started_s: float = field(default_factory=time.monotonic)
    elapsed_s: float = 0.0
    expected_audio_s: float = 0.0
    items_in_progress: int = 0
    audio_s_in_progress: float = 0.0

    def add_batch(self, tally: Tally, failures: Sequence[FailedRow] = ()) -> None:
        """Add the counts of a batch and its failures."""
        self.add(tally)
        self.failed += len(failures)
        self.reasons.update(row.reason or "" for row in failures)

    def add_time(self, seconds: Mapping[str, float], cpu_s: float) -> None:
        """Add the time of a worker for a batch, by stage."""
        self.stage_seconds.update(seconds)
        self.worker_cpu_s += cpu_s

    def tick(self) -> None:
        """Update the elapsed time."""
        self.elapsed_s = time.monotonic() - self.started_s

    @property
    def ok(self) -> int:
        """Inputs with features in OUT."""
        return self.done + self.unchanged

    @property
    def all_failed(self) -> int:
        """Inputs that failed in this run or in earlier runs."""
        return self.failed + self.failed_before

    @property
    def left(self) -> int:
        """Inputs that the run did not process."""
        return self.to_do - self.done - self.failed

    @property
    def below_max_freq(self) -> int:
        """Inputs of this run whose sampling rate is so low that the highest filters are empty."""
        return sum(self.source_rates_hz[rate_hz] for rate_hz in self.low_rates_hz)

    @property
    def cut_s(self) -> float:
        """Seconds of audio that ``num_samples`` and ``num_frames`` cut off in this run."""
        return self.cut_samples / self.features.sampling_rate

    @property
    def exit_code(self) -> int:
        """The exit code of the command; see docs/reference/exit_codes.md."""
        if self.signal_number is not None:
            return 128 + self.signal_number
        if self.stopped_by is not None:
            return 10 if self.stopped_by == MAX_TIME else 7
        if self.left:
            return MelcliError.exit_code  # a bug, since no known cause stopped the run
        failed = self.failed if self.known_failures_ok else self.all_failed
        return 3 if failed or self.unreadable_folders else 0

    @property
    def low_rates_hz(self) -> list[int]:
        """Sampling rates of inputs that leave the highest filters empty, in hertz."""
        return [rate_hz for rate_hz in self.source_rates_hz if filters_above_source(self.features, rate_hz)]


class Listener(Protocol):
    """Receives the events of a run."""

    def found(self, found: Found) -> None:
        """Receive the inputs."""

    def warned(self, warning: str) -> None:
        """Receive a warning."""

    def planned(self, report: Report) -> None:
        """Receive the counts of the plan."""

    def failed(self, row: FailedRow) -> None:
        """Receive a failed input."""

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Receive a lost worker."""

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Receive the number of inputs that are dispatched again after a loss."""

    def stopping(self, report: Report, num_batches: int) -> None:
        """Receive that a signal came, and the number of batches in flight, which are still finished."""

    def advanced(self, report: Report) -> None:
        """Receive the progress, after every batch and at least twice a second."""
