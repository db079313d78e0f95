"""Chunks through every command: rows, reruns, checks, readers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melcli.store.reader import open_features
from tests.cli.shell import Ended, start
from tests.run.corpus import LIGHT, RATE_HZ, noise, plant, rows, times, tree
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished

Command = Callable[..., Ended]
Extract = Callable[..., Ended]
CHUNK = ("--chunk", "0.5s")


@pytest.fixture
def extract(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extract:
    """Return ``melcli extract`` with chunks of 0.5 s, in a folder with recordings of 1.6 s in ``in``."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "in", "a.wav", "x/b.flac", seconds=1.6)

    def run(*arguments: str, out: str = "out") -> Ended:
        return melcli("extract", "in", *LIGHT, *CHUNK, *arguments, "-o", out)

    return run


def ids(*names: str, num_chunks: int = 4) -> list[str]:
    return [f"{name}.{number:05d}" for name in names for number in range(num_chunks)]


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_chunks_have_rows_and_outputs(extract: Extract, melcli: Command, format_: str) -> None:
    assert extract("-f", format_).code == 0
    found = rows(Path("out"))
    assert list(found) == ids("a", "x/b")
    assert [(row["chunk"], row["num_chunks"], row["chunk_start_s"]) for row in found.values()] == [
        (number, 4, number * 0.5) for number in range(4)
    ] * 2
    check_finished(Path("out"))
    with closing(open_features("out")) as features:
        assert list(features) == ids("a", "x/b")
        signal, _ = soundfile.read("in/a.wav", always_2d=True)
        for number in range(4):
            soundfile.write("cut.wav", signal[number * 4000 : (number + 1) * 4000], RATE_HZ)
            assert melcli("extract", "cut.wav", *LIGHT, "-o", "cut").code == 0
            np.testing.assert_array_equal(features[f"a.{number:05d}"], np.load("cut/cut.npy"))


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_rerun_does_nothing_and_a_changed_input_recomputes_its_chunks(extract: Extract, format_: str) -> None:
    assert extract("-f", format_).code == 0
    before = times(Path("out"))
    assert extract("-f", format_).code == 0
    assert times(Path("out")) == before
    plant(Path("in"), "a.wav", seconds=1.1, seed=7)
    assert extract("-f", format_).code == 0
    assert list(rows(Path("out"))) == ids("a", num_chunks=3) + ids("x/b")
    check_finished(Path("out"))


def test_missing_chunk_is_made_again(extract: Extract, melcli: Command) -> None:
    assert extract().code == 0
    before = tree(Path("out"))
    Path("out/a.00002.npy").unlink()
    assert melcli("status", "out", "--check").code == 4
    assert melcli("verify", "out").code == 4
    assert extract().code == 0
    assert tree(Path("out")) == before


def test_missing_rows_of_chunks_are_made_again(extract: Extract) -> None:
    assert extract().code == 0
    before = tree(Path("out"))
    lines = Path("out/manifest.jsonl").read_text().splitlines(keepends=True)
    for gone in (0, 1, 3):
        Path("out/manifest.jsonl").write_text("".join(lines[:gone] + lines[gone + 1 :]))
        assert extract().code == 0
        assert tree(Path("out")) == before


def test_checks_of_chunks(extract: Extract, melcli: Command) -> None:
    assert extract("--chunk-hop", "0.25s").code == 0
    assert melcli("status", "out", "--check").code == 0
    assert melcli("verify", "out", "--recompute", "100%").code == 0
    assert melcli("compare", "out", "out").code == 0
    array = np.load("out/a.00001.npy")
    np.save("out/a.00001.npy", array + 1)
    assert melcli("verify", "out", "--read-data").code == 4
    assert melcli("verify", "out", "--read-data", "--repair").code == 4
    assert melcli("status", "out", "--check").code == 4
    assert extract("--chunk-hop", "0.25s").code == 0
    np.testing.assert_array_equal(np.load("out/a.00001.npy"), array)


def test_recompute_notices_another_number_of_chunks(extract: Extract, melcli: Command) -> None:
    assert extract().code == 0
    lines = Path("out/manifest.jsonl").read_text().splitlines(keepends=True)
    kept = [line.replace('"num_chunks":4', '"num_chunks":3') for line in lines if '"chunk":3' not in line]
    Path("out/manifest.jsonl").write_text("".join(kept))
    ended = melcli("verify", "out", "--recompute", "100%")
    assert ended.code == 4
    assert "4 outputs" in ended.err + ended.out


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_prune_removes_all_chunks_of_an_input_that_is_gone(extract: Extract, melcli: Command, format_: str) -> None:
    assert extract("-f", format_).code == 0
    Path("in/a.wav").unlink()
    assert melcli("prune", "out", "in", "--delete").code == 0
    assert list(rows(Path("out"))) == ids("x/b")
    if format_ == "npy":
        assert sorted(path.name for path in Path("out").rglob("*.npy")) == [
            f"b.{number:05d}.npy" for number in range(4)
        ]
    assert melcli("verify", "out").code == 0


def test_other_chunks_are_another_config(extract: Extract, melcli: Command) -> None:
    assert extract().code == 0
    ended = melcli("extract", "in", *LIGHT, "--chunk", "0.4s", "-o", "out")
    assert ended.code == 2
    assert "chunk_s" in ended.err
    assert melcli("extract", "in", *LIGHT, "--chunk", "0.4s", "--overwrite", "-o", "out").code == 0
    assert {row["num_chunks"] for row in rows(Path("out")).values()} == {4}
    assert melcli("verify", "out").code == 0


def test_fewer_chunks_after_an_overwrite_leave_no_rows(extract: Extract, melcli: Command) -> None:
    assert extract().code == 0
    assert melcli("extract", "in", *LIGHT, "--chunk", "1s", "--overwrite", "-o", "out").code == 0
    assert list(rows(Path("out"))) == ids("a", "x/b", num_chunks=2)
    check_finished(Path("out"))


def test_input_that_is_named_like_a_chunk_is_refused(extract: Extract) -> None:
    plant(Path("in"), "a.00000.wav")
    ended = extract()
    assert ended.code == 2
    assert "a.00000" in ended.err
    assert extract("--keep-extension").code == 0


def test_failed_input_has_one_row(extract: Extract) -> None:
    Path("in/bad.wav").write_bytes(b"RIFF")
    plant(Path("in"), "short.wav", seconds=0.3)
    ended = extract("--chunk-last", "drop")
    assert ended.code == 3
    failed = {row_id: row["reason"] for row_id, row in rows(Path("out")).items() if row["status"] == "failed"}
    assert failed.keys() == {"bad", "short"}
    assert failed["short"] == "too_short"
    plant(Path("in"), "short.wav", seconds=1.0)
    assert extract("--chunk-last", "drop").code == 3
    assert [row_id for row_id in rows(Path("out")) if row_id.startswith("short")] == ids("short", num_chunks=2)


def test_chunks_of_channels_are_complete_only_together(extract: Extract) -> None:
    plant(Path("in"), "a.wav", seconds=1.1, channels=2)
    each = ("-s", "channels=each")
    assert extract(*each).code == 0
    found = [row_id for row_id in rows(Path("out")) if row_id.startswith("a.")]
    assert found == [f"a.{number:05d}.ch{channel}" for number in range(3) for channel in (0, 1)]
    before = times(Path("out"))
    assert extract(*each).code == 0
    assert times(Path("out")) == before
    lines = Path("out/manifest.jsonl").read_text().splitlines(keepends=True)
    Path("out/manifest.jsonl").write_text("".join(line for line in lines if '"a.00001.ch1"' not in line))
    assert extract(*each).code == 0
    assert [row_id for row_id in rows(Path("out")) if row_id.startswith("a.")] == found


def test_segments_are_divided_into_chunks(extract: Extract, melcli: Command) -> None:
    Path("t.csv").write_text("path,id,start,end\nin/a.wav,p,0.1,0.9\nin/a.wav,q,0.2,1.6\n")
    assert melcli("extract", "--table", "t.csv", *LIGHT, *CHUNK, "-o", "out").code == 0
    found = rows(Path("out"))
    assert list(found) == ids("p", num_chunks=2) + ids("q", num_chunks=3)
    assert [row["chunk_start_s"] for row in found.values()] == [0.1, 0.6, 0.2, 0.7, 1.2]
    assert {(row["start_s"], row["end_s"]) for row in found.values()} == {(0.1, 0.9), (0.2, 1.6)}
    before = times(Path("out"))
    assert melcli("extract", "--table", "t.csv", *LIGHT, *CHUNK, "-o", "out").code == 0
    assert times(Path("out")) == before
    assert melcli("verify", "out", "--recompute", "100%").code == 0


def test_report_counts_inputs_and_not_chunks(extract: Extract) -> None:
    found = json.loads(extract("--json").out)
    assert (found["ok"], round(found["audio_s"], 3)) == (2, 3.2)


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_kill_in_a_chunked_input_resumes(tmp_path: Path, format_: str) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        soundfile.write(tmp_path / "in" / f"{number}.flac", noise(number, seconds=20), RATE_HZ)
    light = (*LIGHT, "-s", "fft_length=8192", "-s", "sequence_stride=64", "--chunk", "0.5s", "-f", format_, "-j", "1")
    undisturbed = start("extract", tmp_path / "in", *light, out=tmp_path / "undisturbed").end()
    assert undisturbed.code == 0
    out = tmp_path / "out"
    running = start("extract", tmp_path / "in", *light, out=out)
    running.wait_for_rows(40)
    running.signal(signal.SIGKILL, whole_group=True)
    running.end()
    check_after_fault(out)
    assert start("extract", tmp_path / "in", *light, out=out).end().code == 0
    check_after_rerun(out, tree(tmp_path / "undisturbed"))
    assert len(rows(out)) == 160
    assert os.path.exists(out / "melcli.yaml")
