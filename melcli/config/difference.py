"""Where two configs differ."""

from __future__ import annotations

import json
from typing import Any

from melcli.config.resolve import Config

__all__ = ["differing_values", "in_lines"]


def differing_values(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """Return the values of the dotted keys in which two configs differ, the first config's and the second's."""
    theirs = other.plain()
    return {
        f"{section}.{key}": (value, theirs[section][key])
        for section, values in one.plain().items()
        for key, value in values.items()
        if value != theirs[section][key]
    }


def in_lines(differing: dict[str, tuple[Any, Any]]) -> list[str]:
    """Write a line for each key, ``features.mag_eps: 1e-09 -> 1e-06``, with the arrows below each other."""
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
