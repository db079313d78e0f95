"""One run of ``melcli extract``: search, plan, execute, write the manifest."""

from __future__ import annotations

import math
import os
import re
import stat
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError, NoInput, StorageError, TimeUp
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.run.interrupts import Interrupts
from melcli.run.plan import TO_DO, Plan, make_plan
from melcli.run.planner.planner import Planner
from melcli.run.recover_unflushed import recover_unflushed
from melcli.run.report import MAX_TIME, Listener, Report
from melcli.run.request import Request
from melcli.run.tried_with import Conditions
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, result_of
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.store.filename_probe import probe_names
from melcli.store.files import remove_leftovers, storage_errors
from melcli.store.history import History, read_history
from melcli.store.layout import CONFIG_FILE, FAILURES_FILE, MANIFEST_FILE, own_folder, refuse_names
from melcli.store.lock import lock_output
from melcli.store.manifest import has_manifest
from melcli.store.placement import StoredFiles

__all__ = ["Survey", "extract", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a run would do."""

    found: Found
    plan: Plan
    history: History


def survey(
    request: Request, scratch: Scratch, files: Files, found: Found | None = None, *, unset_limits_match: bool = False
) -> Survey:
    """Find the inputs, unless they are given, and plan, without writing anything.

    Parameters
    ----------
    request : Request
    scratch : Scratch
        Holds what is surveyed.
    files : Files
        Looks at the inputs.
    found : Found, optional
        The inputs.
    unset_limits_match : bool
        Whether a limit that the request does not set is the one that each failed item was tried with.

    Raises
    ------
    ConfigError
        OUT was made with another config, or two inputs share a name.
    NoInput
        There is nothing to work on.
    """
    conditions = Conditions(request.limits, unset_matches_any=unset_limits_match)
    return _plan(request, scratch, files, _find(request, scratch, files) if found is None else found, conditions)


def extract(
    request: Request, listener: Listener, planner: Planner | None = None, interrupts: Interrupts | None = None
) -> Report:
    """Run: whatever happens, the manifest then describes OUT, and the same call completes the work.

    Parameters
    ----------
    request : Request
    listener : Listener
        Is told how the run goes.
    planner : Planner, optional
        Looks at the inputs, and is closed when the plan is made; None: one is started here.
    interrupts : Interrupts, optional
        Takes signals; by default a second one ends the process.

    Raises
    ------
    MelcliError
        Its class says what a caller can do; what was finished before is kept.
    """
    started_s = time.monotonic()
    with interrupts or Interrupts() as interrupts, ExitStack() as held:
        scratch = held.enter_context(Scratch())
        files = held.enter_context(Planner(listener.warned)) if planner is None else planner
        scratch.until_s = files.until_s = request.limits.until_s(started_s)
        try:
            surveyed = _prepare(request, listener, scratch, held, files)
        except TimeUp:
            files.close(early=True)
            return Report(out=request.out, features=request.config.features, started_s=started_s, stopped_by=MAX_TIME)
        scratch.until_s = math.inf  # `Work` heeds it from here on, and what it finished is still to be sorted
        files.close()
        report = _report(request, surveyed, started_s)
        listener.planned(report)
        if report.to_do or surveyed.history.interrupted or not _is_whole(request):
            _finish(request, surveyed, report, listener, interrupts)
        report.tick()
    return report


def _finish(request: Request, surveyed: Survey, report: Report, listener: Listener, interrupts: Interrupts) -> None:
    """Execute the plan, or write the manifest if it is missing."""
    from melcli.run.execute import (
        Work,
        conclude,
        write_config,
    )  # late: it takes a tenth of a run that has nothing to do

    if report.to_do:
        Work(request, surveyed.plan, surveyed.history, report).do(listener, interrupts)
        return
    if surveyed.history.interrupted or not _is_whole(request, config=False):
        conclude(surveyed.history, complete=True)
    if report.unchanged and not _is_there(request, CONFIG_FILE):
        write_config(request)


def _is_whole(request: Request, *, config: bool = True) -> bool:
    """Tell whether all of OUT's books are there."""
    names = (MANIFEST_FILE, FAILURES_FILE, CONFIG_FILE) if config else (MANIFEST_FILE, FAILURES_FILE)
    return all(_is_there(request, name) for name in names)


def _prepare(request: Request, listener: Listener, scratch: Scratch, held: ExitStack, files: Files) -> Survey:
    """Find the inputs, hold OUT, clear away what a killed run left, and plan."""
    found = _find(request, scratch, files)
    listener.found(found)
    if found.warning:
        listener.warned(found.warning)
    held.enter_context(lock_output(request.out))
    for folder in (request.out, own_folder(request.out)):
        remove_leftovers(folder, deep=False)
    recover_unflushed(request, listener)
    surveyed = _plan(request, scratch, files, found, Conditions(request.limits))
    if surveyed.plan.counts().keys() & TO_DO:
        probe_names(surveyed.plan.ids, request.out, request.config.output.format)
    if surveyed.history.interrupted:
        remove_leftovers(request.out)
    return surveyed


def _is_there(request: Request, name: str) -> bool:
    """Tell whether one of OUT's books is there, as a file of its own."""
    try:
        return stat.S_ISREG(os.lstat(os.path.join(request.out, name)).st_mode)
    except OSError:
        return False


def _find(request: Request, scratch: Scratch, files: Files) -> Found:
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the working folder is gone: {error.strerror}") from error
    found = find_items(
        request.inputs,
        scratch=scratch,
        options=request.sources,
        listed=request.listed,
        out=request.out,
        own_files=request.own_files,
        files=files,
    )
    if not found.items and not request.allow_empty:
        raise _no_input(request, found)
    refuse_names(
        found.items.ids,
        request.config.output.format,
        out=request.out,
        each_channel=request.config.audio.channels == "each",
        suspects=found.items.ids.suspects,
    )
    return found


def _no_input(request: Request, found: Found) -> NoInput:
    include = request.sources.include
    matched = f"no file matched --include {' '.join(include)}" if include else "no audio file matched"
    account = f"; {found.account}" if found.account else ""
    extension = next((one for one in include if re.fullmatch(r"\.?\w+", one)), None)
    hint = f"write --include '*.{extension.removeprefix('.')}'" if extension else ""
    if not include and found.other:
        hint = "melcli reads audio files; -h lists the formats, and --include takes other names"
    return NoInput(printable(f"{matched}{account}"), hint=printable(hint))


def _plan(request: Request, scratch: Scratch, files: Files, found: Found, conditions: Conditions) -> Survey:
    history = read_history(request.out, scratch)
    if not request.rerun.overwrite:
        _refuse_other_config(request, history)
    plan = make_plan(
        found.items,
        history.entries,
        config_id=request.config.config_id,
        stored=StoredFiles(
            request.out,
            request.config.output.format,
            partial(files.begin, "sizes"),
            {shard.number for shard in history.unmade()},
        ),
        rerun=request.rerun,
        hash_content=lambda path: result_of(files, "hash", path),
        conditions_differ=conditions.differ,
    )
    return Survey(found=found, plan=plan, history=history)


def _refuse_other_config(request: Request, history: History) -> None:
    path = os.path.join(request.out, CONFIG_FILE)
    if not os.path.isfile(path) or not (has_manifest(request.out) or len(history.journal)):
        return
    if os.path.islink(path):
        told = printable(request.out)
        raise StorageError(
            f"cannot read {printable(path)}: it is a link, not a regular file",
            hint=f"`melcli verify {told} --repair` moves it",
        )
    with storage_errors(path, "read"), open(path, "rb", opener=regular_nofollow) as file:
        file.read(1)  # a disk that fails is no config that is wrong
    try:
        stored = resolve_config(os.path.join(".", path))
    except ConfigError as error:
        raise ConfigError(
            error.problem, key=error.key, hint="undo the edit if it was one, choose another OUT, or use --overwrite"
        ) from None
    differences = request.config.differences(stored)
    if differences:
        raise ConfigError(
            f"{printable(request.out)} was made with another config",
            details=differences,
            hint="choose another OUT, or use --overwrite to recompute everything",
        )


def _report(request: Request, surveyed: Survey, started_s: float) -> Report:
    counts = surveyed.plan.counts()
    return Report(
        out=request.out,
        to_do=counts["+"] + counts["*"],
        unchanged=counts["="],
        failed_before=counts["!"],
        orphans=counts["-"],
        orphans_of_other_config=len(surveyed.plan.other_config),
        unreadable_folders=len(surveyed.found.unreadable),
        known_failures_ok=request.known_failures_ok,
        features=request.config.features,
        started_s=started_s,
    )
