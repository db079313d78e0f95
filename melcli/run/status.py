"""``melcli status``: plan like ``extract``, without a lock and without writing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from melcli.config.config import Config
from melcli.config.resolve import resolve_config
from melcli.config.stored import read_stored_config
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.run.extract import survey
from melcli.run.limits import Limits
from melcli.run.plan import Plan, Rerun
from melcli.run.request import Request
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, in_parts, result_of
from melcli.sources.found import Found
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import Values
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from melcli.store.durability import has_unflushed_outputs
from melcli.store.history import read_history
from melcli.store.layout import CONFIG_FILE, MANIFEST_FILE
from melcli.store.lock import is_locked
from melcli.store.manifest import has_manifest

__all__ = ["Status", "StatusRequest", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """What a user asks.

    Attributes
    ----------
    out : str
        OUT.
    inputs, listed : sequence of str or None
        INPUTs of the command line, and paths of lists or whole lists; None: the sources that OUT's rows name.
    config_name : str or None
        A named config or a file; None: that of OUT.
    sets : sequence of str
        ``KEY=VALUE``.
    sources : SourceOptions
        Which files are taken and how they are named.
    rerun : Rerun
        What would be done again.
    limits : Limits
        Of the next run; what is None is the limit that each failed item was tried with.
    """

    out: str
    inputs: Sequence[str] | None = None
    listed: Sequence[str | PathList] = ()
    config_name: str | None = None
    sets: Sequence[str] = ()
    sources: SourceOptions = field(default_factory=SourceOptions)
    rerun: Rerun = field(default_factory=Rerun)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What was found, as long as the scratch database is open that `status` was given.

    Attributes
    ----------
    plan : Plan
        A sign for every item.
    found : Found or None
        The account of the search; None where OUT's rows named the sources.
    running : bool
        Another melcli holds OUT.
    interrupted : bool
        A journal exists: a run is in progress, or was killed or stopped.
    unflushed_after_reboot : bool
        The system was restarted since outputs were written with ``--durability none``: any of them may be truncated.
    """

    plan: Plan
    found: Found | None
    running: bool
    interrupted: bool
    unflushed_after_reboot: bool = False

    @property
    def is_done(self) -> bool:
        """Whether everything is done; an item without an input only counts if another config made it."""
        return self.is_done_but_for_failures and not self.plan.counts()["!"]

    @property
    def is_done_but_for_failures(self) -> bool:
        """Whether the next extract would do nothing; inputs that failed and are not retried do not count."""
        counts = self.plan.counts()
        unknown = self.found is not None and bool(self.found.unreadable)
        to_do = counts["+"] or counts["*"] or len(self.plan.other_config) or self.interrupted
        return not (to_do or unknown or self.unflushed_after_reboot)


def status(request: StatusRequest, scratch: Scratch, files: Files) -> Status:
    """Look at OUT and at the sources.

    Parameters
    ----------
    request : StatusRequest
    scratch : Scratch
        Holds what is found.
    files : Files
        Looks at the sources.

    Raises
    ------
    ConfigError
        There is no OUT, its config cannot be read, or it was made with another one than is asked for.
    NoInput
        INPUTs were given and hold nothing.
    StorageError
        The manifest is damaged.
    """
    if not os.path.isdir(request.out):
        raise ConfigError(
            f"{printable(request.out) or repr(request.out)} is not a folder",
            hint="name the folder that melcli extract wrote",
        )
    running = is_locked(request.out)  # asked first, since a run that ends meanwhile leaves no journal
    asked = Request(
        inputs=request.inputs or (),
        listed=request.listed,
        out=request.out,
        config=_config(request),
        sources=request.sources,
        rerun=request.rerun,
        limits=request.limits,
    )
    given = request.inputs is not None
    found = None if given else _named_by_rows(request.out, scratch, files)
    asked = asked if given else replace(asked, allow_empty=True)
    surveyed = survey(asked, scratch, files, found, unset_limits_match=True)
    return Status(
        plan=surveyed.plan,
        found=surveyed.found if given else None,
        running=running,
        interrupted=surveyed.history.interrupted,
        unflushed_after_reboot=has_unflushed_outputs(request.out),
    )


def _config(request: StatusRequest) -> Config:
    if request.config_name is not None:
        return resolve_config(request.config_name, sets=request.sets, environ=os.environ)
    if not os.path.lexists(os.path.join(request.out, CONFIG_FILE)):
        raise ConfigError(
            f"{printable(request.out)} holds no {CONFIG_FILE}: it is not an OUT of melcli, or its run has just begun",
            hint="name its config with -c",
        )
    stored = read_stored_config(request.out).config
    return resolve_config(os.path.join(".", request.out, CONFIG_FILE), sets=request.sets) if request.sets else stored


def _named_by_rows(out: str, scratch: Scratch, files: Files) -> Found:
    """Look at the sources that OUT's rows name."""
    history = read_history(out, scratch)
    if not has_manifest(out) and not history.interrupted:
        raise ConfigError(f"{printable(out)} holds no {MANIFEST_FILE}", hint="name the INPUTs to see the plan")

    def seen() -> Iterator[list[Values]]:
        for named in in_parts((entry.item_id, entry.source) for entry in history.entries()):
            yield result_of(files, "look_at", named)

    items = ItemTable(seen(), scratch)
    return Found(items=items, hidden=0, excluded=0, links=0, out_folders=0, other={}, unreadable={})
