"""Rows of earlier runs: the manifest, updated by the journal of an interrupted run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

from melcli.byte_order import byte_order, text_of
from melcli.scratch import Scratch
from melcli.store.entries import Block, Entry, PlainRow, entry_of, index_manifest, read_blocks, read_entries
from melcli.store.journal import PlannedShard, read_journal
from melcli.store.layout import shard_number
from melcli.store.lines import Line, Lines
from melcli.store.manifest import write_manifest
from melcli.store.rows import with_columns

__all__ = ["SORT_KEY", "History", "FindUnchanged", "UnchangedRows", "read_history"]

SORT_KEY = itemgetter(0, 1)  # of a line in a manifest
MAX_NUMBER_GAP = (
    100_000_000  # more shards than any corpus has; a row with a shard number after such a gap was tampered with
)


class UnchangedRows(NamedTuple):
    """The ids of some rows, as bytes, and whether the item of each is unchanged.

    A row of a channel or a chunk, or out of order, never counts as unchanged.
    """

    ids: Sequence[bytes]
    are_unchanged: Sequence[bool]


FindUnchanged = Callable[[list[PlainRow]], Callable[[], UnchangedRows]]


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

    def entries(self, find_unchanged: FindUnchanged | None = None) -> Iterator[Entry]:
        """Yield the newest rows of every input, first of the manifest, then of the journal, in the order of the files.

        Parameters
        ----------
        find_unchanged : callable, optional
            Starts to compare many rows of the manifest with their items, and returns a function that waits for the
            result.  Rows with an unchanged item are not yielded.  It is called for the next rows before the rows of the
            last call are yielded.
        """
        yield from self._older(find_unchanged)
        yield from map(entry_of, self.journal.texts())

    def write_manifest(
        self, keep: Callable[[str], bool] | None = None, new_columns: Callable[[bytes], bytes | None] | None = None
    ) -> None:
        """Rewrite the manifest with the newest rows, which are copied as text.

        Parameters
        ----------
        keep : callable, optional
            Returns whether to keep the rows of an item, by its id; by default all are kept.
        new_columns : callable, optional
            Returns the carried columns to write into the rows of an item, by the bytes of its id; None: as they are.

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
            if new_columns is not None:
                kept = (with_columns(line, new_columns(line.item_id)) for line in kept)
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

    def _older(self, find_unchanged: FindUnchanged | None = None) -> Iterator[Entry]:
        """Yield the rows of the manifest that the journal does not replace."""
        order = _Order()
        if find_unchanged is not None and not len(self.journal):
            yield from _changed_entries(read_blocks(self.out), find_unchanged, order)
        else:
            has_newer = self.journal.lookup().find if len(self.journal) else None
            for entry in read_entries(self.out):
                order.note(entry)
                if has_newer is None or has_newer(entry.key) is None:
                    yield entry
        self.in_order = order.holds

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


class _Order:
    """Checks whether rows are sorted by id and by item."""

    def __init__(self) -> None:
        self.holds = True
        self._last = b"", b""

    def note(self, entry: Entry) -> None:
        """Check the next row."""
        self._note((entry.key if entry.id == entry.item_id else byte_order(entry.id), entry.key))

    def note_ids(self, ids: Sequence[bytes]) -> None:
        """Check the ids of the next rows, which have no channels and are sorted."""
        self._note((ids[0], ids[0]))
        self._last = ids[-1], ids[-1]

    def _note(self, place: tuple[bytes, bytes]) -> None:
        self.holds = self.holds and self._last < place
        self._last = place


def _changed_entries(blocks: Iterable[Block], find_unchanged: FindUnchanged, order: _Order) -> Iterator[Entry]:
    """Yield the rows without an unchanged item; each block is read while the block before is compared."""
    pending: deque[tuple[Block, Callable[[], UnchangedRows] | None]] = deque()
    for block in blocks:
        pending.append((block, find_unchanged(block.plain) if block.plain else None))
        if len(pending) > 1:
            yield from _changed_in_block(*pending.popleft(), order)
    for last in pending:
        yield from _changed_in_block(*last, order)


def _changed_in_block(block: Block, wait: Callable[[], UnchangedRows] | None, order: _Order) -> Iterator[Entry]:
    ids, are_unchanged = UnchangedRows((), ()) if wait is None else wait()
    if ids and all(are_unchanged):
        order.note_ids(ids)
        return
    for place, entry in enumerate(block.entries(are_unchanged or repeat(False))):
        if entry is None:
            order.note_ids(ids[place : place + 1])
        else:
            order.note(entry)
            yield entry


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
