"""Rows of earlier runs: the manifest, updated by the journal of an interrupted run."""

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

__all__ = ["SORT_KEY", "History", "read_history"]

SORT_KEY = itemgetter(0, 1)  # of a line in a manifest
CHANNEL = PLAIN_FIELDS.index("channel")
MAX_NUMBER_GAP = (
    100_000_000  # more shards than any corpus has; a row with a shard number after such a gap was tampered with
)


@dataclass(slots=True, kw_only=True)
class History:
    """The state that earlier runs left in OUT.

    Attributes
    ----------
    out : str
        OUT.
    interrupted : bool
        A journal exists: the last run was killed or stopped.
    journal : Lines
        The rows of that journal.
    shards : sequence of PlannedShard
        The shards that that run planned.
    in_order : bool or None
        Whether the lines of the manifest are sorted; None if unknown.
    """

    out: str
    interrupted: bool
    journal: Lines
    shards: Sequence[PlannedShard]
    in_order: bool | None = None

    def entries(self, is_settled: Callable[[PlainRow], bool] | None = None) -> Iterator[Entry]:
        """Yield the newest rows of every input, first of the manifest, then of the journal, in the order of the files.

        Parameters
        ----------
        is_settled : callable, optional
            Returns whether to skip a row of the manifest that has no channel, and no escape in its id.
        """
        yield from self._older(is_settled)
        yield from map(entry_of, self.journal.texts())

    def write_manifest(self, keep: Callable[[str], bool] | None = None) -> None:
        """Rewrite the manifest with the newest rows, which are copied as text.

        Parameters
        ----------
        keep : callable, optional
            Returns whether to keep the rows of an item, by its id; by default all are kept.

        Raises
        ------
        StorageError
            The manifest cannot be written; the previous one is kept.
        """
        if self.in_order is None:
            for _ in self._older():
                pass
        newer = self.journal.in_order(newest=True)
        with closing(self._older_lines() if self.in_order else self._older_sorted()) as older:
            lines: Iterator[Line] = merge(older, newer, key=SORT_KEY)
            kept = (line for line in lines if keep is None or keep(text_of(line.item_id)))
            write_manifest(self.out, kept, in_order=True)
        self.in_order = True

    def _older_lines(self) -> Generator[Line, None, None]:
        for entry in self._older():
            yield entry.to_line()

    def _older_sorted(self) -> Generator[Line, None, None]:
        """Yield the lines of an unsorted manifest, which somebody edited, in order."""
        with closing(Lines(self.journal.scratch)) as lines:
            index_manifest(self.out, lines)
            newer = self.journal.lookup()
            for line in lines.in_order():
                if newer.find(line.item_id) is None:
                    yield line

    def _older(self, is_settled: Callable[[PlainRow], bool] | None = None) -> Iterator[Entry]:
        """Yield the rows of the manifest that the journal does not replace."""
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
        """Return the planned shards that were not written since.

        A row of such a shard is older than the plan: the shard has to be rebuilt.
        """
        made = self.journal.lookup()
        return [shard for shard in self.shards if made.find(byte_order(shard.first)) is None]

    def numbers_in_use(self) -> frozenset[int]:
        """Return the numbers of all shards that rows refer to."""
        paths = {entry.path for entry in self.entries() if entry.path is not None and entry.path.endswith(".h5")}
        return frozenset(number for number in map(shard_number, paths) if number is not None)

    def next_shard(self, in_use: Collection[int] | None = None) -> int:
        """Return the first number above those of all shards that rows refer to or that are planned.

        If a run was killed before it could write the row of a shard, that file is replaced.  A number far above the
        others is not from melcli.  Continuing from it would exceed the numbers that a name can have.

        Parameters
        ----------
        in_use : collection of int, optional
            `numbers_in_use`, if the caller has it: reading all rows takes a second for 100,000.
        """
        in_use = self.numbers_in_use() if in_use is None else in_use
        first = 0
        for number in sorted({*in_use, *(shard.number for shard in self.shards)}):
            if number - first >= MAX_NUMBER_GAP:
                break
            first = number + 1
        return first


def read_history(out: str, scratch: Scratch, tell: Callable[[str], None] | None = None) -> History:
    """Read the state of OUT; it is empty if OUT does not exist.

    Parameters
    ----------
    out : str
        OUT.
    scratch : Scratch
        Database for the positions of the journal's rows.
    tell : callable, optional
        See `read_journal`.

    Raises
    ------
    StorageError
        The manifest or the journal is damaged or cannot be read.
    """
    journal = Lines(scratch)
    shards = read_journal(out, journal, tell)
    return History(out=out, interrupted=shards is not None, journal=journal, shards=shards or [])
