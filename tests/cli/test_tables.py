"""Tables and Kaldi folders through ``melcli extract``: numbers, reruns, failures; the work is done in this process."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import melcli as package
from tests.cli.shell import Ended
from tests.messages import names
from tests.run.corpus import LIGHT, RATE_HZ, plant, rows, signs, times
from tests.run.invariants import check_printed

Command = Callable[..., Ended]
Extract = Callable[..., Ended]

SETTINGS = {"sampling_rate": 8000, "fft_length": 512, "sequence_stride": 256, "num_mel_bins": 20}
ODD_RATE_HZ = 11_025  # at which most times are between two samples


@pytest.fixture
def extract(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extract:
    """Return ``melcli extract`` with light features, in a folder with recordings of 2 s in ``in``."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "in", "a.wav", "b.flac", seconds=2.0)
    plant(tmp_path / "in", "odd.wav", seconds=2.0, rate_hz=ODD_RATE_HZ, channels=2)

    def run(*arguments: str, out: str = "out", stdin: bytes = b"") -> Ended:
        ended = melcli("extract", *LIGHT, *arguments, "-o", out, stdin=stdin)
        check_printed(ended.err)
        return ended

    return run


def write(name: str, *lines: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return name


def of_file(source: str, first: int, end: int, channel: int | None = None) -> np.ndarray:
    """Compute the features of a file that has only these samples."""
    signal, rate_hz = soundfile.read(source, dtype="int16", always_2d=True)
    signal = signal[first:end] if channel is None else signal[first:end, [channel]]
    soundfile.write("cut.wav", signal, rate_hz, "PCM_16")
    return package.features("cut.wav", config=package.load_config("keras", **SETTINGS))


# The numbers of pieces.


@pytest.mark.few(2)
@pytest.mark.parametrize("start, end", [(0.0, 0.5), (0.50003, 1.00009), (0.99991, 2.0), (0.3, None)])
def test_a_piece_has_the_numbers_of_a_file_with_the_nearest_samples(
    extract: Extract, start: float, end: float | None
) -> None:
    write("t.csv", "path,start,end,id", f"in/odd.wav,{start},{'' if end is None else end},x")
    assert extract("--table", "t.csv").code == 0
    first = int(start * ODD_RATE_HZ + 0.5)
    last = 2 * ODD_RATE_HZ if end is None else int(end * ODD_RATE_HZ + 0.5)
    np.testing.assert_array_equal(package.open_features("out")["x"], of_file("in/odd.wav", first, last))


@pytest.mark.few(2)
@pytest.mark.parametrize("offset, duration", [(0.0, 0.49999), (0.50006, 0.70007), (1.29996, 0.7)])
def test_a_piece_of_nemo_has_the_samples_that_nemo_reads(extract: Extract, offset: float, duration: float) -> None:
    write("t.json", json.dumps({"audio_filepath": "in/odd.wav", "offset": offset, "duration": duration, "id": "x"}))
    assert extract("--table", "t.json").code == 0
    first = int(offset * ODD_RATE_HZ)
    end = first + int(duration * ODD_RATE_HZ)
    np.testing.assert_array_equal(package.open_features("out")["x"], of_file("in/odd.wav", first, end))


def test_segments_have_the_samples_that_kaldi_extracts(extract: Extract) -> None:
    write("data/wav.scp", "r in/odd.wav")
    write("data/segments", "a r 0.00005 0.49999 0", "b r 0.49999 1.50006 1", "c r 1.50006 -1 1")
    assert extract("data").code == 0
    found = package.open_features("out")
    for name, start, end, channel in (("a", 0.00005, 0.49999, 0), ("b", 0.49999, 1.50006, 1), ("c", 1.50006, 2.0, 1)):
        expected = of_file("in/odd.wav", int(start * ODD_RATE_HZ), int(end * ODD_RATE_HZ), channel)
        np.testing.assert_array_equal(found[name], expected)


def test_a_command_has_the_numbers_of_its_output(extract: Extract) -> None:
    write("data/wav.scp", "r cat in/a.wav |", "whole cat in/b.flac |")
    ended = extract("data")
    assert ended.code == 2
    assert names(ended.err, "data/wav.scp:1: ", "cat in/a.wav", "--allow-commands")
    assert not os.path.exists("out")
    assert extract("data", "--allow-commands").code == 0
    np.testing.assert_array_equal(package.open_features("out")["whole"], of_file("in/b.flac", 0, 2 * RATE_HZ))
    write("data/segments", "s r 0.5 1.0")
    assert extract("data", "--allow-commands", out="segments").code == 0
    half, whole = RATE_HZ // 2, RATE_HZ
    np.testing.assert_array_equal(package.open_features("segments")["s"], of_file("in/a.wav", half, whole))


# reruns


def test_a_rerun_with_the_same_table_does_nothing(extract: Extract, tmp_path: Path) -> None:
    write("t.csv", "path,start,end,text", "in/a.wav,0,1,x", "in/a.wav,1,,y", "in/b.flac,,,z")
    assert extract("--table", "t.csv").code == 0
    before = times(tmp_path / "out")
    assert extract("--table", "t.csv").code == 0
    after = times(tmp_path / "out")
    assert {name: time for name, time in after.items() if name.endswith(".npy")} == {
        name: time for name, time in before.items() if name.endswith(".npy")
    }
    assert signs(extract("--table", "t.csv", "-nv").out) == {
        "in/a_00000000_00001000": "=", "in/a_00001000_end": "=", "in/b": "="
    }  # fmt: skip


def test_changed_columns_are_updated_without_computing(extract: Extract, tmp_path: Path) -> None:
    write("t.csv", "path,text", "in/a.wav,x", "in/b.flac,y")
    assert extract("--table", "t.csv").code == 0
    before = times(tmp_path / "out")
    write("t.csv", "path,text,more", "in/a.wav,changed,1", "in/b.flac,y,2")
    assert extract("--table", "t.csv").code == 0
    found = rows(tmp_path / "out")
    assert [row["columns"] for row in found.values()] == [{"text": "changed", "more": "1"}, {"text": "y", "more": "2"}]
    after = times(tmp_path / "out")
    assert [after[f"in/{name}.npy"] for name in "ab"] == [before[f"in/{name}.npy"] for name in "ab"]


def test_changed_bounds_recompute_only_their_pieces(extract: Extract, tmp_path: Path) -> None:
    head = "path,id,start,end,channel"
    write("t.csv", head, "in/odd.wav,x,0,1,", "in/odd.wav,y,1,2,", "in/odd.wav,z,0,1,0", "in/a.wav,w,0,1,")
    assert extract("--table", "t.csv").code == 0
    write("t.csv", head, "in/odd.wav,x,0,1,", "in/odd.wav,y,1,1.5,", "in/odd.wav,z,0,1,1", "in/b.flac,w,0,1,")
    assert signs(extract("--table", "t.csv", "-nv").out) == {"w": "*", "x": "=", "y": "*", "z": "*"}
    before = times(tmp_path / "out")["x.npy"]
    assert extract("--table", "t.csv").code == 0
    found = package.open_features("out")
    np.testing.assert_array_equal(found["y"], of_file("in/odd.wav", ODD_RATE_HZ, 16_538))  # 1.5 s is 16,537.5
    np.testing.assert_array_equal(found["z"], of_file("in/odd.wav", 0, ODD_RATE_HZ, 1))
    np.testing.assert_array_equal(found["w"], of_file("in/b.flac", 0, RATE_HZ))
    assert times(tmp_path / "out")["x.npy"] == before


def test_a_row_that_is_gone_is_an_orphan_and_a_new_one_is_new(extract: Extract, melcli: Command) -> None:
    write("t.csv", "path,start,end", "in/a.wav,0,1", "in/a.wav,1,2")
    assert extract("--table", "t.csv").code == 0
    write("t.csv", "path,start,end", "in/b.flac,0,1", "in/a.wav,1,2")
    gone, kept, new = "in/a_00000000_00001000", "in/a_00001000_00002000", "in/b_00000000_00001000"
    assert signs(extract("--table", "t.csv", "-nv").out) == {gone: "-", kept: "=", new: "+"}
    ended = melcli("status", "--table", "t.csv", "out")
    assert gone in ended.out
    assert melcli("prune", "--table", "t.csv", "--delete", "out").code == 0
    assert not os.path.exists(f"out/{gone}.npy")
    assert os.path.exists(f"out/{kept}.npy")


def test_a_changed_recording_recomputes_all_its_pieces(extract: Extract, tmp_path: Path) -> None:
    write("t.csv", "path,start,id", "in/a.wav,0,x", "in/a.wav,1,y", "in/b.flac,1,z")
    assert extract("--table", "t.csv").code == 0
    plant(tmp_path / "in", "a.wav", seconds=1.5, seed=1)
    assert signs(extract("--table", "t.csv", "-nv").out) == {"x": "*", "y": "*", "z": "="}


# failures


def test_a_bad_recording_costs_exactly_its_pieces(extract: Extract, tmp_path: Path) -> None:
    Path("in/bad.wav").write_bytes(b"no audio")
    pieces = ["in/bad.wav,0,b1", "in/none.wav,0,n1", "in/a.wav,0,a1", "in/bad.wav,1,b2", "in/none.wav,1,n2"]
    write("t.csv", "path,start,id", *pieces, "in/a.wav,1,a2")
    assert extract("--table", "t.csv").code == 3
    found = rows(tmp_path / "out")
    assert {name: row["reason"] for name, row in found.items()} == {
        **dict.fromkeys(("a1", "a2")),
        **dict.fromkeys(("b1", "b2"), "unsupported_format"),
        **dict.fromkeys(("n1", "n2"), "vanished"),
    }


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "start, end, reason, flags",
    [
        (1.0, 2.0, None, []),
        (1.0, 2.49, None, ["overshoot"]),
        (1.0, 2.5, "too_short", []),
        (2.0, 2.1, "too_short", []),
        (9.0, "", "too_short", []),
        (1.00001, 1.00002, "too_short", []),
    ],
)
def test_bounds_beyond_the_end(
    extract: Extract, tmp_path: Path, start: float, end: float | str, reason: str | None, flags: list[str]
) -> None:
    write("t.csv", "path,start,end,id", f"in/a.wav,{start},{end},x")
    assert extract("--table", "t.csv").code == (0 if reason is None else 3)
    row = rows(tmp_path / "out")["x"]
    assert row["reason"] == reason
    assert row["flags"] == flags


def test_a_command_that_fails_costs_exactly_its_segments(extract: Extract, tmp_path: Path) -> None:
    write("data/wav.scp", "bad cat in/none.wav |", "good cat in/a.wav |", "half head -c 5000 in/a.wav; exit 3 |")
    write("data/segments", "1 bad 0 1", "2 good 0 1", "3 bad 1 2", "4 half 0 0.1")
    assert extract("data", "--allow-commands").code == 3
    found = rows(tmp_path / "out")
    assert {name: row["reason"] for name, row in found.items()} == {
        "1": "unreadable", "2": None, "3": "unreadable", "4": "unreadable"
    }  # fmt: skip
    assert names(found["4"]["message"], "exit code 3")


def test_two_rows_of_one_id_are_refused_with_both_places(extract: Extract) -> None:
    write("one.csv", "path,id", "in/a.wav,x", "in/b.flac,y")
    write("two.csv", "path,id", "in/a.wav,z", "in/b.flac,x")
    ended = extract("--table", "one.csv", "--table", "two.csv")
    assert ended.code == 2
    assert names(ended.err, "one.csv:2", "two.csv:3", "'x'")
    assert not os.path.exists("out")


def test_a_bad_row_at_the_end_stops_the_run_before_any_work(extract: Extract) -> None:
    write("t.csv", "path,start", *(f"in/a.wav,{n / 1000}" for n in range(1500)), "in/a.wav,abc")
    ended = extract("--table", "t.csv")
    assert ended.code == 2
    assert names(ended.err, "t.csv:1502: ", "start='abc'")
    assert not os.path.exists("out")


def test_a_table_without_rows_has_no_input(extract: Extract) -> None:
    write("t.csv", "path,start")
    assert extract("--table", "t.csv").code == 5
    assert extract("--table", "t.csv", "--allow-empty").code == 0


# a table that changes


def random_rows(chance: random.Random, old: list[dict[str, str]]) -> list[dict[str, str]]:
    """Remove, change and add rows; an id keeps its place in the table, or gets another one."""
    kept = {row["id"]: dict(row) for row in old if chance.random() < 0.8}
    for number in range(6):
        row = kept.setdefault(f"p{number}", {"id": f"p{number}", "path": "in/a.wav"}) if chance.random() < 0.5 else None
        if row is not None:
            start = chance.choice(("", "0", "0.25", "1.5", "3"))
            row.update(path=chance.choice(("in/a.wav", "in/b.flac", "in/odd.wav", "in/none.wav")), start=start)
            row.update(end=chance.choice(("", "1.75", "2.2")) if start not in ("3", "") else "")
            row.update(channel=chance.choice(("", "0", "1")))
        if chance.random() < 0.3 and f"p{number}" in kept:
            kept[f"p{number}"]["text"] = str(chance.random())
    rows_ = list(kept.values())
    chance.shuffle(rows_)
    return rows_


@pytest.mark.few(2)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_whatever_a_table_was_before_the_next_run_is_that_of_the_table_now(
    extract: Extract, melcli: Command, tmp_path: Path, seed: int, format_: str
) -> None:
    chance = random.Random(f"tables {seed}")
    table: list[dict[str, str]] = []
    for number in range(4):
        table = random_rows(chance, table) or [{"id": "x", "path": "in/a.wav"}]
        with open("t.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ("path", "id", "start", "end", "channel", "text"))
            writer.writeheader()
            writer.writerows(table)
        fresh = f"fresh{number}"
        code = extract("--table", "t.csv", "-f", format_, out=fresh).code
        again = extract("--table", "t.csv", "-f", format_, "--retry-failed")
        assert again.code == code, again.err
        assert melcli("prune", "--table", "t.csv", "--delete", "--max-delete", "100%", "out").code == 0
        assert rows_without_places(tmp_path / "out") == rows_without_places(tmp_path / fresh)
        now, expected = package.open_features("out"), package.open_features(fresh)
        assert list(now) == list(expected)
        for name in expected:
            np.testing.assert_array_equal(now[name], expected[name])


def rows_without_places(out: Path) -> dict[str, dict[str, object]]:
    """Return the rows without the places in shards, which depend on the runs before."""
    return {
        name: {key: value for key, value in row.items() if key not in ("path", "start", "output_size", "crc32")}
        for name, row in rows(out).items()
    }


def test_another_file_with_the_same_size_and_time_is_another_source(extract: Extract, tmp_path: Path) -> None:
    """Clips of one length that were unpacked together have the same size and time."""
    plant(tmp_path / "same", "1.wav", "2.wav", seconds=0.5)
    for name in ("1.wav", "2.wav"):
        os.utime(tmp_path / "same" / name, (1e9, 1e9))
    write("t.csv", "path,id", "same/1.wav,x", "same/2.wav,y", "same/none1.wav,z")
    assert extract("--table", "t.csv").code == 3
    write("t.csv", "path,id", "same/2.wav,x", "same/2.wav,y", "same/none2.wav,z")
    assert signs(extract("--table", "t.csv", "-nv").out) == {"x": "*", "y": "=", "z": "*"}
    assert extract("--table", "t.csv").code == 3
    found = package.open_features("out")
    np.testing.assert_array_equal(found["x"], found["y"])
    assert rows(tmp_path / "out")["z"]["source"] == "same/none2.wav"


def test_a_corpus_that_was_moved_is_not_recomputed(extract: Extract, tmp_path: Path) -> None:
    write("t.csv", "path,id", "in/a.wav,x", "in/b.flac,y")
    assert extract("--table", "t.csv").code == 0
    os.mkdir("moved")
    os.rename("in", "moved/in")
    for root in ("moved", str(tmp_path / "moved"), "moved/in/.."):
        assert signs(extract("--table", "t.csv", "--root", root, "-nv").out) == {"x": "=", "y": "="}
