"""The checks of ``melcli verify``, in order."""

from __future__ import annotations

import math
import os
import tempfile
import time
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from melcli.byte_order import byte_order
from melcli.config.stored import StoredConfig, read_stored_config
from melcli.errors import CHECK_FAILED, ConfigError, StorageError
from melcli.printable import printable
from melcli.run.engines.contract import Engine
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job
from melcli.run.verify.checked import Checked
from melcli.run.verify.repair import Repairs, repair
from melcli.run.verify.run_tasks import results
from melcli.run.verify.tasks import CheckTask, RecomputeTask
from melcli.run.versions import ask_versions, other_kernels, other_versions
from melcli.scratch import Scratch
from melcli.sources.items import Item
from melcli.store.damage import Damage
from melcli.store.durability import forget_unflushed, lost_its_memory
from melcli.store.layout import CONFIG_FILE, MANIFEST_FILE, journal_path
from melcli.store.lock import hold_output
from melcli.store.recovery import read_books
from melcli.store.untracked import Stray, find_strays
from melcli.version import __version__

__all__ = ["Verdict", "VerifyRequest", "examine", "verify"]

ROWS_PER_TASK = 256
ITEMS_PER_RECOMPUTE = 16
SEED = b"melcli verify:"  # of the sample


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What a user asks.

    Attributes
    ----------
    out : str
        OUT.
    read_percent, recompute_percent : float
        Of the items: whose numbers are read, and which are extracted again.
    repair : bool
        Whether damaged items are marked, so that the next run does them again.
    workers : int
        Processes.
    """

    out: str
    read_percent: float = 0.0
    recompute_percent: float = 0.0
    repair: bool = False
    workers: int = 1


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    out : str
        OUT as it was given.
    num_ok, num_failed : int
        Rows of either kind.
    other_config : list of str
        Ids of the items that were made with another config than that of melcli.yaml, whose input the last run did not
        find; they are not served.
    num_read, num_same, num_close, num_changed : int
        See `Checked`.
    damages : list of Damage
        Sorted by id.
    strays : list of Stray
        Files that no row lists; not damage.
    interrupted : bool
        A journal is there: the last run did not come to its end.
    unflushed_after_reboot : bool
        The system was restarted since outputs were written with ``--durability none``: any of them may be truncated.
    read_all : bool
        Whether the numbers of all outputs were to be read, which settles that.
    held : bool
        Whether OUT was held meanwhile, or could not be, since it cannot be written.
    other_versions, other_kernel : bool
        Whether other libraries than these made the numbers, or the same with another BLAS kernel or SIMD level.
    repairs : Repairs or None
        What was repaired.
    elapsed_s : float
        Seconds.
    """

    out: str
    num_ok: int = 0
    num_failed: int = 0
    other_config: list[str] = field(default_factory=list)
    num_read: int = 0
    num_same: int = 0
    num_close: int = 0
    num_changed: int = 0
    damages: list[Damage] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    interrupted: bool = False
    unflushed_after_reboot: bool = False
    read_all: bool = False
    held: bool = True
    other_versions: bool = False
    other_kernel: bool = False
    repairs: Repairs | None = None
    elapsed_s: float = 0.0

    @property
    def num_damaged(self) -> int:
        """Rows whose outputs are damaged."""
        return len({damage.id for damage in self.damages if damage.id is not None})

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        said_no = self.damages or self.other_config or self.compared_nothing or self.unsettled
        return CHECK_FAILED if said_no else 0

    @property
    def unsettled(self) -> bool:
        """Whether outputs may have been truncated by a reboot and not all of them were read."""
        return self.unflushed_after_reboot and not self.read_all

    @property
    def compared_nothing(self) -> bool:
        """Whether items were to be extracted again and none could be."""
        differ = any(damage.kind == "differs" for damage in self.damages)
        return bool(self.num_changed) and not (self.num_same or self.num_close or differ)

    def paths(self, kind: str) -> list[str]:
        """Return the strays of one kind."""
        return [stray.path for stray in self.strays if stray.kind == kind]

    def plain(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "ok": self.num_ok,
            "failed": self.num_failed,
            "damaged": self.num_damaged,
            "kinds": dict(sorted(Counter(damage.kind for damage in self.damages).items())),
            "damages": [damage.plain() for damage in self.damages],
            "unknown": self.paths("unknown"),
            "leftovers": self.paths("leftover"),
            "unlisted": self.paths("unlisted"),
            "other_config": self.other_config,
            "read": self.num_read,
            "recomputed": {"same": self.num_same, "close": self.num_close, "not_comparable": self.num_changed},
            "interrupted": self.interrupted,
            "unflushed_after_reboot": self.unflushed_after_reboot,
            "held": self.held,
            "repaired": None if self.repairs is None else self.repairs.plain(),
            "elapsed_s": round(self.elapsed_s, 3),
            "exit_code": self.exit_code,
            "out": self.out,
        }


def verify(request: VerifyRequest, listener: Callable[[Damage], None]) -> Verdict:
    """Verify OUT; without ``repair`` nothing in it changes.

    Parameters
    ----------
    request : VerifyRequest
    listener : callable
        Is told of every damage when it is found.

    Raises
    ------
    ConfigError
        There is no OUT.
    OutputBusy
        Another melcli holds it.
    StorageError
        It is to be repaired and cannot be written.
    WorkersFailing
        The workers die whatever they are asked.
    """
    started_s = time.monotonic()
    _refuse_no_output(request.out)
    verdict = Verdict(out=request.out)
    with Interrupts(), ExitStack() as held:
        try:
            held.enter_context(hold_output(request.out))
        except StorageError:
            if request.repair:
                raise
            verdict.held = False
        examine(verdict, request, listener)
    verdict.elapsed_s = time.monotonic() - started_s
    return verdict


def examine(verdict: Verdict, request: VerifyRequest, listener: Callable[[Damage], None]) -> None:
    """Do what `verify` does, for a caller who holds OUT and takes the signals."""
    verdict.unflushed_after_reboot = lost_its_memory(request.out)
    verdict.read_all = request.read_percent >= 100
    with Scratch() as scratch:
        audit = _Audit(request, verdict, listener, scratch)
        audit.look_at_books()
        audit.look_for_strays()
        if audit.num_outputs:
            audit.look_at_outputs()
        verdict.damages.sort(key=lambda damage: (damage.id is not None, byte_order(damage.id or ""), damage.path))
        if request.repair:
            verdict.repairs = repair(audit.books, verdict.damages)
    if request.repair and verdict.unflushed_after_reboot and verdict.read_all:
        forget_unflushed(request.out)


def _refuse_no_output(out: str) -> None:
    if not os.path.isdir(out):
        raise ConfigError(
            f"{printable(out) or repr(out)} is not a folder", hint="name the folder that melcli extract wrote"
        )
    books = (os.path.join(out, MANIFEST_FILE), os.path.join(out, CONFIG_FILE), journal_path(out))
    if not any(map(os.path.lexists, books)):
        raise ConfigError(
            f"{printable(out)} holds no {MANIFEST_FILE}", hint="name the folder that melcli extract wrote"
        )


class _Audit:
    """One pass over OUT."""

    def __init__(
        self, request: VerifyRequest, verdict: Verdict, listener: Callable[[Damage], None], scratch: Scratch
    ) -> None:
        self._request = request
        self._scratch = scratch
        self._paths = scratch.table("paths", "(path BLOB PRIMARY KEY) WITHOUT ROWID")  # that rows describe
        self._verdict = verdict
        self._listener = listener
        self._config: StoredConfig | None = None
        self._shards: dict[str, array[int]] = defaultdict(lambda: array("q"))
        self._files = array("q")  # rows that have a file of their own

    @property
    def num_outputs(self) -> int:
        """Rows that have an output."""
        return self._verdict.num_ok

    def look_at_books(self) -> None:
        """Read manifest, journal, list of failures and config."""
        self.books = books = read_books(self._request.out, self._scratch)
        verdict = self._verdict
        verdict.interrupted = books.history.interrupted
        for damage in books.damages:
            self._tell(damage)
        current = self._read_config()
        paths = ((byte_order(path),) for path in self._look_at_rows(current))
        self._scratch.insert(f"INSERT OR IGNORE INTO {self._paths} VALUES (?)", paths)
        if verdict.num_ok and len(verdict.other_config) == verdict.num_ok:
            said = f"no output was made with its config_id {current}"
            self._tell(Damage(kind="config", path=CONFIG_FILE, message=said))

    def _look_at_rows(self, current: str | None) -> Iterator[str]:
        """Count the rows, and yield the files that they describe."""
        verdict = self._verdict
        for ref in self.books.refs():
            row = self.books.row(ref)
            if row.status == "failed":
                verdict.num_failed += 1
                continue
            verdict.num_ok += 1
            if current is not None and row.config_id != current:
                verdict.other_config.append(row.id)
            path = row.path
            yield path
            if row.start is None:
                self._files.append(ref)
            else:
                self._shards[path].append(ref)

    def _read_config(self) -> str | None:
        """Read melcli.yaml and return its config_id; None where it is damaged."""
        try:
            self._config = read_stored_config(self._request.out)
        except ConfigError as error:
            self._tell(Damage(kind="config", path=CONFIG_FILE, message=str(error)))
            return None
        return self._config.config_id

    def look_for_strays(self) -> None:
        """Look for files that no row lists."""
        verdict = self._verdict
        verdict.strays = list(find_strays(self._request.out, self._is_described))
        without_rows = not self.books.has_manifest or not verdict.num_ok + verdict.num_failed
        if without_rows and not verdict.interrupted and verdict.paths("unknown"):
            how = "empty" if self.books.has_manifest else "missing"
            self._tell(Damage(kind="manifest", path=MANIFEST_FILE, message=f"it is {how}, though outputs are there"))

    def _is_described(self, path: str) -> bool:
        return bool(self._scratch.one(f"SELECT 1 FROM {self._paths} WHERE path = ?", (byte_order(path),)))

    def look_at_outputs(self) -> None:
        """Have workers look at every output, read a sample, and extract a sample again."""
        from melcli.run.engines.local import WARM_MODULE, LocalEngine

        imports = ["melcli.store.checks"]
        imports += ["h5py"] if self._shards else []
        imports += [WARM_MODULE] if self._request.recompute_percent else []
        engine = LocalEngine(min(self._request.workers, self._num_tasks()), imports=imports)
        try:
            for checked in results(engine, self._check_tasks()):
                self._take(checked)
            if self._request.recompute_percent:
                self._compare_versions(engine)
                for checked in results(engine, self._recompute_tasks()):
                    self._take(checked)
        finally:
            engine.stop()

    def _num_tasks(self) -> int:
        tasks = len(self._shards) + -(-len(self._files) // ROWS_PER_TASK)
        return max(tasks, self._request.workers if self._request.recompute_percent else 1)

    def _check_tasks(self) -> Iterator[CheckTask]:
        is_read = self._sample(self._request.read_percent)
        features = None if self._config is None else self._config.config.features
        for path, refs in [*self._shards.items(), *((None, part) for part in _parts(self._files))]:
            rows = tuple(self.books.ok_row(ref) for ref in refs)
            same_config = self._config is not None and all(row.config_id == self._config.config_id for row in rows)
            yield CheckTask(
                out=os.path.abspath(self._request.out),
                rows=rows,
                read=tuple(is_read(row.item_id) for row in rows),
                shard=path,
                time_axis=features.time_axis if features is not None and same_config else None,
            )

    def _recompute_tasks(self) -> Iterator[RecomputeTask]:
        """Cut a sample of the items that nothing is wrong with into tasks."""
        if self._config is None:
            return
        is_taken = self._sample(self._request.recompute_percent)
        damaged = {damage.item_id for damage in self._verdict.damages}
        sample = self._scratch.table("sample", "(item BLOB, number INTEGER, PRIMARY KEY (item, number)) WITHOUT ROWID")

        def taken() -> Iterator[tuple[bytes, int]]:
            for ref in self.books.refs():
                row = self.books.row(ref)
                if row.status == "ok" and row.item_id not in damaged and is_taken(row.item_id):
                    yield byte_order(row.item_id), ref

        self._scratch.insert(f"INSERT INTO {sample} VALUES (?, ?)", taken())
        refs_in_order = self._scratch.rows(f"SELECT item, number FROM {sample} ORDER BY item, number")
        job = Job(
            out=os.path.abspath(self._request.out),
            config=self._config.config,
            config_id=self._config.config_id,
            scratch=tempfile.gettempdir(),
        )
        wanted = ([ref for _, ref in group] for _, group in groupby(refs_in_order, key=itemgetter(0)))
        while part := list(islice(wanted, ITEMS_PER_RECOMPUTE)):
            items = []
            for refs in part:
                rows = tuple(self.books.ok_row(ref) for ref in refs)
                if any(row.config_id != self._config.config_id for row in rows):
                    self._verdict.num_changed += 1
                else:
                    items.append((Item.of_row(rows[0]), rows))
            if items:
                yield RecomputeTask(out=os.path.abspath(self._request.out), job=job, items=tuple(items))

    def _sample(self, percent: float) -> Callable[[str], bool]:
        """Choose a percentage of the items, the same ones each time: those whose hash is lowest."""
        if percent >= 100:
            return lambda item_id: True
        if percent <= 0:
            return lambda item_id: False
        hashes = self._scratch.table("hashes", "(hash INTEGER PRIMARY KEY)")
        found = ((_hash(self.books.row(ref).item_id),) for ref in self.books.refs())
        self._scratch.insert(f"INSERT OR IGNORE INTO {hashes} VALUES (?)", found)
        number = math.ceil(self._scratch.one(f"SELECT count(*) FROM {hashes}")[0] * percent / 100)
        highest = self._scratch.one(f"SELECT hash FROM {hashes} ORDER BY hash LIMIT 1 OFFSET ?", (number - 1,))[0]
        return lambda item_id: _hash(item_id) <= highest

    def _compare_versions(self, engine: Engine) -> None:
        now = {"melcli": __version__, **ask_versions(engine)}
        if self._config is not None:
            self._verdict.other_versions = other_versions(self._config.versions, now)
            self._verdict.other_kernel = bool(other_kernels(self._config.versions, now))

    def _take(self, checked: Checked) -> None:
        verdict = self._verdict
        verdict.num_read += checked.num_read
        verdict.num_same += checked.num_same
        verdict.num_close += checked.num_close
        verdict.num_changed += checked.num_changed
        for damage in checked.damages:
            self._tell(damage)

    def _tell(self, damage: Damage) -> None:
        self._verdict.damages.append(damage)
        self._listener(damage)


def _parts(refs: array[int]) -> Iterator[array[int]]:
    for start in range(0, len(refs), ROWS_PER_TASK):
        yield refs[start : start + ROWS_PER_TASK]


def _hash(item_id: str) -> int:
    return zlib.crc32(SEED + item_id.encode("utf-8", "surrogatepass"))
