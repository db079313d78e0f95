"""The plan: compare the items with the manifest and the journal.

The signs are those of rclone: ``+`` new, ``*`` stale, ``=`` done, ``!`` failed and not retried, ``-`` orphan, an item
of OUT without an input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Literal, cast

from melcli.audio.decoding_revision import is_outdated
from melcli.byte_order import byte_order, text_of
from melcli.run.to_do import ToDo
from melcli.run.unchanged import unchanged_finder
from melcli.scratch import Lookup
from melcli.sources.item_table import Ids, ItemTable
from melcli.sources.item_values import to_item
from melcli.sources.items import Item
from melcli.store.entries import Entry
from melcli.store.history import FindUnchanged
from melcli.store.placement import StoredFiles

__all__ = ["SIGNS", "TO_DO", "Plan", "Rerun", "Sign", "make_plan"]

Sign = Literal["+", "*", "=", "!", "-"]
SIGNS: Mapping[Sign, str] = {"+": "new", "*": "stale", "=": "done", "!": "failed", "-": "without an input"}
TO_DO: frozenset[Sign] = frozenset({"+", "*"})
NEW, DONE = map(ord, "+=")
MAX_HASHES = 4096  # of content, to keep; segments of a recording need not be adjacent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """Which finished and failed items to process again.

    Attributes
    ----------
    overwrite : bool
        Whether to recompute all items.
    retry_failed : bool
        Whether to retry all failed items, although neither source nor config changed.
    retry_reasons : collection of str
        Reasons of failures to retry, although neither source nor config changed.
    checksum : bool
        Whether to detect changed sources by their content; otherwise by their size and time.
    """

    overwrite: bool = False
    retry_failed: bool = False
    retry_reasons: Collection[str] = ()
    checksum: bool = False


class Plan:
    """A sign for every item, and the ids of the orphans.

    Parameters
    ----------
    items : ItemTable
        All items of the search.
    """

    def __init__(self, items: ItemTable) -> None:
        self._items = items
        self._scratch = items.scratch
        self._signs = bytearray(b"+") * len(items)  # by number
        self._orphans = self._scratch.table("orphans", "(id BLOB PRIMARY KEY, other_config INTEGER) WITHOUT ROWID")
        self._recolumned = self._scratch.table("recolumned", "(number INTEGER PRIMARY KEY)")

    def __getitem__(self, number: int) -> Sign:
        return cast(Sign, chr(self._signs[number - 1]))

    def __setitem__(self, number: int, sign: Sign) -> None:
        self._signs[number - 1] = ord(sign)

    def mark_done(self, numbers: Sequence[int]) -> Sequence[bool]:
        """Mark the items that are still new as done, and return for each number whether it was new; 0 is no item."""
        signs = self._signs
        if isinstance(numbers, range):
            part = slice(numbers.start - 1, numbers.stop - 1)
            if signs.count(NEW, part.start, part.stop) == len(numbers):
                signs[part] = bytes([DONE]) * len(numbers)
                return [True] * len(numbers)
        are_new = [number > 0 and signs[number - 1] == NEW for number in numbers]
        for number in compress(numbers, are_new):
            signs[number - 1] = DONE
        return are_new

    def add_orphans(self, orphans: Iterable[tuple[bytes, bool]]) -> None:
        """Record ids of rows without an item, and whether the rows have another config."""
        self._scratch.insert(
            f"INSERT INTO {self._orphans} VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET other_config = max(other_config, excluded.other_config)",
            orphans,
        )

    def note_columns(self, number: int) -> None:
        """Record that the rows of an item have other columns than its table now has."""
        self._scratch.execute(f"INSERT OR IGNORE INTO {self._recolumned} VALUES (?)", (number,))

    @property
    def has_new_columns(self) -> bool:
        """Whether rows of any item have other columns than its table now has."""
        return self._scratch.one(f"SELECT 1 FROM {self._recolumned}") is not None

    def new_columns(self) -> Callable[[bytes], bytes | None] | None:
        """Return a function that finds the columns to write into the rows of an item, by the bytes of its id.

        The function returns None for an item whose rows stay as they are.  None instead of a function: all rows stay.
        """
        if not self.has_new_columns:
            return None
        join = f"{self._items.table} AS items JOIN {self._recolumned} USING (number)"
        select = f"SELECT id, items.columns FROM {join}"
        lookup = Lookup(self._scratch, f"{select} ORDER BY id", f"{select} WHERE id = ?", self._items.index)

        def find(item_id: bytes) -> bytes | None:
            found = lookup.find(item_id)
            return None if found is None else found[1]

        return find

    @property
    def ids(self) -> Ids:
        """The ids of items and orphans, in the order of their bytes."""
        return Ids(self._scratch, f"SELECT id FROM {self._items.table} UNION ALL SELECT id FROM {self._orphans}")

    @property
    def other_config(self) -> Ids:
        """The ids of orphans that were made with another config."""
        return Ids(self._scratch, f"SELECT id FROM {self._orphans} WHERE other_config")

    def signs(self) -> Iterator[tuple[str, Sign]]:
        """Yield each id with its sign, in the order of the ids' bytes."""
        rows = self._scratch.rows(
            f"SELECT id, number FROM {self._items.table} UNION ALL SELECT id, 0 FROM {self._orphans} ORDER BY id"
        )
        for item_id, number in rows:
            yield text_of(item_id), self[number] if number else "-"

    def counts(self) -> Counter[Sign]:
        """Count the signs."""
        counts: Counter[Sign] = Counter({sign: self._signs.count(ord(sign)) for sign in SIGNS})
        orphans = self._scratch.one(f"SELECT count(*) FROM {self._orphans}")[0]
        return counts + Counter({"-": orphans})

    def to_do(self) -> ToDo:
        """Return the items that are new or stale."""
        to_do = set(map(ord, TO_DO))
        return ToDo((item for sign, item in zip(self._signs, self._items, strict=True) if sign in to_do), self._scratch)

    def stale(self) -> Callable[[str], bool]:
        """Return a function that returns whether an id is that of a stale item; it is fastest for sorted ids."""
        find = self._items.lookup().find

        def is_stale(item_id: str) -> bool:
            found = find(byte_order(item_id))
            return found is not None and self[found[-1]] == "*"

        return is_stale


def make_plan(
    items: ItemTable,
    entries: Callable[[FindUnchanged | None], Iterable[Entry]],
    *,
    config_id: str,
    stored: StoredFiles,
    rerun: Rerun,
    hash_content: Callable[[str], str | None],
    conditions_differ: Callable[[Entry], bool],
) -> Plan:
    """Compare the items with the rows of OUT.

    An item is done if all its rows are ``ok``, have the same config, decoding revision, source fingerprint and bounds,
    and their outputs exist.  If only the carried columns of its table changed, it is done, and its rows get the new
    columns.  A failed item is not retried while config, decoding and source are the same, with two
    exceptions: it was tried with other limits or versions, or `melcli verify --repair` found its output damaged.

    Parameters
    ----------
    items : ItemTable
    entries : callable
        `melcli.store.history.History.entries`.  The entries are read once and not kept.  Entries in the order of the
        items are merged with them; others are looked up.
    config_id : str
        The config of this run.
    stored : StoredFiles
        Checks whether an output exists.
    rerun : Rerun
        Which finished and failed items to process again.
    hash_content : callable
        Returns the hash of the content of a path; None if it cannot be read.
    conditions_differ : callable
        Returns whether a failed row was tried with other limits or versions, on which its reason depends.
    """
    plan = Plan(items)
    hash_content = lru_cache(MAX_HASHES)(hash_content)  # segments and channels have a row each
    parts = _Parts()
    find = items.lookup().find

    def sign_of(number: int, item: Item, row: Entry) -> Sign:
        if (
            rerun.overwrite
            or row.config_id != config_id
            or _is_outdated(row)
            or not _is_same_source(item, row, rerun, hash_content)
        ):
            return "*"
        if row.columns != item.columns:
            plan.note_columns(number)
        if row.status == "failed":
            is_retried = rerun.retry_failed or row.reason in rerun.retry_reasons
            return "*" if is_retried or row.reason == "damaged" or conditions_differ(row) else "!"
        if plan[number] == "*" or not stored.has_output(row):
            return "*"
        return "=" if parts.are_complete(number, row) else "+"

    by_size_and_time = not (rerun.overwrite or rerun.checksum)
    find_unchanged = unchanged_finder(items, config_id=config_id, stored=stored, mark_done=plan.mark_done)

    def orphans() -> Iterator[tuple[bytes, bool]]:
        for row in entries(find_unchanged if by_size_and_time else None):
            found = find(row.key)
            if found is None:
                yield row.key, row.status == "ok" and row.config_id != config_id
            else:
                *values, number = found
                plan[number] = sign_of(number, to_item(*values), row)

    plan.add_orphans(orphans())
    return plan


def _is_outdated(row: Entry) -> bool:
    """Return whether decoding changed for the row's format; a failed row may have no format."""
    return is_outdated(row.format, row.decoding, row.source if row.status == "ok" else "")


class _Parts:
    """Counts the finished channels and chunks of items."""

    def __init__(self) -> None:
        self._done: Counter[int] = Counter()  # by item, until all its parts are done

    def are_complete(self, number: int, row: Entry) -> bool:
        """Count a finished row; return whether all rows of its item are finished."""
        channels = 1 if row.channel is None else row.source_channels
        num_parts = None if channels is None else channels * (1 if row.chunk is None else row.num_chunks or 0)
        if num_parts == 1:
            return True
        self._done[number] += 1
        if self._done[number] != num_parts:
            return False
        del self._done[number]
        return True


def _is_same_name(first: str, second: str) -> bool:
    """Return whether two paths may be the same file of a corpus that was moved: their last two parts are equal."""
    if first == second:
        return True
    one, other = ([part for part in path.split("/") if part not in ("", ".", "..")][-2:] for path in (first, second))
    shorter = min(len(one), len(other))
    return one[-shorter:] == other[-shorter:]


def _is_same_source(item: Item, row: Entry, rerun: Rerun, hash_content: Callable[[str], str | None]) -> bool:
    if row.bounds != item.bounds:
        return False
    if item.is_command:  # it has no size and time
        return row.source == item.source
    if item.columns and not _is_same_name(item.source, row.source):  # an item of a table, which may name another file
        return False
    hashless_failure = row.status == "failed" and row.source_hash is None  # unreadable, or crashed the worker
    if not rerun.checksum or item.size < 0 or hashless_failure:
        return (item.size, item.mtime_ns) == (row.source_size, row.source_mtime_ns)
    return row.source_hash is not None and hash_content(item.source) == row.source_hash
