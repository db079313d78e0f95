"""The report: what people read, what programs read, and the exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from melcli.mel.options import FeatureOptions
from melcli.run.report import MAX_TIME, FailureLimit, Report
from melcli.store.manifest import Row


def ok(row_id: str, duration: float = 1.5, **more: Any) -> Row:
    return Row(
        id=row_id,
        source=row_id,
        status="ok",
        source_size=1,
        source_mtime_ns=1,
        duration=duration,
        config_id="c",
        **more,
    )


def failed(row_id: str, reason: Any = "empty") -> Row:
    return Row(
        id=row_id, source=row_id, status="failed", reason=reason, source_size=1, source_mtime_ns=1, config_id="c"
    )


@pytest.mark.parametrize(
    "report, sentence",
    [
        (
            Report(out="OUT", to_do=800, unchanged=9200, done=796, failed=4, audio_s=38.2 * 3600, elapsed_s=71.0),
            "9,996 ok (9,200 unchanged)  4 failed  38.2 h of audio  71 s  1,937x real time  -> OUT/manifest.jsonl",
        ),
        (
            Report(out="OUT", unchanged=3000, elapsed_s=0.31),
            "3,000 ok (3,000 unchanged)  0 failed  0.3 s  -> OUT/manifest.jsonl",
        ),
        (
            Report(out="OUT", unchanged=2, failed_before=1, elapsed_s=0.31),
            "2 ok (2 unchanged)  1 failed  0.3 s  -> OUT/manifest.jsonl",
        ),
        (
            Report(out="OUT", to_do=10, done=6, failed=1, audio_s=12.0, elapsed_s=2.0),
            "6 ok  1 failed  3 not done  12.0 s of audio  2.0 s  6x real time  -> OUT/manifest.jsonl",
        ),
        (Report(out="O\x1b[31m\nT"), r"0 ok  0 failed  0.0 s  -> O\x1b[31m\x0aT/manifest.jsonl"),
    ],
)
def test_the_last_line(report: Report, sentence: str) -> None:
    assert report.sentence() == sentence


@pytest.mark.parametrize(
    "report, code",
    [
        (Report(out="OUT", to_do=2, done=2), 0),
        (Report(out="OUT", unchanged=2), 0),
        (Report(out="OUT"), 0),
        (Report(out="OUT", to_do=2, done=1, failed=1), 3),
        (Report(out="OUT", unchanged=1, failed_before=1), 3),
        (Report(out="OUT", to_do=1, done=1, unreadable_folders=1), 3),
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
    report.add([ok("a"), failed("b"), failed("c", "truncated")])
    report.add([ok("d.ch0", channel=0), ok("d.ch1", channel=1), failed("e")])
    assert (report.done, report.failed, report.left) == (2, 3, 0)
    assert report.reasons == {"empty": 2, "truncated": 1}
    assert report.audio_s == 3.0  # of a file with two channels once


def test_the_plain_form_is_json_and_says_it_all() -> None:
    report = Report(out="O\udcff", to_do=3, unchanged=2, failed_before=1, orphans=1, unreadable_folders=1)
    report.add([ok("a"), failed("b", "timeout"), failed("c", "empty")])
    report.tick()
    plain = json.loads(json.dumps(report.plain()))
    assert plain.pop("elapsed_s") >= 0
    assert plain == {
        "ok": 3,
        "unchanged": 2,
        "failed": 3,
        "failed_now": 2,
        "not_done": 0,
        "orphans": 1,
        "unreadable_folders": 1,
        "reasons": {"empty": 1, "timeout": 1},
        "below_max_freq": 0,
        "lost_batches": 0,
        "audio_s": 1.5,
        "stopped_by": None,
        "exit_code": 3,
        "out": "O\udcff",
    }


def test_sources_below_max_freq_are_counted_by_input() -> None:
    report = Report(out="OUT", to_do=3000, unchanged=7)
    report.add([ok("a", source_sampling_rate=8000), ok("b", source_sampling_rate=11_025)])
    report.add([ok(f"c.ch{channel}", channel=channel, source_sampling_rate=12_000) for channel in (0, 1)])
    report.add([ok("d", source_sampling_rate=16_000), ok("e", source_sampling_rate=44_100), failed("f")])
    assert report.below_max_freq == report.plain()["below_max_freq"] == 3
    assert report.sources_below_max_freq() == (
        "the sampling rate of 3 of the 5 files done now is too low for max_freq (8000 Hz): at the lowest, 8000 Hz, "
        "nothing was recorded above 4000 Hz, where filters 98 to 127 of 128 lie"
    )


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
    report.add([ok("a", source_sampling_rate=source_rate_hz)])
    assert report.below_max_freq == counted


def test_one_filter_lies_there() -> None:
    report = Report(out="OUT", to_do=1, features=FeatureOptions(max_freq=4150.0))
    report.add([ok("a", source_sampling_rate=8000)])
    assert report.sources_below_max_freq().endswith("above 4000 Hz, where filter 127 of 128 lies")


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
