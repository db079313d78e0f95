"""Check the values of a row: times, channels, paths and ids."""

from __future__ import annotations

import math
from typing import Any

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["channel_of", "check_id", "check_path", "seconds"]

MAX_S = 1e8  # three years; larger times are in another unit
MAX_CHANNEL = 65_535  # of a WAV
SHOWN_CHARACTERS = 40


def seconds(name: str, value: Any) -> float | None:
    """Return a time of a cell, or None for an empty one.

    Parameters
    ----------
    name : str
        Name of the column, for the message.
    value : str, int, float or None

    Raises
    ------
    ConfigError
        It is not a number from 0 to `MAX_S`.
    """
    if value is None or value == "":
        return None
    number = _number(value)
    if number is not None and 0 <= number <= MAX_S:
        return number + 0.0  # -0.0 is 0.0
    if number is not None and math.isfinite(number) and number > MAX_S:
        raise ConfigError(
            f"{shown(name, value)}: a time is at most {MAX_S:.0f} s", hint="convert samples or milliseconds to seconds"
        )
    raise ConfigError(f"{shown(name, value)}: a time is a number of seconds, 0 or more")


def channel_of(name: str, value: Any) -> int | None:
    """Return a channel from 0, or None for an empty cell; ``1.0`` is accepted, as pandas writes it.

    Raises
    ------
    ConfigError
        It is not a whole number from 0.
    """
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None or not 0 <= number <= MAX_CHANNEL or number % 1:
        raise ConfigError(
            f"{shown(name, value)}: a channel is a whole number, 0 for the first one",
            hint="if the column means something else, add --column channel=",
        )
    return int(number)


def check_path(path: Any, name: str) -> None:
    """Refuse a value that cannot be the path of a recording.

    Raises
    ------
    ConfigError
        It is empty, not a text, a URL, or no name of a file on any system.
    """
    if not path or type(path) is not str:
        raise ConfigError(f"{shown(name, path)}: a path is a text that is not empty")
    if "://" in path:
        raise ConfigError(f"{shown(name, path)}: it is a URL, and melcli reads local files only")
    _refuse_characters(name, path)


def check_id(item_id: str, name: str) -> None:
    """Refuse an id that cannot be a name below OUT.

    Raises
    ------
    ConfigError
        It is empty, begins or ends with ``/``, or a part is empty, ``.`` or ``..``.
    """
    if item_id in ("", ".", "..") or ("/" in item_id and not {"", ".", ".."}.isdisjoint(item_id.split("/"))):
        raise ConfigError(
            f"{shown(name, item_id)}: an id is a name below OUT, so no part between slashes is empty, '.' or '..'"
        )
    _refuse_characters(name, item_id)


def shown(name: str, value: object) -> str:
    """Write a column and its value, shortened and printable."""
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[: SHOWN_CHARACTERS - 4]}...{text[-1]}"
    return printable(f"{name}={text}")


def _number(value: Any) -> float | None:
    if type(value) is str and "_" in value:  # float() reads 1_000
        return None
    if type(value) is bool:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _refuse_characters(name: str, text: str) -> None:
    if text.isascii():
        if "\0" in text:
            raise ConfigError(f"{shown(name, text)}: no file name contains a NUL")
        return
    try:
        encoded = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ConfigError(f"{shown(name, text)}: it has half of a surrogate pair, which is no character") from None
    if b"\0" in encoded:
        raise ConfigError(f"{shown(name, text)}: no file name contains a NUL")
