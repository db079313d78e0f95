"""Convert items to and from column values, for messages and the scratch database."""

from __future__ import annotations

from melcli.byte_order import byte_order, text_of
from melcli.sources.items import Item

__all__ = ["COLUMNS", "Values", "item_values", "to_item"]

Values = tuple[bytes, bytes, int, int | str]
COLUMNS = "id, source, size, mtime_ns"  # in the order of the fields of Item
MAX_INTEGER = (1 << 63) - 1  # of SQLite; a time after the year 2262 has more nanoseconds


def item_values(item: Item) -> Values:
    """Return an item as the values of `COLUMNS`."""
    mtime_ns = item.mtime_ns if -MAX_INTEGER <= item.mtime_ns <= MAX_INTEGER else str(item.mtime_ns)
    return byte_order(item.id), byte_order(item.source), item.size, mtime_ns


def to_item(item_id: bytes, source: bytes, size: int, mtime_ns: int | str) -> Item:
    """Create an item from the values of `COLUMNS`."""
    return Item(text_of(item_id), text_of(source), size, int(mtime_ns))
