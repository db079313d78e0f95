"""Messages between the driver and the planning process: the length, then the data of `marshal`."""

from __future__ import annotations

import marshal
from typing import Any

__all__ = ["DONE", "ERROR", "HEADER_BYTES", "PART", "encode"]

HEADER_BYTES = 8
PART, DONE, ERROR = range(3)  # kinds of messages to the driver


def encode(message: tuple[Any, ...]) -> bytes:
    """Return the bytes of a message: its length, then its data."""
    data = marshal.dumps(message)
    return len(data).to_bytes(HEADER_BYTES) + data
