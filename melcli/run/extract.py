"""One run of ``melcli extract``: find, plan, drive, and leave the truth behind."""

from __future__ import annotations

import os
import stat
import time
from contextlib import ExitStack
from dataclasses import dataclass

from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError, NoInput
from melcli.opening import regular_only
from melcli.printable import printable
from melcli.run.interrupts import Interrupts
from melcli.run.plan import Plan, make_plan
from melcli.run.reboot import settle_unflushed
from melcli.run.report import Listener, Report
from melcli.run.request import Request
from melcli.run.work import Work, conclude, write_config
from melcli.sources.content import hash_content
from melcli.sources.inputs import find_items
from melcli.sources.items import Found
from melcli.store.files import remove_leftovers, storage_errors
from melcli.store.history import History, read_history
from melcli.store.layout import CONFIG_FILE, FAILURES_FILE, MANIFEST_FILE, own_folder, refuse_names
from melcli.store.lock import hold_output
from melcli.store.manifest import has_manifest
from melcli.store.placement import StoredFiles
from melcli.store.trials import try_names

__all__ = ["Survey", "extract", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a run would do."""

    found: Found
    plan: Plan
    history: History


def survey(request: Request, found: Found | None = None) -> Survey:
    """Find the inputs, unless they are given, and plan, without writing anything.

    Raises
    ------
    ConfigError
        OUT was made with another config, or two inputs share a name.
    NoInput
        There is nothing to work on.
    """
    return _plan(request, _find(request) if found is None else found)


def extract(request: Request, listener: Listener) -> Report:
    """Run: after it, whatever happened, OUT holds the truth about itself and the same call completes the work.

    Raises
    ------
    MelcliError
        Its class says what a caller can do; what was finished before is kept.
    """
    started_s = time.monotonic()
    with Interrupts() as interrupts, ExitStack() as held:
        found = _find(request)
        listener.found(found)
        held.enter_context(hold_output(request.out))
        for folder in (request.out, own_folder(request.out)):
            remove_leftovers(folder, deep=False)
        settle_unflushed(request, listener, interrupts)
        surveyed = _plan(request, found)
        try_names(surveyed.plan.signs, request.out, request.config.output.format)
        if surveyed.history.interrupted:
            remove_leftovers(request.out)
        report = _report(request, surveyed, started_s)
        listener.planned(report)
        if surveyed.plan.to_do:
            work = Work(request, surveyed.plan, surveyed.history, report)
            del found, surveyed  # of what was found only the work that is left is kept in memory
            work.do(listener, interrupts)
        else:
            whole = _is_there(request, MANIFEST_FILE) and _is_there(request, FAILURES_FILE)
            if surveyed.history.interrupted or not whole:
                conclude(request, complete=True)
            if report.unchanged and not _is_there(request, CONFIG_FILE):
                write_config(request, interrupts)
        report.tick()
    return report


def _is_there(request: Request, name: str) -> bool:
    """Tell whether one of OUT's books is there, as a file of its own."""
    try:
        return stat.S_ISREG(os.lstat(os.path.join(request.out, name)).st_mode)
    except OSError:
        return False


def _find(request: Request) -> Found:
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the working folder is gone: {error.strerror}") from error
    found = find_items(request.inputs, options=request.sources, listed=request.listed, out=request.out)
    if not found.items and not request.allow_empty:
        account = f"; {found.account}" if found.account else ""
        raise NoInput(f"no audio file matched{account}")
    refuse_names(
        (item.id for item in found.items),
        request.config.output.format,
        out=request.out,
        each_channel=request.config.audio.channels == "each",
    )
    return found


def _plan(request: Request, found: Found) -> Survey:
    history = read_history(request.out)
    if not request.rerun.overwrite:
        _refuse_other_config(request, history)
    plan = make_plan(
        found.items,
        history.rows(),
        config_id=request.config.config_id,
        stored=StoredFiles(request.out, request.config.output.format, history.unmade_shards()),
        rerun=request.rerun,
        hash_content=hash_content,
    )
    return Survey(found=found, plan=plan, history=history)


def _refuse_other_config(request: Request, history: History) -> None:
    path = os.path.join(request.out, CONFIG_FILE)
    if not os.path.isfile(path) or not (has_manifest(request.out) or history.journal_rows):
        return
    with storage_errors(path, "read"), open(path, "rb", opener=regular_only) as file:
        file.read(1)  # a disk that fails is no config that is wrong
    differences = request.config.differences(resolve_config(os.path.join(".", path)))
    if differences:
        raise ConfigError(
            f"{printable(request.out)} was made with another config: {'; '.join(differences)}; "
            "choose another OUT, or --overwrite to make everything anew"
        )


def _report(request: Request, surveyed: Survey, started_s: float) -> Report:
    counts = surveyed.plan.counts()
    return Report(
        out=request.out,
        to_do=counts["+"] + counts["*"],
        unchanged=counts["="],
        failed_before=counts["!"],
        orphans=counts["-"],
        unreadable_folders=len(surveyed.found.unreadable),
        features=request.config.features,
        started_s=started_s,
    )
