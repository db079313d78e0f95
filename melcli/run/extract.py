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

from melcli.audio.ffmpeg.program import refuse_unusable
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError, NoInput, StorageError, TimeUp
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.run.ffmpeg_versions import other_ffmpeg
from melcli.run.interrupts import Interrupts
from melcli.run.plan import TO_DO, Plan, make_plan
from melcli.run.planner.planner import Planner
from melcli.run.recover_unflushed import recover_unflushed
from melcli.run.report import MAX_TIME, Listener, Report
from melcli.run.request import Request
from melcli.run.retry_conditions import Conditions
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, result_of
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.store.filename_probe import probe_names
from melcli.store.history import History, read_history
from melcli.store.layout import CONFIG_FILE, FAILURES_FILE, MANIFEST_FILE, own_folder, refuse_names
from melcli.store.leftovers import remove_leftovers
from melcli.store.lock import lock_output
from melcli.store.manifest import has_manifest
from melcli.store.placement import StoredFiles
from melcli.store.storage_errors import storage_errors

__all__ = ["Survey", "extract", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The inputs, the plan and the rows of OUT before a run."""

    found: Found
    plan: Plan
    history: History

    @property
    def needs_manifest(self) -> bool:
        """Whether the manifest must be written although nothing is to do."""
        return self.history.interrupted or self.plan.has_new_columns


def survey(
    request: Request, scratch: Scratch, files: Files, found: Found | None = None, *, unset_limits_match: bool = False
) -> Survey:
    """Find the inputs, unless they are given, and make the plan without writing to OUT.

    Parameters
    ----------
    request : Request
    scratch : Scratch
        Contains the items and the plan.
    files : Files
        Makes the file-system calls for the inputs.
    found : Found, optional
        The inputs.
    unset_limits_match : bool
        Whether a limit that the request does not set equals any limit that a failed item was tried with.

    Raises
    ------
    ConfigError
        OUT was made with another config, or two inputs have the same name.
    NoInput
        There is no input.
    """
    conditions = Conditions(request.limits, unset_matches_any=unset_limits_match, decoder=request.config.audio.decoder)
    return _plan(request, scratch, files, _find(request, scratch, files) if found is None else found, conditions)


def extract(
    request: Request, listener: Listener, planner: Planner | None = None, interrupts: Interrupts | None = None
) -> Report:
    """Extract features.  After a stop or an error, the manifest describes OUT, and the same call resumes.

    Parameters
    ----------
    request : Request
    listener : Listener
        Receives the progress of the run.
    planner : Planner, optional
        Makes the file-system calls for the inputs, and is closed after planning; by default a new one.
    interrupts : Interrupts, optional
        Handles signals; by default a second signal ends the process.

    Raises
    ------
    MelcliError
        Its class shows what a caller can do.  Finished work is kept.
    """
    started_s = time.monotonic()
    refuse_unusable(request.config.audio.decoder)
    with interrupts or Interrupts() as interrupts, ExitStack() as held:
        scratch = held.enter_context(Scratch())
        files = held.enter_context(Planner(listener.warned)) if planner is None else planner
        scratch.until_s = files.until_s = request.limits.until_s(started_s)
        try:
            surveyed = _prepare(request, listener, scratch, held, files)
        except TimeUp:
            files.close(early=True)
            return Report(out=request.out, features=request.config.features, started_s=started_s, stopped_by=MAX_TIME)
        scratch.until_s = math.inf  # `Execution` applies the time limit, and sorts its rows after the limit
        files.close()
        report = _report(request, surveyed, started_s)
        listener.planned(report)
        if warning := other_ffmpeg(request, report):
            listener.warned(warning)
        if report.to_do or surveyed.needs_manifest or not _is_complete(request):
            _execute(request, surveyed, report, listener, interrupts)
        report.tick()
    return report


def _execute(request: Request, surveyed: Survey, report: Report, listener: Listener, interrupts: Interrupts) -> None:
    """Execute the plan, or write the manifest if it is missing."""
    # Imported late: it takes a tenth of the time of a run without work.
    from melcli.run.execute import Execution, merge_journal, write_config

    if report.to_do:
        Execution(request, surveyed.plan, surveyed.history, report).run(listener, interrupts)
        return
    if surveyed.needs_manifest or not _is_complete(request, config=False):
        merge_journal(surveyed.history, surveyed.plan, complete=True)
    if report.unchanged and not _exists(request, CONFIG_FILE):
        write_config(request)


def _is_complete(request: Request, *, config: bool = True) -> bool:
    """Return whether OUT contains manifest, list of failures and config."""
    names = (MANIFEST_FILE, FAILURES_FILE, CONFIG_FILE) if config else (MANIFEST_FILE, FAILURES_FILE)
    return all(_exists(request, name) for name in names)


def _prepare(request: Request, listener: Listener, scratch: Scratch, held: ExitStack, files: Files) -> Survey:
    """Find the inputs, lock OUT, remove leftovers of a killed run, and make the plan."""
    found = _find(request, scratch, files)
    listener.found(found)
    if found.warning:
        listener.warned(found.warning)
    held.enter_context(lock_output(request.out))
    for folder in (request.out, own_folder(request.out)):
        remove_leftovers(folder, deep=False)
    recover_unflushed(request, listener)
    surveyed = _plan(request, scratch, files, found, Conditions(request.limits, decoder=request.config.audio.decoder))
    if surveyed.plan.counts().keys() & TO_DO:
        probe_names(surveyed.plan.ids, request.out, request.config.output.format)
    if surveyed.history.interrupted:
        remove_leftovers(request.out)
    return surveyed


def _exists(request: Request, name: str) -> bool:
    """Return whether OUT contains a file of this name that is a regular file."""
    try:
        return stat.S_ISREG(os.lstat(os.path.join(request.out, name)).st_mode)
    except OSError:
        return False


def _find(request: Request, scratch: Scratch, files: Files) -> Found:
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the working folder does not exist any more: {error.strerror}") from error
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
        has_chunks=request.config.audio.chunk_s is not None,
        suspects=found.items.ids.suspects,
    )
    return found


def _no_input(request: Request, found: Found) -> NoInput:
    include = request.sources.include
    matched = f"no file matched --include {' '.join(include)}" if include else "no audio file matched"
    skipped = f"; {found.account}" if found.account else ""
    extension = next((one for one in include if re.fullmatch(r"\.?\w+", one)), None)
    hint = f"write --include '*.{extension.removeprefix('.')}'" if extension else ""
    if not include and found.other:
        hint = "melcli reads audio files; -h lists the formats, and --include selects other names"
    return NoInput(printable(f"{matched}{skipped}"), hint=printable(hint))


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
        raise StorageError(
            f"cannot read {printable(path)}: it is a link, not a regular file",
            hint=f"`melcli verify {printable(request.out)} --repair` moves it",
        )
    with storage_errors(path, "read"), open(path, "rb", opener=regular_nofollow) as file:
        file.read(1)  # a disk failure is a StorageError, not a ConfigError
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
