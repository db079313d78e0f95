"""Check a message by its meaning: the file, the value and the rule that it names, not its wording."""

from __future__ import annotations

__all__ = ["names"]


def names(message: object, *parts: object) -> bool:
    """Return whether a message contains all parts, such as a path, a number with its unit, or a key."""
    return all(str(part) in str(message) for part in parts)
