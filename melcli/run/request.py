"""The request for one run of ``melcli extract``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from melcli.config.config import Config
from melcli.run.limits import Limits
from melcli.run.plan import Rerun
from melcli.run.report import FailureLimit
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from melcli.store.durability import Durability

__all__ = ["Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks of one run.

    Attributes
    ----------
    inputs, listed : sequence of str
        INPUTs of the command line, and paths of lists or whole lists.
    out : str
        OUT.
    config : Config
        How features are made and stored.
    sources : SourceOptions
        Which files are taken and how they are named.
    rerun : Rerun
        What is done again.
    workers : int
        Processes.
    limit : FailureLimit
        How many failures end the run.
    limits : Limits
        What the run, a worker and an input may take.
    durability : "none", "batch" or "file"
        See `melcli.store.durability`.
    own_files : frozenset of tuple of int
        Device and inode of files outside of OUT that the run writes, such as its log: they are never inputs.
    allow_empty : bool
        Whether nothing to do at all is no error.
    known_failures_ok : bool
        Whether inputs that failed before, and are not retried, leave the exit code at 0.
    """

    inputs: Sequence[str]
    out: str
    listed: Sequence[str | PathList] = ()
    config: Config = field(default_factory=Config)
    sources: SourceOptions = field(default_factory=SourceOptions)
    rerun: Rerun = field(default_factory=Rerun)
    workers: int = 1
    limit: FailureLimit = field(default_factory=FailureLimit)
    limits: Limits = field(default_factory=Limits)
    durability: Durability = "batch"
    own_files: frozenset[tuple[int, int]] = frozenset()
    allow_empty: bool = False
    known_failures_ok: bool = False
