"""All that OUT says of earlier runs: the manifest, and over it the journal of a run that did not come to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from melcli.store.journal import PlannedShard, read_journal
from melcli.store.layout import shard_number
from melcli.store.manifest import Row, read_manifest

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
    shards : sequence of PlannedShard
        What that run meant to write.
    """

    out: str
    interrupted: bool
    journal_rows: Sequence[Row]
    shards: Sequence[PlannedShard]

    def rows(self) -> Iterator[Row]:
        """Yield the newest rows of every input; those of the manifest are read from disk each time."""
        newest = _newest(self.journal_rows)
        for row in read_manifest(self.out):
            if row.item_id not in newest:
                yield row
        for rows in newest.values():
            yield from rows

    def next_shard(self) -> int:
        """Return the first number above those of all shards that a row speaks of or that were planned.

        A file that nobody speaks of is what a killed run left before it could say so; it is written anew.
        """
        spoken_of = (shard_number(row.path) for row in self.rows() if row.path is not None)
        numbers = [number for number in spoken_of if number is not None]
        return 1 + max([*numbers, *(shard.number for shard in self.shards)], default=-1)


def read_history(out: str) -> History:
    """Read what OUT says; an OUT that is not there says nothing.

    Raises
    ------
    StorageError
        The manifest is damaged or cannot be read.
    """
    journal = read_journal(out)
    rows, shards = journal or ([], [])
    return History(out=out, interrupted=journal is not None, journal_rows=rows, shards=shards)


def _newest(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Group rows by input; where an input was done more than once, only its last time counts."""
    newest: dict[str, list[Row]] = {}
    for row in rows:
        group = newest.setdefault(row.item_id, [])
        again = row.channel is None or any(other.id == row.id or other.channel is None for other in group)
        if again:
            group.clear()
        group.append(row)
    return newest
