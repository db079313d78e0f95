"""Colors of messages and help, where a terminal takes them."""

from __future__ import annotations

import os
from typing import Literal, TextIO

__all__ = ["Role", "colored", "takes_colors"]

Role = Literal["error", "warning", "hint", "failed", "heading", "option", "bar"]

_CODES: dict[Role, str] = {
    "error": "1;31",
    "warning": "1;33",
    "hint": "1;36",
    "failed": "31",
    "heading": "1;32",
    "option": "36",
    "bar": "32",
}


def takes_colors(stream: TextIO) -> bool:
    """Return whether a stream is a terminal with colors, and the user has not refused them.

    `NO_COLOR` refuses them with any value but an empty one, as https://no-color.org has it.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def colored(text: str, role: Role, stream: TextIO) -> str:
    """Return text in the color of its role if the stream takes it."""
    return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if text and takes_colors(stream) else text
