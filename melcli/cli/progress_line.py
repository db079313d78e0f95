"""One line of progress that fits a width: fields are dropped, and never cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from melcli.run.report import Report

__all__ = ["Field", "Layout", "Pace", "fields_of", "fit", "part_of", "remaining_audio_s", "rough_time"]

LEAST_BAR, MOST_BAR = 10, 40  # columns
BAR_RANK = 4  # when it is dropped; see `Field`
GAP = "  "
PACE_WINDOW_S = 60.0
LEAST_PACE_S = 2.0  # of a run before its end is estimated


class Field(NamedTuple):
    """A part of the line.

    Attributes
    ----------
    text : str
    rank : int
        The field of the highest rank is dropped first.
    """

    text: str
    rank: int


class Layout(NamedTuple):
    """A line that fits.

    Attributes
    ----------
    before, after : str
        What is shown on both sides of the bar.
    bar_columns : int
        The width of the bar; 0: there is none.
    """

    before: str
    bar_columns: int
    after: str


class Pace:
    """Seconds of audio for each second of the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, audio_s: float) -> None:
        """Note how much audio was processed at a time."""
        self._seen.append((now_s, audio_s))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= PACE_WINDOW_S:
            self._seen.popleft()

    def left_s(self, remaining_audio_s: float) -> float | None:
        """Estimate the time for more audio; None if it is too soon to say."""
        if not self._seen:
            return None
        (first_s, first_audio_s), (last_s, last_audio_s) = self._seen[0], self._seen[-1]
        if last_s - first_s < LEAST_PACE_S or last_audio_s <= first_audio_s:
            return None
        return remaining_audio_s * (last_s - first_s) / (last_audio_s - first_audio_s)


def fields_of(report: Report, left_s: float | None) -> list[Field]:
    """Return the fields of a run, failures first.

    Parameters
    ----------
    report : Report
        The run so far.
    left_s : float, optional
        The time until its end.
    """
    finished = report.done + report.failed + report.items_in_progress
    audio_s = report.audio_s + report.audio_s_in_progress
    part = part_of(report)
    hours = f"{audio_s / 3600:,.1f}"
    expected = f" of {report.expected_audio_s / 3600:,.1f}" if report.expected_audio_s > audio_s else ""
    speed = audio_s / report.elapsed_s if report.elapsed_s else 0.0
    fields = [
        Field(f"{report.failed:,} failed", 0),
        Field(f"{100 * part:.0f}%", 3),
        Field(f"{finished:,} of {report.to_do:,} files", 1),
        Field(f"{hours}{expected} h", 5),
        Field(f"{speed:,.0f}x real time", 6),
    ]
    return fields if left_s is None else [*fields, Field(f"{rough_time(left_s)} left", 2)]


def part_of(report: Report) -> float:
    """Return the part that is done, from 0 to 1: by seconds of audio, or by inputs if these are not known."""
    finished = report.done + report.failed + report.items_in_progress
    if report.expected_audio_s and finished < report.to_do:
        part = (report.audio_s + report.audio_s_in_progress) / report.expected_audio_s
        return min(part, 0.99)  # the expectation is an estimate
    return finished / report.to_do if report.to_do else 1.0


def remaining_audio_s(report: Report) -> float:
    """Return about the audio that is left: as expected, or, if that was too little, as long as the inputs so far."""
    audio_s = report.audio_s + report.audio_s_in_progress
    finished = report.done + report.failed + report.items_in_progress
    if report.expected_audio_s > audio_s:
        return report.expected_audio_s - audio_s
    return audio_s * (report.to_do - finished) / finished if finished else 0.0


def fit(fields: Sequence[Field], columns: int) -> Layout:
    """Lay out as many fields as fit, and a bar behind the first one, which gets the columns that are left.

    Parameters
    ----------
    fields : sequence of Field
        In the order in which they are shown.
    columns : int
        The width.
    """
    kept = [*fields[:1], Field(" " * LEAST_BAR, BAR_RANK), *fields[1:]]
    while kept and (room := columns - len(GAP.join(field.text for field in kept))) < 0:
        kept.remove(max(kept, key=lambda field: field.rank))
    has_bar = any(field.rank == BAR_RANK for field in kept)
    texts = [field.text for field in kept if field.rank != BAR_RANK]
    if not has_bar:
        return Layout(GAP.join(texts), 0, "")
    after = "".join(f"{GAP}{text}" for text in texts[1:])
    return Layout(f"{texts[0]}{GAP}", min(MOST_BAR, LEAST_BAR + room), after)


def rough_time(seconds: float) -> str:
    """Write a time as roughly as it is known."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{int(seconds // 3600):,} h {int(seconds % 3600 // 60):02} min"
