"""The checks of ``melcli verify``, in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from melcli.audio.ffmpeg.program import program
from melcli.byte_order import byte_order
from melcli.config.stored import StoredConfig, read_stored_config
from melcli.errors import ConfigError, StorageError
from melcli.printable import printable
from melcli.run.engines.contract import Engine
from melcli.run.ffmpeg_versions import FFMPEG
from melcli.run.interrupts import Interrupts
from melcli.run.verify.make_tasks import Outputs, make_check_tasks, make_recompute_tasks
from melcli.run.verify.repair import repair
from melcli.run.verify.report import VerifyReport
from melcli.run.verify.request import VerifyRequest
from melcli.run.verify.run_tasks import run_tasks
from melcli.run.verify.sampling import choose_items
from melcli.run.verify.tasks import CheckTask, RecomputeTask
from melcli.run.versions import ask_versions, other_kernels, other_versions
from melcli.scratch import Scratch
from melcli.store.damage import Damage
from melcli.store.durability import clear_unflushed_mark, has_unflushed_outputs
from melcli.store.layout import CONFIG_FILE, MANIFEST_FILE, journal_path
from melcli.store.lock import lock_output
from melcli.store.recovery import read_records
from melcli.store.untracked import find_untracked
from melcli.version import __version__

__all__ = ["verify", "verify_locked"]


def verify(request: VerifyRequest, on_damage: Callable[[Damage], None]) -> VerifyReport:
    """Verify OUT; without ``repair`` nothing in it changes.

    Parameters
    ----------
    request : VerifyRequest
    on_damage : callable
        Receives each damage when it is found.

    Raises
    ------
    ConfigError
        OUT does not exist, or is not an OUT.
    OutputBusy
        Another melcli has locked OUT.
    StorageError
        OUT cannot be read, or is to be repaired and cannot be written.
    WorkersFailing
        Workers crash on every task.
    """
    started_s = time.monotonic()
    _refuse_no_output(request.out)
    report = VerifyReport(out=request.out)
    with Interrupts(), ExitStack() as stack:
        try:
            stack.enter_context(lock_output(request.out))
        except StorageError:
            if request.repair:
                raise
            report.locked = False
        verify_locked(report, request, on_damage)
    report.elapsed_s = time.monotonic() - started_s
    return report


def verify_locked(report: VerifyReport, request: VerifyRequest, on_damage: Callable[[Damage], None]) -> None:
    """Verify OUT like `verify`, for a caller that has locked OUT and handles signals."""
    report.unflushed_after_reboot = has_unflushed_outputs(request.out)
    report.read_all = request.read_percent >= 100
    with Scratch() as scratch:
        audit = _Audit(request, report, on_damage, scratch)
        audit.check_rows()
        audit.find_untracked()
        if report.num_ok:
            audit.check_outputs()
        report.damages.sort(key=lambda damage: (damage.id is not None, byte_order(damage.id or ""), damage.path))
        if request.repair:
            report.repairs = repair(audit.books, report.damages)
    if request.repair and report.unflushed_after_reboot and report.read_all:
        clear_unflushed_mark(request.out)


def _refuse_no_output(out: str) -> None:
    if not os.path.isdir(out):
        raise ConfigError(
            f"{printable(out) or repr(out)} is not a folder", hint="name the folder that melcli extract wrote"
        )
    records = (os.path.join(out, MANIFEST_FILE), os.path.join(out, CONFIG_FILE), journal_path(out))
    if not any(map(os.path.lexists, records)):
        raise ConfigError(
            f"{printable(out)} contains no {MANIFEST_FILE}", hint="name the folder that melcli extract wrote"
        )


class _Audit:
    """One check of OUT; `verify_locked` calls the methods in their order.

    Attributes
    ----------
    books : Records
        The rows of manifest and journal.
    """

    def __init__(
        self, request: VerifyRequest, report: VerifyReport, on_damage: Callable[[Damage], None], scratch: Scratch
    ) -> None:
        self._request = request
        self._report = report
        self._on_damage = on_damage
        self._scratch = scratch
        self._paths = scratch.table("paths", "(path BLOB PRIMARY KEY) WITHOUT ROWID")  # files that rows list
        self._outputs = Outputs()
        self.books = read_records(request.out, scratch)
        self._config: StoredConfig | None = None

    def check_rows(self) -> None:
        """Check manifest, journal, list of failures and config, and count the rows."""
        report = self._report
        report.interrupted = self.books.history.interrupted
        for damage in self.books.damages:
            self._add_damage(damage)
        current_id = self._read_config()
        paths = ((byte_order(path),) for path in self._count_rows(current_id))
        self._scratch.insert(f"INSERT OR IGNORE INTO {self._paths} VALUES (?)", paths)
        if report.num_ok and len(report.other_config) == report.num_ok:
            message = f"no output was made with its config_id {current_id}"
            self._add_damage(Damage(kind="config", path=CONFIG_FILE, message=message))

    def _read_config(self) -> str | None:
        """Read melcli.yaml and return its config_id; None if it is damaged."""
        try:
            self._config = read_stored_config(self._request.out)
        except ConfigError as error:
            self._add_damage(Damage(kind="config", path=CONFIG_FILE, message=str(error)))
            return None
        return self._config.config_id

    def _count_rows(self, current_id: str | None) -> Iterator[str]:
        """Count the rows, and yield the files that they list."""
        report = self._report
        for ref in self.books.refs():
            row = self.books.row(ref)
            if row.status == "failed":
                report.num_failed += 1
                continue
            report.num_ok += 1
            if current_id is not None and row.config_id != current_id:
                report.other_config.append(row.id)
            self._outputs.add(ref, row)
            yield row.path

    def find_untracked(self) -> None:
        """Find files that no row lists."""
        report = self._report
        report.untracked = list(find_untracked(self._request.out, self._is_listed))
        no_rows = not self.books.has_manifest or not report.num_ok + report.num_failed
        if no_rows and not report.interrupted and report.untracked_paths("unknown"):
            state = "empty" if self.books.has_manifest else "missing"
            message = f"it is {state}, but OUT contains outputs"
            self._add_damage(Damage(kind="manifest", path=MANIFEST_FILE, message=message))

    def _is_listed(self, path: str) -> bool:
        return bool(self._scratch.one(f"SELECT 1 FROM {self._paths} WHERE path = ?", (byte_order(path),)))

    def check_outputs(self) -> None:
        """Check every output in workers, read the numbers of a sample, and recompute a sample."""
        from melcli.run.engines.local import WARM_MODULE, LocalEngine

        request = self._request
        num_tasks = max(self._outputs.num_tasks, request.workers if request.recompute_percent else 1)
        imports = ["melcli.store.output_checks"]
        imports += ["h5py"] if self._outputs.shards else []
        imports += [WARM_MODULE] if request.recompute_percent else []
        engine = LocalEngine(min(request.workers, num_tasks), imports=imports)
        try:
            is_read = self._sample(request.read_percent)
            self._run(engine, make_check_tasks(self.books, self._outputs, config=self._config, is_read=is_read))
            if request.recompute_percent:
                self._recompute(engine)
        finally:
            engine.stop()

    def _recompute(self, engine: Engine) -> None:
        versions = {"melcli": __version__, **ask_versions(engine)}
        if self._config is None:
            return
        if FFMPEG in self._config.versions:
            found = program()
            versions[FFMPEG] = "none" if found is None else found.version
        report = self._report
        report.other_versions = other_versions(self._config.versions, versions)
        report.other_kernel = bool(other_kernels(self._config.versions, versions))
        is_sampled = self._sample(self._request.recompute_percent)
        damaged = {damage.item_id for damage in report.damages}

        def skip() -> None:
            report.num_not_comparable += 1

        tasks = make_recompute_tasks(
            self.books,
            config=self._config,
            is_chosen=lambda item_id: item_id not in damaged and is_sampled(item_id),
            skip=skip,
        )
        self._run(engine, tasks)

    def _sample(self, percent: float) -> Callable[[str], bool]:
        item_ids = (self.books.row(ref).item_id for ref in self.books.refs())
        return choose_items(item_ids, percent, self._scratch)

    def _run(self, engine: Engine, tasks: Iterable[CheckTask] | Iterable[RecomputeTask]) -> None:
        for result in run_tasks(engine, tasks):
            self._report.add(result)
            for damage in result.damages:
                self._add_damage(damage)

    def _add_damage(self, damage: Damage) -> None:
        self._report.damages.append(damage)
        self._on_damage(damage)
