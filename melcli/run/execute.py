"""Execute a plan: start workers, dispatch batches, write manifest and journal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from melcli.config.stored import read_stored_config
from melcli.errors import ConfigError, TimeUp
from melcli.printable import printable
from melcli.run.batching import MAX_BATCH_ITEMS, Batch, plan_shards, reusable_shards, shard_batches, small_batches
from melcli.run.capacity import capacity_warnings, read_capacity
from melcli.run.dispatcher import Dispatcher
from melcli.run.engines.contract import Engine
from melcli.run.estimate import expected_space
from melcli.run.ffmpeg_versions import joined, stored_ffmpeg
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job
from melcli.run.plan import Plan
from melcli.run.report import MAX_TIME, Listener, Report
from melcli.run.request import Request
from melcli.run.retry_conditions import Conditions
from melcli.run.sizes import stored_bytes
from melcli.run.tally import Tally
from melcli.run.versions import ask_versions, other_kernels
from melcli.store.durability import mark_unflushed
from melcli.store.files import write_file
from melcli.store.history import History, read_history
from melcli.store.journal import Journal, remove_journal, restart_journal
from melcli.store.layout import CONFIG_FILE, own_folder, shard_name
from melcli.store.leftovers import remove_leftovers
from melcli.store.manifest import has_manifest
from melcli.store.probe import probe_output
from melcli.version import __version__

__all__ = ["Execution", "merge_journal", "write_config"]


class Execution:
    """The execution of a plan.  It writes the manifest at its end, unless the process is killed.

    Parameters
    ----------
    request : Request
    plan : Plan
    history : History
        The rows of manifest and journal.
    report : Report
        Updated during the run.
    """

    def __init__(self, request: Request, plan: Plan, history: History, report: Report) -> None:
        self._request = request
        self._report = report
        self._plan = plan
        self._to_do = plan.to_do()
        self._history = history
        self._abandoned: set[int] = set()  # shard numbers of a dropped plan that no new shard has
        self._until_s = request.limits.until_s(report.started_s)
        self._versions: dict[str, str] = {}
        self._ffmpeg = stored_ffmpeg(request.out) if report.unchanged else set()

    def run(self, listener: Listener, interrupts: Interrupts) -> None:
        """Process all batches and write the manifest; see `melcli.run.extract.extract`."""
        from melcli.run.engines.local import WARM_MODULE, LocalEngine  # late: a run with nothing to do needs neither

        config = self._request.config
        imports = [WARM_MODULE]
        imports += ["h5py"] if config.output.format == "hdf5" else []
        imports += ["scipy.fft"] if config.features.num_ceps else []  # of cepstra; not while an item's time runs
        probe_output(self._request.out)
        workers = min(self._request.workers, self._report.to_do)
        for warning in capacity_warnings(read_capacity(), workers=workers, format_=config.output.format):
            listener.warned(warning)
        engine = LocalEngine(
            workers,
            folder=own_folder(self._request.out),
            imports=imports,
            max_memory_bytes=self._request.limits.max_memory_bytes,
        )
        try:
            engine.start(self._until_s)
            self._versions = ask_versions(engine, until_s=self._until_s)  # also shows that workers can answer calls
            self._warn_of_kernels(self._versions, listener)
            self._remove_stale_rows()
            self._write_config()
            self._dispatch(engine, listener, interrupts)
        except TimeUp:  # only before the first batch; then `Dispatcher` handles the time limit
            self._report.stopped_by = MAX_TIME
            engine.stop()
            merge_journal(self._history, self._plan, complete=False)
        finally:
            engine.stop()

    def _dispatch(self, engine: Engine, listener: Listener, interrupts: Interrupts) -> None:
        request, report = self._request, self._report
        job = Job(
            out=os.path.abspath(request.out),
            config=request.config,
            config_id=request.config.config_id,
            checksum=request.rerun.checksum,
            durability=request.durability,
            limits=request.limits,
        )
        space = expected_space(job, self._to_do, engine, until_s=self._until_s)
        report.expected_audio_s = space.audio_s
        if not space.fits:
            listener.warned(space.sentence())
        flush = request.durability != "none"
        if not flush:
            mark_unflushed(request.out)
        conditions = Conditions(request.limits, decoder=request.config.audio.decoder)
        with Journal(request.out, flush=flush, index=self._history.journal) as journal:
            dispatcher = Dispatcher(
                engine,
                job,
                record=lambda rows: journal.add(rows=conditions.record(rows)),
                note=self._note_ffmpeg,
                report=report,
                limit=request.limit,
                listener=listener,
                until_s=self._until_s,
            )
            try:
                batches = self._batches(job, journal, engine)
                self._warn_of_abandoned(listener)
                dispatcher.run(batches, interrupts)
            finally:
                engine.stop()  # no worker may change OUT once the manifest is written
                if report.lost_batches:
                    remove_leftovers(request.out)
                journal.check_there()
                remove_leftovers(own_folder(request.out), deep=False)  # from workers that outlived a killed run
                merge_journal(self._history, self._plan, complete=report.left == 0)

    def _write_config(self) -> None:
        versions = self._versions | joined(self._ffmpeg)
        write_file(os.path.join(self._request.out, CONFIG_FILE), [_config_text(self._request, versions)])

    def _note_ffmpeg(self, tally: Tally) -> None:
        """Record versions of ffmpeg in melcli.yaml, before the first row that was made with them."""
        if not tally.ffmpeg_versions <= self._ffmpeg:
            self._ffmpeg |= tally.ffmpeg_versions
            self._write_config()

    def _batches(self, job: Job, journal: Journal, engine: Engine) -> Iterator[Batch]:
        """Divide the items into batches.  The journal contains the plan of all shards before the first batch."""
        to_do, history, config = self._to_do, self._history, self._request.config
        if config.output.format == "npy":
            max_items = 1 if self._request.durability == "file" else MAX_BATCH_ITEMS
            return small_batches(to_do, self._request.workers, max_items=max_items)
        in_use = history.numbers_in_use()
        known = reusable_shards(to_do, history.shards, in_use)
        to_do.measure(stored_bytes(job, to_do, engine, until_s=self._until_s))
        new = plan_shards(
            to_do,
            config.output.shard_mb * 1_000_000,
            history.next_shard(in_use),
            config_id=config.config_id,
            shard_mb=config.output.shard_mb,
        )
        journal.add(shards=new)
        self._abandoned -= {shard.number for shard in new}
        return shard_batches(to_do, [*known, *new])

    def _remove_stale_rows(self) -> None:
        """Remove the rows of stale items from manifest and journal, since their files may change from now on.

        A plan of shards is dropped too if this run cannot use it: it has another config or size, or the run recomputes
        everything.  The old plan is removed on the disk before a new one is written.  Otherwise a later run could use
        the old plan again and overwrite shards of the new one.
        """
        config, history, unmade = self._request.config, self._history, self._history.unmade()
        stale = self._plan.counts()["*"]
        fitting = [s for s in unmade if s.fits(config_id=config.config_id, shard_mb=config.output.shard_mb)]
        if not stale and fitting == unmade:
            return
        self._abandoned = {shard.number for shard in unmade if shard not in fitting}
        if len(history.journal) or has_manifest(self._request.out):  # a new OUT gets no manifest yet
            is_stale = self._plan.stale()
            history.write_manifest(lambda item_id: not is_stale(item_id))
        restart_journal(self._request.out, () if stale and self._request.rerun.overwrite else fitting)
        self._history = read_history(self._request.out, history.journal.scratch)
        self._history.in_order = history.in_order

    def _warn_of_kernels(self, versions: Mapping[str, str], listener: Listener) -> None:
        """Warn if OUT contains outputs of another kernel, which rounds differently in the last bits."""
        if not self._report.unchanged:
            return
        try:
            made_by = read_stored_config(self._request.out).versions
        except ConfigError:  # it is missing, or this run replaces it
            return
        others = other_kernels(made_by, versions)
        if others:
            changes = printable("; ".join(others))
            listener.warned(f"outputs in OUT were made with {changes}: the last bits of new outputs may differ")

    def _warn_of_abandoned(self, listener: Listener) -> None:
        """Warn about the files of a dropped plan, which are kept although no row lists them."""
        names = sorted(name for name in map(shard_name, self._abandoned) if self._is_in_out(name))
        if names:
            more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            listener.warned(
                f"no row lists {names[0]}{more}: an interrupted run planned it with another config or shard_mb"
            )

    def _is_in_out(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self._request.out, name))


def _config_text(request: Request, versions: Mapping[str, str]) -> bytes:
    """Return the text of melcli.yaml: the config, and the workers' versions of the libraries that compute."""
    made_by = {"config_id": request.config.config_id, "melcli": __version__, **versions}
    return request.config.to_yaml(made_by).encode()


def write_config(request: Request) -> None:
    """Write melcli.yaml of an OUT where only this file is missing."""
    from melcli.run.engines.local import LocalEngine

    engine = LocalEngine(1, folder=own_folder(request.out), imports=("melcli.run.process_batch",))
    try:
        write_file(os.path.join(request.out, CONFIG_FILE), [_config_text(request, ask_versions(engine))])
    finally:
        engine.stop()


def merge_journal(history: History, plan: Plan, *, complete: bool) -> None:
    """Merge the journal's rows and new columns into the manifest; remove the journal if the run is complete."""
    history.write_manifest(new_columns=plan.new_columns())
    if complete:
        remove_journal(history.out)
