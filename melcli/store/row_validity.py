"""Rules for the values of rows in manifest and journal, beyond their types.

A row is checked by itself, not against the disk; `melcli.store.output_checks` does that.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType

from melcli.errors import REASONS
from melcli.store.layout import npy_name, shard_number
from melcli.store.lines import part_id
from melcli.store.rows import FIELD_KINDS, FailedRow, OkRow, Row, shown

__all__ = ["STORED_TYPES", "fault_of_row"]

MAX_INTEGER = (1 << 63) - 1  # bytes, frames or nanoseconds
MAX_CHANNEL = MAX_CHUNKS = (1 << 31) - 1
MAX_FILE_BYTES = 1 << 60  # beyond every file system
STORED_TYPES: Mapping[str, int] = {"float16": 2, "float32": 4, "float64": 8}  # bytes per number
COLUMN_TYPES = (str, int, float, bool, NoneType)
_NUMBERS = {
    kind.status: tuple(field.name for field in fields(kind) if int in FIELD_KINDS[field.name])
    for kind in (OkRow, FailedRow)
}
HEX_OF_CRC32 = re.compile(r"[0-9a-f]{8}")


def fault_of_row(row: Row) -> str:
    """Return what is wrong with the values of a row; ``""`` if nothing.

    Returns
    -------
    str
        One clause, such as ``its num_frames is -1``.
    """
    fault = _fault_of_numbers(row) or _fault_of_common_fields(row) or _fault_of_channel(row)
    return fault or (_fault_of_output(row) if isinstance(row, OkRow) else _fault_of_failure(row))


def _fault_of_numbers(row: Row) -> str:
    for name in _NUMBERS[row.status]:
        value = getattr(row, name)
        kind = type(value)
        if (kind is int and not -MAX_INTEGER <= value <= MAX_INTEGER) or (kind is float and not math.isfinite(value)):
            return _names(row, name)
    return ""


def _fault_of_common_fields(row: Row) -> str:
    if not row.id:
        return _names(row, "id")
    for name in ("id", "source"):
        if not _is_a_name(getattr(row, name)):
            return _names(row, name)
    if row.source_size < -1:
        return _names(row, "source_size")
    if not all(isinstance(flag, str) for flag in row.flags):
        return _names(row, "flags")
    return _fault_of_piece(row)


def _fault_of_piece(row: Row) -> str:
    """Return what is wrong with the part of the source, or with the carried columns."""
    for name in ("start_s", "end_s", "length_s"):
        if (getattr(row, name) or 0.0) < 0:
            return _names(row, name)
    if not 0 <= (row.source_channel or 0) <= MAX_CHANNEL:
        return _names(row, "source_channel")
    for value in (row.columns or {}).values():
        if type(value) not in COLUMN_TYPES or (isinstance(value, float) and not math.isfinite(value)):
            return f"one of its columns is {shown(value)}"
    return ""


def _fault_of_channel(row: Row) -> str:
    channel, chunk = row.channel, row.chunk
    if not 0 <= (channel or 0) <= MAX_CHANNEL:
        return _names(row, "channel")
    if chunk is not None and not 0 <= chunk < (row.num_chunks or 0) <= MAX_CHUNKS:
        return _names(row, "chunk")
    if not row.id.endswith(part_id("", channel, chunk)):
        return _names(row, "channel" if chunk is None else "chunk")
    return ""


def _fault_of_failure(row: FailedRow) -> str:
    return "" if row.reason in REASONS else _names(row, "reason")


def _fault_of_output(row: OkRow) -> str:
    path, start = row.path, row.start
    apart = path == npy_name(row.id) and start is None and _is_inside(path)
    in_shard = shard_number(path) is not None and start is not None and start >= 0
    if not (apart or in_shard):
        return f"{_names(row, 'path')}, which is not where melcli stores its output"
    if row.dtype not in STORED_TYPES or not HEX_OF_CRC32.fullmatch(row.crc32):
        return "its dtype or crc32 is invalid"
    frames, features, size = row.num_frames, row.num_features, row.output_size
    if min(frames, features, size) < 0:
        return "one of its numbers is negative"
    if not 0 <= (row.valid_frames or 0) <= frames:
        return _names(row, "valid_frames")
    if not 0 <= (row.clipped_fraction or 0) <= 1:
        return _names(row, "clipped_fraction")
    if max(size, frames * features * STORED_TYPES[row.dtype]) > MAX_FILE_BYTES:
        return f"its {frames} frames of {features} features in {size} bytes exceed the maximum size of a file"
    return ""


def _names(row: Row, name: str) -> str:
    return f"its {name} is {shown(getattr(row, name))}"


def _is_a_name(text: str) -> bool:
    """Return whether a file can have this name."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that represents no byte
        return False


def _is_inside(path: str) -> bool:
    return os.path.normpath(os.path.join("/out", path)).startswith("/out/")
