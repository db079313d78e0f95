"""All that OUT says of earlier runs: the manifest, and over it the journal of a run that did not come to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain

from melcli.store.journal import PlannedShard, read_journal, read_rows
from melcli.store.layout import shard_number
from melcli.store.lines import Line, Lines
from melcli.store.manifest import Row, index_manifest, read_manifest, write_manifest

__all__ = ["History", "read_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What earlier runs left under OUT.

    Attributes
    ----------
    out : str
        OUT.
    interrupted : bool
        A journal is there: the last run was killed or stopped.
    journal_rows : Lines
        The rows of that journal.
    newest : Mapping of str to int
        By item the number of the first row of the journal that counts.
    shards : sequence of PlannedShard
        What that run meant to write.
    """

    out: str
    interrupted: bool
    journal_rows: Lines
    newest: dict[str, int]
    shards: Sequence[PlannedShard]

    def rows(self) -> Iterator[Row]:
        """Return the newest rows of every input; they are read from disk each time, and none is kept."""
        manifest = read_manifest(self.out)
        if not self.newest:
            return manifest
        older = (row for row in manifest if row.item_id not in self.newest)
        return chain(older, read_rows(self.journal_rows, self._numbers()))

    def write_manifest(self, keep: Callable[[str], bool] = lambda item_id: True) -> None:
        """Write the manifest anew with the newest rows, copied and not made again.

        Parameters
        ----------
        keep : callable
            Tells of an item's id whether its rows stay; all do if it is not given.

        Raises
        ------
        StorageError
            It cannot be written; the one that was there before stays.
        """
        write_manifest(self.out, (line for line in self._lines() if keep(line.item_id)), in_order=True)

    def unmade_shards(self) -> frozenset[int]:
        """Return the numbers of the shards that are planned and were not made since.

        A row that speaks of one is older than the plan: it is of a shard that is to be made anew.
        """
        return frozenset(shard.number for shard in self.shards if shard.first not in self.newest)

    def next_shard(self) -> int:
        """Return the first number above those of all shards that a row speaks of or that were planned.

        A file that nobody speaks of is what a killed run left before it could say so; it is written anew.
        """
        spoken_of = (shard_number(row.path) for row in self.rows() if row.path is not None)
        numbers = [number for number in spoken_of if number is not None]
        return 1 + max([*numbers, *(shard.number for shard in self.shards)], default=-1)

    def _lines(self) -> Iterator[Line]:
        """Yield the newest rows in the manifest's order, unread."""
        manifest = index_manifest(self.out)
        older = (number for number, item_id in enumerate(manifest.item_ids) if item_id not in self.newest)
        parts = manifest.in_order(older), self.journal_rows.in_order(self._numbers())
        return merge(*parts, key=lambda line: (line.id, line.item_id))

    def _numbers(self) -> Iterator[int]:
        item_ids = self.journal_rows.item_ids
        return (number for number, item_id in enumerate(item_ids) if number >= self.newest[item_id])


def read_history(out: str) -> History:
    """Read what OUT says; an OUT that is not there says nothing.

    Raises
    ------
    StorageError
        The manifest is damaged or cannot be read.
    """
    journal = read_journal(out)
    rows, shards = journal or (Lines(), [])
    return History(out=out, interrupted=journal is not None, journal_rows=rows, newest=rows.newest(), shards=shards)
