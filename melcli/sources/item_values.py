"""Convert items to and from column values, for messages and the scratch database."""

from __future__ import annotations

from melcli.byte_order import byte_order, text_of
from melcli.sources.items import Item

__all__ = ["COLUMNS", "NO_TABLE", "PARAMETERS", "Values", "item_values", "to_item"]

Values = tuple[bytes, bytes, int, int | str, bytes, bytes, bytes]
COLUMNS = "id, source, size, mtime_ns, bounds, columns, place"  # in the order of the fields of Item
PARAMETERS = "?, ?, ?, ?, ?, ?, ?"
NO_TABLE = b""  # in ``bounds``, ``columns`` and ``place`` of a file that no table lists
MAX_INTEGER = (1 << 63) - 1  # of SQLite; a time after the year 2262 has more nanoseconds


def item_values(item: Item) -> Values:
    """Return an item as the values of `COLUMNS`."""
    item_id, source, size, mtime_ns, bounds, columns, place = item
    return (
        byte_order(item_id),
        byte_order(source),
        size,
        mtime_ns if -MAX_INTEGER <= mtime_ns <= MAX_INTEGER else str(mtime_ns),
        bounds.encode(),
        columns.encode(),
        byte_order(place),
    )


def to_item(
    item_id: bytes, source: bytes, size: int, mtime_ns: int | str, bounds: bytes, columns: bytes, place: bytes
) -> Item:
    """Create an item from the values of `COLUMNS`."""
    return Item(
        text_of(item_id), text_of(source), size, int(mtime_ns), bounds.decode(), columns.decode(), text_of(place)
    )
