"""The sample of items that ``melcli verify`` reads or recomputes."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable

from melcli.scratch import Scratch

__all__ = ["choose_items"]

SEED = b"melcli verify:"


def choose_items(item_ids: Iterable[str], percent: float, scratch: Scratch) -> Callable[[str], bool]:
    """Choose a percentage of the items: those with the lowest hashes, so that each run chooses the same.

    Parameters
    ----------
    item_ids : iterable of str
        The ids of all items; read only if ``percent`` is between 0 and 100.
    percent : float
        The percentage, 0 to 100.
    scratch : Scratch
        Sorts the hashes.

    Returns
    -------
    callable
        Whether the item of an id is in the sample.
    """
    if percent >= 100:
        return lambda item_id: True
    if percent <= 0:
        return lambda item_id: False
    hashes = scratch.table("hashes", "(hash INTEGER PRIMARY KEY)")
    scratch.insert(f"INSERT OR IGNORE INTO {hashes} VALUES (?)", ((_hash(item_id),) for item_id in item_ids))
    number = math.ceil(scratch.one(f"SELECT count(*) FROM {hashes}")[0] * percent / 100)
    highest = scratch.one(f"SELECT hash FROM {hashes} ORDER BY hash LIMIT 1 OFFSET ?", (number - 1,))[0]
    return lambda item_id: _hash(item_id) <= highest


def _hash(item_id: str) -> int:
    return zlib.crc32(SEED + item_id.encode("utf-8", "surrogatepass"))
