"""``melcli verify --repair``: mark damaged items in the manifest, so that the next run recomputes them.

No output is deleted: a run that does an item again writes over its file.  A shard is made again as a whole, under its
own number: so it ends with the bytes that it had, and no incomplete file stays.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from melcli.byte_order import sorted_by_bytes
from melcli.run.batching import planned_shard
from melcli.sources.items import Item
from melcli.store.damage import Damage
from melcli.store.files import linked_folder, make_subfolders, remove_leftovers, storage_errors
from melcli.store.journal import PlannedShard
from melcli.store.layout import OWN_FOLDER, own_folder, shard_number
from melcli.store.recovery import Records
from melcli.store.rows import OkRow

__all__ = ["Repairs", "repair"]

SET_ASIDE = "set-aside"  # below OUT's own folder
REWRITTEN = ("manifest", "failures", "journal")  # kinds of damages of books that are written again


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What was repaired.

    Attributes
    ----------
    num_stale : int
        Inputs that the next run over them does again.
    rewritten : bool
        Whether manifest and list of failures were rewritten.
    set_aside : dict of str to str
        What stood in the way of a file, and where it is now; both relative to OUT.
    """

    num_stale: int
    rewritten: bool
    set_aside: dict[str, str]

    def plain(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {"stale": self.num_stale, "rewritten": self.rewritten, "set_aside": self.set_aside}


def repair(books: Records, damages: Sequence[Damage]) -> Repairs:
    """Repair what can be repaired; the caller holds the lock of OUT.

    Raises
    ------
    StorageError
        OUT cannot be written.
    """
    # Of several damages of an input the first one is told.
    damaged = {damage.item_id: damage for damage in reversed(damages) if damage.item_id is not None}
    shards = _damaged_shards(books, damages)
    stale = damaged.keys() | {item.id for _, items in shards for item in items}
    rewritten = any(damage.kind in REWRITTEN or damage.item_id is not None for damage in damages)
    set_aside = _set_aside(books.out, damages)
    if rewritten:
        books.repair(damaged, [shard for shard, _ in shards])
    remove_leftovers(books.out)
    return Repairs(num_stale=len(stale), rewritten=rewritten, set_aside=set_aside)


def _damaged_shards(books: Records, damages: Sequence[Damage]) -> list[tuple[PlannedShard, list[Item]]]:
    """Return each shard that anything is wrong with, as it is to be made again, and its items."""
    damaged = {damage.path for damage in damages if shard_number(damage.path) is not None}
    items: dict[int, dict[str, Item]] = defaultdict(dict)
    config_ids: dict[int, set[str]] = defaultdict(set)
    for ref in books.refs() if damaged else ():
        row = books.row(ref)
        number = shard_number(row.path) if isinstance(row, OkRow) and row.path in damaged else None
        if number is not None:
            item = Item.of_row(row)
            items[number][item.id] = item
            config_ids[number].add(row.config_id)
    shards = []
    for number, held in sorted(items.items()):
        ordered = sorted_by_bytes(held.values(), lambda item: (item.id,))
        config_id = config_ids[number].pop() if len(config_ids[number]) == 1 else None  # None: no run follows it
        shards.append((planned_shard(number, ordered, config_id=config_id), ordered))
    return shards


def _set_aside(out: str, damages: Sequence[Damage]) -> dict[str, str]:
    """Move what no file can be renamed over: folders, and a config that nobody can read, which a run would refuse.

    Never through a link, which may lead to folders of somebody else.
    """
    unread = {damage.path for damage in damages if damage.kind == "config"}
    moved: dict[str, str] = {}
    for path in sorted({damage.path for damage in damages}):
        whole = os.path.join(out, path)
        with storage_errors(whole):
            if _is_in_the_way(out, path, unread):
                name = f"{OWN_FOLDER}/{SET_ASIDE}/{secrets.token_hex(8)}"
                make_subfolders(out, os.path.join(own_folder(out), SET_ASIDE))
                os.rename(whole, os.path.join(out, name))
                moved[path] = name
    return moved


def _is_in_the_way(out: str, path: str, unread: Collection[str]) -> bool:
    if linked_folder(out, path) is not None:
        return False
    try:
        status = os.lstat(os.path.join(out, path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):  # nothing is there, or nothing can be
            return False
        raise
    return path in unread or stat.S_ISDIR(status.st_mode)
