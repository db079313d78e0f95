"""The keys in which two configs differ, as lines."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["in_lines"]


def in_lines(differing: dict[str, tuple[Any, Any]]) -> list[str]:
    """Write what `Config.differing_values` gives, ``features.mag_eps: 1e-09 -> 1e-06``, with the arrows in a column."""
    keys = [f"{key}:" for key in differing]
    before = [_value(first) for first, _ in differing.values()]
    widths = max(map(len, keys), default=0), max(map(len, before), default=0)
    return [
        f"{key:<{widths[0]}} {first:<{widths[1]}} -> {_value(second)}"
        for key, first, (_, second) in zip(keys, before, differing.values(), strict=True)
    ]


def _value(value: Any) -> str:
    """Write one value as a config would; words need no quotes."""
    return value if isinstance(value, str) else json.dumps(value)
