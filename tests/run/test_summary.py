"""The summary: what people read, and what programs read."""

from __future__ import annotations

import json

import pytest

from melcli.mel.options import FeatureOptions
from melcli.run.report import Report
from melcli.run.summary import (
    cut_warning,
    failed_before_note,
    low_rates_warning,
    more_streams_note,
    plain_report,
    summary_line,
    truncated_note,
)
from tests.run.rows import add, failed, ok


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
    assert summary_line(report) == sentence


def test_the_last_line_names_the_config() -> None:
    line = summary_line(Report(out="OUT", unchanged=2, elapsed_s=0.31), "config ./a\n.yaml")
    assert line == "2 ok (2 unchanged)  0 failed  0.3 s  config ./a\\x0a.yaml  -> OUT/manifest.jsonl"


def test_the_plain_form_is_json_and_says_it_all() -> None:
    report = Report(out="O\udcff", to_do=3, unchanged=2, failed_before=1, orphans=1, unreadable_folders=1)
    add(report, [ok("a"), failed("b", "timeout"), failed("c", "empty")])
    report.tick()
    plain = json.loads(json.dumps(plain_report(report)))
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
        "more_streams": 0,
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
    assert truncated_note(report) == ""
    add(report, [ok("a"), ok("b", flags=("clipped", "truncated"))])
    assert truncated_note(report) == "1 file of 2 ends early; what could be decoded was kept"
    add(report, [ok(f"c.ch{number}", channel=number, flags=("truncated",)) for number in (0, 1)])
    assert truncated_note(report) == "2 files of 3 end early; what could be decoded was kept"
    assert plain_report(report)["truncated"] == 2


def test_several_audio_streams_are_told() -> None:
    report = Report(out="out", to_do=2)
    assert more_streams_note(report) == ""
    add(report, [ok("a"), ok("b", flags=("more_streams",))])
    note = "1 file of 2 has several audio streams, of which one was decoded; --stream N chooses another"
    assert more_streams_note(report) == note
    assert plain_report(report)["more_streams"] == 1


def test_sources_below_max_freq_are_counted_by_input() -> None:
    report = Report(out="OUT", to_do=3000, unchanged=7)
    add(report, [ok("a", source_sampling_rate=8000), ok("b", source_sampling_rate=11_025)])
    add(report, [ok(f"c.ch{channel}", channel=channel, source_sampling_rate=12_000) for channel in (0, 1)])
    add(report, [ok("d", source_sampling_rate=16_000), ok("e", source_sampling_rate=44_100), failed("f")])
    assert report.below_max_freq == plain_report(report)["below_max_freq"] == 3
    assert low_rates_warning(report) == (
        "3 of 5 files have too low a sampling rate for max_freq=8000 Hz: at the lowest rate, 8000 Hz, "
        "filters 98 to 127 of 128 are empty"
    )


def test_one_filter_lies_there() -> None:
    report = Report(out="OUT", to_do=1, features=FeatureOptions(max_freq=4150.0))
    add(report, [ok("a", source_sampling_rate=8000)])
    assert low_rates_warning(report).endswith("at the lowest rate, 8000 Hz, filter 127 of 128 is empty")


THIRTY_SECONDS = FeatureOptions(num_samples=480_000)


def test_inputs_that_are_cut_are_counted_once_with_what_they_lost() -> None:
    report = Report(out="OUT", to_do=3, features=THIRTY_SECONDS)
    add(report, [ok("a", num_samples=480_000), ok("b", num_samples=480_001), failed("c")])
    assert (report.cut, report.cut_s, plain_report(report)["cut_s"]) == (1, 1 / 16_000, 0.000063)
    add(report, [ok(f"d.ch{channel}", channel=channel, num_samples=1_440_000) for channel in (0, 1)])
    assert (plain_report(report)["cut"], plain_report(report)["cut_s"]) == (2, 60.000062)


@pytest.mark.parametrize(
    "done, cut, lost_s, keys, sentence, chunk",
    [
        (
            300,
            12,
            4320,
            {"num_samples": 480_000},
            "12 of 300 files are longer than num_samples=480000 (30 s): 1.2 h",
            "30s",
        ),
        (1, 1, 60, {"num_samples": 480_000}, "1 of 1 file is longer than num_samples=480000 (30 s): 1.0 min", "30s"),
        (2, 1, 59.9, {"num_frames": 1024}, "1 of 2 files is longer than num_frames=1024 (10.24 s): 59.9 s", "10.24s"),
        (
            9,
            2,
            0.01,
            {"num_frames": 99},
            "2 of 9 files are longer than num_frames=99 (0.99 s): less than 0.1 s",
            "0.99s",
        ),
        (
            1500,
            1200,
            3600 * 1234.5,
            {"num_samples": 8000, "num_frames": 40},
            "1,200 of 1,500 files are longer than num_samples=8000 (0.5 s) or num_frames=40 (0.4 s): 1,234.5 h",
            "0.4s",
        ),
    ],
)
def test_what_was_cut_off_in_words(
    done: int, cut: int, lost_s: float, keys: dict[str, int], sentence: str, chunk: str
) -> None:
    features = FeatureOptions(fft_length=400, sequence_stride=160, **keys)
    report = Report(out="OUT", done=done, cut=cut, cut_samples=round(lost_s * 16_000), features=features)
    assert cut_warning(report) == f"{sentence} of audio was cut off; --chunk {chunk} keeps all of it"


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
    assert failed_before_note(Report(out="OUT", failed_before=failed_before)) == sentence


def test_out_is_escaped_where_it_is_named() -> None:
    assert r"O\x0aT/failures.jsonl" in failed_before_note(Report(out="O\nT", failed_before=1))
