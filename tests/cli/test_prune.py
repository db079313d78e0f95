"""`melcli prune`: what is listed, what is deleted, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli import open_features
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows

Command = Callable[..., Ended]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    plant(tmp_path / "in", "a.wav", "sub/b.wav", "sub/c.wav", "d.wav", "e.wav", seconds=0.05)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def extract(melcli: Command, recordings: Path, out: Path) -> Command:
    def run(*arguments: str) -> Ended:
        ended = melcli("extract", recordings, *LIGHT, "-o", out, *arguments)
        assert ended.code == 0, ended
        return ended

    return run


def remove(recordings: Path, *names: str) -> None:
    for name in names:
        (recordings / name).unlink()


def files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.suffix in {".npy", ".h5"}}


def test_items_without_an_input_are_listed_and_nothing_is_deleted(
    melcli: Command, extract: Command, recordings: Path, out: Path
) -> None:
    extract()
    remove(recordings, "sub/b.wav", "d.wav")
    before = files(out)
    ended = melcli("prune", out, recordings)
    assert (ended.code, ended.out) == (0, "- d\n- sub/b\n")
    assert "2 items without an input, 0 files that no row lists, " in ended.err
    assert "nothing was deleted; --delete deletes them" in ended.err
    assert files(out) == before
    assert set(rows(out)) == {"a", "d", "e", "sub/b", "sub/c"}


def test_rows_files_and_empty_folders_are_deleted(
    melcli: Command, extract: Command, recordings: Path, out: Path
) -> None:
    extract()
    remove(recordings, "sub/b.wav", "sub/c.wav")
    ended = melcli("prune", out, recordings, "--delete")
    assert (ended.code, ended.out) == (0, "- sub/b\n- sub/c\n")
    assert files(out) == {"a.npy", "d.npy", "e.npy"}
    assert not (out / "sub").exists()
    assert set(rows(out)) == {"a", "d", "e"}
    assert melcli("verify", out, "--read-data").code == 0
    assert "3 unchanged" in extract().err
    assert melcli("prune", out, recordings).out == ""


def test_files_of_another_format_are_deleted(melcli: Command, extract: Command, recordings: Path, out: Path) -> None:
    extract()
    extract("-f", "hdf5", "--overwrite")
    ended = melcli("prune", out, recordings, "--json")
    found = json.loads(ended.out)
    assert found["orphans"] == []
    assert found["files"] == ["a.npy", "d.npy", "e.npy", "sub/b.npy", "sub/c.npy"]
    assert found["bytes"] == sum((out / name).stat().st_size for name in found["files"])
    assert melcli("prune", out, recordings, "--delete").code == 0
    assert {Path(name).suffix for name in files(out)} == {".h5"}
    assert len(open_features(out)) == 5


def test_a_shard_is_deleted_only_when_none_of_its_items_has_an_input(
    melcli: Command, extract: Command, recordings: Path, out: Path
) -> None:
    extract("-f", "hdf5", "--include", "a.wav")
    extract("-f", "hdf5")
    remove(recordings, "a.wav", "e.wav")
    assert {rows(out)[name]["path"] for name in ("a", "e")} == {"features-00000.h5", "features-00001.h5"}
    ended = melcli("prune", out, recordings, "--delete")
    assert "1 output in shards that other items share" in ended.err
    assert files(out) == {"features-00001.h5"}
    assert set(open_features(out)) == {"d", "sub/b", "sub/c"}
    assert melcli("verify", out, "--read-data").code == 0


def test_failed_items_without_an_input_lose_their_row(melcli: Command, recordings: Path, out: Path) -> None:
    (recordings / "bad.wav").write_bytes(b"")
    assert melcli("extract", recordings, *LIGHT, "-o", out).code == 3
    remove(recordings, "bad.wav")
    assert melcli("prune", out, recordings, "--delete").out == "- bad\n"
    assert (out / "failures.jsonl").read_bytes() == b""
    assert melcli("status", out, recordings, "--check").code == 0


@pytest.mark.parametrize("most, code", [((), 2), (("--max-delete", "3"), 2), (("--max-delete", "4"), 0)])
def test_too_much_is_refused(
    melcli: Command, extract: Command, recordings: Path, out: Path, most: tuple[str, ...], code: int
) -> None:
    extract()
    remove(recordings, "a.wav", "d.wav", "e.wav", "sub/b.wav")
    before = files(out)
    ended = melcli("prune", out, recordings, "--delete", *most)
    assert ended.code == code, ended
    if code:
        assert "4 of 5 items and files of" in ended.err
        assert "raise --max-delete to 4" in ended.err
        assert files(out) == before


def test_nothing_is_deleted_when_no_input_is_found(
    melcli: Command, extract: Command, recordings: Path, out: Path, tmp_path: Path
) -> None:
    extract()
    (tmp_path / "unmounted").mkdir()
    before = files(out)
    ended = melcli("prune", out, tmp_path / "unmounted", "--delete", "--max-delete", "100%")
    assert ended.code == 5
    assert "no audio file matched" in ended.err
    assert files(out) == before


def no_process() -> object:
    """Start no planning process, so that this one looks at the inputs."""
    raise OSError(11, "Resource temporarily unavailable")


def test_nothing_is_deleted_when_a_folder_cannot_be_read(
    melcli: Command, extract: Command, recordings: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract()
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if str(folder).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("melcli.run.planner.planner.PlanningProcess", no_process)
    monkeypatch.setattr("os.scandir", refuse)
    ended = melcli("prune", out, recordings, "--delete")
    monkeypatch.undo()
    assert ended.code == 2
    assert "nothing is deleted, because the inputs in these folders are unknown" in ended.err
    assert len(files(out)) == 5


def test_npy_files_beside_the_audio_are_not_touched(melcli: Command, recordings: Path) -> None:
    """They may be labels: melcli cannot tell."""
    assert melcli("extract", recordings, *LIGHT, "-o", recordings).code == 0
    (recordings / "labels.npy").write_bytes(b"mine")
    remove(recordings, "d.wav")
    ended = melcli("prune", recordings, recordings, "--delete")
    assert (ended.code, ended.out) == (0, "- d\n")
    assert (recordings / "labels.npy").read_bytes() == b"mine"
    assert not (recordings / "d.npy").exists()
    assert "they may be yours" in ended.err


def test_no_row_leads_out_of_out(
    melcli: Command, extract: Command, recordings: Path, out: Path, tmp_path: Path
) -> None:
    extract()
    victims = [tmp_path / "victim.npy", tmp_path / "elsewhere" / "x.npy"]
    victims[1].parent.mkdir()
    for victim in victims:
        victim.write_bytes(b"mine")
    (out / "linked").symlink_to(tmp_path / "elsewhere")
    manifest = out / "manifest.jsonl"
    row = json.loads(manifest.read_text().splitlines()[0])
    planted = [{**row, "id": id_, "path": f"{id_}.npy"} for id_ in ("../victim", str(tmp_path / "victim"), "linked/x")]
    with manifest.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in planted)
    ended = melcli("prune", out, recordings, "--delete", "--max-delete", "100%")
    assert ended.code == 0, ended
    assert [victim.read_bytes() for victim in victims] == [b"mine", b"mine"]
    assert set(rows(out)) == {"a", "d", "e", "sub/b", "sub/c"}


def test_an_interrupted_run_goes_on_after_it(melcli: Command, extract: Command, recordings: Path, out: Path) -> None:
    extract("-f", "hdf5")
    journal = out / ".melcli" / "journal.jsonl"
    journal.touch()
    remove(recordings, "d.wav")
    assert melcli("prune", out, recordings, "--delete").out == "- d\n"
    assert set(rows(out)) == {"a", "e", "sub/b", "sub/c"}
    assert not journal.exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "no INPUT"),
        (("in", "--max-delete", "many"), "'many' must be a number of items and files, or a percentage"),
    ],
)
def test_2_for_a_wrong_call(melcli: Command, out: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = melcli("prune", out, *arguments)
    assert ended.code == 2
    assert words in ended.err


def test_2_where_there_is_no_out(melcli: Command, recordings: Path, out: Path) -> None:
    ended = melcli("prune", out, recordings)
    assert ended.code == 2
    assert "has no manifest.jsonl" in ended.err
