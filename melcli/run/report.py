"""The counts of a run, and the listener that is told during it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from melcli.errors import MelcliError
from melcli.mel.empty_filters import filters_above_source
from melcli.mel.options import FeatureOptions
from melcli.run.losses import LossKind, WorkerLoss
from melcli.run.tally import Tally
from melcli.sources.found import Found
from melcli.store.rows import FailedRow

__all__ = ["MAX_TIME", "FailureLimit", "Report", "Listener"]

MAX_TIME = "max time"  # what stopped a run that had only so long


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimit:
    """How many failures of a run are too many: a number, or a percentage of the inputs to process."""

    number: int | None = None
    percent: float | None = None

    def exceeded(self, failed: int, to_do: int) -> bool:
        """Tell whether ``failed`` of ``to_do`` inputs are too many."""
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
        Orphans that were made with another config.
    unreadable_folders : int
        Folders below an INPUT that could not be listed.
    known_failures_ok : bool
        Whether inputs that failed before, and are not retried, leave the exit code at 0.
    features : FeatureOptions
        How features are made.
    done, audio_s, source_rates_hz, cut, cut_samples, truncated
        Inputs of this run; see `melcli.run.tally.Tally`.
    failed : int
        Inputs that failed in this run.
    reasons : Counter
        Failures of this run by reason.
    lost_batches : int
        Batches that were lost because their worker crashed or timed out.
    losses : Counter
        Lost workers by `melcli.run.losses.LossKind`, including those that had no batch.
    retries : int
        Batches, among them those of single inputs, that were dispatched again after a loss.
    retried_alone : int
        Inputs that were run alone, to find those that crash workers.
    stopped_by : str or None
        Why the run ended early: ``too many failures``, ``storage``, ``max time`` or a signal's name.
    signal_number : int or None
        The signal.
    workers : int
        Processes.
    working_s : float
        From the first dispatched batch to the last collected one.
    stage_seconds : Counter
        Time of all workers by `melcli.stopwatch.STAGES`.
    worker_cpu_s : float
        CPU time of all workers.
    expected_audio_s : float
        About the audio of all inputs to process, by the headers of some; 0 while it is not known.
    items_in_progress : int
        Items that are finished in their worker, in batches that have not come back.
    audio_s_in_progress : float
        Seconds of audio that were processed in these batches.
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
        """Count a batch and its failures."""
        self.add(tally)
        self.failed += len(failures)
        self.reasons.update(row.reason or "" for row in failures)

    def add_time(self, seconds: Mapping[str, float], cpu_s: float) -> None:
        """Count the time that a worker spent on a batch, by stage."""
        self.stage_seconds.update(seconds)
        self.worker_cpu_s += cpu_s

    def tick(self) -> None:
        """Update the elapsed time."""
        self.elapsed_s = time.monotonic() - self.started_s

    @property
    def ok(self) -> int:
        """Inputs whose features are there."""
        return self.done + self.unchanged

    @property
    def all_failed(self) -> int:
        """Inputs without features, those of earlier runs included."""
        return self.failed + self.failed_before

    @property
    def left(self) -> int:
        """Inputs that the run did not process."""
        return self.to_do - self.done - self.failed

    @property
    def below_max_freq(self) -> int:
        """Inputs of this run whose own sampling rate is so low that the highest filters hold nothing of them."""
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
            return MelcliError.exit_code  # a bug: whatever kept the run from them should be known
        failed = self.failed if self.known_failures_ok else self.all_failed
        return 3 if failed or self.unreadable_folders else 0

    @property
    def low_rates_hz(self) -> list[int]:
        """Sampling rates of inputs that leave the highest filters empty, in hertz."""
        return [rate_hz for rate_hz in self.source_rates_hz if filters_above_source(self.features, rate_hz)]


class Listener(Protocol):
    """Is told about the progress of a run."""

    def found(self, found: Found) -> None:
        """Take the inputs, once they are known."""

    def warned(self, warning: str) -> None:
        """Take a warning."""

    def planned(self, report: Report) -> None:
        """Take the plan, once it is complete."""

    def failed(self, row: FailedRow) -> None:
        """Take a failed input."""

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Take a lost worker."""

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Take the number of inputs that are dispatched again after a loss."""

    def stopping(self, report: Report, num_batches: int) -> None:
        """Take that a signal came, and the number of batches that are still finished."""

    def advanced(self, report: Report) -> None:
        """Take the progress: after every batch, and at least twice a second."""
