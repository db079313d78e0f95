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
    """The settings of one run.

    Attributes
    ----------
    inputs, listed : sequence of str
        INPUTs of the command line, and paths from lists or the lists themselves.
    out : str
        OUT.
    config : Config
        The config of the features and their storage.
    sources : SourceOptions
        Which files are inputs, and their names.
    rerun : Rerun
        Which finished and failed items to process again.
    workers : int
        Number of worker processes.
    limit : FailureLimit
        The number of failures that stops the run.
    limits : Limits
        Limits of the run, of a worker and of an input.
    durability : "none", "batch" or "file"
        See `melcli.store.durability`.
    own_files : frozenset of tuple of int
        Device and inode of files outside of OUT that the run writes, such as its log.  These are never inputs.
    allow_empty : bool
        Whether a run without inputs succeeds.
    known_failures_ok : bool
        Whether the exit code is 0 despite inputs that failed before and are not retried.
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
