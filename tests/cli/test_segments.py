"""Segments of recordings through reruns: what changes is recomputed, and nothing else."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from melcli.sources.content import hash_content
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, RATE_HZ, noise, plant, rows, times, tree
from tests.run.invariants import check_finished

Command = Callable[..., Ended]
Extract = Callable[..., Ended]

SEGMENTS = [f"p{number:02},{number / 10},{number / 10 + 0.5},s{number}" for number in range(12)]


def table(*lines: str, name: str = "t.csv") -> None:
    Path(name).write_text("id,start,end,speaker,path\n" + "".join(f"{line},in/a.flac\n" for line in lines))


@pytest.fixture
def extract(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extract:
    """Return ``melcli extract`` of a table with 12 segments of a recording of 2 s."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "in", "a.flac", seconds=2.0)
    table(*SEGMENTS)

    def run(*arguments: str, out: str = "out") -> Ended:
        return melcli("extract", "--table", "t.csv", *LIGHT, *arguments, "-o", out)

    return run


def changed(before: dict[str, tuple[int, int]]) -> list[str]:
    """Return the arrays that were written since."""
    now = times(Path("out"))
    return [name for name in now if now[name] != before.get(name) and name.endswith((".npy", ".h5"))]


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_unchanged_segments_are_settled_in_blocks(
    extract: Extract, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only rows in doubt are read one by one: here none."""
    for inputs in ((), ("in",)):
        assert extract(*inputs, "-f", format_).code == 0
        before = times(Path("out"))
        with monkeypatch.context() as quick:
            quick.setattr("melcli.run.plan._is_same_source", None)  # a call fails
            assert extract(*inputs, "-f", format_).code == 0
        assert times(Path("out")) == before


def test_changed_bounds_recompute_exactly_their_segments(extract: Extract) -> None:
    assert extract().code == 0
    before = times(Path("out"))
    table(*SEGMENTS[:3], "p03,0.3,0.9,s3", *SEGMENTS[4:])
    assert extract().code == 0
    assert changed(before) == ["p03.npy"]
    assert rows(Path("out"))["p03"]["end_s"] == 0.9


def test_changed_columns_rewrite_rows_only(extract: Extract) -> None:
    assert extract().code == 0
    before, old = times(Path("out")), rows(Path("out"))
    table(*SEGMENTS[:3], "p03,0.3,0.8,someone", *SEGMENTS[4:])
    assert extract("--json").code == 0
    assert changed(before) == []
    new = rows(Path("out"))
    assert new.pop("p03") == {**old.pop("p03"), "columns": {"speaker": "someone"}}
    assert new == old
    before = times(Path("out"))
    assert extract().code == 0
    assert times(Path("out")) == before


def test_changed_columns_of_failed_rows_are_written_too(extract: Extract) -> None:
    table(*SEGMENTS, "late,5.0,6.0,x")
    assert extract().code == 3
    table(*SEGMENTS, "late,5.0,6.0,y")
    assert extract().code == 3
    for name in ("manifest.jsonl", "failures.jsonl"):
        assert rows(Path("out"), name)["late"]["columns"] == {"speaker": "y"}
    check_finished(Path("out"))


def test_columns_of_chunks_and_channels_are_rewritten(extract: Extract) -> None:
    more = ("--chunk", "0.2s", "-s", "channels=each")
    assert extract(*more).code == 0
    before = times(Path("out"))
    table("p00,0.0,0.5,new", *SEGMENTS[1:])
    assert extract(*more).code == 0
    assert changed(before) == []
    speakers = {row_id: row["columns"]["speaker"] for row_id, row in rows(Path("out")).items()}
    assert {row_id for row_id, speaker in speakers.items() if speaker == "new"} == {
        f"p00.{number:05d}.ch0" for number in range(3)
    }


def test_columns_and_bounds_may_change_together(extract: Extract) -> None:
    assert extract().code == 0
    before = times(Path("out"))
    table("p00,0.0,0.5,new", "p01,0.15,0.6,s1", *SEGMENTS[2:-1], "p99,0,1,z")
    assert extract().code == 0
    assert changed(before) == ["p01.npy", "p99.npy"]
    found = rows(Path("out"))
    assert found["p00"]["columns"] == {"speaker": "new"}
    assert "p11" in found  # an orphan is kept


def test_run_that_fails_while_it_rewrites_columns_is_resumed(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    assert extract().code == 0
    before = tree(Path("out"))
    table(*[line.replace(",s", ",t") for line in SEGMENTS])

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr("melcli.store.files.os.replace", fail)
        assert extract().code == 6
    assert tree(Path("out")) == before
    assert extract().code == 0
    after = tree(Path("out"))
    assert {name for name in after if after[name] != before[name]} == {"manifest.jsonl"}
    assert {row["columns"]["speaker"][0] for row in rows(Path("out")).values()} == {"t"}
    check_finished(Path("out"))


def test_row_without_a_field_gets_new_columns_too(extract: Extract, melcli: Command) -> None:
    """A plan needs only some fields of a row; here another one is missing, as in an edited manifest."""
    assert extract().code == 0
    lines = Path("out/manifest.jsonl").read_text().splitlines(keepends=True)
    edited = {name: value for name, value in json.loads(lines[0]).items() if name != "crc32"}
    Path("out/manifest.jsonl").write_text("".join([json.dumps(edited) + "\n", *lines[1:]]))
    table("p00,0.0,0.5,new", *SEGMENTS[1:])
    assert extract().code == 0
    assert rows(Path("out"))["p00"] == edited | {"columns": {"speaker": "new"}}
    assert melcli("verify", "out").code == 4


def test_content_is_hashed_once_for_all_segments(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def count(path: str) -> str:
        hashed.append(path)
        return hash_content(path)

    monkeypatch.setattr("melcli.run.open_source.hash_content", count)
    monkeypatch.setattr("melcli.run.batching.MIN_BATCHES_PER_WORKER", 1)
    assert extract("--checksum", "-j", "1").code == 0
    assert hashed == ["in/a.flac"]
    Path("in/a.flac").touch()
    before = times(Path("out"))
    assert extract("--checksum").code == 0
    assert changed(before) == []
    soundfile.write("in/a.flac", noise(9, seconds=2.0), RATE_HZ)
    assert extract("--checksum").code == 0
    assert len(changed(before)) == 12


def test_moved_recording_with_the_same_time_is_unchanged(extract: Extract) -> None:
    assert extract().code == 0
    before = times(Path("out"))
    shutil.copytree("in", "elsewhere/in")  # keeps the times
    shutil.rmtree("in")
    ended = extract("--root", "elsewhere")
    assert ended.code == 0
    assert changed(before) == []


def test_recording_that_is_gone_fails_its_segments(extract: Extract) -> None:
    assert extract().code == 0
    Path("in/a.flac").unlink()
    assert extract().code == 3
    assert {row["reason"] for row in rows(Path("out")).values()} == {"vanished"}


def test_same_table_twice_is_the_same(extract: Extract, melcli: Command) -> None:
    assert melcli("extract", "--table", "t.csv", "--table", "t.csv", *LIGHT, "-o", "out").code == 0
    before = times(Path("out"))
    assert extract().code == 0
    assert times(Path("out")) == before


def test_tables_with_one_id_are_refused_with_both_lines(extract: Extract, melcli: Command) -> None:
    table("p03,0.1,0.2,x", name="u.csv")
    ended = melcli("extract", "--table", "t.csv", "--table", "u.csv", *LIGHT, "-o", "out")
    assert ended.code == 2
    assert "t.csv:5" in ended.err
    assert "u.csv:2" in ended.err


def test_table_beside_a_folder(extract: Extract, melcli: Command) -> None:
    assert melcli("extract", "in", "--table", "t.csv", *LIGHT, "-o", "out").code == 0
    assert {"a", "p00", "p11"} < rows(Path("out")).keys()
    table("a,0.1,0.5,x")
    ended = melcli("extract", "in", "--table", "t.csv", *LIGHT, "-o", "out2")
    assert ended.code == 2
    assert "t.csv:2" in ended.err


def test_another_rounding_recomputes(extract: Extract, melcli: Command) -> None:
    """The bounds of a Kaldi folder are truncated, and those of a table rounded."""
    assert extract().code == 0
    data = Path("data")
    data.mkdir()
    (data / "wav.scp").write_text("rec in/a.flac\n")
    (data / "segments").write_text("".join(f"p{n:02} rec {n / 10} {n / 10 + 0.5}\n" for n in range(12)))
    before = times(Path("out"))
    assert melcli("extract", "data", "--root", ".", *LIGHT, "-o", "out").code == 0
    assert len(changed(before)) == 12
    assert {row["rounding"] for row in rows(Path("out")).values()} == {"truncate"}


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_repair_marks_a_segment_and_the_next_run_makes_it(extract: Extract, melcli: Command, format_: str) -> None:
    assert extract("-f", format_).code == 0
    expected = tree(Path("out"))
    victim = sorted(Path("out").glob("*.npy" if format_ == "npy" else "*.h5"))[0]
    victim.write_bytes(victim.read_bytes()[:-7])
    assert melcli("verify", "out", "--repair").code == 4
    damaged = [row for row in rows(Path("out")).values() if row["reason"] == "damaged"]
    assert damaged
    assert all(row["columns"] and row["end_s"] for row in damaged)
    assert extract("-f", format_).code == 0
    if format_ == "npy":
        assert tree(Path("out")) == expected
    check_finished(Path("out"))


def test_removed_manifest_is_recovered_or_recomputed(extract: Extract) -> None:
    assert extract().code == 0
    expected = tree(Path("out"))
    Path("out/manifest.jsonl").unlink()
    assert extract().code == 0
    assert tree(Path("out")) == expected
