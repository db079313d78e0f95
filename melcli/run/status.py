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
from melcli.sources.file_calls import Files, result_of
from melcli.sources.found import Found
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import Values, item_values
from melcli.sources.items import NO_FILE_SIZE, Item
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from melcli.sources.parts import in_parts
from melcli.store.durability import has_unflushed_outputs
from melcli.store.entries import Entry
from melcli.store.history import read_history
from melcli.store.layout import CONFIG_FILE, MANIFEST_FILE
from melcli.store.lock import is_locked
from melcli.store.manifest import has_manifest

__all__ = ["Status", "StatusRequest", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """The settings of one call.

    Attributes
    ----------
    out : str
        OUT.
    inputs, listed : sequence of str or None
        INPUTs of the command line, and paths from lists or the lists themselves; None for the sources in OUT's rows.
    config_name : str or None
        A named config or a file; None for the config of OUT.
    sets : sequence of str
        Keys and values, as ``KEY=VALUE``.
    sources : SourceOptions
        Which files are inputs, and their names.
    rerun : Rerun
        Which finished and failed items the next run processes again.
    limits : Limits
        The limits of the next run.  None stands for the limit that each failed item was tried with.
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
    """The state of OUT; valid while the scratch database of `status` is open.

    Attributes
    ----------
    plan : Plan
        A sign for every item.
    found : Found or None
        The result of the search; None if the sources are those in OUT's rows.
    running : bool
        Whether another melcli has locked OUT.
    interrupted : bool
        Whether a journal exists: a run is in progress, or was killed or stopped.
    unflushed_after_reboot : bool
        Whether the system was rebooted after outputs were written with ``--durability none``, so that any of them may
        be truncated.
    """

    plan: Plan
    found: Found | None
    running: bool
    interrupted: bool
    unflushed_after_reboot: bool = False

    @property
    def is_done(self) -> bool:
        """Whether all items are done.  An item without an input only counts if it has another config."""
        return self.is_done_but_for_failures and not self.plan.counts()["!"]

    @property
    def is_done_but_for_failures(self) -> bool:
        """Whether the next extract has nothing to do; failed inputs that are not retried do not count."""
        counts = self.plan.counts()
        unknown = self.found is not None and bool(self.found.unreadable)
        to_do = counts["+"] or counts["*"] or len(self.plan.other_config) or self.interrupted
        return not (to_do or unknown or self.unflushed_after_reboot)


def status(request: StatusRequest, scratch: Scratch, files: Files) -> Status:
    """Compare OUT with the sources.

    Parameters
    ----------
    request : StatusRequest
    scratch : Scratch
        Contains the items and the plan.
    files : Files
        Makes the file-system calls for the sources.

    Raises
    ------
    ConfigError
        OUT does not exist, its config cannot be read, or it was made with another config than requested.
    NoInput
        The given INPUTs contain no audio file.
    StorageError
        The manifest is damaged.
    """
    if not os.path.isdir(request.out):
        raise ConfigError(
            f"{printable(request.out) or repr(request.out)} is not a folder",
            hint="name the folder that melcli extract wrote",
        )
    running = is_locked(request.out)  # checked first, since a run that ends meanwhile leaves no journal
    run_request = Request(
        inputs=request.inputs or (),
        listed=request.listed,
        out=request.out,
        config=_config(request),
        sources=request.sources,
        rerun=request.rerun,
        limits=request.limits,
    )
    has_inputs = request.inputs is not None
    found = None if has_inputs else _sources_of_rows(request.out, scratch, files)
    run_request = run_request if has_inputs else replace(run_request, allow_empty=True)
    surveyed = survey(run_request, scratch, files, found, unset_limits_match=True)
    return Status(
        plan=surveyed.plan,
        found=surveyed.found if has_inputs else None,
        running=running,
        interrupted=surveyed.history.interrupted,
        unflushed_after_reboot=has_unflushed_outputs(request.out),
    )


def _config(request: StatusRequest) -> Config:
    if request.config_name is not None:
        return resolve_config(request.config_name, sets=request.sets, environ=os.environ)
    if not os.path.lexists(os.path.join(request.out, CONFIG_FILE)):
        raise ConfigError(
            f"{printable(request.out)} contains no {CONFIG_FILE}: it is not an OUT of melcli, or its run just started",
            hint="name its config with -c",
        )
    stored = read_stored_config(request.out).config
    return resolve_config(os.path.join(".", request.out, CONFIG_FILE), sets=request.sets) if request.sets else stored


def _sources_of_rows(out: str, scratch: Scratch, files: Files) -> Found:
    """Return the sources in OUT's rows as the result of a search."""
    history = read_history(out, scratch)
    if not has_manifest(out) and not history.interrupted:
        raise ConfigError(f"{printable(out)} contains no {MANIFEST_FILE}", hint="name the INPUTs to see the plan")

    def current() -> Iterator[list[Values]]:
        for values in in_parts(map(_item_values, history.entries())):
            yield result_of(files, "look_at", values)

    items = ItemTable(current(), scratch)
    return Found(items=items, hidden=0, excluded=0, links=0, out_folders=0, other={}, unreadable={})


def _item_values(row: Entry) -> Values:
    return item_values(Item(row.item_id, row.source, NO_FILE_SIZE, 0, row.bounds, row.columns))
