"""What a run came to, for people and for programs, and who is told while it goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from melcli.mel.coverage import ranges_in_words, unheard_filters
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.sources.items import Found
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
    unreadable_folders : int
        Folders below an INPUT that could not be listed, so that nobody knows what they hold.
    features : FeatureOptions
        How features are made.
    done, failed : int
        What came of this run.
    audio_s : float
        Seconds of audio that this run made features of.
    source_rates_hz : Counter
        Inputs that this run made features of, by their own sampling rate.
    reasons : Counter
        Failures of this run by reason.
    lost_batches : int
        Times that a worker died or was overdue.
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
    unreadable_folders: int = 0
    features: FeatureOptions = field(default_factory=FeatureOptions)
    done: int = 0
    failed: int = 0
    audio_s: float = 0.0
    source_rates_hz: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    lost_batches: int = 0
    stopped_by: str | None = None
    signal_number: int | None = None
    workers: int = 0
    working_s: float = 0.0
    stage_seconds: Counter[str] = field(default_factory=Counter)
    worker_cpu_s: float = 0.0
    started_s: float = field(default_factory=time.monotonic)
    elapsed_s: float = 0.0

    def add(self, rows: Iterable[Row]) -> None:
        """Count the rows of one batch; the channels of one input count as one."""
        rows = list(rows)
        source_rates_hz = {row.item_id: row.source_sampling_rate for row in rows if row.status == "ok"}
        self.done += len(source_rates_hz)
        self.source_rates_hz.update(rate_hz for rate_hz in source_rates_hz.values() if rate_hz is not None)
        self.audio_s += sum(row.duration or 0.0 for row in rows if not row.channel)
        for row in rows:
            if row.status == "failed":
                self.failed += 1
                self.reasons[row.reason or ""] += 1

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
    def exit_code(self) -> int:
        """The exit code of the command, as README.md's table has it."""
        if self.signal_number is not None:
            return 128 + self.signal_number
        if self.stopped_by is not None:
            return 10 if self.stopped_by == MAX_TIME else 7
        return 3 if self.all_failed or self.unreadable_folders else 0

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

    def plain(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "ok": self.ok,
            "unchanged": self.unchanged,
            "failed": self.all_failed,
            "failed_now": self.failed,
            "not_done": self.left,
            "orphans": self.orphans,
            "unreadable_folders": self.unreadable_folders,
            "reasons": dict(sorted(self.reasons.items())),
            "below_max_freq": self.below_max_freq,
            "lost_batches": self.lost_batches,
            "audio_s": round(self.audio_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "stopped_by": self.stopped_by,
            "exit_code": self.exit_code,
            "out": self.out,
        }

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

    def advanced(self, report: Report) -> None:
        """Called after every batch and at least twice a second while batches run."""


def _length(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h of audio" if seconds >= 360 else f"{seconds:,.1f} s of audio"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
