"""Derive ids from paths, times and channels, for tables without ids."""

from __future__ import annotations

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.names import item_id, listed_name

__all__ = ["derived_id", "name_of_recording"]

DIGITS = 8  # of milliseconds: 27 hours; longer times have more


def name_of_recording(path: str, *, keep_extension: bool) -> str:
    """Return the id of a whole recording.

    Parameters
    ----------
    path : str
        As the table has it, without its folder; the name is that of `melcli.sources.names.listed_name`.
    keep_extension : bool
        Whether the id keeps the extension.

    Raises
    ------
    ConfigError
        No name remains, as for ``..``.
    """
    name = listed_name(path)
    if not name:
        raise ConfigError(f"the path {printable(repr(path))} leaves no name for an output", hint="add a column id")
    return item_id(name, keep_extension=keep_extension)


def derived_id(recording: str, start_s: float | None, end_s: float | None, channel: int | None) -> str:
    """Return the id of a piece: ``a/b`` for the whole of ``a/b.wav``, and ``a/b_00001000_00002500`` from 1 to 2.5 s.

    It depends on this row only, so it stays the same when rows are added.  Ids of different pieces are different if
    their bounds differ by at least 1 us.

    Parameters
    ----------
    recording : str
        The id of the whole recording.
    start_s, end_s : float or None
        Bounds in seconds.  They are written in milliseconds, with three decimals if they are not whole milliseconds;
        an end that is None is ``end``.  Without a start, the id has no bounds.
    channel : int or None
        Written as ``.ch0``.
    """
    derived = recording
    if start_s is not None:
        derived = f"{derived}_{_milliseconds(start_s)}_{'end' if end_s is None else _milliseconds(end_s)}"
    return derived if channel is None else f"{derived}.ch{channel}"


def _milliseconds(time_s: float) -> str:
    time_ms = round(time_s * 1000, 3)
    whole = int(time_ms)
    return f"{whole:0{DIGITS}d}" if whole == time_ms else f"{time_ms:0{DIGITS + 4}.3f}"
