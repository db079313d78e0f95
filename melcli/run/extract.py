"""One run of ``melcli extract``: find, plan, drive, and leave the truth behind."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field

from melcli.config.resolve import Config, resolve_config
from melcli.errors import ConfigError, NoInput, WorkersFailing
from melcli.printable import printable
from melcli.run.batches import Batch, longest_first, plan_shards, planned_before, small_batches
from melcli.run.calls import library_versions
from melcli.run.drive import Drive
from melcli.run.engines.contract import BatchLost, Engine, result_of
from melcli.run.interrupts import Interrupted, Interrupts
from melcli.run.job import Job
from melcli.run.plan import Plan, Rerun, make_plan
from melcli.run.report import FailureLimit, Listener, Report
from melcli.run.sizes import stored_bytes
from melcli.sources.content import hash_content
from melcli.sources.inputs import find_items
from melcli.sources.items import Found
from melcli.sources.options import SourceOptions
from melcli.store.files import remove_leftovers, write_file
from melcli.store.history import History, read_history
from melcli.store.journal import Journal, remove_journal
from melcli.store.layout import CONFIG_FILE, refuse_names
from melcli.store.lock import hold_output
from melcli.store.manifest import has_manifest
from melcli.store.placement import StoredFiles
from melcli.version import __version__

__all__ = ["Request", "Survey", "extract", "survey"]

STARTING_S = 120  # that a worker may take to import what it needs, from a slow network disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks of one run.

    Attributes
    ----------
    inputs, listed : sequence of str
        INPUTs of the command line and paths of a list.
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
    allow_empty : bool
        Whether nothing to do at all is no error.
    """

    inputs: Sequence[str]
    out: str
    listed: Sequence[str] = ()
    config: Config = field(default_factory=Config)
    sources: SourceOptions = field(default_factory=SourceOptions)
    rerun: Rerun = field(default_factory=Rerun)
    workers: int = 1
    limit: FailureLimit = field(default_factory=FailureLimit)
    allow_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a run would do."""

    found: Found
    plan: Plan
    history: History


def survey(request: Request) -> Survey:
    """Find the inputs and plan, without writing anything.

    Raises
    ------
    ConfigError
        OUT was made with another config, or two inputs share a name.
    NoInput
        There is nothing to work on.
    """
    return _plan(request, _find(request))


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
        surveyed = _plan(request, found)
        if surveyed.history.interrupted:
            remove_leftovers(request.out)
        report = _report(request, surveyed, started_s)
        listener.planned(report)
        if surveyed.plan.to_do:
            work = _Work(request, surveyed, report)
            del found, surveyed  # of what was found only the work that is left is kept in memory
            work.do(listener, interrupts)
        elif surveyed.history.interrupted or not has_manifest(request.out):
            _conclude(request, complete=True)
        report.tick()
    return report


def _find(request: Request) -> Found:
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the working folder is gone: {error.strerror}") from error
    found = find_items(request.inputs, options=request.sources, listed=request.listed, out=request.out)
    if not found.items and not request.allow_empty:
        account = f"; {found.account}" if found.account else ""
        raise NoInput(f"no audio file matched{account}")
    suffix = ".ch00" if request.config.audio.channels == "each" else ""
    refuse_names((item.id + suffix for item in found.items), request.config.output.format)
    return found


def _plan(request: Request, found: Found) -> Survey:
    history = read_history(request.out)
    if not request.rerun.overwrite:
        _refuse_other_config(request, history)
    plan = make_plan(
        found.items,
        history.rows(),
        config_id=request.config.config_id,
        stored=StoredFiles(request.out, request.config.output.format),
        rerun=request.rerun,
        hash_content=hash_content,
    )
    return Survey(found=found, plan=plan, history=history)


def _refuse_other_config(request: Request, history: History) -> None:
    path = os.path.join(request.out, CONFIG_FILE)
    if not os.path.exists(path) or not (has_manifest(request.out) or history.journal_rows):
        return
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


class _Work:
    """What is to be done: it is done, and the manifest written, whatever stops it but a kill."""

    def __init__(self, request: Request, surveyed: Survey, report: Report) -> None:
        self._request = request
        self._report = report
        self._to_do = surveyed.plan.to_do
        self._history = surveyed.history
        self._stale = {item_id for item_id, sign in surveyed.plan.signs.items() if sign == "*"}

    def do(self, listener: Listener, interrupts: Interrupts) -> None:
        """Do it all; see `extract`."""
        from melcli.run.engines.local import LocalEngine  # 0.1 s that a run with nothing to do is spared

        imports = ["h5py"] if self._request.config.output.format == "hdf5" else []
        engine = LocalEngine(min(self._request.workers, self._report.to_do), imports=imports)
        try:
            _start(engine, interrupts)
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
        )
        with Journal(request.out) as journal:
            drive = Drive(
                engine,
                job,
                record=lambda rows: journal.add(rows=rows),
                report=report,
                limit=request.limit,
                listener=listener,
            )
            try:
                drive.run(self._batches(history, job, journal, engine), interrupts)
            finally:
                engine.stop()  # before the truth is written no worker may be left that could change it
                if report.lost_batches:
                    remove_leftovers(request.out)
                _conclude(request, complete=report.left == 0)

    def _batches(self, history: History, job: Job, journal: Journal, engine: Engine) -> list[Batch]:
        """Cut the work into batches; shards are planned up front and written to the journal before the first one."""
        to_do, self._to_do = self._to_do, []
        if self._request.config.output.format == "npy":
            return list(small_batches(to_do, self._request.workers))
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


def _start(engine: Engine, interrupts: Interrupts) -> None:
    # A worker that is on its way while its engine is taken down would complain on the terminal.
    try:
        with interrupts.deferred(lambda: None):
            engine.start()
    finally:  # also where the same signal ended the workers
        if interrupts.number is not None:
            raise Interrupted(interrupts.number)


def _forget_stale(request: Request, history: History, stale: Set[str]) -> History:
    """Take the rows of what will be made anew out of OUT's books, since from now on their files may change.

    The plan of an interrupted run stays, but not where everything is made anew: its shards may be spoken of.
    """
    if not stale:
        return history
    history.write_manifest(lambda item_id: item_id not in stale)
    remove_journal(request.out)
    if history.shards and not request.rerun.overwrite:
        with Journal(request.out) as journal:
            journal.add(shards=history.shards)
    return read_history(request.out)


def _config_text(request: Request, engine: Engine) -> str:
    """Return the config with the versions of what makes the numbers, as the workers have them."""
    future = engine.submit(library_versions, None, timeout_s=STARTING_S)
    try:
        versions = result_of(future, engine)
    except (BatchLost, ImportError) as error:
        raise WorkersFailing(f"the workers cannot work: {error or type(error).__name__}") from error
    return request.config.to_yaml({"config_id": request.config.config_id, "melcli": __version__, **versions})


def _conclude(request: Request, *, complete: bool) -> None:
    """Bring the journal's rows into the manifest; a journal that a later run has to go on from stays."""
    read_history(request.out).write_manifest()
    if complete:
        remove_journal(request.out)
