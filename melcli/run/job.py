"""Messages to and from workers.  Nothing here needs NumPy, so the driver does not load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from melcli.config.config import Config
from melcli.run.limits import Limits
from melcli.run.tally import Tally
from melcli.store.durability import Durability
from melcli.store.lines import Line
from melcli.store.rows import FailedRow

__all__ = ["BatchResult", "Job", "MeasuredItem", "TimedSample", "TrialDone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The settings that all batches of a run share.

    Attributes
    ----------
    out : str
        The absolute path of OUT.
    config : Config
        The config of the features and their storage.
    config_id : str
        The config's id, computed once because that takes as long as half a second of audio.
    checksum : bool
        Whether to hash the content of every source.
    durability : "none", "batch" or "file"
        See `melcli.store.durability`.
    limits : Limits
        The limits of an item.
    scratch : str or None
        Folder of unnamed files for features that do not fit into memory; None for OUT's own folder.
    """

    out: str
    config: Config
    config_id: str
    checksum: bool = False
    durability: Durability = "batch"
    limits: Limits = field(default_factory=Limits)
    scratch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The result of a batch.

    Attributes
    ----------
    rows : sequence of FailedRow or Line
        A JSON line for each output, and a row for each failed item.
    tally : Tally
        The counts.
    seconds : Mapping of str to float
        The worker's time by stage, see `melcli.stopwatch.STAGES`.
    cpu_s : float
        The worker's CPU time; the rest is waiting, for example for a disk.
    """

    rows: Sequence[FailedRow | Line]
    tally: Tally = field(default_factory=Tally)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialDone:
    """The result of a trial: the item was extracted without storing it, and did not crash the worker."""


@dataclass(frozen=True, slots=True)
class TimedSample:
    """The time that a worker took for some seconds of audio."""

    audio_s: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class MeasuredItem:
    """The duration and the number of outputs of an item, from its header.

    Attributes
    ----------
    id : str
        The id of the item.
    duration_s : float
        The approximate duration, in seconds; 0 if the header cannot be read.
    num_outputs : int
        The number of outputs: 1, or one for each channel.
    """

    id: str
    duration_s: float
    num_outputs: int
