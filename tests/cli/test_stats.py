"""``melcli stats``: the numbers of NumPy, in every format, whatever the number of workers; and the refusals."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from melcli.config.resolve import resolve_config
from melcli.normalizers.reading import read_normalizers
from melcli.run.stats import compute
from melcli.store.reader import open_features
from tests.cli.shell import Ended, run_alone
from tests.messages import names
from tests.run.corpus import LIGHT, plant, rows

Command = Callable[..., Ended]
PADDED = ("-s", "num_samples=4000")  # the sounds have 2,000


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "ITEMS_PER_TASK", 3)


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight sounds of four speakers, with a table."""
    monkeypatch.chdir(tmp_path)
    sources = plant(tmp_path / "in", *(f"{name}.wav" for name in "hgfedcba"))
    with open("table.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "id", "speaker", "gender"])
        for number, path in enumerate(sources):
            table.writerow([f"in/{path.name}", path.stem, f"s{number % 4}", "fm"[number % 2]])
    return tmp_path


def frames(out: str, *wanted: str) -> np.ndarray:
    """Read the valid frames of items, in float64."""
    features = open_features(out)
    kept = [features[name][:, : features.rows[name].valid_frames].T for name in wanted or features]
    return np.concatenate(kept).astype(np.float64)


def check(plain: dict[str, Any], whole: np.ndarray) -> None:
    assert plain["frames"] == len(whole)
    for name, function in (("mean", np.mean), ("variance", np.var), ("min", np.min), ("max", np.max)):
        np.testing.assert_allclose(plain[name], function(whole, axis=0), rtol=1e-9, atol=1e-9)
        assert plain["overall"][name] == pytest.approx(function(whole), rel=1e-9)
    np.testing.assert_allclose(plain["std"], whole.std(axis=0), rtol=1e-9)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("more", [(), PADDED, ("-f", "hdf5"), ("-s", "dtype=float16")], ids=str)
def test_numbers_are_those_of_numpy_without_padding(melcli: Command, sounds: Path, more: tuple[str, ...]) -> None:
    assert melcli("extract", "in", "-o", "out", *LIGHT, *more).code == 0
    ended = melcli("stats", "out", "--json")
    assert ended.code == 0
    plain = json.loads(ended.out)
    check(plain, frames("out"))
    assert plain["items"] == 8
    assert plain["hours"] * 3600 == pytest.approx(sum(row["duration"] for row in rows(Path("out")).values()))
    assert plain["config_id"] == rows(Path("out"))["a"]["config_id"]


@pytest.mark.usefixtures("small_tasks")
def test_the_division_into_outs_and_their_order_change_no_bit(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "all", *LIGHT)
    for name in ("bdf", "acegh"):
        sources = [f"in/{letter}.wav" for letter in name]
        melcli("extract", *sources, "-o", name, *LIGHT, "-f", "hdf5" if name == "bdf" else "npy")
    for suffix in ("npz", "json", "ark", "npy", "h5"):
        assert melcli("stats", "all", "-o", f"1.{suffix}").code == 0
        assert melcli("stats", "acegh", "bdf", "-o", f"2.{suffix}", "-j", "3").code == 0
        assert melcli("stats", "bdf", "acegh", "-o", f"3.{suffix}").code == 0
        one, *others = (Path(f"{number}.{suffix}").read_bytes() for number in (1, 2, 3))
        assert others == [one, one], suffix


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_workers_give_the_same_bytes(sounds: Path, format_: str) -> None:
    plant(sounds / "in", *(f"more/{number}.flac" for number in range(150)))
    assert run_alone("extract", "in", *LIGHT, "-f", format_, out=Path("out")).code == 0
    for jobs in ("1", "2", "3"):
        assert stats_alone("out", "-o", f"{jobs}.npz", "-j", jobs).code == 0
    assert Path("1.npz").read_bytes() == Path("2.npz").read_bytes() == Path("3.npz").read_bytes()


def stats_alone(*arguments: str) -> Ended:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-m", "melcli", "stats", *arguments], capture_output=True, text=True)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("small_tasks")
def test_groups_are_the_values_of_a_column(melcli: Command, sounds: Path) -> None:
    assert melcli("extract", "--table", "table.csv", "-o", "out", *LIGHT).code == 0
    ended = melcli("stats", "out", "--by", "speaker", "--json", "-o", "s.npz")
    plain = json.loads(ended.out)
    assert list(plain["groups"]) == ["s0", "s1", "s2", "s3"]
    check(plain["groups"]["s1"], frames("out", "c", "g"))
    check(plain, frames("out"))
    assert plain == {**json.loads(melcli("stats", "out", "--json").out), "by": "speaker", "groups": plain["groups"]}
    with np.load("s.npz") as arrays:
        assert arrays["groups"].tolist() == ["s0", "s1", "s2", "s3"]
        assert arrays["group_mean"][1].tolist() == plain["groups"]["s1"]["mean"]
        assert (str(arrays["by"]), arrays["group_items"].tolist()) == ("speaker", [2, 2, 2, 2])
    for file in ("s.npz", "s.json", "s.ark"):
        melcli("stats", "out", "--by", "speaker", "-o", file)
        found = read_normalizers(file)
        assert list(found.groups) == ["s0", "s1", "s2", "s3"]
        np.testing.assert_allclose(found.groups["s1"].mean, plain["groups"]["s1"]["mean"], rtol=1e-12)
    lines = melcli("stats", "out", "--by", "gender").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["all", "8"], ["f", "4"], ["m", "4"]]


def test_each_format_has_the_numbers(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    whole = frames("out")
    for suffix in ("npz", "json", "ark", "npy"):
        assert melcli("stats", "out", "-o", f"s.{suffix}").code == 0
        found = read_normalizers(f"s.{suffix}").single()
        np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(found.std, whole.std(axis=0), rtol=1e-6)
    with np.load("s.npz") as arrays:
        np.testing.assert_allclose(arrays["variance"], whole.var(axis=0), rtol=1e-9)
        assert int(arrays["frames"]) == len(whole)
    melcli("stats", "out", "-o", "s.h5")
    with h5py.File("s.h5") as file:
        assert sorted(file) == ["mean", "scale"]
        np.testing.assert_allclose(file["scale"][()], whole.std(axis=0), rtol=1e-6)
        assert file["mean"].dtype == np.float32


def test_kaldiio_reads_the_archive(melcli: Command, sounds: Path) -> None:
    kaldiio = pytest.importorskip("kaldiio", reason="kaldiio is not installed: pip install -e '.[consumers]'")
    melcli("extract", "--table", "table.csv", "-o", "out", *LIGHT)
    melcli("stats", "out", "--by", "speaker", "-o", "s.ark")
    matrices = dict(kaldiio.load_ark("s.ark"))
    assert list(matrices) == ["s0", "s1", "s2", "s3"]
    whole = frames("out", "c", "g")
    np.testing.assert_allclose(matrices["s1"][0], [*whole.sum(axis=0), len(whole)], rtol=1e-12)
    np.testing.assert_allclose(matrices["s1"][1], [*np.square(whole).sum(axis=0), 0], rtol=1e-12)


@pytest.mark.parametrize(
    "own", [(), ("-s", "mean=-20.0", "-s", "std=5.0", "-s", "std_eps=0.5")], ids=["plain", "twice"]
)
def test_the_yaml_is_a_config_that_normalizes(melcli: Command, sounds: Path, own: tuple[str, ...]) -> None:
    """Also of features that were normalized with constants before: the numbers are composed."""
    melcli("extract", "in", "-o", "out", *LIGHT, *own)
    assert melcli("stats", "out", "-o", "stats.yaml").code == 0
    assert melcli("extract", "in", "-o", "normalized", "-c", "stats.yaml").code == 0
    Path("mine.yaml").write_text("base: stats.yaml\noutput:\n  dtype: float64\n")
    assert resolve_config("mine.yaml").features == resolve_config("stats.yaml").features
    stats = json.loads(melcli("stats", "normalized", "--json").out)
    np.testing.assert_allclose(stats["mean"], 0, atol=1e-5)
    np.testing.assert_allclose(stats["std"], 1, rtol=1e-5)
    lines = Path("stats.yaml").read_text().splitlines()
    (line,) = (line for line in lines if "statistics_of" in line)
    assert rows(Path("out"))["a"]["config_id"] in line


@pytest.mark.parametrize("file", ["s.npz", "s.json", "s.ark", "s.npy", "s.yaml"])
def test_extract_normalizes_with_each_file(melcli: Command, sounds: Path, file: str) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    melcli("stats", "out", "-o", file)
    assert melcli("extract", "in", "-o", "normalized", *LIGHT, "--normalize", file).code == 0
    Path(file).unlink()  # OUT needs no file
    assert melcli("status", "normalized", "in", "--check").code == 0
    stats = json.loads(melcli("stats", "normalized", "--json").out)
    np.testing.assert_allclose(stats["mean"], 0, atol=1e-5)
    np.testing.assert_allclose(stats["std"], 1, rtol=1e-5)


@pytest.mark.parametrize("key", ["mean=bin", "std=all", "clip=[-50, 0]"])
def test_what_no_constants_can_express_is_refused_as_yaml_only(melcli: Command, sounds: Path, key: str) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT, "-s", key)
    ended = melcli("stats", "out", "-o", "stats.yaml")
    assert ended.code == 2
    assert names(ended.err, key.replace("-50", "-50.0").replace("0]", "0.0]") if "[" in key else key, "stats.npz")
    assert not Path("stats.yaml").exists()
    assert melcli("stats", "out", "-o", "stats.npz").code == 0


def test_earlier_statistics_are_added(melcli: Command, sounds: Path) -> None:
    lines = Path("table.csv").read_text().splitlines(keepends=True)
    for name, part in (("all", lines[1:]), ("one", lines[1:4]), ("two", lines[4:])):
        Path("table.csv").write_text(lines[0] + "".join(part))
        melcli("extract", "--table", "table.csv", "-o", name, *LIGHT)
        assert melcli("stats", name, "--by", "speaker", "-o", f"{name}.npz").code == 0
    expected = json.loads(melcli("stats", "all", "--by", "speaker", "--json").out)
    outs = (("one.npz", "two.npz"), ("two.npz", "one.npz"), ("one.npz", "two"), ("one", "two.npz"))
    found = [json.loads(melcli("stats", *pair, "--by", "speaker", "--json").out) for pair in outs]
    assert found[0] == found[1]
    for plain in found:
        for part, whole in ((plain, expected), (plain["groups"]["s2"], expected["groups"]["s2"])):
            assert (part["items"], part["frames"]) == (whole["items"], whole["frames"])
            np.testing.assert_allclose(part["mean"], whole["mean"], rtol=1e-12)
            np.testing.assert_allclose(part["variance"], whole["variance"], rtol=1e-10)
            assert (part["min"], part["max"]) == (whole["min"], whole["max"])
    assert melcli("stats", "all.npz", "--by", "speaker", "-o", "again.npz").code == 0
    with np.load("all.npz") as arrays, np.load("again.npz") as again:
        assert arrays.keys() == again.keys()
        assert all(np.array_equal(arrays[name], again[name]) for name in ("mean", "groups", "group_mean", "config"))
    assert melcli("stats", "all.npz", "-o", "all.yaml").code == 0
    assert resolve_config("all.yaml").features.mean == tuple(expected["mean"])


def test_earlier_statistics_that_do_not_fit_are_refused(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    melcli("extract", "in", "-o", "other", *LIGHT, "-s", "min_freq=40.0")
    melcli("stats", "other", "-o", "other.npz")
    melcli("stats", "out", "-o", "out.npz")
    np.savez("foreign.npz", mean=[1.0])
    Path("damaged.npz").write_bytes(Path("out.npz").read_bytes()[:-40])
    for arguments, words in (
        (("out", "other.npz"), ("out and other.npz", "different configs", "min_freq")),
        (("out.npz", "other.npz"), ("out.npz", "different configs", "min_freq")),
        (("foreign.npz",), ("foreign.npz", "did not write it")),
        (("damaged.npz",), ("damaged.npz", "not a file of arrays")),
        (("no.npz",), ("no.npz", "No such file")),
        (("out.npz", "--by", "speaker"), ("out.npz", "no groups of speaker")),
    ):
        ended = melcli("stats", *arguments)
        assert ended.code == 2, arguments
        assert names(ended.err, *words), ended.err


def test_refusals_come_before_any_work(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    melcli("extract", "in", "-o", "other", *LIGHT, "-s", "min_freq=40.0")
    for arguments, words in (
        (("out", "-o", "stats.txt"), ("stats.txt", ".npz")),
        (("out", "--by", "speaker", "-o", "s.yaml"), ("s.yaml", "--by speaker", ".npz")),
        (("out", "--by", "speaker"), ("a has no value", "'speaker'", "no columns")),
        (("out", "./out"), ("twice",)),
        (("out", "other"), ("different configs", "min_freq", "40.0")),
        (("nothing",), ("nothing is not a folder",)),
        (("out", "-o", "s3://bucket/stats.npz"), ("FILE",)),
    ):
        ended = melcli("stats", *arguments)
        assert ended.code == 2, arguments
        assert names(ended.err, *words), ended.err
        assert ended.out == ""


def test_a_column_that_an_item_lacks_is_refused(melcli: Command, sounds: Path) -> None:
    melcli("extract", "--table", "table.csv", "-o", "out", *LIGHT)
    ended = melcli("stats", "out", "--by", "speakr")
    assert ended.code == 2
    assert names(ended.err, "'speakr'", "speaker", "gender")


def test_items_of_another_config_are_counted_and_named(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    Path("in/a.wav").unlink()
    melcli("extract", "in", "-o", "out", *LIGHT, "-s", "min_freq=40.0", "--overwrite")
    ended = melcli("stats", "out", "--json")
    assert json.loads(ended.out)["items"] == 7
    assert names(ended.err, "warning", "1 items have another config")


def test_an_out_without_items_is_nothing(melcli: Command, sounds: Path) -> None:
    Path("bad.wav").write_bytes(b"RIFF")
    melcli("extract", "bad.wav", "-o", "out", *LIGHT)
    ended = melcli("stats", "out")
    assert ended.code in (5, 6)
    assert "out" in ended.err


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_an_item_that_cannot_be_read_ends_the_command(melcli: Command, sounds: Path, format_: str) -> None:
    """Statistics without it would be wrong in silence."""
    melcli("extract", "in", "-o", "out", *LIGHT, "-f", format_)
    path = Path("out") / rows(Path("out"))["d"]["path"]
    path.write_bytes(path.read_bytes()[:-100])
    ended = melcli("stats", "out", "-o", "s.npz")
    assert ended.code == 6
    assert names(ended.err, path.name)
    assert not Path("s.npz").exists()


def test_numbers_that_are_not_finite_end_the_command(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT)
    array = np.load("out/d.npy")
    array[3, 2] = np.nan
    np.save("out/d.npy", array)
    ended = melcli("stats", "out")
    assert ended.code == 6
    assert names(ended.err, "'d'", "not finite")


def test_rows_of_an_earlier_version_have_their_padding_masked_too(melcli: Command, sounds: Path) -> None:
    melcli("extract", "in", "-o", "out", *LIGHT, *PADDED)
    expected = melcli("stats", "out", "--json").out
    manifest = Path("out/manifest.jsonl")
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text(
        "".join(json.dumps({k: v for k, v in line.items() if k != "valid_frames"}) + "\n" for line in lines)
    )
    assert melcli("stats", "out", "--json").out == expected
