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

__all__ = ["Job", "Measured", "Outcome", "Timed", "Tried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for all batches of a run.

    Attributes
    ----------
    out : str
        OUT, absolute.
    config : Config
        How features are made and stored.
    config_id : str
        The config's, told once since it takes as long as half a second of audio.
    checksum : bool
        Whether the content of every source is hashed.
    durability : "none", "batch" or "file"
        See `melcli.store.durability`.
    limits : Limits
        What an item may take.
    scratch : str or None
        Folder for what does not fit into memory, in files without names; None: OUT's own.
    """

    out: str
    config: Config
    config_id: str
    checksum: bool = False
    durability: Durability = "batch"
    limits: Limits = field(default_factory=Limits)
    scratch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a batch.

    Attributes
    ----------
    rows : sequence of FailedRow or Line
        One for each output, as finished JSON, and one for each item that failed.
    tally : Tally
        What was made, in numbers.
    seconds : Mapping of str to float
        Where the worker's time went, by `melcli.stopwatch.STAGES`.
    cpu_s : float
        What of it the processor worked; for the rest the worker was held up, as by a disk.
    """

    rows: Sequence[FailedRow | Line]
    tally: Tally = field(default_factory=Tally)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tried:
    """A batch was extracted and nothing stored, and its worker is still alive."""


@dataclass(frozen=True, slots=True)
class Timed:
    """How long a worker took for some seconds of audio."""

    audio_s: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """About how long an item is and how many outputs it has, as its header says."""

    id: str
    duration_s: float
    num_outputs: int
