"""The report: counts of a run, and the exit code."""

from __future__ import annotations

import pytest

from melcli.mel.options import FeatureOptions
from melcli.run.report import MAX_TIME, FailureLimit, Report
from tests.run.rows import add, failed, ok


@pytest.mark.parametrize(
    "report, code",
    [
        (Report(out="OUT", to_do=2, done=2), 0),
        (Report(out="OUT", unchanged=2), 0),
        (Report(out="OUT"), 0),
        (Report(out="OUT", to_do=2, done=1, failed=1), 3),
        (Report(out="OUT", unchanged=1, failed_before=1), 3),
        (Report(out="OUT", to_do=1, done=1, unreadable_folders=1), 3),
        (Report(out="OUT", unchanged=1, failed_before=1, known_failures_ok=True), 0),
        (Report(out="OUT", to_do=1, failed=1, failed_before=1, known_failures_ok=True), 3),
        (Report(out="OUT", failed_before=1, unreadable_folders=1, known_failures_ok=True), 3),
        (Report(out="OUT", to_do=1, failed_before=1, stopped_by=MAX_TIME, known_failures_ok=True), 10),
        (Report(out="OUT", to_do=1, failed_before=1, known_failures_ok=True), 1),
        (Report(out="OUT", to_do=2, failed=1, stopped_by="failures"), 7),
        (Report(out="OUT", to_do=2, failed=1, stopped_by=MAX_TIME), 10),
        (Report(out="OUT", to_do=2, stopped_by=MAX_TIME, signal_number=15), 143),
        (Report(out="OUT", to_do=2, stopped_by="SIGHUP", signal_number=1), 129),
        (Report(out="OUT", to_do=2, stopped_by="SIGINT", signal_number=2), 130),
        (Report(out="OUT", to_do=2, failed=1, stopped_by="SIGTERM", signal_number=15), 143),
    ],
)
def test_the_exit_code(report: Report, code: int) -> None:
    assert report.exit_code == code


def test_orphans_are_no_failure() -> None:
    assert Report(out="OUT", orphans=3).exit_code == 0


def test_rows_are_counted_by_input() -> None:
    report = Report(out="OUT", to_do=5)
    add(report, [ok("a"), failed("b"), failed("c", "truncated")])
    add(report, [ok("d.ch0", channel=0), ok("d.ch1", channel=1), failed("e")])
    assert (report.done, report.failed, report.left) == (2, 3, 0)
    assert report.reasons == {"empty": 2, "truncated": 1}
    assert report.audio_s == 3.0  # of a file with two channels once


@pytest.mark.parametrize(
    "source_rate_hz, features, counted",
    [
        (44_100, FeatureOptions(sampling_rate=44_100, max_freq=22_050.0), 0),
        (11_025, FeatureOptions(sampling_rate=11_025), 0),  # max_freq is 5512
        (15_950, FeatureOptions(), 0),  # the highest filter is cut and not empty
        (15_000, FeatureOptions(), 1),
        (15_000, FeatureOptions(num_mel_bins=4), 0),
        (8000, FeatureOptions(max_freq=4000.0), 0),
        (16_000, FeatureOptions(max_freq=12_000.0), 0),  # not for want of a rate
    ],
)
def test_a_source_is_below_max_freq_where_a_filter_is_without_it(
    source_rate_hz: int, features: FeatureOptions, counted: int
) -> None:
    report = Report(out="OUT", to_do=1, features=features)
    add(report, [ok("a", source_sampling_rate=source_rate_hz)])
    assert report.below_max_freq == counted


@pytest.mark.parametrize(
    "limit, failures, to_do, exceeded",
    [
        (FailureLimit(), 1000, 1000, False),
        (FailureLimit(number=0), 0, 10, False),
        (FailureLimit(number=0), 1, 10, True),
        (FailureLimit(number=3), 3, 10, False),
        (FailureLimit(number=3), 4, 10, True),
        (FailureLimit(percent=0.0), 0, 10, False),
        (FailureLimit(percent=0.0), 1, 1000, True),
        (FailureLimit(percent=1.0), 1, 100, False),
        (FailureLimit(percent=1.0), 2, 100, True),
        (FailureLimit(percent=2.5), 1, 40, False),
        (FailureLimit(percent=100.0), 5, 5, False),
    ],
)
def test_a_limit_is_exceeded_by_more_than_it(limit: FailureLimit, failures: int, to_do: int, exceeded: bool) -> None:
    assert limit.exceeded(failures, to_do) is exceeded
