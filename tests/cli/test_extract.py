"""``melcli extract``: what is taken, what is redone, and how it is told; the work is done in this process."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli import open_features
from melcli.errors import WorkersFailing
from melcli.run.profile import stage_seconds
from melcli.run.report import Report
from melcli.stopwatch import STAGES
from melcli.store.space import Space
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, encode, noise, plant, rows, signs, times, tree
from tests.run.invariants import check_finished, check_printed

Command = Callable[..., Ended]
Extract = Callable[..., Ended]


@pytest.fixture
def extract(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extract:
    """Return ``melcli extract`` with light features; relative to a folder where ``in`` and ``out`` are."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | os.PathLike[str], out: str = "out", stdin: bytes = b"") -> Ended:
        ended = melcli("extract", *LIGHT, *arguments, "-o", out, stdin=stdin)
        check_printed(ended.err)
        return ended

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Three files, one of them deeper, and a bad one."""
    plant(tmp_path / "in", "a.wav", "b.flac", "deep/er/c.wav")
    (tmp_path / "in" / "bad.wav").write_text("no audio")
    return tmp_path / "in"


# What is taken


def test_a_tree_is_mirrored(extract: Extract, sounds: Path, out: Path) -> None:
    assert extract("in").code == 3
    files = ["a.npy", "b.npy", "deep/er/c.npy", "failures.jsonl", "manifest.jsonl", "melcli.yaml"]
    assert sorted(tree(out)) == files
    assert [row["source"] for row in rows(out).values()] == ["in/a.wav", "in/b.flac", "in/bad.wav", "in/deep/er/c.wav"]
    check_finished(out)


def test_what_is_passed_over_is_counted(extract: Extract, sounds: Path, out: Path) -> None:
    for name in ("README.txt", "notes.TXT", "cover.jpg", "._a.wav", ".hidden.wav"):
        (sounds / name).write_text("x")
    plant(sounds / ".cache", "d.wav")
    plant(sounds, "LOUD.wav")
    (sounds / "LOUD.wav").rename(sounds / "LOUD.WaV")
    ended = extract("in")
    assert ended.err.splitlines()[0] == "skipped 6: 3 hidden, 3 other (.txt 2, .jpg 1)"
    assert list(rows(out)) == ["LOUD", "a", "b", "bad", "deep/er/c"]


@pytest.mark.parametrize(
    "globs, taken",
    [
        (["--exclude", "bad.wav"], ["a", "b", "deep/er/c"]),
        (["--exclude", "deep", "--exclude", "bad.*"], ["a", "b"]),
        (["--include", "*.flac"], ["b"]),
        (["--include", "deep/**", "--include", "a.*"], ["a", "deep/er/c"]),
        (["--include", "*.wav", "--exclude", "b*"], ["a", "deep/er/c"]),
    ],
)
def test_include_and_exclude(extract: Extract, sounds: Path, out: Path, globs: list[str], taken: list[str]) -> None:
    assert extract("in", *globs).code == 0
    assert list(rows(out)) == taken


@pytest.mark.parametrize(
    "option, content",
    [("--files-from", b"in/a.wav\nin/b.flac\n"), ("--files-from0", b"in/a.wav\0in/b.flac\0")],
)
@pytest.mark.parametrize("where", ["-", "list"])
def test_inputs_from_a_list(
    extract: Extract, sounds: Path, out: Path, tmp_path: Path, option: str, content: bytes, where: str
) -> None:
    (tmp_path / "list").write_bytes(content)
    assert extract(option, where, stdin=content if where == "-" else b"").code == 0
    assert list(rows(out)) == ["in/a", "in/b"]


def test_a_listed_file_that_is_not_there_is_one_failure(extract: Extract, sounds: Path, out: Path) -> None:
    ended = extract("--files-from", "-", stdin=b"in/a.wav\nin/gone.wav\n")
    assert ended.code == 3
    assert "failed: in/gone.wav: the file does not exist, or no longer [vanished]" in ended.err
    assert signs(extract("--files-from", "-", "-nv", stdin=b"in/a.wav\nin/gone.wav\n").out) == {
        "in/a": "=",
        "in/gone": "!",
    }


def test_a_pipe_fails_and_is_left_alone_the_next_time(extract: Extract, sounds: Path, out: Path) -> None:
    os.mkfifo(sounds / "pipe.wav")
    for arguments in (["in"], ["in", "--checksum", "--overwrite"]):
        assert extract(*arguments).code == 3
        assert rows(out)["pipe"]["reason"] == "unreadable"
    assert signs(extract("in", "-nv").out)["pipe"] == "!"


def test_names_that_clash_are_refused_and_can_be_kept_apart(extract: Extract, sounds: Path, out: Path) -> None:
    plant(sounds, "a.flac")
    refused = extract("in")
    assert refused.code == 2
    assert refused.err == (
        "melcli: error: in/a.flac and in/a.wav would share the name 'a' under OUT\n"
        "hint: --keep-extension keeps them apart\n"
    )
    assert extract("in", "--keep-extension", "--exclude", "bad.wav").code == 0
    assert list(rows(out)) == ["a.flac", "a.wav", "b.flac", "deep/er/c.wav"]
    assert (out / "a.flac.npy").exists()


@pytest.mark.parametrize("channels", ["mix", "each"])
def test_a_name_that_is_too_long_for_its_output_is_refused_before_any_work(
    extract: Extract, sounds: Path, out: Path, channels: str
) -> None:
    name = "x" * 252 if channels == "mix" else "x" * 249  # and .npy, or .ch0.npy
    (sounds / f"{name}.au").write_bytes(encode(noise(1), ".au"))
    ended = extract("in", "-s", f"channels={channels}")
    assert ended.code == 2
    assert "file systems allow 255" in ended.err
    assert not out.exists()


# What is done again


def test_a_second_run_rewrites_nothing(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in")
    before = times(out)
    for arguments in ([], ["-j", "3"], ["--progress", "bar"], ["--checksum", "-n"]):
        assert extract("in", *arguments).code == (0 if "-n" in arguments else 3)
    assert times(out) == before
    ended = extract("in")
    assert ended.last_line.startswith("3 ok (3 unchanged)  1 failed  ")
    assert times(out) == before


def test_only_what_is_new_or_changed_is_done(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in")
    before = times(out)
    (sounds / "a.wav").write_bytes(encode(noise(99), ".wav"))
    plant(sounds, "new.wav")
    (sounds / "b.flac").unlink()
    plan = extract("in", "-nv")
    assert signs(plan.out) == {"a": "*", "b": "-", "bad": "!", "deep/er/c": "=", "new": "+"}
    assert plan.err.splitlines()[0] == "1 new, 1 stale, 1 done, 1 failed, 1 without an input"
    assert plan.last_line == "nothing was written"
    ended = extract("in")
    assert ended.last_line.startswith("3 ok (1 unchanged)  1 failed  ")
    after = times(out)
    assert after["deep/er/c.npy"] == before["deep/er/c.npy"]
    assert after["b.npy"] == before["b.npy"]  # nothing is deleted
    assert after["a.npy"] != before["a.npy"]
    assert list(rows(out)) == ["a", "b", "bad", "deep/er/c", "new"]
    check_finished(out)


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_an_output_that_is_gone_or_cut_is_made_again(extract: Extract, sounds: Path, out: Path, damage: str) -> None:
    extract("in")
    before = tree(out)
    if damage == "gone":
        (out / "a.npy").unlink()
    else:
        (out / "a.npy").write_bytes(before["a.npy"][:-1])
    assert signs(extract("in", "-nv").out) == {"a": "*", "b": "=", "bad": "!", "deep/er/c": "="}
    extract("in")
    assert tree(out) == before


def test_a_touched_source_is_done_again_but_not_with_checksum(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in", "--checksum")
    os.utime(sounds / "a.wav", ns=(1, 1))
    assert signs(extract("in", "-nv").out)["a"] == "*"
    assert signs(extract("in", "-nv", "--checksum").out)["a"] == "="


def test_a_source_that_changed_in_secret_is_found_with_checksum(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in", "--checksum")
    status = (sounds / "a.wav").stat()
    (sounds / "a.wav").write_bytes(encode(noise(99), ".wav"))
    os.utime(sounds / "a.wav", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert signs(extract("in", "-nv").out)["a"] == "="
    assert signs(extract("in", "-nv", "--checksum").out)["a"] == "*"


def test_a_failed_input_is_tried_again_when_it_changed_or_when_asked(extract: Extract, sounds: Path, out: Path) -> None:
    assert "bad.wav" in extract("in").err
    assert "bad.wav" not in extract("in").err
    assert "bad.wav" in extract("in", "--retry-failed").err
    (sounds / "bad.wav").write_bytes(encode(noise(5), ".wav"))
    assert signs(extract("in", "-nv").out)["bad"] == "*"
    assert extract("in").code == 0
    assert rows(out)["bad"]["status"] == "ok"
    assert (out / "failures.jsonl").read_bytes() == b""


def test_overwrite_makes_everything_anew_also_with_another_config(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in")
    before = times(out)
    assert extract("in", "-s", "top_db=40").code == 2
    assert times(out) == before
    ended = extract("in", "-s", "top_db=40", "--overwrite")
    assert ended.last_line.startswith("3 ok  1 failed  ")
    assert {row["config_id"] for row in rows(out).values()} != {""}
    assert len({row["config_id"] for row in rows(out).values()}) == 1
    assert not set(times(out).items()) & set(before.items())
    assert extract("in", "-s", "top_db=40").last_line.startswith("3 ok (3 unchanged)  1 failed  ")
    refused = extract("in")
    assert "\n  top_db: OUT 40.0, now 80.0\n" in refused.err


def test_overwrite_of_shards_leaves_what_is_read_right(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in", "-f", "hdf5")
    extract("in", "-f", "hdf5", "-s", "top_db=40", "--overwrite")
    extract("in", "-s", "top_db=40", out="npy")
    shards, files = open_features(out), open_features("npy")
    assert list(shards) == list(files)
    for item_id in files:
        np.testing.assert_array_equal(shards[item_id], files[item_id])


# How it is told


def test_a_dry_run_writes_nothing(extract: Extract, sounds: Path, out: Path) -> None:
    ended = extract("in", "-nv")
    assert (ended.code, ended.out) == (0, "+ a\n+ b\n+ bad\n+ deep/er/c\n")
    assert not out.exists()
    plain = json.loads(extract("in", "-n", "--json").out)
    assert plain["plan"] == [{"sign": "+", "id": item_id} for item_id in ("a", "b", "bad", "deep/er/c")]
    extract("in")
    before = times(out)
    shutil.rmtree(out / ".melcli")
    extract("in", "-n")
    assert times(out) == before
    assert not (out / ".melcli").exists()


def test_a_dry_run_begins_with_the_totals(
    extract: Extract, sounds: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = extract("in", "-n")
    assert ended.out == ""
    plan, sizes, basis, end = ended.err.splitlines()
    assert plan == "4 new, 0 stale, 0 done, 0 failed, 0 without an input"
    assert re.fullmatch(r"about 0\.8 s of audio, [\d.]+ kB of features, \d+ s with \d+ workers?", sizes), sizes
    assert re.fullmatch(r"estimated from 4 of 4 headers; .* are free", basis)
    assert end == "nothing was written; -v lists the items"
    space = json.loads(extract("in", "-n", "-q", "--json").out)["space"]
    assert (space["num_items"], space["num_sampled"], space["is_bound"]) == (4, 4, False)
    assert (space["audio_s"], 0 <= space["expected_s"] < 30) == (0.75, True)
    assert extract("in", "-n", "-q").err == ""
    with monkeypatch.context() as patch:
        patch.setattr("melcli.run.estimate.space_at", lambda path: Space(free_bytes=9, block_bytes=1, free_files=1))
        ended = extract("in", "-n")
    assert (ended.code, "\nwarning: the features need about " in f"\n{ended.err}") == (0, True)
    assert "only 9 bytes are free\n" in ended.err

    extract("in")
    assert space["expected_bytes"] == sum(path.stat().st_blocks * 512 for path in out.rglob("*.npy"))
    ended = extract("in", "-n", "--json")
    assert (json.loads(ended.out)["space"], "about " in ended.err) == (None, False)


def test_a_dry_run_without_workers_still_tells_its_plan(
    extract: Extract, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise WorkersFailing("a worker cannot be started")

    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", refuse)
    ended = extract("in", "-nv")
    assert (ended.code, ended.out) == (0, "+ a\n+ b\n+ bad\n+ deep/er/c\n")
    assert "warning: how much room is needed is not known: a worker cannot be started\n" in ended.err


def test_json_is_one_object_and_all_else_is_on_standard_error(extract: Extract, sounds: Path, out: Path) -> None:
    ended = extract("in", "--json")
    plain = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert (plain["ok"], plain["failed"], plain["exit_code"], plain["out"]) == (3, 1, 3, "out")
    assert plain["reasons"] == {"unsupported_format": 1}
    assert "failed: in/bad.wav" in ended.err
    assert ended.last_line.endswith("-> out/manifest.jsonl")


def profile_of(ended: Ended) -> dict[str, float]:
    """Read the lines of ``--profile`` behind the last line of the run: stage to seconds."""
    first, *stages, last = ended.err.splitlines()[-(len(STAGES) + 3) :]
    assert first.startswith(("1 worker for ", "2 workers for "))
    assert last.startswith("bottleneck: ")
    return {line.split()[0]: float(line.split()[1]) for line in stages}


@pytest.mark.parametrize("workers", [1, 2])
def test_profile_tells_where_the_time_went(extract: Extract, sounds: Path, workers: int) -> None:
    ended = extract("in", "--profile", "-j", str(workers))
    assert ended.out == ""
    seconds = profile_of(ended)
    assert list(seconds) == [*STAGES, "wait"]
    assert len(profile_of(extract("in", "--profile", "-q", "--overwrite"))) == len(seconds)  # asked for, so told
    assert "limit:" not in extract("in", "--overwrite").err


@pytest.mark.parametrize("workers", [1, 2])
def test_profile_with_json_adds_up_to_the_time_of_all_workers(
    extract: Extract, sounds: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[Report] = []

    def listen(report: Report) -> dict[str, float]:
        reports.append(report)
        return stage_seconds(report)

    monkeypatch.setattr("melcli.run.profile.stage_seconds", listen)
    plant(sounds, "long.wav", seconds=60.0, rate_hz=16_000)
    told = json.loads(extract("in", "--profile", "--json", "-j", str(workers)).out)
    assert list(told["stages_s"]) == [*STAGES, "wait"]
    (working_s,) = {report.working_s for report in reports}
    assert sum(told["stages_s"].values()) == pytest.approx(workers * working_s, rel=0.02, abs=0.01)
    assert all(told["stages_s"][stage] > 0.0 for stage in ("decode", "resample", "fft"))
    assert 0.0 < working_s <= told["elapsed_s"] + 0.001
    assert "stages_s" not in json.loads(extract("in", "--json").out)


def test_profile_of_a_run_with_nothing_to_do_is_no_trouble(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in")
    ended = extract("in", "--profile", "--json")
    assert ended.code == 3
    assert sum(json.loads(ended.out)["stages_s"].values()) == pytest.approx(0.0, abs=0.05)


def test_quiet_says_nothing_of_success_and_names_failures(extract: Extract, sounds: Path, out: Path) -> None:
    ended = extract("in", "-q")
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith("failed: in/bad.wav: ")
    (sounds / "bad.wav").unlink()
    (sounds / "README.txt").write_text("x")
    ended = extract("in", "-q", out="other")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


TOO_MANY_MELS = ("-s", "num_mel_bins=64", "-s", "fft_length=128")
SAID_OF_THEM = "warning: filters 2 and 5 of 64 are empty: no bin is inside them at fft_length=128; fft_length=156 "


@pytest.mark.parametrize("arguments", [[], ["-n"], ["-n", "--json"], ["-j", "2", "--json"]])
def test_empty_filters_are_named_once(extract: Extract, sounds: Path, out: Path, arguments: list[str]) -> None:
    ended = extract("in", *TOO_MANY_MELS, *arguments)
    assert ended.err.count("are empty") == 1
    assert SAID_OF_THEM in ended.err
    assert ("are empty" in ended.out) == (arguments == ["-j", "2", "--json"])  # in `warnings`; a plan has none
    assert "are empty" not in extract("in", *TOO_MANY_MELS, *arguments, "-q").err


def test_a_run_with_nothing_to_do_names_them_too(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in", *TOO_MANY_MELS)
    assert extract("in", *TOO_MANY_MELS).err.startswith(SAID_OF_THEM)


def test_files_below_max_freq_are_counted_at_the_end(extract: Extract, sounds: Path, out: Path) -> None:
    plant(sounds, "high.wav", rate_hz=16_000)
    ended = extract("in", "-s", "sampling_rate=16000", "--json")
    assert json.loads(ended.out)["below_max_freq"] == 3
    assert ended.err.splitlines()[-2] == (
        "warning: 3 of 4 files have too low a sampling rate for max_freq=8000 Hz: at the lowest rate, 8000 Hz, "
        "filters 16 to 19 of 20 are empty"
    )
    plant(sounds, "new.wav")
    assert "1 of 1 files has too low a sampling rate" in extract("in", "-s", "sampling_rate=16000").err
    assert "too low" not in extract("in", "-s", "sampling_rate=16000").err  # nothing was done now
    assert "too low" not in extract("in", "-s", "sampling_rate=16000", "--overwrite", "-q").err


def test_inputs_that_end_early_are_kept_where_that_is_wanted(extract: Extract, sounds: Path, out: Path) -> None:
    whole = (sounds / "a.wav").read_bytes()
    (sounds / "a.wav").write_bytes(whole[:-100])
    (sounds / "bad.wav").unlink()
    assert extract("in").code == 3
    assert rows(out)["a"]["reason"] == "truncated"
    ended = extract("in", "-s", "truncated=keep", "--overwrite", "--json")
    assert (ended.code, json.loads(ended.out)["truncated"]) == (0, 1)
    assert "1 file of 3 ends early; what could be decoded was kept" in ended.err
    assert (rows(out)["a"]["status"], rows(out)["a"]["flags"]) == ("ok", ["truncated"])
    assert rows(out)["a"]["num_samples"] == 2_000 - 50
    assert rows(out)["b"]["flags"] == []


CUT = ("-s", "num_samples=1000")  # 0.125 s; the sounds last 0.25 s


def test_audio_that_is_cut_off_is_flagged_and_said_once(extract: Extract, sounds: Path, out: Path) -> None:
    plant(sounds, "exact.wav", seconds=0.125)
    plant(sounds, "two.wav", channels=2)
    ended = extract("in", *CUT, "-s", "channels=each", "-q", "--json")
    said = (
        "warning: 4 of 5 files are longer than num_samples=1000 (0.125 s): 0.5 s of audio was cut off; "
        "--chunk 0.125s keeps all of it"
    )
    assert [line for line in ended.err.splitlines() if not line.startswith("failed: ")] == [said]
    found = json.loads(ended.out)
    assert (found["cut"], found["cut_s"]) == (4, 0.5)
    flags = {row_id: row["flags"] for row_id, row in rows(out).items() if row["status"] == "ok"}
    assert flags.pop("exact.ch0") == []
    assert set(map(tuple, flags.values())) == {("cut",)}
    assert {"two.ch0", "two.ch1"} < flags.keys()


def test_a_run_with_nothing_to_do_does_not_repeat_what_was_cut_off(extract: Extract, sounds: Path, out: Path) -> None:
    assert "3 of 3 files are longer than num_samples=1000" in extract("in", *CUT).err
    again = extract("in", *CUT, "--json")
    assert (json.loads(again.out)["cut"], "cut off" in again.err) == (0, False)
    plant(sounds, "new.wav")
    assert "warning: 1 of 1 file is longer than num_samples=1000" in extract("in", *CUT).err


def test_a_resampled_file_is_cut_where_it_is_longer_at_the_new_rate(extract: Extract, tmp_path: Path) -> None:
    for name, samples in {"exact": 5512, "longer": 5516}.items():  # at 44.1 kHz; 1000 samples at 8 kHz are 5512.5
        (tmp_path / f"{name}.wav").write_bytes(encode(noise(1, rate_hz=samples, seconds=1), ".wav", rate_hz=44_100))
    extract("exact.wav", "longer.wav", *CUT)
    found = rows(tmp_path / "out")
    assert [(found[name]["num_samples"], found[name]["flags"]) for name in found] == [(1000, []), (1001, ["cut"])]


def test_other_flags_stand_beside_it_sorted(extract: Extract, tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(encode(np.zeros((2000, 1)), ".wav"))
    extract("a.flac", "-s", "num_frames=3")
    assert rows(tmp_path / "out")["a"]["flags"] == ["cut", "misnamed", "silent"]


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_frames_that_contain_signal_are_counted_in_the_row(
    extract: Extract, sounds: Path, out: Path, format_: str
) -> None:
    extract("in", "-f", format_, out="plain")
    extract("in", "-f", format_, "-s", "num_samples=4000", out="padded")
    plain, padded = open_features("plain"), open_features("padded")
    assert {(row.num_frames, row.valid_frames) for row in plain.rows.values() if row.status == "ok"} == {(8, 8)}
    # Frame 8 begins at sample 1792 of 2000, and frame 9 at sample 2048.
    assert {(row.num_frames, row.valid_frames) for row in padded.rows.values() if row.status == "ok"} == {(16, 9)}
    levels = padded["a"]
    assert np.ptp(levels[:, 9:]) == 0.0
    assert np.ptp(levels[:, 8]) > 0.0


@pytest.mark.parametrize("reason", ["the failure is known", "a new file fails", "it is retried"])
def test_known_failures_end_with_0_when_they_are_accepted(extract: Extract, sounds: Path, reason: str) -> None:
    assert extract("in", "--known-failures-ok").code == 3  # it failed in this run
    options = ["--known-failures-ok", "--json"]
    if reason == "a new file fails":
        (sounds / "worse.wav").write_text("no audio")
    elif reason == "it is retried":
        options.append("--retry-failed")
    ended = extract("in", *options)
    known = reason == "the failure is known"
    assert ended.code == json.loads(ended.out)["exit_code"] == (0 if known else 3)
    if known:
        assert extract("in").code == 3


def test_old_failures_are_named_with_what_retries_them(extract: Extract, sounds: Path, out: Path) -> None:
    assert "earlier run" not in extract("in").err
    ended = extract("in", "--json")
    assert ended.err.splitlines()[-2] == (
        "1 input failed in an earlier run and was not retried: see out/failures.jsonl; --retry-failed retries it"
    )
    assert json.loads(ended.out)["failed_before"] == 1
    assert extract("in", "-q").err == ""
    assert "earlier run" not in extract("in", "--retry-failed").err


def test_verbose_names_the_config_and_counts_the_plan(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in")
    ended = extract("in", "-v")
    config_id = rows(out)["a"]["config_id"]
    assert f"config keras, config_id {config_id}, " in ended.err
    assert "0 to do, 3 unchanged, 1 failed before, 0 in OUT without an input" in ended.err


def test_a_config_with_a_strange_name_is_escaped(extract: Extract, sounds: Path, tmp_path: Path) -> None:
    name = "x\x07\n.yaml"  # not ESC, which Click takes out by itself off a terminal
    (tmp_path / name).write_text("features: {num_mel_bins: 20}\n")
    extract("in", "-v", "-c", name)  # the fixture looks for control characters
    (tmp_path / name).write_text("features: {num_mel_bin: 20}\n")
    assert extract("in", "-c", name).code == 2


def test_of_many_failures_the_first_are_named(extract: Extract, tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(25):
        (tmp_path / "in" / f"{number:02}.wav").write_bytes(b"")
    ended = extract("in", "--progress", "lines")
    assert ended.err.count("failed: in/") == 20
    assert "more failures are in failures.jsonl at the end" in ended.err
    assert len(rows(out, "failures.jsonl")) == 25


# What is made


def test_each_channel_is_an_output(extract: Extract, sounds: Path, out: Path) -> None:
    plant(sounds, "stereo.wav", channels=2)
    ended = extract("in", "-s", "channels=each", "--exclude", "bad.wav", "--exclude", "deep")
    assert ended.last_line.startswith("3 ok  0 failed  ")  # inputs, not channels
    assert list(rows(out)) == ["a.ch0", "b.ch0", "stereo.ch0", "stereo.ch1"]
    assert [row["channel"] for row in rows(out).values()] == [0, 0, 0, 1]
    assert list(open_features(out)) == ["a.ch0", "b.ch0", "stereo.ch0", "stereo.ch1"]
    again = ["-s", "channels=each", "--exclude", "bad.wav", "--exclude", "deep"]
    assert signs(extract("in", "-nv", *again).out) == {"a": "=", "b": "=", "stereo": "="}
    (out / "stereo.ch1.npy").unlink()
    assert signs(extract("in", "-nv", *again).out) == {"a": "=", "b": "=", "stereo": "*"}


@pytest.mark.parametrize("channels", ["mix", "each"])
def test_hdf5_holds_what_npy_holds(extract: Extract, sounds: Path, channels: str) -> None:
    plant(sounds, "stereo.wav", channels=2)
    extract("in", "-s", f"channels={channels}", out="npy")
    extract("in", "-s", f"channels={channels}", "-f", "hdf5", out="hdf5")
    npy, hdf5 = open_features("npy"), open_features("hdf5")
    assert list(npy) == list(hdf5)
    assert len(npy) == (4 if channels == "mix" else 5)
    for item_id in npy:
        np.testing.assert_array_equal(npy[item_id], hdf5[item_id])
    assert signs(extract("in", "-nv", "-s", f"channels={channels}", "-f", "hdf5", out="hdf5").out) == {
        **dict.fromkeys(("a", "b", "deep/er/c", "stereo"), "="),
        "bad": "!",
    }


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_square_features_are_read_as_the_config_lays_them_out(extract: Extract, sounds: Path, format_: str) -> None:
    for out, time_major in (("mels", "false"), ("frames", "true")):
        extract("in", "-f", format_, "-s", "num_frames=20", "-s", f"time_major={time_major}", out=out)
    mels_first, frames_first = open_features("mels"), open_features("frames")
    assert {mels_first.rows[item_id].num_frames for item_id in mels_first} == {20}
    for item_id, features in mels_first.items():
        assert features.shape == (20, 20)
        assert (features != features.T).any()
        np.testing.assert_array_equal(frames_first[item_id], features.T)


def test_the_config_beside_the_features_makes_them_again(extract: Extract, melcli: Command, sounds: Path) -> None:
    extract("in", "-s", "window=hamming", "-s", "channels=0", "-s", "dtype=float64")
    assert melcli("extract", "in", "-c", "out/melcli.yaml", "-o", "again").code == 3
    assert tree(Path("again")) == tree(Path("out"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_type_of_the_stored_numbers(extract: Extract, sounds: Path, out: Path, dtype: str) -> None:
    extract("in", "-s", f"dtype={dtype}")
    assert {row["dtype"] for row in rows(out).values()} == {dtype, None}
    assert open_features(out)["a"].dtype == dtype


def test_numbers_that_do_not_fit_fail_their_file(extract: Extract, sounds: Path, out: Path) -> None:
    tone = np.sign(np.sin(2 * np.pi * np.arange(8000) / 20))
    (sounds / "loud.wav").write_bytes(encode(tone, ".wav"))
    ended = extract("in", "-s", "power_to_db=false", "-s", "dtype=float16", "-s", "fft_length=2048")
    assert ended.code == 3
    assert {item_id: row["reason"] for item_id, row in rows(out).items() if row["reason"]} == {
        "bad": "unsupported_format",
        "loud": "nonfinite",
    }
    check_finished(out)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_samples_of_no_sensible_size_fail_their_file(extract: Extract, sounds: Path, out: Path, format_: str) -> None:
    (sounds / "huge.wav").write_bytes(encode(3e38 * np.sign(noise(1)), ".wav", subtype="FLOAT"))
    assert extract("in", "-f", format_).code == 3
    assert rows(out)["huge"]["reason"] == "nonfinite"
    check_finished(out)


# Where settings come from


def test_the_environment_sets_what_flags_do_not(
    extract: Extract, sounds: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELCLI_CONFIG", "keras_music")
    monkeypatch.setenv("MELCLI_JOBS", "3")
    monkeypatch.setenv("MELCLI_FEATURES_NUM_MEL_BINS", "31")  # LIGHT sets 20
    monkeypatch.setenv("MELCLI_FEATURES_MAX_FREQ", "3000")
    ended = extract("in", "-v")
    assert "config keras_music, " in ended.err
    assert ", 3 workers" in ended.err
    assert {row["num_features"] for row in rows(out).values()} == {20, None}
    assert "max_freq: 3000.0" in (out / "melcli.yaml").read_text()


def test_the_format_flag_wins_over_the_config(extract: Extract, sounds: Path, out: Path) -> None:
    extract("in", "-s", "output.format=npy", "-f", "hdf5")
    assert list(out.glob("*.h5")) != []
    assert list(out.rglob("*.npy")) == []


@pytest.mark.parametrize(
    "arguments, environment, words",
    [
        ([], {}, "config keras"),
        (["-s", "num_mel_bins=8"], {}, "config keras with num_mel_bins=8"),
        (["-s", "num_mel_bins=8", "-f", "hdf5"], {}, "config keras with 2 keys set"),
        (["-c", "keras_speech"], {}, "config keras_speech"),
        ([], {"MELCLI_CONFIG": "keras_speech"}, "config keras_speech"),
        ([], {"MELCLI_FEATURES_NUM_MEL_BINS": "8"}, "config keras with MELCLI_FEATURES_NUM_MEL_BINS"),
    ],
)
def test_the_summary_names_the_config(
    melcli: Command,
    sounds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = melcli("extract", "in/a.wav", "-o", "out", *arguments)
    assert re.search(rf"  {re.escape(words)}  -> out/manifest\.jsonl$", ended.last_line)
