"""The rows of earlier runs: the manifest, updated by the journal of an interrupted run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter

from melcli.byte_order import byte_order, text_of
from melcli.scratch import Scratch
from melcli.store.entries import PLAIN_FIELDS, Entry, PlainRow, entry_of, index_manifest, read_entries
from melcli.store.journal import PlannedShard, read_journal
from melcli.store.layout import shard_number
from melcli.store.lines import Line, Lines
from melcli.store.manifest import write_manifest

__all__ = ["PLACE", "History", "read_history"]

PLACE = itemgetter(0, 1)  # of a line in a manifest
CHANNEL = PLAIN_FIELDS.index("channel")
FREE_NUMBERS = (
    100_000_000  # more shards than any corpus has; a row that names a shard beyond such a gap was tampered with
)


@dataclass(slots=True, kw_only=True)
class History:
    """What earlier runs left under OUT.

    Attributes
    ----------
    out : str
        OUT.
    interrupted : bool
        A journal is there: the last run was killed or stopped.
    journal : Lines
        The rows of that journal.
    shards : sequence of PlannedShard
        What that run meant to write.
    in_order : bool or None
        Whether the lines of the manifest are; None: nobody has looked yet.
    """

    out: str
    interrupted: bool
    journal: Lines
    shards: Sequence[PlannedShard]
    in_order: bool | None = None

    def entries(self, is_settled: Callable[[PlainRow], bool] | None = None) -> Iterator[Entry]:
        """Yield the newest rows of every input: those of the manifest, then the journal's, as the files have them.

        Parameters
        ----------
        is_settled : callable, optional
            Tells of a row of the manifest, which has no channel and no escape in its id, whether it is skipped.
        """
        yield from self._older(is_settled)
        yield from map(entry_of, self.journal.texts())

    def write_manifest(self, keep: Callable[[str], bool] | None = None) -> None:
        """Write the manifest again with the newest rows, copied and not made again.

        Parameters
        ----------
        keep : callable, optional
            Tells of an item's id whether its rows stay; all do if it is not given.

        Raises
        ------
        StorageError
            It cannot be written; the one that was there before stays.
        """
        if self.in_order is None:
            for _ in self._older():
                pass
        newer = self.journal.in_order(newest=True)
        with closing(self._older_lines() if self.in_order else self._older_sorted()) as older:
            lines: Iterator[Line] = merge(older, newer, key=PLACE)
            kept = (line for line in lines if keep is None or keep(text_of(line.item_id)))
            write_manifest(self.out, kept, in_order=True)
        self.in_order = True

    def _older_lines(self) -> Generator[Line, None, None]:
        for entry in self._older():
            yield entry.to_line()

    def _older_sorted(self) -> Generator[Line, None, None]:
        """Yield the same in order from a manifest that somebody edited."""
        with closing(Lines(self.journal.scratch)) as lines:
            index_manifest(self.out, lines)
            newer = self.journal.lookup()
            for line in lines.in_order():
                if newer.find(line.item_id) is None:
                    yield line

    def _older(self, is_settled: Callable[[PlainRow], bool] | None = None) -> Iterator[Entry]:
        """Yield the rows of the manifest that the journal has no newer ones for."""
        has_newer = self.journal.lookup().find if len(self.journal) else None
        in_order, before = True, (b"", b"")

        def is_passed_over(row: PlainRow) -> bool:
            nonlocal in_order, before
            row_id = row[0]
            if row[CHANNEL] or b"\\" in row_id or is_settled is None or not is_settled(row):
                return False
            place = row_id, row_id
            in_order = in_order and before < place
            before = place
            return True

        for entry in read_entries(self.out, None if is_settled is None or has_newer else is_passed_over):
            key = entry.key
            place = key if entry.channel is None else byte_order(entry.id), key
            in_order = in_order and before < place
            before = place
            if has_newer is None or has_newer(key) is None:
                yield entry
        self.in_order = in_order

    def unmade(self) -> list[PlannedShard]:
        """Return the shards that are planned and were not made since.

        A row of such a shard is older than the plan: the shard is to be made again.
        """
        made = self.journal.lookup()
        return [shard for shard in self.shards if made.find(byte_order(shard.first)) is None]

    def numbers_in_use(self) -> frozenset[int]:
        """Return the numbers of all shards that a row describes."""
        paths = {entry.path for entry in self.entries() if entry.path is not None and entry.path.endswith(".h5")}
        return frozenset(number for number in map(shard_number, paths) if number is not None)

    def next_shard(self, in_use: Collection[int] | None = None) -> int:
        """Return the first number above those of all shards that a row describes or that are planned.

        No row describes a file that a killed run left before it could write the row; that file is replaced.  A number
        far above the others is not ours: counting on from there would leave the numbers that a name can hold.

        Parameters
        ----------
        in_use : collection of int, optional
            `numbers_in_use`, if the caller has it: to read all rows takes a second for 100,000.
        """
        in_use = self.numbers_in_use() if in_use is None else in_use
        first = 0
        for number in sorted({*in_use, *(shard.number for shard in self.shards)}):
            if number - first >= FREE_NUMBERS:
                break
            first = number + 1
        return first


def read_history(out: str, scratch: Scratch, tell: Callable[[str], None] | None = None) -> History:
    """Read what OUT says; an OUT that is not there says nothing.

    Parameters
    ----------
    out : str
        OUT.
    scratch : Scratch
        Holds where the rows of the journal are.
    tell : callable, optional
        See `read_journal`.

    Raises
    ------
    StorageError
        A book is damaged or cannot be read.
    """
    journal = Lines(scratch)
    shards = read_journal(out, journal, tell)
    return History(out=out, interrupted=shards is not None, journal=journal, shards=shards or [])
