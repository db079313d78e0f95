"""Rules for valid rows of manifest and journal, beyond their types.

A row is held against itself and never against the disk; `melcli.store.checks` does that.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from melcli.errors import REASONS
from melcli.store.layout import npy_name, shard_number

__all__ = ["STORED_TYPES", "fault_of_row"]

LARGEST = (1 << 63) - 1  # of a number of bytes, frames or nanoseconds
LARGEST_CHANNEL = (1 << 31) - 1
LARGEST_FILE_BYTES = 1 << 60  # which no file system holds
STORED_TYPES: Mapping[str, int] = {"float16": 2, "float32": 4, "float64": 8}  # with their bytes
HEX_OF_CRC32 = re.compile(r"[0-9a-f]{8}")
SHOWN = 80  # characters of a value in a message

_TEXT, _INTEGER, _NUMBER = frozenset({str}), frozenset({int}), frozenset({int, float})
_INTEGER_OR_NONE = frozenset({int, type(None)})
# What a row must hold, of which type; bool is another type than int here.
_OF_ALL: Mapping[str, frozenset[type]] = {
    "id": _TEXT,
    "source": _TEXT,
    "config_id": _TEXT,
    "source_size": _INTEGER,
    "source_mtime_ns": _INTEGER,
    "flags": frozenset({list}),
    "channel": _INTEGER_OR_NONE,
}
_OF_OK: Mapping[str, frozenset[type]] = {
    **_OF_ALL,
    "path": _TEXT,
    "dtype": _TEXT,
    "crc32": _TEXT,
    "num_frames": _INTEGER,
    "num_features": _INTEGER,
    "output_size": _INTEGER,
    "min": _NUMBER,
    "max": _NUMBER,
    "mean": _NUMBER,
    "start": _INTEGER_OR_NONE,
}
_OF_FAILED: Mapping[str, frozenset[type]] = {**_OF_ALL, "reason": _TEXT, "message": _TEXT}


def fault_of_row(plain: Mapping[str, Any]) -> str:
    """Say what is wrong with the fields of a row; ``""`` where nothing is.

    Parameters
    ----------
    plain : Mapping
        The JSON object.

    Returns
    -------
    str
        One clause, such as ``its num_frames is -1``.
    """
    fault = _fault_of_types(plain) or _fault_of_common_fields(plain) or _fault_of_channel(plain)
    return fault or (_fault_of_output if plain["status"] == "ok" else _fault_of_failure)(plain)


def _fault_of_types(plain: Mapping[str, Any]) -> str:
    for name, types in _OF_OK.items() if plain.get("status") == "ok" else _OF_FAILED.items():
        if type(plain.get(name)) not in types:
            return _names(plain, name)
        if name not in plain:
            return f"its {name} is missing"
    for name, value in plain.items():
        kind = type(value)
        if (kind is int and not -LARGEST <= value <= LARGEST) or (kind is float and not math.isfinite(value)):
            return _names(plain, name)
    return ""


def _fault_of_common_fields(plain: Mapping[str, Any]) -> str:
    if not plain["id"]:
        return _names(plain, "id")
    for name in ("id", "source"):
        if not _is_a_name(plain[name]):
            return _names(plain, name)
    if plain["source_size"] < -1:
        return _names(plain, "source_size")
    if not all(isinstance(flag, str) for flag in plain["flags"]):
        return _names(plain, "flags")
    if plain["status"] not in ("ok", "failed"):
        return _names(plain, "status")
    return ""


def _fault_of_channel(plain: Mapping[str, Any]) -> str:
    channel = plain["channel"]
    if channel is None or (0 <= channel <= LARGEST_CHANNEL and plain["id"].endswith(f".ch{channel}")):
        return ""
    return _names(plain, "channel")


def _fault_of_failure(plain: Mapping[str, Any]) -> str:
    return "" if plain["reason"] in REASONS else _names(plain, "reason")


def _fault_of_output(plain: Mapping[str, Any]) -> str:
    path, start = plain["path"], plain["start"]
    apart = path == npy_name(plain["id"]) and start is None and _is_inside(path)
    in_shard = shard_number(path) is not None and start is not None and start >= 0
    if not (apart or in_shard):
        return f"{_names(plain, 'path')}, which is not where its output stands"
    if plain["dtype"] not in STORED_TYPES or not HEX_OF_CRC32.fullmatch(plain["crc32"]):
        return "its dtype or crc32 is invalid"
    frames, features, size = plain["num_frames"], plain["num_features"], plain["output_size"]
    if min(frames, features, size) < 0:
        return "a number of it is below 0"
    if not 0 <= (plain.get("valid_frames") or 0) <= frames:
        return _names(plain, "valid_frames")
    if max(size, frames * features * STORED_TYPES[plain["dtype"]]) > LARGEST_FILE_BYTES:
        return f"its {frames} frames of {features} features in {size} bytes are more than a file can hold"
    return ""


def _names(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    shown = str(value) if isinstance(value, float) else json.dumps(value)
    return f"its {name} is {shown[:SHOWN]}"


def _is_a_name(text: str) -> bool:
    """Tell whether a file may be called so."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False


def _is_inside(path: str) -> bool:
    return os.path.normpath(os.path.join("/out", path)).startswith("/out/")
