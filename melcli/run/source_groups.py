"""Group items by source, so that the parts of a recording are decoded in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from melcli.sources.bounds import Bounds
from melcli.sources.items import Item

__all__ = ["by_source"]


def by_source(items: Sequence[Item]) -> list[list[Item]]:
    """Group items by source, the parts of each sorted by start; a whole file is a group of its own."""
    if not any(item.bounds for item in items):
        return [[item] for item in items]
    groups: dict[tuple[str, bool, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.source, item.is_command, "" if item.bounds else item.id), []).append(item)
    return [sorted(group, key=_start) for group in groups.values()]


def _start(item: Item) -> float:
    return Bounds.of_json(item.bounds).start_s or 0.0
