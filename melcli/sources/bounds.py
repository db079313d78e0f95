"""The part of a source that an item is: its start, end and channel."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Protocol

__all__ = ["Bounds", "BoundsFields", "Rounding"]

Rounding = Literal["nearest", "truncate"]
MAX_SAMPLES = 1 << 62  # a table may contain any number


class Bounds(NamedTuple):
    """The part of a source that an item is; by default, the whole source.

    Attributes
    ----------
    start_s : float or None
        Start in seconds; None for the start of the source.
    end_s : float or None
        End in seconds; None for the end of the source.  If ``length_s`` is set, it is only for people.
    length_s : float or None
        The duration in seconds, if the table gives it instead of the end: then start and duration are rounded, not
        start and end.
    rounding : "nearest" or "truncate" or None
        How seconds become samples; None is ``nearest``, half up.  Kaldi's ``extract-segments`` and NeMo truncate.
    source_channel : int or None
        The only channel to read, counted from 0; None for the channels that the config selects.
    is_command : bool or None
        Whether the source is a command that writes audio to its standard output, as in Kaldi's ``wav.scp``; otherwise
        it is a file.
    """

    start_s: float | None = None
    end_s: float | None = None
    length_s: float | None = None
    rounding: Rounding | None = None
    source_channel: int | None = None
    is_command: bool | None = None

    @classmethod
    def of_fields(cls, row: BoundsFields) -> Bounds:
        """Return the bounds that a row records."""
        return cls._make(getattr(row, name) for name in cls._fields)

    @classmethod
    def of_json(cls, text: str) -> Bounds:
        """Return the bounds for a text of `to_json`."""
        if not text:
            return WHOLE_SOURCE
        import json  # late: the planning process imports little

        return cls(**json.loads(f"{{{text}}}"))

    def to_json(self) -> str:
        """Return the fields that are set as JSON without braces, in the order of the fields; ``""`` for a whole source.

        A row contains the same text, so that a plan can compare texts.
        """
        if self == WHOLE_SOURCE:
            return ""
        import json

        fields = {name: value for name, value in self._asdict().items() if value is not None}
        return json.dumps(fields, separators=(",", ":"), allow_nan=False)[1:-1]

    @property
    def duration_s(self) -> float | None:
        """Approximate duration in seconds; None if it depends on the length of the source."""
        if self.length_s is not None:
            return self.length_s
        return None if self.end_s is None else self.end_s - (self.start_s or 0.0)

    def samples(self, sampling_rate: int) -> tuple[int, int | None]:
        """Return the first sample, and the one after the last; None for the end of the source.

        Parameters
        ----------
        sampling_rate : int
            Rate of the source, Hz.
        """
        first = self._count(self.start_s or 0.0, sampling_rate)
        if self.length_s is not None:
            return first, first + self._count(self.length_s, sampling_rate)
        return first, None if self.end_s is None else self._count(self.end_s, sampling_rate)

    def _count(self, seconds: float, sampling_rate: int) -> int:
        samples = min(seconds * sampling_rate, MAX_SAMPLES)
        return int(samples) if self.rounding == "truncate" else math.floor(samples + 0.5)


WHOLE_SOURCE = Bounds()


class BoundsFields(Protocol):
    """The fields of a row that describe the part of its source."""

    @property
    def start_s(self) -> float | None:
        """Start in seconds."""

    @property
    def end_s(self) -> float | None:
        """End in seconds."""

    @property
    def length_s(self) -> float | None:
        """Duration in seconds, if the table gives it."""

    @property
    def rounding(self) -> Rounding | None:
        """How seconds become samples."""

    @property
    def source_channel(self) -> int | None:
        """The only channel to read."""

    @property
    def is_command(self) -> bool | None:
        """Whether the source is a command."""
