"""Recompute items in a worker, and compare the numbers with the stored ones."""

from __future__ import annotations

from collections.abc import Sequence

from melcli.run.job import Job
from melcli.run.process_batch import extract_item
from melcli.run.verify.checked import Checked
from melcli.sources.items import Item
from melcli.store.checks import max_difference
from melcli.store.damage import Damage
from melcli.store.placement import Placement
from melcli.store.rows import FailedRow, OkRow
from melcli.store.stored_array import StoredFeatures

__all__ = ["CLOSE", "recompute_items"]

# Of the range of an item's numbers.  Between processors (OpenBLAS's kernels for Haswell, Skylake and Sandy Bridge) and
# between versions (NumPy 1.26 to 2.4, SciPy 1.13 to 1.17, soxr 0.4 to 1.1) all named configs differed by 8.5e-7 at most
# over sample_audio; one step of float16 is 4.9e-4.
CLOSE, CLOSE_FLOAT16 = 1e-4, 1e-3
LEAST = 5e-324  # more than none: the bytes are others though the numbers are equal, as 0 and -0


def recompute_items(items: Sequence[tuple[Item, Sequence[OkRow]]], *, job: Job, out: str) -> Checked:
    """Extract each item and compare it with what is stored.

    Parameters
    ----------
    items : sequence of tuple
        Each item as OUT knows it, and its rows.
    job : Job
        Of the same config.
    out : str
        OUT.
    """
    damages: list[Damage] = []
    same = close = changed = 0
    for item, rows in items:
        found = _recompute(item, rows, job, out)
        if found is None:
            changed += 1
        elif isinstance(found, Damage):
            damages.append(found)
        elif found:
            same += 1
        else:
            close += 1
    return Checked(damages=tuple(damages), num_same=same, num_close=close, num_changed=changed)


def _recompute(item: Item, rows: Sequence[OkRow], job: Job, out: str) -> Damage | bool | None:
    """Return a damage, or whether the numbers are the same to the bit, or None where the source is another."""
    if Item.look(item.id, item.source) != item:
        return None
    comparing = _Comparing(out, rows)
    found = extract_item(item, job, comparing)
    if Item.look(item.id, item.source) != item or any(
        isinstance(row, FailedRow) and row.reason == "vanished" for row in found
    ):
        return None
    failed = next((row for row in found if isinstance(row, FailedRow)), None)
    if failed is not None:
        return _differs(rows[0], f"its source can no longer be extracted: {failed.message} ({failed.reason})")
    if {row.id for row in found} != {row.id for row in rows}:
        return _differs(rows[0], f"its source now gives {len(found)} outputs, not {len(rows)}")
    for row in rows:
        difference = comparing.differences[row.id]
        if not difference <= (CLOSE_FLOAT16 if row.dtype == "float16" else CLOSE) * _extent(row):
            said = f"by up to {difference:.3g}" if difference < float("inf") else "in shape"
            return _differs(row, f"extracted again, its numbers differ {said} from those that are stored")
    return not any(comparing.differences.values())


def _extent(row: OkRow) -> float:
    low, high = row.min, row.max
    return max(high - low, abs(low), abs(high))


def _differs(row: OkRow, message: str) -> Damage:
    return Damage(kind="differs", path=row.path, message=message, id=row.id, item_id=row.item_id)


class _Comparing:
    """A sink that holds features against stored ones and keeps neither.

    Attributes
    ----------
    differences : dict of str to float
        By row the largest one; 0 where the checksum is that of the row.
    """

    def __init__(self, out: str, rows: Sequence[OkRow]) -> None:
        self._out = out
        self._rows = {row.id: row for row in rows}
        self.differences: dict[str, float] = {}

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Take the features of one output."""
        row = self._rows.get(item_id)
        if row is None:
            self.differences[item_id] = float("inf")
        elif features.describe()["crc32"] == row.crc32:
            self.differences[item_id] = 0.0
        else:
            self.differences[item_id] = max(max_difference(self._out, row, features), LEAST)

    def commit(self) -> dict[str, Placement]:
        """Nothing is to appear."""
        return {}

    def discard(self) -> None:
        """Nothing is there."""
