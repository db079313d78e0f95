"""Compute the statistics of OUTs: divide their items into tasks, and fold the results in a fixed order.

Items are sorted by id and divided into tasks of `ITEMS_PER_TASK`.  A task folds its items in order, and this module
folds the tasks in order.  So the result does not depend on the number of workers, or on the order in which they finish,
or on how the items are divided among OUTs, files and shards.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

from melcli.byte_order import byte_order
from melcli.config.config import Config
from melcli.config.stored import StoredConfig, read_stored_config
from melcli.errors import ConfigError, NoInput, StorageError, WorkersFailing
from melcli.printable import printable
from melcli.run.engines.contract import BatchTimedOut, Engine
from melcli.run.interrupts import Interrupts
from melcli.run.isolation import Culprit, InFlight
from melcli.run.stats.differences import different_configs
from melcli.run.stats.member import Member
from melcli.run.stats.tasks import Measured, MeasureTask
from melcli.store.rows import OkRow

if TYPE_CHECKING:
    from melcli.stats.moments import Moments
    from melcli.stats.statistics import Statistics
    from melcli.store.reader import Features

__all__ = ["StatsRequest", "compute_statistics"]

ITEMS_PER_TASK = 64
Pairs = Sequence[tuple["str | None", "Moments"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRequest:
    """What to compute.

    Attributes
    ----------
    outs : sequence of str
        OUTs of one config.
    saved : sequence of str
        Files of earlier statistics, in .npz, that are added.
    by : str or None
        The carried column whose values name the groups.
    workers : int
        Number of worker processes.
    """

    outs: Sequence[str]
    saved: Sequence[str] = ()
    by: str | None = None
    workers: int = 1


def compute_statistics(request: StatsRequest) -> Statistics:
    """Read all items once.

    Raises
    ------
    ConfigError
        An OUT does not exist or is given twice, their configs differ, or an item or a file does not have the column.
    NoInput
        There is no item, or no frame.
    StorageError
        An item cannot be read; statistics without it would be wrong.
    WorkersFailing
        Workers crash on every task.
    """
    from melcli.run.stats.saved import read_saved
    from melcli.store.reader import open_features

    stored = _config_of(request.outs) if request.outs else None
    config, config_id, pairs = read_saved(request.saved, request.by, stored, next(iter(request.outs), ""))
    with Interrupts(), ExitStack() as opened:
        every = [opened.enter_context(closing(open_features(out))) for out in request.outs]
        for out, features in zip(request.outs, every, strict=True):
            _refuse_doubled(out, features)
        num_items = sum(map(len, every))
        if not num_items and not pairs:
            raise NoInput(f"{_names(request.outs)} contains no finished item")
        groups = _measure(request, config, every, num_items) if num_items else {}
    return _statistics(request, (config, config_id), _added(groups, pairs), every)


def _config_of(outs: Sequence[str]) -> StoredConfig:
    """Return the config that all OUTs have."""
    if len({os.path.realpath(out) for out in outs}) < len(outs):
        raise ConfigError(f"an OUT is given twice: {_names(outs)}")
    for out in outs:
        if not os.path.isdir(out):
            raise ConfigError(
                f"{printable(out) or repr(out)} is not a folder", hint="name the folder that melcli extract wrote"
            )
    first, *others = map(read_stored_config, outs)
    for out, other in zip(outs[1:], others, strict=True):
        if other.config_id != first.config_id:
            raise different_configs(outs[0], first.config, out, other.config)
    return first


def _refuse_doubled(out: str, features: Features) -> None:
    doubled = sorted(getattr(features.rows, "doubled", ()))
    if doubled:
        raise StorageError(f"{printable(out)}: {doubled[0]!r} is in the manifest more than once")


def _measure(
    request: StatsRequest, config: Config, every: Sequence[Features], num_items: int
) -> dict[str | None, Moments]:
    from melcli.run.engines.local import LocalEngine

    num_tasks = -(-num_items // ITEMS_PER_TASK)
    engine = LocalEngine(min(request.workers, num_tasks), imports=("melcli.run.stats.measure_items",))
    try:
        return _folded(_results(engine, _tasks(request, config, every)))
    finally:
        engine.stop()


def _tasks(request: StatsRequest, config: Config, every: Sequence[Features]) -> Iterator[MeasureTask]:
    members = _members(request, every)
    number = 0
    while some := tuple(islice(members, ITEMS_PER_TASK)):
        yield MeasureTask(config=config, number=number, members=some, num_members=len(some))
        number += 1


def _members(request: StatsRequest, every: Sequence[Features]) -> Iterator[Member]:
    """Yield the items of all OUTs, sorted by id; equal ids by content, whatever the order of the OUTs."""
    outs = [os.path.abspath(out) for out in request.outs]
    ids = heapq.merge(*(_ids(features, index) for index, features in enumerate(every)))
    for _, same in groupby(ids, key=lambda entry: entry[0]):
        rows = [(every[index].rows[item_id], outs[index]) for _, index, item_id in same]
        if len(rows) > 1:
            rows.sort(key=lambda pair: _content(pair[0]))
        for row, out in rows:
            yield Member(out=out, row=row, group=None if request.by is None else _group(row, request.by, out))


def _content(row: OkRow) -> tuple[str, int, int, float]:
    return row.crc32, row.num_frames, row.valid_frames or 0, row.duration or 0.0


def _ids(features: Features, index: int) -> Iterator[tuple[bytes, int, str]]:
    return ((byte_order(item_id), index, item_id) for item_id in features.rows)


def _group(row: OkRow, by: str, out: str) -> str:
    """Return the value of a column."""
    name = row.group(by)
    if name is None:
        columns = row.columns or {}
        known = f"its columns are {', '.join(map(printable, columns))}" if columns else "it has no columns"
        raise ConfigError(
            f"{printable(out)}: {printable(row.id)} has no value in the column {printable(repr(by))}; {known}",
            hint="melcli extract --table carries the columns of a table along" if not columns else "",
        )
    return name


def _results(engine: Engine, tasks: Iterator[MeasureTask]) -> Iterator[Measured]:
    in_flight: InFlight[MeasureTask] = InFlight(engine, tasks)
    for found in in_flight.results():
        if not isinstance(found, Culprit):
            yield found.result
            continue
        effect = "took too long" if isinstance(found.error, BatchTimedOut) else f"crashed its worker ({found.error})"
        if not found.error.is_evidence:
            raise WorkersFailing(f"features cannot be read: reading them {effect} each time") from found.error
        member = found.task.members[0]
        raise StorageError(
            f"{printable(member.out)}: reading {member.row.id!r} {effect}",
            hint="melcli verify --read-data --repair, and extract again",
        ) from found.error


def _folded(results: Iterable[Measured]) -> dict[str | None, Moments]:
    """Fold the results in the order of the tasks, as they become complete; only those out of order are kept."""
    from melcli.stats.moments import fold

    groups: dict[str | None, Moments] = {}
    waiting: dict[int, list[Measured]] = defaultdict(list)
    number = 0
    for measured in results:
        waiting[measured.number].append(measured)
        while number in waiting and sum(part.num_members for part in waiting[number]) == waiting[number][0].size:
            parts = sorted(waiting.pop(number), key=lambda part: part.first)
            task = fold(pair for part in parts for pair in part.pairs)
            groups = fold([*groups.items(), *task.items()])
            number += 1
    return groups


def _added(groups: dict[str | None, Moments], pairs: Pairs) -> dict[str | None, Moments]:
    if not pairs:
        return groups
    from melcli.stats.moments import fold

    return fold([*groups.items(), *pairs])


def _statistics(
    request: StatsRequest, made_with: tuple[Config, str], groups: dict[str | None, Moments], every: Sequence[Features]
) -> Statistics:
    from melcli.stats.statistics import Statistics

    config, config_id = made_with
    total = groups.pop(None)
    if not total.frames:
        raise NoInput(f"{_names(request.outs)} contains no frame of signal")
    named = {name: moments for name, moments in groups.items() if name is not None}
    return Statistics(
        config=config,
        config_id=config_id,
        total=total,
        by=request.by,
        groups={name: named[name] for name in sorted(named, key=byte_order)},
        num_other_config=sum(features.num_other_config for features in every),
    )


def _names(outs: Sequence[str]) -> str:
    return ", ".join(map(printable, outs))
