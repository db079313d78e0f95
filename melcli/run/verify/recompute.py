"""Recompute items in a worker, and compare the numbers with the stored ones."""

from __future__ import annotations

from collections.abc import Sequence

from melcli.run.extract_item import extract_item
from melcli.run.job import Job
from melcli.run.verify.task_result import TaskResult
from melcli.sources.items import Item
from melcli.store.damage import Damage
from melcli.store.output_checks import max_difference
from melcli.store.placement import Placement
from melcli.store.rows import FailedRow, OkRow
from melcli.store.stored_array import StoredFeatures

__all__ = ["RELATIVE_TOLERANCE", "recompute_items"]

# Tolerances relative to the range of an item's numbers.  All named configs on sample_audio differ by at most 8.5e-7
# between processors (OpenBLAS's kernels for Haswell, Skylake and Sandy Bridge) and between versions (NumPy 1.26 to 2.4,
# SciPy 1.13 to 1.17, soxr 0.4 to 1.1).  One step of float16 is 4.9e-4.
RELATIVE_TOLERANCE, FLOAT16_RELATIVE_TOLERANCE = 1e-4, 1e-3
MIN_DIFFERENCE = 5e-324  # for equal numbers with different bytes, such as 0 and -0


def recompute_items(items: Sequence[tuple[Item, Sequence[OkRow]]], *, job: Job, out: str) -> TaskResult:
    """Extract each item and compare the numbers with the stored ones.

    Parameters
    ----------
    items : sequence of tuple
        Each item as its row describes it, with its rows.
    job : Job
        The job, with the config of the items.
    out : str
        OUT.
    """
    damages: list[Damage] = []
    num_same = num_close = num_not_comparable = 0
    for item, rows in items:
        outcome = _recompute(item, rows, job, out)
        if outcome is None:
            num_not_comparable += 1
        elif isinstance(outcome, Damage):
            damages.append(outcome)
        elif outcome:
            num_same += 1
        else:
            num_close += 1
    return TaskResult(
        damages=tuple(damages), num_same=num_same, num_close=num_close, num_not_comparable=num_not_comparable
    )


def _recompute(item: Item, rows: Sequence[OkRow], job: Job, out: str) -> Damage | bool | None:
    """Return a damage, or whether all numbers are the same bit by bit, or None if the source changed."""
    if item.is_command or item.refreshed() != item:  # a command of a manifest is never run: OUT may not be trusted
        return None
    sink = _ComparingSink(out, rows)
    new_rows = extract_item(item, job, sink)
    failed = next((row for row in new_rows if isinstance(row, FailedRow)), None)
    if item.refreshed() != item or any(isinstance(row, FailedRow) and row.reason == "vanished" for row in new_rows):
        return None
    if failed is not None:
        return _difference(rows[0], f"its source can no longer be extracted: {failed.message} ({failed.reason})")
    if {row.id for row in new_rows} != {row.id for row in rows}:
        return _difference(rows[0], f"its source now gives {len(new_rows)} outputs, not {len(rows)}")
    for row in rows:
        difference = sink.differences[row.id]
        tolerance = FLOAT16_RELATIVE_TOLERANCE if row.dtype == "float16" else RELATIVE_TOLERANCE
        if not difference <= tolerance * _extent(row):
            how = f"by up to {difference:.3g}" if difference < float("inf") else "in shape"
            return _difference(row, f"the recomputed numbers differ {how} from the stored ones")
    return not any(sink.differences.values())


def _extent(row: OkRow) -> float:
    """Return the range of an item's numbers, or its largest magnitude if that is larger."""
    low, high = row.min, row.max
    return max(high - low, abs(low), abs(high))


def _difference(row: OkRow, message: str) -> Damage:
    return Damage(kind="differs", path=row.path, message=message, id=row.id, item_id=row.item_id)


class _ComparingSink:
    """A sink that compares features with the stored ones and stores nothing.

    Attributes
    ----------
    differences : dict of str to float
        By row, the largest difference; 0 if the checksums are equal.
    """

    def __init__(self, out: str, rows: Sequence[OkRow]) -> None:
        self._out = out
        self._rows = {row.id: row for row in rows}
        self.differences: dict[str, float] = {}

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Compare the features of one output."""
        row = self._rows.get(item_id)
        if row is None:
            self.differences[item_id] = float("inf")
        elif features.describe()["crc32"] == row.crc32:
            self.differences[item_id] = 0.0
        else:
            self.differences[item_id] = max(max_difference(self._out, row, features), MIN_DIFFERENCE)

    def drop(self, item_id: str) -> None:
        """Do nothing: the item's rows say that it failed."""

    def commit(self) -> dict[str, Placement]:
        """Return no placements."""
        return {}

    def discard(self) -> None:
        """Do nothing."""
