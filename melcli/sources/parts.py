"""Divide long sequences into parts of limited size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["PART_ITEMS", "in_parts"]

PART_ITEMS = 512
Value = TypeVar("Value")


def in_parts(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Divide values into lists of at most `PART_ITEMS`."""
    part = []
    for value in values:
        part.append(value)
        if len(part) == PART_ITEMS:
            yield part
            part = []
    if part:
        yield part
