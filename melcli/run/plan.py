"""The plan: compare the items with the manifest and the journal.

Signs, as rclone has them: ``+`` new, ``*`` stale, ``=`` done, ``!`` failed and not to be tried again, ``-`` orphan: in
OUT but not among the inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Literal, cast

from melcli.audio.revisions import is_outdated
from melcli.byte_order import byte_order, text_of
from melcli.run.settled import settle_with
from melcli.run.to_do import ToDo
from melcli.sources.item_table import Ids, ItemTable
from melcli.store.entries import Entry
from melcli.store.history import Settle
from melcli.store.placement import StoredFiles

__all__ = ["SIGNS", "TO_DO", "Plan", "Rerun", "Sign", "make_plan"]

Sign = Literal["+", "*", "=", "!", "-"]
SIGNS: Mapping[Sign, str] = {"+": "new", "*": "stale", "=": "done", "!": "failed", "-": "without an input"}
TO_DO: frozenset[Sign] = frozenset({"+", "*"})
NEW, DONE = map(ord, "+=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a user wants done again.

    Attributes
    ----------
    overwrite : bool
        Everything.
    retry_failed : bool
        What failed, though neither source nor config changed.
    retry_reasons : collection of str
        What failed for one of these reasons, though neither source nor config changed.
    checksum : bool
        What changed by its content; otherwise by its size and time.
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
        All that were found.
    """

    def __init__(self, items: ItemTable) -> None:
        self._items = items
        self._scratch = items.scratch
        self._signs = bytearray(b"+") * len(items)  # by number
        self._orphans = self._scratch.table("orphans", "(id BLOB PRIMARY KEY, other_config INTEGER) WITHOUT ROWID")

    def __getitem__(self, number: int) -> Sign:
        return cast(Sign, chr(self._signs[number - 1]))

    def __setitem__(self, number: int, sign: Sign) -> None:
        self._signs[number - 1] = ord(sign)

    def mark_done(self, numbers: Sequence[int]) -> Sequence[bool]:
        """Mark the items that nothing is known of so far, and tell which they are; 0 is no item."""
        signs = self._signs
        if isinstance(numbers, range):
            place = slice(numbers.start - 1, numbers.stop - 1)
            if signs.count(NEW, place.start, place.stop) == len(numbers):
                signs[place] = bytes([DONE]) * len(numbers)
                return [True] * len(numbers)
        are_new = [number > 0 and signs[number - 1] == NEW for number in numbers]
        for number in compress(numbers, are_new):
            signs[number - 1] = DONE
        return are_new

    def add_orphans(self, orphans: Iterable[tuple[bytes, bool]]) -> None:
        """Note ids that are no item's, and whether their rows are of another config."""
        self._scratch.insert(
            f"INSERT INTO {self._orphans} VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET other_config = max(other_config, excluded.other_config)",
            orphans,
        )

    @property
    def ids(self) -> Ids:
        """The ids of items and orphans, in the order of their bytes."""
        return Ids(
            self._scratch,
            f"SELECT id FROM {self._items.table} UNION ALL SELECT id FROM {self._orphans}",
            self._items.index,
        )

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
        wanted = set(map(ord, TO_DO))
        return ToDo(
            (item for sign, item in zip(self._signs, self._items, strict=True) if sign in wanted), self._scratch
        )

    def stale(self) -> Callable[[str], bool]:
        """Return what tells of an id whether it is that of a stale item; ids that come in order are told soonest."""
        find = self._items.lookup().find

        def is_stale(item_id: str) -> bool:
            found = find(byte_order(item_id))
            return found is not None and self[found[-1]] == "*"

        return is_stale


def make_plan(
    items: ItemTable,
    entries: Callable[[Settle | None], Iterable[Entry]],
    *,
    config_id: str,
    stored: StoredFiles,
    rerun: Rerun,
    hash_content: Callable[[str], str | None],
    conditions_differ: Callable[[Entry], bool],
) -> Plan:
    """Hold what was found against what OUT has.

    An item is done when all its rows are ``ok``, were made with the same config and decoding from a source that looks
    the same, and their output is there.  A failed item is not retried while config, decoding and source are the same,
    unless it was tried with other limits or versions, or `melcli verify --repair` found its output damaged.

    Parameters
    ----------
    items : ItemTable
    entries : callable
        As `melcli.store.history.History.entries`.  They are read once, none is kept.  Those in the order of the items
        are merged with them, any other is looked up.
    config_id : str
        Of this run.
    stored : StoredFiles
        Tells whether an output is there.
    rerun : Rerun
        What is done again all the same.
    hash_content : callable
        From a path to the hash of its content, or None where it cannot be read.
    conditions_differ : callable
        Tells of a failed row whether limits or versions that its reason depends on differ from those of this run.
    """
    plan = Plan(items)
    hash_content = lru_cache(maxsize=1)(hash_content)  # the channels of an item have a row each
    channels_done: Counter[int] = Counter()  # of the items that lack some as yet
    find = items.lookup().find

    def judge(number: int, size: int, mtime_ns: int, source: bytes, row: Entry) -> Sign:
        if (
            rerun.overwrite
            or row.config_id != config_id
            or _is_outdated(row)
            or not _same_source(size, mtime_ns, source, row, rerun, hash_content)
        ):
            return "*"
        if row.status == "failed":
            asked = rerun.retry_failed or row.reason in rerun.retry_reasons
            return "*" if asked or row.reason == "damaged" or conditions_differ(row) else "!"
        if plan[number] == "*" or not stored.has_output(row):
            return "*"
        if row.channel is None:
            return "="
        channels_done[number] += 1
        if channels_done[number] != row.source_channels:
            return "+"
        del channels_done[number]
        return "="

    by_size_and_time = not (rerun.overwrite or rerun.checksum)
    settle = settle_with(items, config_id=config_id, stored=stored, mark_done=plan.mark_done)

    def orphans() -> Iterator[tuple[bytes, bool]]:
        for row in entries(settle if by_size_and_time else None):
            found = find(row.key)
            if found is None:
                yield row.key, row.status == "ok" and row.config_id != config_id
            else:
                _, source, size, mtime_ns, number = found
                plan[number] = judge(number, size, int(mtime_ns), source, row)

    plan.add_orphans(orphans())
    return plan


def _is_outdated(row: Entry) -> bool:
    """Tell whether decoding changed for the row's input; an input that failed before it was opened may be anything."""
    return is_outdated(row.format, row.decoding, row.source if row.status == "ok" else "")


def _same_source(
    size: int, mtime_ns: int, source: bytes, row: Entry, rerun: Rerun, hash_content: Callable[[str], str | None]
) -> bool:
    hashless_failure = row.status == "failed" and row.source_hash is None  # it could not be read or killed its worker
    if not rerun.checksum or size < 0 or hashless_failure:
        return size == row.source_size and mtime_ns == row.source_mtime_ns
    return row.source_hash is not None and hash_content(text_of(source)) == row.source_hash
