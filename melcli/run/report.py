"""What a run came to, for people and for programs, and who is told while it goes on."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from melcli.errors import MelcliError
from melcli.mel.coverage import ranges_in_words, unheard_filters
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.run.losses import LossKind, WorkerLoss, losses_in_words
from melcli.run.tally import Tally
from melcli.sources.found import Found
from melcli.store.layout import FAILURES_FILE
from melcli.store.manifest import Row

__all__ = ["MAX_TIME", "FailureLimit", "Report", "Listener"]

MAX_TIME = "max time"  # what stopped a run that had only so long


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimit:
    """How many failures of a run are too many: a number, or a percentage of what was to be done."""

    number: int | None = None
    percent: float | None = None

    def exceeded(self, failed: int, to_do: int) -> bool:
        """Tell whether ``failed`` of ``to_do`` inputs are too many."""
        if self.number is not None:
            return failed > self.number
        return self.percent is not None and 100 * failed > self.percent * to_do


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts of inputs, kept while a run goes on.

    Attributes
    ----------
    out : str
        OUT as it was given.
    to_do, unchanged, failed_before, orphans : int
        What the plan said.
    orphans_of_other_config : int
        Orphans that were made with another config.
    unreadable_folders : int
        Folders below an INPUT that could not be listed, so that nobody knows what they hold.
    known_failures_ok : bool
        Whether inputs that failed before, and are not retried, leave the exit code at 0.
    features : FeatureOptions
        How features are made.
    done, failed : int
        What came of this run.
    audio_s : float
        Seconds of audio that this run made features of.
    source_rates_hz : Counter
        Inputs that this run made features of, by their own sampling rate.
    cut, cut_samples : int
        Inputs of this run that ``num_samples`` or ``num_frames`` cut, and the samples that they lost.
    truncated : int
        Inputs of this run that end early and were kept (``audio.truncated: keep``).
    reasons : Counter
        Failures of this run by reason.
    lost_batches : int
        Times that a batch did not come back, because its worker died or was overdue.
    losses : Counter
        Workers that were lost, by `melcli.run.losses.LossKind`; also those that had no batch.
    retries : int
        Batches, among them those of single inputs, that were dispatched again after a loss.
    retried_alone : int
        Inputs that were run alone, to find those that crash workers.
    stopped_by : str or None
        Why the run ended before its end: ``too many failures``, ``storage``, ``max time`` or a signal's name.
    signal_number : int or None
        The signal.
    workers : int
        Processes.
    working_s : float
        From the first batch that was handed out to the last that came back.
    stage_seconds : Counter
        Where the workers' time went, by `melcli.stopwatch.STAGES`.
    worker_cpu_s : float
        What of it the processors worked.
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
    done: int = 0
    failed: int = 0
    audio_s: float = 0.0
    source_rates_hz: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    cut_samples: int = 0
    truncated: int = 0
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

    def add(self, tally: Tally, failures: Sequence[Row] = ()) -> None:
        """Count what was made of one batch, and its failures."""
        self.done += tally.done
        self.source_rates_hz.update(tally.source_rates_hz)
        self.audio_s += tally.audio_s
        self.cut += tally.cut
        self.cut_samples += tally.cut_samples
        self.truncated += tally.truncated
        self.failed += len(failures)
        self.reasons.update(row.reason or "" for row in failures)

    def add_time(self, seconds: Mapping[str, float], cpu_s: float) -> None:
        """Count where a worker's time went with one batch."""
        self.stage_seconds.update(seconds)
        self.worker_cpu_s += cpu_s

    def tick(self) -> None:
        """Bring the elapsed time up to now."""
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
        """Inputs that the run did not come to."""
        return self.to_do - self.done - self.failed

    @property
    def below_max_freq(self) -> int:
        """Inputs of this run whose own sampling rate is so low that the highest filters hold nothing of them."""
        return sum(self.source_rates_hz[rate_hz] for rate_hz in self._low_rates_hz())

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

    def sentence(self) -> str:
        """The last line of a run."""
        unchanged = f" ({self.unchanged:,} unchanged)" if self.unchanged else ""
        parts = [f"{self.ok:,} ok{unchanged}", f"{self.all_failed:,} failed"]
        if self.left:
            parts.append(f"{self.left:,} not done")
        if self.done:
            parts.append(_length(self.audio_s))
        parts.append(_seconds(self.elapsed_s))
        if self.done and self.elapsed_s:
            parts.append(f"{self.audio_s / self.elapsed_s:,.0f}x real time")
        return f"{'  '.join(parts)}  -> {printable(self.out)}/manifest.jsonl"

    def losses_in_words(self) -> str:
        """Return how many workers were lost, and what was retried; ``""`` if none was."""
        return losses_in_words(self.losses, self.retried_alone)

    def without_input(self) -> str:
        """Say what OUT has that no input stands for; ``""`` if there is nothing."""
        if not self.orphans:
            return ""
        outputs = "1 item of OUT has" if self.orphans == 1 else f"{self.orphans:,} items of OUT have"
        other = self.orphans_of_other_config
        made = f" ({other:,} made with another config)" if other else ""
        return f"{outputs} no input{made}; melcli prune {printable(shlex.quote(self.out))} INPUT... lists them"

    def sources_below_max_freq(self) -> str:
        """Say how many inputs of this run end below ``max_freq``; to be asked where some do."""
        lowest_hz = min(self._low_rates_hz())
        unheard = unheard_filters(self.features, lowest_hz)
        filters, lie = ("filter", "lies") if len(unheard) == 1 else ("filters", "lie")
        return (
            f"the sampling rate of {self.below_max_freq:,} of the {self.done:,} files done now is too low for max_freq "
            f"({self.features.upper_edge_hz:g} Hz): at the lowest, {lowest_hz} Hz, nothing was recorded above "
            f"{lowest_hz / 2:g} Hz, where {filters} {ranges_in_words(unheard)} of {self.features.num_mel_bins} {lie}"
        )

    def inputs_cut(self) -> str:
        """Say how many inputs of this run were cut, and by how much; to be asked where some were."""
        are = "is" if self.cut == 1 else "are"
        files = "file" if self.done == 1 else "files"
        return (
            f"{self.cut:,} of {self.done:,} {files} {are} longer than {self._longest()}: "
            f"{_rough_time(self.cut_s)} of audio was cut off"
        )

    def inputs_truncated(self) -> str:
        """Say how many inputs of this run end early and were kept; ``""`` if none was."""
        if not self.truncated:
            return ""
        files, ends = ("file", "ends") if self.truncated == 1 else ("files", "end")
        return f"{self.truncated:,} {files} of {self.done:,} {ends} early; what could be decoded was kept"

    def inputs_failed_before(self) -> str:
        """Say how many inputs are not retried, and what retries them; to be asked where some are not."""
        one = self.failed_before == 1
        failed = "input failed in an earlier run and was" if one else "inputs failed in earlier runs and were"
        return (
            f"{self.failed_before:,} {failed} not retried: see {printable(self.out)}/{FAILURES_FILE}; "
            f"--retry-failed retries {'it' if one else 'them'}"
        )

    def plain(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "ok": self.ok,
            "unchanged": self.unchanged,
            "failed": self.all_failed,
            "failed_now": self.failed,
            "failed_before": self.failed_before,
            "not_done": self.left,
            "orphans": self.orphans,
            "orphans_of_other_config": self.orphans_of_other_config,
            "unreadable_folders": self.unreadable_folders,
            "reasons": dict(sorted(self.reasons.items())),
            "below_max_freq": self.below_max_freq,
            "cut": self.cut,
            "cut_s": round(self.cut_s, 6),
            "truncated": self.truncated,
            "lost_batches": self.lost_batches,
            "worker_crashes": self.losses["worker_crash"],
            "worker_kills": self.losses["worker_killed"],
            "worker_oom_kills": self.losses["worker_oom_kill"],
            "worker_timeouts": self.losses["worker_timeout"],
            "retries": self.retries,
            "retried_alone": self.retried_alone,
            "audio_s": round(self.audio_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "stopped_by": self.stopped_by,
            "exit_code": self.exit_code,
            "out": self.out,
        }

    def _longest(self) -> str:
        """Name the keys that limit the length, with the seconds that they leave."""
        features = self.features
        limits = {"num_samples": 1, "num_frames": features.sequence_stride}
        numbers = {name: getattr(features, name) for name in limits}
        return " or ".join(
            f"{name}={number} ({number * limits[name] / features.sampling_rate:.4g} s)"
            for name, number in numbers.items()
            if number is not None
        )

    def _low_rates_hz(self) -> list[int]:
        return [rate_hz for rate_hz in self.source_rates_hz if unheard_filters(self.features, rate_hz)]


class Listener(Protocol):
    """Is told how a run goes on."""

    def found(self, found: Found) -> None:
        """Called once the inputs are known."""

    def warned(self, warning: str) -> None:
        """Called for what people should know at once."""

    def planned(self, report: Report) -> None:
        """Called once it is known what is to be done."""

    def failed(self, row: Row) -> None:
        """Called for every input that fails."""

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Called for every worker that ends unasked."""

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Called when inputs are dispatched again after a loss, in this number of batches."""

    def advanced(self, report: Report) -> None:
        """Called after every batch and at least twice a second while batches run."""


def _length(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h of audio" if seconds >= 360 else f"{seconds:,.1f} s of audio"


def _rough_time(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1 s"
    size, unit = (3600, "h") if seconds >= 3600 else (60, "min") if seconds >= 60 else (1, "s")
    return f"{seconds / size:,.1f} {unit}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
