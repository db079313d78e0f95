"""The line of progress: what fits is shown whole, and the time that is left follows the audio."""

from __future__ import annotations

import pytest

from melcli.cli.progress_line import Field, Pace, fields_of, fit, part_of, remaining_audio_s, rough_time
from melcli.run.report import Report


def report(**counts: float) -> Report:
    return Report(
        out="OUT",
        **{"to_do": 12_500, "done": 5_117, "failed": 3, "audio_s": 44_280.0, "elapsed_s": 209.0, **counts},  # type: ignore[arg-type]
    )


def line(columns: int) -> str:
    """Draw the bar as so many signs."""
    layout = fit(fields_of(report(expected_audio_s=108_360.0), 302.0), columns)
    return f"{layout.before}{'#' * layout.bar_columns}{layout.after}"


@pytest.mark.parametrize(
    "columns, shown",
    [
        (30, "3 failed"),
        (35, "3 failed  5,120 of 12,500 files"),
        (50, "3 failed  41%  5,120 of 12,500 files  5 min left"),
        (80, "3 failed  ##############  41%  5,120 of 12,500 files  12.3 of 30.1 h  5 min left"),
        (
            120,
            "3 failed  ######################################  41%  5,120 of 12,500 files  12.3 of 30.1 h"
            "  212x real time  5 min left",
        ),
    ],
)
def test_fields_are_dropped_and_never_cut(columns: int, shown: str) -> None:
    assert line(columns) == shown
    assert len(shown) <= columns


def test_every_width_shows_whole_fields() -> None:
    whole = {field.text for field in fields_of(report(expected_audio_s=108_360.0), 302.0)}
    for columns in range(8, 200):
        texts = line(columns).split("  ")
        assert len(line(columns)) <= columns
        assert texts[0] == "3 failed"
        assert {text for text in texts if not set(text) <= {"#"}} <= whole


def test_nothing_is_shown_where_nothing_fits() -> None:
    assert fit([Field("3 failed", 0)], 5) == ("", 0, "")


def test_the_time_that_is_left_follows_the_audio() -> None:
    pace = Pace()
    assert pace.left_s(100.0) is None
    pace.add(0.0, 0.0)
    pace.add(1.0, 100.0)
    assert pace.left_s(100.0) is None  # too soon
    pace.add(10.0, 1000.0)
    assert pace.left_s(500.0) == pytest.approx(5.0)
    for second in range(11, 200):  # ten times slower
        pace.add(float(second), 1000.0 + 10.0 * (second - 10))
    assert pace.left_s(500.0) == pytest.approx(50.0)


def test_the_part_counts_audio_where_it_is_known() -> None:
    assert part_of(report(expected_audio_s=442_800.0)) == pytest.approx(0.1)
    assert part_of(report(expected_audio_s=442_800.0, audio_s_in_progress=44_280.0)) == pytest.approx(0.2)
    assert part_of(report()) == pytest.approx(5120 / 12_500)
    assert part_of(report(expected_audio_s=1.0)) == 0.99  # more than was expected, and not all is done
    assert part_of(report(expected_audio_s=1.0, items_in_progress=7_380)) == 1.0


def test_what_is_left_is_estimated_by_the_inputs_if_there_is_more_than_expected() -> None:
    assert remaining_audio_s(report(expected_audio_s=50_000.0)) == pytest.approx(5_720.0)
    assert remaining_audio_s(report(expected_audio_s=1.0)) == pytest.approx(44_280.0 * 7_380 / 5_120)
    assert remaining_audio_s(report(done=0, failed=0, audio_s=0.0)) == 0.0


@pytest.mark.parametrize(
    "seconds, words", [(0.4, "0 s"), (59.4, "59 s"), (61, "1 min"), (3599, "60 min"), (4320, "1 h 12 min")]
)
def test_times_are_rough(seconds: float, words: str) -> None:
    assert rough_time(seconds) == words
