"""Divide the rows of OUT into tasks for the workers of ``melcli verify``."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter

from melcli.byte_order import byte_order
from melcli.config.stored import StoredConfig
from melcli.run.job import Job
from melcli.run.verify.tasks import CheckTask, RecomputeTask
from melcli.sources.items import Item
from melcli.store.recovery import Records
from melcli.store.rows import OkRow

__all__ = ["Outputs", "make_check_tasks", "make_recompute_tasks"]

ROWS_PER_TASK = 256
ITEMS_PER_RECOMPUTE = 16


@dataclass(slots=True)
class Outputs:
    """References to the rows with an output, by the file of the output.

    Attributes
    ----------
    shards : dict of str to array of int
        By the path of each shard, its rows.
    files : array of int
        The rows whose output is a file of its own.
    """

    shards: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    files: array[int] = field(default_factory=lambda: array("q"))

    def add(self, ref: int, row: OkRow) -> None:
        """Add the reference of a row."""
        (self.files if row.start is None else self.shards[row.path]).append(ref)

    @property
    def num_tasks(self) -> int:
        """The number of tasks that check all outputs."""
        return len(self.shards) + -(-len(self.files) // ROWS_PER_TASK)

    def groups(self) -> Iterator[tuple[str | None, array[int]]]:
        """Yield the rows of each task, with the path of their shard."""
        yield from self.shards.items()
        for start in range(0, len(self.files), ROWS_PER_TASK):
            yield None, self.files[start : start + ROWS_PER_TASK]


def make_check_tasks(
    books: Records, outputs: Outputs, *, config: StoredConfig | None, is_read: Callable[[str], bool]
) -> Iterator[CheckTask]:
    """Yield tasks that check every output.

    Parameters
    ----------
    books : Records
        The rows of OUT.
    outputs : Outputs
    config : StoredConfig or None
        The config in melcli.yaml; None if it is damaged.
    is_read : callable
        Whether the numbers of the item with this id are read.
    """
    for shard, refs in outputs.groups():
        rows = tuple(books.ok_row(ref) for ref in refs)
        has_config = config is not None and all(row.config_id == config.config_id for row in rows)
        yield CheckTask(
            out=os.path.abspath(books.out),
            rows=rows,
            read=tuple(is_read(row.item_id) for row in rows),
            shard=shard,
            time_axis=config.config.features.time_axis if config is not None and has_config else None,
        )


def make_recompute_tasks(
    books: Records, *, config: StoredConfig, is_chosen: Callable[[str], bool], skip: Callable[[], None]
) -> Iterator[RecomputeTask]:
    """Yield tasks that recompute items.

    Parameters
    ----------
    books : Records
        The rows of OUT.
    config : StoredConfig
        The config in melcli.yaml.
    is_chosen : callable
        Whether the item with this id is recomputed.
    skip : callable
        Is called for each chosen item of another config, which is not comparable.
    """
    job = Job(
        out=os.path.abspath(books.out),
        config=config.config,
        config_id=config.config_id,
        scratch=tempfile.gettempdir(),
    )
    groups = _refs_by_item(books, is_chosen)
    while group := list(islice(groups, ITEMS_PER_RECOMPUTE)):
        items = []
        for refs in group:
            rows = tuple(books.ok_row(ref) for ref in refs)
            if any(row.config_id != config.config_id for row in rows):
                skip()
            else:
                items.append((Item.of_row(rows[0]), rows))
        if items:
            yield RecomputeTask(out=os.path.abspath(books.out), job=job, items=tuple(items))


def _refs_by_item(books: Records, is_chosen: Callable[[str], bool]) -> Iterator[list[int]]:
    """Yield the references to the rows of each chosen item, sorted by item."""
    table = books.scratch.table("sample", "(item BLOB, number INTEGER, PRIMARY KEY (item, number)) WITHOUT ROWID")

    def chosen() -> Iterator[tuple[bytes, int]]:
        for ref in books.refs():
            row = books.row(ref)
            if row.status == "ok" and is_chosen(row.item_id):
                yield byte_order(row.item_id), ref

    books.scratch.insert(f"INSERT INTO {table} VALUES (?, ?)", chosen())
    in_order = books.scratch.rows(f"SELECT item, number FROM {table} ORDER BY item, number")
    return ([ref for _, ref in group] for _, group in groupby(in_order, key=itemgetter(0)))
