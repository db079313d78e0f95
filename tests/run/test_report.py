"""The report: what people read, what programs read, and the exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from melcli.mel.options import FeatureOptions
from melcli.run.report import MAX_TIME, FailureLimit, Report
from melcli.run.tally import count_rows
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


def add(report: Report, rows: list[Row]) -> None:
    report.add(count_rows(rows, report.features), [row for row in rows if row.status == "failed"])


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


def test_the_plain_form_is_json_and_says_it_all() -> None:
    report = Report(out="O\udcff", to_do=3, unchanged=2, failed_before=1, orphans=1, unreadable_folders=1)
    add(report, [ok("a"), failed("b", "timeout"), failed("c", "empty")])
    report.tick()
    plain = json.loads(json.dumps(report.plain()))
    assert plain.pop("elapsed_s") >= 0
    assert plain == {
        "ok": 3,
        "unchanged": 2,
        "failed": 3,
        "failed_now": 2,
        "failed_before": 1,
        "not_done": 0,
        "orphans": 1,
        "orphans_of_other_config": 0,
        "unreadable_folders": 1,
        "reasons": {"empty": 1, "timeout": 1},
        "below_max_freq": 0,
        "cut": 0,
        "cut_s": 0.0,
        "truncated": 0,
        "lost_batches": 0,
        "worker_crashes": 0,
        "worker_kills": 0,
        "worker_oom_kills": 0,
        "worker_timeouts": 0,
        "retries": 0,
        "retried_alone": 0,
        "audio_s": 1.5,
        "stopped_by": None,
        "exit_code": 3,
        "out": "O\udcff",
    }


def test_inputs_that_end_early_are_counted_once_for_all_channels() -> None:
    report = Report(out="OUT", to_do=3)
    assert report.inputs_truncated() == ""
    add(report, [ok("a"), ok("b", flags=("clipped", "truncated"))])
    assert report.inputs_truncated() == "1 file of 2 ends early; what could be decoded was kept"
    add(report, [ok(f"c.ch{number}", channel=number, flags=("truncated",)) for number in (0, 1)])
    assert report.inputs_truncated() == "2 files of 3 end early; what could be decoded was kept"
    assert report.plain()["truncated"] == 2


def test_sources_below_max_freq_are_counted_by_input() -> None:
    report = Report(out="OUT", to_do=3000, unchanged=7)
    add(report, [ok("a", source_sampling_rate=8000), ok("b", source_sampling_rate=11_025)])
    add(report, [ok(f"c.ch{channel}", channel=channel, source_sampling_rate=12_000) for channel in (0, 1)])
    add(report, [ok("d", source_sampling_rate=16_000), ok("e", source_sampling_rate=44_100), failed("f")])
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
    add(report, [ok("a", source_sampling_rate=source_rate_hz)])
    assert report.below_max_freq == counted


def test_one_filter_lies_there() -> None:
    report = Report(out="OUT", to_do=1, features=FeatureOptions(max_freq=4150.0))
    add(report, [ok("a", source_sampling_rate=8000)])
    assert report.sources_below_max_freq().endswith("above 4000 Hz, where filter 127 of 128 lies")


THIRTY_SECONDS = FeatureOptions(num_samples=480_000)


def test_inputs_that_are_cut_are_counted_once_with_what_they_lost() -> None:
    report = Report(out="OUT", to_do=3, features=THIRTY_SECONDS)
    add(report, [ok("a", num_samples=480_000), ok("b", num_samples=480_001), failed("c")])
    assert (report.cut, report.cut_s, report.plain()["cut_s"]) == (1, 1 / 16_000, 0.000063)
    add(report, [ok(f"d.ch{channel}", channel=channel, num_samples=1_440_000) for channel in (0, 1)])
    assert (report.plain()["cut"], report.plain()["cut_s"]) == (2, 60.000062)


@pytest.mark.parametrize(
    "done, cut, lost_s, keys, sentence",
    [
        (300, 12, 4320, {"num_samples": 480_000}, "12 of 300 files are longer than num_samples=480000 (30 s): 1.2 h"),
        (1, 1, 60, {"num_samples": 480_000}, "1 of 1 file is longer than num_samples=480000 (30 s): 1.0 min"),
        (2, 1, 59.9, {"num_frames": 1024}, "1 of 2 files is longer than num_frames=1024 (10.24 s): 59.9 s"),
        (9, 2, 0.01, {"num_frames": 99}, "2 of 9 files are longer than num_frames=99 (0.99 s): less than 0.1 s"),
        (
            1500,
            1200,
            3600 * 1234.5,
            {"num_samples": 8000, "num_frames": 40},
            "1,200 of 1,500 files are longer than num_samples=8000 (0.5 s) or num_frames=40 (0.4 s): 1,234.5 h",
        ),
    ],
)
def test_what_was_cut_off_in_words(done: int, cut: int, lost_s: float, keys: dict[str, int], sentence: str) -> None:
    features = FeatureOptions(fft_length=400, sequence_stride=160, **keys)
    report = Report(out="OUT", done=done, cut=cut, cut_samples=round(lost_s * 16_000), features=features)
    assert report.inputs_cut() == f"{sentence} of audio was cut off"


@pytest.mark.parametrize(
    "failed_before, sentence",
    [
        (1, "1 input failed in an earlier run and was not retried: see OUT/failures.jsonl; --retry-failed retries it"),
        (
            3000,
            "3,000 inputs failed in earlier runs and were not retried: see OUT/failures.jsonl; "
            "--retry-failed retries them",
        ),
    ],
)
def test_what_failed_before_in_words(failed_before: int, sentence: str) -> None:
    assert Report(out="OUT", failed_before=failed_before).inputs_failed_before() == sentence


def test_out_is_escaped_where_it_is_named() -> None:
    assert r"O\x0aT/failures.jsonl" in Report(out="O\nT", failed_before=1).inputs_failed_before()


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
