"""One run of ``melcli extract``: find, plan, drive, and leave the truth behind."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from melcli.config.resolve import Config, resolve_config
from melcli.errors import ConfigError, NoInput, WorkersFailing
from melcli.mel.geometry import count_output_frames
from melcli.printable import printable
from melcli.run.batches import Batch, longest_first, plan_shards, planned_before, small_batches
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.interrupts import Interrupted, Interrupts
from melcli.run.plan import Plan, Rerun, make_plan
from melcli.run.report import FailureLimit, Listener, Report
from melcli.sources.content import hash_content
from melcli.sources.inputs import find_items
from melcli.sources.items import Found, Item
from melcli.sources.options import SourceOptions
from melcli.store.files import remove_leftovers, write_file
from melcli.store.history import History, read_history
from melcli.store.journal import Journal, remove_journal
from melcli.store.layout import CONFIG_FILE, refuse_names
from melcli.store.lock import hold_output
from melcli.store.manifest import has_manifest, write_manifest
from melcli.store.placement import StoredFiles
from melcli.version import __version__

if TYPE_CHECKING:
    from melcli.run.batch import Job

__all__ = ["Request", "Survey", "extract", "survey"]


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
    with Interrupts() as interrupts:
        found = _find(request)
        listener.found(found)
        with hold_output(request.out):
            surveyed = _plan(request, found)
            if surveyed.history.interrupted:
                remove_leftovers(request.out)
            report = _report(request, surveyed, started_s)
            listener.planned(report)
            if surveyed.plan.to_do:
                _work(request, surveyed, report, listener, interrupts)
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


def _work(request: Request, surveyed: Survey, report: Report, listener: Listener, interrupts: Interrupts) -> None:
    """Do what is to be done, and write the manifest whatever stops it but a kill."""
    from melcli.run.engines.local import LocalEngine  # 0.1 s that a run with nothing to do is spared

    engine = LocalEngine(min(request.workers, report.to_do))
    try:
        try:
            from melcli.run.batch import Job
            from melcli.run.drive import Drive
        except ImportError as error:
            raise WorkersFailing(f"a dependency cannot be imported: {error}") from error

        # A worker that is on its way while its engine is taken down would complain on the terminal.
        try:
            with interrupts.deferred(lambda: None):
                engine.start()
        finally:  # also where the same signal ended the workers
            if interrupts.number is not None:
                raise Interrupted(interrupts.number)

        history = _forget_stale(request, surveyed)
        with Journal(request.out) as journal:
            _write_config(request)
            job = Job(
                out=os.path.abspath(request.out),
                config=request.config,
                config_id=request.config.config_id,
                checksum=request.rerun.checksum,
            )
            drive = Drive(
                engine,
                job,
                record=lambda rows: journal.add(rows=rows),
                report=report,
                limit=request.limit,
                listener=listener,
            )
            try:
                batches = _batches(request, surveyed.plan.to_do, history, job, journal, engine)
                drive.run(batches, interrupts)
            finally:
                engine.stop()  # before the truth is written no worker may be left that could change it
                if report.lost_batches:
                    remove_leftovers(request.out)
                _conclude(request, complete=report.left == 0)
    finally:
        engine.stop()


def _forget_stale(request: Request, surveyed: Survey) -> History:
    """Take the rows of what will be made anew out of OUT's books, since from now on their files may change.

    The plan of an interrupted run stays, but not where everything is made anew: its shards may be spoken of.
    """
    signs, history = surveyed.plan.signs, surveyed.history
    if "*" not in signs.values():
        return history
    write_manifest(request.out, (row for row in history.rows() if signs[row.item_id] != "*"))
    remove_journal(request.out)
    if history.shards and not request.rerun.overwrite:
        with Journal(request.out) as journal:
            journal.add(shards=history.shards)
    return read_history(request.out)


def _batches(
    request: Request, to_do: Sequence[Item], history: History, job: Job, journal: Journal, engine: Engine
) -> list[Batch]:
    """Cut the work into batches; shards are planned up front and written to the journal before the first one."""
    if request.config.output.format == "npy":
        return list(small_batches(to_do, request.workers))
    known = planned_before(to_do, history.shards)
    placed = {item.id for batch in known for item in batch.items}
    rest = [item for item in to_do if item.id not in placed]
    fresh = plan_shards(
        rest,
        _stored_bytes(request, job, rest, engine),
        request.config.output.shard_mb * 1_000_000,
        history.next_shard(),
    )
    journal.add(shards=[batch.shard for batch in fresh if batch.shard is not None])
    return longest_first([*known, *fresh])


def _stored_bytes(request: Request, job: Job, items: Sequence[Item], engine: Engine) -> dict[str, int]:
    """Measure items by their headers, in the workers, and tell how many bytes their features will take."""
    from melcli.run.batch import measure_batch

    features, output = request.config.features, request.config.output
    frame_bytes = features.num_features * int(output.dtype.removeprefix("float")) // 8
    batches = list(small_batches(items, request.workers))
    futures = [engine.submit(measure_batch, (job, batch), timeout_s=batch.timeout_s) for batch in batches]
    sizes = dict.fromkeys((item.id for item in items), 0)
    for future in futures:
        with suppress(BatchLost):  # its items fail when they are extracted; until then they count for nothing
            for one in future.result():
                frames = count_output_frames(round(one.duration_s * features.sampling_rate), features)
                sizes[one.id] = frames * frame_bytes * one.num_outputs
    return sizes


def _write_config(request: Request) -> None:
    from melcli.audio.decode import libsndfile_version

    made_by = {
        "config_id": request.config.config_id,
        "melcli": __version__,
        **{package: version(package) for package in ("numpy", "scipy", "soxr")},
        "libsndfile": libsndfile_version(),
    }
    text = request.config.to_yaml(made_by)
    write_file(os.path.join(request.out, CONFIG_FILE), [text.encode()])


def _conclude(request: Request, *, complete: bool) -> None:
    """Bring the journal's rows into the manifest; a journal that a later run has to go on from stays."""
    write_manifest(request.out, read_history(request.out).rows())
    if complete:
        remove_journal(request.out)
