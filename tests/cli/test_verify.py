"""``melcli verify``: every damage is named, and after --repair the same extract does exactly that again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from filelock import FileLock

from melcli import open_features
from melcli.errors import StorageError
from melcli.run.engines.local import WARM_MODULE
from melcli.store.spool import Spool
from melcli.store.stored_array import StoredFeatures
from tests.cli.shell import Ended, start
from tests.run.corpus import LIGHT, plant, rows, times, tree
from tests.run.engines.inline import InlineEngine
from tests.run.invariants import check_finished, check_printed
from tests.store.rows import read_manifest
from tests.tiers import full_but

Command = Callable[..., Ended]

NAMES = ("a.wav", "b.flac", "sub/c.wav", "sub/d.wav", "e.wav")


@pytest.fixture(params=["npy", "hdf5"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def extract(melcli: Command, tmp_path: Path, out: Path) -> Callable[..., Ended]:
    """Return a function that extracts five good files and a bad one."""
    plant(tmp_path / "in", *NAMES)
    (tmp_path / "in" / "bad.wav").write_bytes(b"not audio")

    def run(*arguments: str) -> Ended:
        ended = melcli("extract", tmp_path / "in", "-o", out, *LIGHT, *arguments)
        assert ended.code == 3, ended.err
        return ended

    return run


def verify(melcli: Command, out: Path, *arguments: str) -> dict:
    """Verify with --json; return the object, and hold the exit code against it."""
    ended = melcli("verify", out, "--json", *arguments)
    check_printed(ended.err)
    found = json.loads(ended.out)
    assert "damages" in found, found
    assert ended.code == found["exit_code"] == (4 if found["damages"] else 0), ended.err
    return dict(found)


def kinds(found: dict) -> dict[str, str]:
    return {damage["id"] or damage["path"]: damage["kind"] for damage in found["damages"]}


@pytest.mark.parametrize("arguments", [[], ["--read-data"], ["--read-data", "--recompute", "100%"]], ids=len)
def test_what_a_run_wrote_is_whole(melcli: Command, extract: Command, out: Path, format: str, arguments: list) -> None:
    extract("-f", format)
    before = times(out), tree(out)
    found = verify(melcli, out, *arguments)
    assert found["damages"] == []
    assert (found["ok"], found["failed"], found["unknown"], found["leftovers"]) == (5, 1, [], [])
    assert found["read"] == (5 if arguments else 0)
    assert found["recomputed"] == {"same": 5 if len(arguments) > 1 else 0, "close": 0, "not_comparable": 0}
    assert (times(out), tree(out)) == before


def test_people_read_a_sentence_and_programs_nothing(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    ended = melcli("verify", out, "--read-data")
    assert (ended.code, ended.out) == (0, "")
    assert ended.last_line.startswith("5 intact  0 damaged  5 read  ")
    assert ended.last_line.endswith(f"  -> {out}")
    assert melcli("verify", out, "-q") == Ended(0, "", "")


# damages, and what becomes of them


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            place = file["features"].id.get_chunk_info(0).byte_offset + 100
    content[place] ^= 0x40
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "somebody's.txt").write_text("theirs")


def make_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


DAMAGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "flip": (flip, {"checksum", "unreadable", "shard"}),
    "cut": (cut, {"size"}),
    "delete": (Path.unlink, {"missing"}),
    "zero": (lambda path: path.write_bytes(bytes(path.stat().st_size)), {"header", "shard"}),
    "empty": (lambda path: path.write_bytes(b""), {"size"}),
    "folder": (make_folder, {"not_regular"}),
    "link": (make_link, {"not_regular"}),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("damage", full_but(DAMAGES, "flip", "cut", "delete", "link"))
def test_damaged_outputs_are_named_repaired_and_done_again(
    melcli: Command, extract: Command, out: Path, format: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melcli.run.batching.MAX_SHARD_ITEMS", 2)
    extract("-f", format)
    undisturbed, before = tree(out), rows(out)
    victim = "sub/c.npy" if format == "npy" else "features-00000.h5"
    harm, wanted = DAMAGES[damage]
    harm(out / victim)

    found = verify(melcli, out, "--read-data")
    assert set(kinds(found).values()) <= wanted
    hurt = set(kinds(found))
    assert hurt == {"sub/c"} if format == "npy" else hurt and hurt <= {"a", "b"}

    found = verify(melcli, out, "--read-data", "--repair")
    assert set(kinds(found)) == hurt
    assert found["read"] == 5 - sum(kind != "checksum" for kind in kinds(found).values())
    again = hurt if format == "npy" else {"a", "b"}  # a shard is made again as a whole
    assert found["repaired"]["stale"] == len(again)
    assert [row.id for row in read_manifest(str(out)) if row.reason == "damaged"] == sorted(hurt)
    assert {*rows(out)} == {*before}
    assert json.loads(melcli("status", out, "--json").out)["stale"] == len(again)
    if damage == "folder":
        (aside,) = found["repaired"]["set_aside"].values()
        assert (out / aside / "somebody's.txt").read_text() == "theirs"

    assert f"5 ok ({5 - len(again)} unchanged)" in extract("-f", format).err
    assert json.loads(melcli("status", out, "--json").out)["stale"] == 0
    assert verify(melcli, out, "--read-data")["damages"] == []
    if damage == "link":
        (out / victim).with_name("elsewhere").unlink()
    if format == "npy":
        check_finished(out)
        assert tree(out) == undisturbed


def test_the_neighbors_of_what_is_damaged_stay_when_nobody_makes_the_shard_anew(
    melcli: Command, tmp_path: Path, out: Path
) -> None:
    """Their sources are gone, or the next run is over others; what is damaged stays in the books, too."""
    plant(tmp_path / "in", *NAMES, seconds=20.0)  # so that they are in several chunks
    arguments = ["-o", out, *LIGHT, "-f", "hdf5"]
    assert melcli("extract", tmp_path / "in", *arguments).code == 0
    with contextlib.closing(open_features(out)) as features:
        before = {name: features[name] for name in features}
    flip(out / "features-00000.h5")
    found = verify(melcli, out, "--read-data", "--repair")
    hurt = set(kinds(found))
    assert 0 < len(hurt) < found["repaired"]["stale"] == 5
    gone = min({*before} - hurt)
    (path,) = (tmp_path / "in").glob(f"{gone}.*")
    path.unlink()

    other = min({*before} - hurt - {gone})
    assert melcli("extract", tmp_path / "in", "--include", f"{other}.*", *arguments).code == 0
    told = {row.id: row.reason for row in read_manifest(str(out)) if row.reason is not None}
    assert told == dict.fromkeys(hurt, "damaged")
    assert melcli("extract", tmp_path / "in", *arguments).last_line.startswith("4 ok")
    with contextlib.closing(open_features(out)) as features:
        assert {*features} == {*before}
        for name, expected in before.items():
            np.testing.assert_array_equal(features[name], expected)
    assert verify(melcli, out, "--read-data")["damages"] == []


def test_nothing_is_set_aside_through_links(melcli: Command, extract: Command, tmp_path: Path, out: Path) -> None:
    extract()
    (tmp_path / "theirs" / "c.npy").mkdir(parents=True)
    shutil.rmtree(out / "sub")
    (out / "sub").symlink_to(tmp_path / "theirs")
    assert kinds(verify(melcli, out, "--repair"))["sub/c"] == "not_regular"
    assert (tmp_path / "theirs" / "c.npy").is_dir()

    make_folder(out / "a.npy")
    (out / ".melcli" / "set-aside").symlink_to(tmp_path / "theirs")
    ended = melcli("verify", out, "--repair")
    assert (ended.code, "set-aside is a link\nhint: remove that link" in ended.err) == (6, True)
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["c.npy"]


def test_a_swapped_pair_is_named_when_numbers_are_read(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    undisturbed = tree(out)
    (out / "a.npy").rename(out / "x")
    (out / "e.npy").rename(out / "a.npy")
    (out / "x").rename(out / "e.npy")
    assert verify(melcli, out)["damages"] == []
    assert kinds(verify(melcli, out, "--read-data", "--repair")) == {"a": "checksum", "e": "checksum"}
    assert "5 ok (3 unchanged)" in extract().err
    assert verify(melcli, out, "--read-data")["damages"] == []
    assert tree(out) == undisturbed


@pytest.mark.few(3)
@pytest.mark.parametrize("harm", ["garbage", "cut", "missing failures", "twice"])
def test_damaged_books_are_named_and_mended(
    melcli: Command, extract: Command, tmp_path: Path, out: Path, format: str, harm: str
) -> None:
    extract("-f", format)
    undisturbed = tree(out)
    manifest = out / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    if harm == "garbage":
        manifest.write_bytes(b"".join([lines[0], b"\x00" * 100 + b"\n", *lines[2:]]))
    elif harm == "cut":
        manifest.write_bytes(b"".join(lines)[:-10])
    elif harm == "twice":
        manifest.write_bytes(b"".join([lines[0], *lines]))
    else:
        (out / "failures.jsonl").unlink()
    if harm in {"garbage", "cut"}:
        refused = melcli("extract", tmp_path / "in", "-o", out, *LIGHT, "-f", format)
        assert refused.code == 6
        assert f"`melcli verify {out} --repair`" in refused.err
    assert verify(melcli, out, "--repair")["damages"] != []
    extract("-f", format)
    assert verify(melcli, out, "--read-data")["damages"] == []
    check_finished(out)
    if format == "npy":
        assert tree(out) == undisturbed


def test_all_channels_of_an_item_are_done_again(melcli: Command, tmp_path: Path, out: Path) -> None:
    plant(tmp_path / "in", "a.wav", "b.wav", channels=2)
    arguments = ["extract", tmp_path / "in", "-o", out, *LIGHT, "-s", "channels=each"]
    assert melcli(*arguments).code == 0
    undisturbed = tree(out)
    (out / "a.ch1.npy").unlink()
    assert kinds(verify(melcli, out, "--repair")) == {"a.ch1": "missing"}
    assert [*rows(out)] == ["a", "b.ch0", "b.ch1"]
    assert "2 ok (1 unchanged)" in melcli(*arguments).err
    assert tree(out) == undisturbed


def test_an_unreadable_config_is_set_aside(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    (out / "melcli.yaml").write_text("features: [\n")
    found = verify(melcli, out, "--repair")
    assert kinds(found) == {"melcli.yaml": "config"}
    assert (out / found["repaired"]["set_aside"]["melcli.yaml"]).read_text() == "features: [\n"
    assert "5 ok (5 unchanged)" in extract().err


def test_a_config_that_is_not_that_of_its_own_id_is_named(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    text = (out / "melcli.yaml").read_text()
    (out / "melcli.yaml").write_text(text.replace("num_mel_bins: 20", "num_mel_bins: 21"))
    assert kinds(verify(melcli, out)) == {"melcli.yaml": "config"}


def test_strays_are_told_and_only_temporary_files_are_removed(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    leftover = f".melcli-{'0' * 16}.tmp"
    (out / "unknown.npy").write_bytes(b"x")
    (out / "sub" / leftover).write_bytes(b"x")
    found = verify(melcli, out)
    assert (found["unknown"], found["leftovers"]) == (["unknown.npy"], [f"sub/{leftover}"])
    told = melcli("verify", out).err
    assert "1 named like outputs, but no row lists them: unknown.npy\n" in told
    verify(melcli, out, "--repair")
    assert not (out / "sub" / leftover).exists()
    assert (out / "unknown.npy").read_bytes() == b"x"


def test_outputs_without_a_manifest_are_damage(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    (out / "manifest.jsonl").unlink()
    assert kinds(verify(melcli, out)) == {"manifest.jsonl": "manifest"}


def test_names_are_escaped(melcli: Command, tmp_path: Path, out: Path) -> None:
    plant(tmp_path / "in", "new\nline\x1b[31m.wav", os.fsdecode(b"latin \xe9.wav"))
    assert melcli("extract", tmp_path / "in", "-o", out, *LIGHT).code == 0
    for path in out.glob("*.npy"):
        path.unlink()
    ended = melcli("verify", out)
    check_printed(ended.err)
    assert r"damaged: new\x0aline\x1b[31m: its output does not exist [missing]" in ended.err
    assert r"damaged: latin \xe9: its output does not exist [missing]" in ended.err
    (first, second) = verify(melcli, out)["damages"]
    assert {first["id"], second["id"]} == {"new\nline\x1b[31m", os.fsdecode(b"latin \xe9")}


# samples


def test_a_sample_is_the_same_each_time_and_as_large_as_asked_for(melcli: Command, tmp_path: Path, out: Path) -> None:
    plant(tmp_path / "in", *[f"{number}.wav" for number in range(20)])
    assert melcli("extract", tmp_path / "in", "-o", out, *LIGHT).code == 0
    for path in out.glob("*.npy"):
        flip(path)
    taken = [kinds(verify(melcli, out, "--read-data", percent)) for percent in ("25%", "25%", "1%", "60")]
    assert [len(each) for each in taken] == [5, 5, 1, 12]
    assert taken[0] == taken[1]
    assert {*taken[2]} < {*taken[0]} < {*taken[3]}


def test_workers_load_what_computes_features_only_to_recompute(
    melcli: Command, extract: Command, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    class Engine(InlineEngine):
        def __init__(self, workers: int, *, imports: Sequence[str], **others: Any) -> None:
            asked.append(WARM_MODULE in imports)
            super().__init__(workers, imports=imports, **others)

    extract()
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", Engine)
    for arguments in ([], ["--read-data"], ["--recompute", "100%"]):
        verify(melcli, out, *arguments)
    assert asked == [False, False, True]


@pytest.mark.parametrize("percent", ["0%", "101%", "half", "nan"])
def test_a_percentage_is_one(melcli: Command, out: Path, percent: str) -> None:
    for option in ("--read-data", "--recompute"):
        ended = melcli("verify", str(out), f"{option}={percent}")
        assert (ended.code, ended.out) == (2, "")
        assert f"'{percent}' must be" in ended.err


# sources


def test_numbers_that_the_sources_do_not_give_are_found(
    melcli: Command, extract: Command, tmp_path: Path, out: Path
) -> None:
    """The stored numbers, their checksum and their row agree: only the source can tell."""
    extract()
    liar = tmp_path / "liar"
    shutil.copytree(tmp_path / "in", liar / "in")
    plant(liar / "in", "a.wav", seed=99)
    assert melcli("extract", liar / "in", "-o", liar / "out", *LIGHT).code == 3
    shutil.copy(liar / "out" / "a.npy", out / "a.npy")
    manifest = rows(out)
    told = {name: rows(liar / "out")["a"][name] for name in ("crc32", "min", "max", "mean")}
    manifest["a"] |= told
    lines = [json.dumps(row, separators=(",", ":")) for row in manifest.values()]
    (out / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    assert verify(melcli, out, "--read-data")["damages"] == []
    found = verify(melcli, out, "--recompute", "100%")
    assert kinds(found) == {"a": "differs"}
    assert "numbers differ by up to " in found["damages"][0]["message"]


def test_sources_that_changed_or_vanished_cannot_be_compared(
    melcli: Command, extract: Command, tmp_path: Path, out: Path, format: str
) -> None:
    extract("-f", format)
    (tmp_path / "in" / "a.wav").unlink()
    plant(tmp_path / "in", "b.flac", seed=5, seconds=0.5)
    found = verify(melcli, out, "--recompute", "100%")
    assert found["recomputed"] == {"same": 3, "close": 0, "not_comparable": 2}
    assert found["damages"] == []


def test_rounding_of_another_processor_is_no_damage(
    melcli: Command, extract: Command, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from melcli.store.stored_array import as_stored

    extract()

    def nearly(spool: Spool, dtype: str, *, time_axis: int) -> StoredFeatures:
        for number, chunk in enumerate(spool):
            spool[number] = chunk * np.float32(1 + 1e-6)
        return as_stored(spool, dtype, time_axis=time_axis)

    monkeypatch.setattr("melcli.run.compute.as_stored", nearly)
    found = verify(melcli, out, "--recompute", "100%")
    assert found["damages"] == []
    assert found["recomputed"] == {"same": 0, "close": 5, "not_comparable": 0}
    assert "but for rounding, as another processor may give" in melcli("verify", out, "--recompute", "100%").err


# OUT itself


def test_no_out_is_a_sentence(melcli: Command, tmp_path: Path) -> None:
    hint = "hint: name the folder that melcli extract wrote\n"
    ended = melcli("verify", tmp_path / "no\nwhere")
    assert ended == Ended(2, "", f"melcli: error: {tmp_path}/no\\x0awhere is not a folder\n{hint}")
    (tmp_path / "empty").mkdir()
    ended = melcli("verify", tmp_path / "empty")
    assert ended == Ended(2, "", f"melcli: error: {tmp_path}/empty contains no manifest.jsonl\n{hint}")
    assert [*(tmp_path / "empty").iterdir()] == []


def test_an_out_that_is_held_is_left_alone(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    with FileLock(out / ".melcli" / "lock"):
        assert melcli("verify", out).code == 75


def test_an_out_that_cannot_be_written_is_read_all_the_same(
    melcli: Command, extract: Command, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract()

    @contextlib.contextmanager
    def refuse(out: str):
        raise StorageError("cannot write it: Read-only file system")
        yield

    monkeypatch.setattr("melcli.run.verify.audit.lock_output", refuse)
    ended = melcli("verify", out, "--read-data")
    assert ended.code == 0
    assert "OUT cannot be written, so it was read without holding it\n" in ended.err
    ended = melcli("verify", out, "--repair")
    assert (ended.code, ended.err) == (6, "melcli: error: cannot write it: Read-only file system\n")


def test_an_interrupted_run_is_respected(melcli: Command, extract: Command, out: Path) -> None:
    """What the journal says counts, and a repair takes it into the manifest."""
    from melcli.store.journal import Journal

    extract()
    undisturbed = tree(out)
    kept = [*read_manifest(str(out))]
    (out / "manifest.jsonl").unlink()
    with Journal(str(out)) as journal:
        journal.add(rows=kept)
    assert verify(melcli, out, "--read-data")["damages"] == []
    assert verify(melcli, out)["interrupted"]
    assert "the last run was interrupted; run the same extract again to resume\n" in melcli("verify", out).err
    flip(out / "a.npy")
    assert kinds(verify(melcli, out, "--read-data", "--repair")) == {"a": "checksum"}
    assert [*rows(out)] == [row.id for row in kept]
    assert rows(out)["a"]["reason"] == "damaged"
    assert "5 ok (4 unchanged)" in extract().err
    assert tree(out) == undisturbed


def test_a_signal_ends_it_without_a_traceback(melcli: Command, extract: Command, out: Path) -> None:
    extract()
    wait = "read_records = lambda *_: [print(flush=True), time.sleep(60)]"
    before = f"import time; from melcli.run.verify import audit; audit.{wait}"
    run = start("verify", out, before=before)
    assert run.process.stdout is not None
    run.process.stdout.readline()
    run.signal(signal.SIGINT, whole_group=True)
    ended = run.end()
    assert (ended.code, ended.err) == (130, "melcli: stopped by SIGINT\n")


@pytest.mark.full
@pytest.mark.parametrize("format", full_but(["npy", "hdf5"], "hdf5"), indirect=True)
def test_real_workers_find_the_same(melcli: Command, extract: Command, out: Path, format: str) -> None:
    extract("-f", format)
    assert run_verify(out).code == 0
    victim = "sub/c.npy" if format == "npy" else "features-00000.h5"
    cut(out / victim)
    ended = run_verify(out)
    assert ended.code == 4
    assert "damaged: " in ended.err
    assert " [size]" in ended.err


def run_verify(out: Path) -> Ended:
    return start("verify", out, "--read-data", "--recompute", "100%", "-j", "2").end()


def test_a_recomputation_that_could_compare_nothing_is_not_passed_over(
    melcli: Command, extract: Command, tmp_path: Path, out: Path
) -> None:
    """As from cron, in another folder, where sources were named from this one."""
    extract()
    assert melcli("verify", out, "--recompute", "100%", "-q").code == 0
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    ended = melcli("verify", out, "--recompute", "100%", "-q")
    assert ended.code == 4
    assert ended.err.startswith("nothing was recomputed: none of 5 sources exists unchanged; ")
