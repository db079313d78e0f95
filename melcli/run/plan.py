"""The plan: what of the items is to be done, by what OUT says of them.

Signs, as rclone has them: ``+`` new, ``*`` stale, ``=`` done, ``!`` failed and not to be tried again, ``-`` orphan: in
OUT but not among the inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from melcli.sources.items import Item
from melcli.store.manifest import Row
from melcli.store.placement import StoredFiles

__all__ = ["SIGNS", "Plan", "Rerun", "Sign", "make_plan"]

Sign = Literal["+", "*", "=", "!", "-"]
SIGNS: Mapping[Sign, str] = {"+": "new", "*": "stale", "=": "done", "!": "failed", "-": "without an input"}
TO_DO: tuple[Sign, ...] = ("+", "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a user wants done again.

    Attributes
    ----------
    overwrite : bool
        Everything.
    retry_failed : bool
        What failed, though neither source nor config changed.
    checksum : bool
        What changed by its content; otherwise by its size and time.
    """

    overwrite: bool = False
    retry_failed: bool = False
    checksum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A sign for every item, and the ids of the orphans.

    Attributes
    ----------
    items : sequence of Item
        All that were found, sorted by id.
    signs : Mapping of str to str
        Sign by item id; orphans are here too.
    """

    items: Sequence[Item]
    signs: Mapping[str, Sign]

    @property
    def to_do(self) -> list[Item]:
        """The items that are new or stale, sorted by id."""
        return [item for item in self.items if self.signs[item.id] in TO_DO]

    def counts(self) -> Counter[Sign]:
        """Count the signs."""
        return Counter(self.signs.values())


def make_plan(
    items: Sequence[Item],
    rows: Iterable[Row],
    *,
    config_id: str,
    stored: StoredFiles,
    rerun: Rerun,
    hash_content: Callable[[str], str],
) -> Plan:
    """Hold what was found against what OUT has.

    An item is done when all its rows are ``ok``, were made with the same config from a source that looks the same,
    and their output is there.  A failed item is left when config and source are the same, unless `melcli verify
    --repair` found its output damaged.

    Parameters
    ----------
    items : sequence of Item
        Sorted by id.
    rows : iterable of Row
        Of the manifest and the journal; read once, none is kept.
    config_id : str
        Of this run.
    stored : StoredFiles
        Tells whether an output is there.
    rerun : Rerun
        What is done again all the same.
    hash_content : callable
        From a path to the hash of its content; may raise OSError.
    """
    by_id = {item.id: item for item in items}
    hash_content = lru_cache(maxsize=1)(hash_content)  # the channels of an item have a row each
    signs: dict[str, Sign] = dict.fromkeys(by_id, "+")
    channels_done: Counter[str] = Counter()
    for row in rows:
        item_id = row.item_id
        item = by_id.get(item_id)
        if item is None:
            signs[item_id] = "-"
        elif rerun.overwrite or row.config_id != config_id or not _same_source(item, row, rerun, hash_content):
            signs[item.id] = "*"
        elif row.status == "failed":
            signs[item.id] = "*" if rerun.retry_failed or row.reason == "damaged" else "!"
        elif signs[item.id] != "*":
            if row.channel is not None:
                channels_done[item.id] += 1
            whole = row.channel is None or channels_done[item.id] == row.source_channels
            signs[item.id] = "*" if not stored.hold(row) else "=" if whole else "+"
    return Plan(items=items, signs=signs)


def _same_source(item: Item, row: Row, rerun: Rerun, hash_content: Callable[[str], str]) -> bool:
    hashless_failure = row.status == "failed" and row.source_hash is None  # it could not be read or killed its worker
    if not rerun.checksum or item.size < 0 or hashless_failure:
        return (item.size, item.mtime_ns) == (row.source_size, row.source_mtime_ns)
    try:
        return row.source_hash is not None and hash_content(item.source) == row.source_hash
    except OSError:
        return False
