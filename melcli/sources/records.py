"""Records: the pieces of audio that tables and Kaldi folders describe, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from melcli.sources.bounds import Rounding

__all__ = ["Record", "Scalar"]

Scalar = str | int | float | bool | None


class Record(NamedTuple):
    """One piece of audio, with the place that describes it.

    ``tuple(record)`` has only types that `marshal` supports.

    Attributes
    ----------
    place : str
        File and line, from 1, where the description starts, such as ``train.csv:17``; for messages, not escaped.
    path : str
        Path of the recording, with the folder that it is relative to; `os.fsencode` returns its bytes.  A command
        without its final ``|`` if ``is_command``.
    id : str
        Name below OUT: parts separated by ``/``, none of them empty, ``.`` or ``..``.  Two records may have the same.
    start_s : float or None
        Start in seconds, 0 or more.  None: the whole recording; then ``end_s`` and ``duration_s`` are None too.
    end_s : float or None
        End in seconds, above ``start_s``.  None: the end of the recording, unless ``duration_s`` is set.
    duration_s : float or None
        Length in seconds, above 0, if the table has lengths instead of ends.
    rounding : str
        How times become samples, as the program does it that the format belongs to.

        ``nearest``
            Start and end are rounded to the nearest sample, halves up; the end is ``start_s + duration_s`` if there
            is a length.  So pieces that are adjacent in time are adjacent in samples.
        ``truncate``
            ``int(start_s * rate)``, and ``int(end_s * rate)`` for the end (Kaldi) or ``int(duration_s * rate)``
            samples (NeMo).
    channel : int or None
        Channel, from 0; None: all.
    is_command : bool
        Whether ``path`` is a command that writes the recording to its standard output.
    columns : Mapping
        The other columns, by name.
    """

    place: str
    path: str
    id: str
    start_s: float | None
    end_s: float | None
    duration_s: float | None
    rounding: Rounding
    channel: int | None
    is_command: bool
    columns: Mapping[str, Scalar]
