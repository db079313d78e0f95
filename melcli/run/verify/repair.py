"""``melcli verify --repair``: mark damaged items in the manifest, so that the next run recomputes them.

No output is deleted: a run that recomputes an item replaces its file.  A shard is remade completely, with the same
number, so that it has the bytes that it had before and no incomplete file remains.
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
from melcli.store.files import linked_folder, make_subfolders
from melcli.store.journal import PlannedShard
from melcli.store.layout import OWN_FOLDER, own_folder, shard_number
from melcli.store.leftovers import remove_leftovers
from melcli.store.recovery import Records
from melcli.store.rows import OkRow
from melcli.store.storage_errors import storage_errors

__all__ = ["Repairs", "repair"]

SET_ASIDE_FOLDER = "set-aside"  # below OUT/.melcli
REWRITTEN_KINDS = ("manifest", "failures", "journal")  # kinds of damage that rewriting the manifest repairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """The repairs of one command.

    Attributes
    ----------
    num_stale : int
        Inputs that the next run recomputes.
    rewritten : bool
        Whether manifest and list of failures were rewritten.
    set_aside : dict of str to str
        By the path of each file or folder that was moved, its new path; both relative to OUT.
    """

    num_stale: int
    rewritten: bool
    set_aside: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {"stale": self.num_stale, "rewritten": self.rewritten, "set_aside": self.set_aside}


def repair(books: Records, damages: Sequence[Damage]) -> Repairs:
    """Mark damaged items and move what blocks their files; the caller has locked OUT.

    Raises
    ------
    StorageError
        OUT cannot be written.
    """
    # The row of an input with several damages contains the first one.
    damaged = {damage.item_id: damage for damage in reversed(damages) if damage.item_id is not None}
    shards = _damaged_shards(books, damages)
    stale = damaged.keys() | {item.id for _, items in shards for item in items}
    rewritten = any(damage.kind in REWRITTEN_KINDS or damage.item_id is not None for damage in damages)
    set_aside = _set_aside(books.out, damages)
    if rewritten:
        books.repair(damaged, [shard for shard, _ in shards])
    remove_leftovers(books.out)
    return Repairs(num_stale=len(stale), rewritten=rewritten, set_aside=set_aside)


def _damaged_shards(books: Records, damages: Sequence[Damage]) -> list[tuple[PlannedShard, list[Item]]]:
    """Return the plan and the items of each damaged shard."""
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
    for number, by_id in sorted(items.items()):
        ordered = sorted_by_bytes(by_id.values(), lambda item: (item.id,))
        config_id = config_ids[number].pop() if len(config_ids[number]) == 1 else None  # None: no run uses this plan
        shards.append((planned_shard(number, ordered, config_id=config_id), ordered))
    return shards


def _set_aside(out: str, damages: Sequence[Damage]) -> dict[str, str]:
    """Move folders, which no file can replace, and a damaged config, which a run would refuse.

    Nothing below a linked folder is moved, since the link may lead to a folder that is not part of OUT.
    """
    configs = {damage.path for damage in damages if damage.kind == "config"}
    moved: dict[str, str] = {}
    for path in sorted({damage.path for damage in damages}):
        full_path = os.path.join(out, path)
        with storage_errors(full_path):
            if _blocks_a_file(out, path, configs):
                new_path = f"{OWN_FOLDER}/{SET_ASIDE_FOLDER}/{secrets.token_hex(8)}"
                make_subfolders(out, os.path.join(own_folder(out), SET_ASIDE_FOLDER))
                os.rename(full_path, os.path.join(out, new_path))
                moved[path] = new_path
    return moved


def _blocks_a_file(out: str, path: str, configs: Collection[str]) -> bool:
    if linked_folder(out, path) is not None:
        return False
    try:
        status = os.lstat(os.path.join(out, path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):  # nothing exists at this path, or can
            return False
        raise
    return path in configs or stat.S_ISDIR(status.st_mode)
