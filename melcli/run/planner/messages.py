"""Messages between the driver and the planning process: written by `marshal`, each after its length."""

from __future__ import annotations

import marshal
from typing import Any

__all__ = ["DONE", "ERROR", "HEADER_BYTES", "PART", "encode"]

HEADER_BYTES = 8
PART, DONE, ERROR = range(3)  # kinds of messages to the driver


def encode(message: tuple[Any, ...]) -> bytes:
    """Return a message after its length."""
    data = marshal.dumps(message)
    return len(data).to_bytes(HEADER_BYTES) + data
