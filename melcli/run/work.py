"""The work of one run: the workers are started, the batches driven, and the books brought up to date."""

from __future__ import annotations

import os
from collections.abc import Set

from melcli.run.batches import MOST_ITEMS, Batch, longest_first, plan_shards, planned_before, small_batches
from melcli.run.drive import Drive
from melcli.run.engines.contract import Engine
from melcli.run.estimate import expected_space
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job
from melcli.run.plan import Plan
from melcli.run.report import Listener, Report
from melcli.run.request import Request
from melcli.run.sizes import stored_bytes
from melcli.run.versions import ask_versions
from melcli.store.durability import mark_unflushed
from melcli.store.files import remove_leftovers, write_file
from melcli.store.history import History, read_history
from melcli.store.journal import Journal, remove_journal, start_journal_anew
from melcli.store.layout import CONFIG_FILE, own_folder
from melcli.store.probe import probe_output
from melcli.version import __version__

__all__ = ["Work", "conclude", "write_config"]


class Work:
    """What is to be done: it is done, and the manifest written, whatever stops it but a kill."""

    def __init__(self, request: Request, plan: Plan, history: History, report: Report) -> None:
        self._request = request
        self._report = report
        self._to_do = plan.to_do
        self._history = history
        self._stale = {item_id for item_id, sign in plan.signs.items() if sign == "*"}

    def do(self, listener: Listener, interrupts: Interrupts) -> None:
        """Do it all; see `melcli.run.extract.extract`."""
        from melcli.run.engines.local import LocalEngine  # 0.1 s that a run with nothing to do is spared

        imports = ["h5py"] if self._request.config.output.format == "hdf5" else []
        probe_output(self._request.out)
        engine = LocalEngine(
            min(self._request.workers, self._report.to_do),
            folder=own_folder(self._request.out),
            imports=imports,
            max_memory_bytes=self._request.limits.max_memory_bytes,
        )
        try:
            interrupts.hold_back(engine.start, engine.give_up)
            config_text = _config_text(self._request, engine)  # they can work, or it would not be known
            history = _forget_stale(self._request, self._history, self._stale)
            write_file(os.path.join(self._request.out, CONFIG_FILE), [config_text.encode()])
            self._drive(engine, history, listener, interrupts)
        finally:
            engine.stop()

    def _drive(self, engine: Engine, history: History, listener: Listener, interrupts: Interrupts) -> None:
        request, report = self._request, self._report
        job = Job(
            out=os.path.abspath(request.out),
            config=request.config,
            config_id=request.config.config_id,
            checksum=request.rerun.checksum,
            durability=request.durability,
            limits=request.limits,
        )
        space = expected_space(job, self._to_do, engine)
        if not space.fits:
            listener.warned(space.remark())
        flush = request.durability != "none"
        if not flush:
            mark_unflushed(request.out)
        max_time_s = request.limits.max_time_s
        with Journal(request.out, flush=flush) as journal:
            drive = Drive(
                engine,
                job,
                record=lambda rows: journal.add(rows=rows),
                report=report,
                limit=request.limit,
                listener=listener,
                until_s=None if max_time_s is None else report.started_s + max_time_s,
            )
            try:
                drive.run(self._batches(history, job, journal, engine), interrupts)
            finally:
                engine.stop()  # before the truth is written no worker may be left that could change it
                if report.lost_batches:
                    remove_leftovers(request.out)
                journal.check_there()
                remove_leftovers(own_folder(request.out), deep=False)  # of a killed run whose workers ended later
                conclude(request, complete=report.left == 0)

    def _batches(self, history: History, job: Job, journal: Journal, engine: Engine) -> list[Batch]:
        """Cut the work into batches; shards are planned up front and written to the journal before the first one."""
        to_do, self._to_do = self._to_do, []
        if self._request.config.output.format == "npy":
            most_items = 1 if self._request.durability == "file" else MOST_ITEMS
            return list(small_batches(to_do, self._request.workers, most_items=most_items))
        known = planned_before(to_do, history.shards)
        placed = {item.id for batch in known for item in batch.items}
        rest = [item for item in to_do if item.id not in placed]
        fresh = plan_shards(
            rest,
            stored_bytes(job, rest, engine),
            self._request.config.output.shard_mb * 1_000_000,
            history.next_shard(),
        )
        journal.add(shards=[batch.shard for batch in fresh if batch.shard is not None])
        return longest_first([*known, *fresh])


def _forget_stale(request: Request, history: History, stale: Set[str]) -> History:
    """Take the rows of what will be made anew out of OUT's books, since from now on their files may change.

    The plan of an interrupted run stays, but not where everything is made anew: its shards may be spoken of.
    """
    if not stale:
        return history
    history.write_manifest(lambda item_id: item_id not in stale)
    start_journal_anew(request.out, () if request.rerun.overwrite else history.shards)
    return read_history(request.out)


def _config_text(request: Request, engine: Engine) -> str:
    """Return the config with the versions of what makes the numbers, as the workers have them."""
    versions = ask_versions(engine)
    return request.config.to_yaml({"config_id": request.config.config_id, "melcli": __version__, **versions})


def write_config(request: Request, interrupts: Interrupts) -> None:
    """Write the config of an OUT that has lost it, though there is nothing else to do."""
    from melcli.run.engines.local import LocalEngine

    engine = LocalEngine(1, folder=own_folder(request.out))
    try:
        interrupts.hold_back(engine.start, engine.give_up)
        write_file(os.path.join(request.out, CONFIG_FILE), [_config_text(request, engine).encode()])
    finally:
        engine.stop()


def conclude(request: Request, *, complete: bool) -> None:
    """Bring the journal's rows into the manifest; a journal that a later run has to go on from stays."""
    read_history(request.out).write_manifest()
    if complete:
        remove_journal(request.out)
