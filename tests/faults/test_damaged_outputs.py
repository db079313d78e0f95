"""Outputs that somebody or some disk damaged after the run, and files that only look like outputs.

FAULTS.md: "outputs damaged afterwards", "clock goes back, mtime restored with other content", "hostile .npy or .h5
under OUT".  A plain run looks at sizes; ``melcli verify --read-data`` at every number.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from melcli.errors import StorageError
from melcli.store.reader import Features, open_features
from tests.cli.shell import Ended
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, encode, noise, plant, rows, times, tree
from tests.run.invariants import check_after_rerun

Command = Callable[..., Ended]

FORMATS = pytest.mark.parametrize("format_", ["npy", "hdf5"])
NAMES = [f"{name}.wav" for name in "abcdefghij"]
SEEN_BY_SIZE = ("deleted", "cut", "emptied", "longer")
SEEN_BY_CONTENT = ("flipped", "zeroed", "swapped", "another's")


# Of 128 kB of features for a second of sound two of the longer sounds fill a shard of a megabyte.
SETTINGS = {
    "npy": LIGHT,
    "hdf5": tuple(
        part
        for setting in (
            *("sampling_rate=8000", "fft_length=128", "sequence_stride=32", "num_mel_bins=64"),
            *("dtype=float64", "shard_mb=1", "format=hdf5"),
        )
        for part in ("-s", setting)
    ),
}


@pytest.fixture
def format_() -> str:
    return "npy"


@pytest.fixture
def source(tmp_path: Path, format_: str) -> Path:
    """Sounds of equal length, so that their files can be swapped."""
    plant(tmp_path / "in", *NAMES, "sub/k.flac", seconds={"npy": 0.1, "hdf5": 3.5}[format_])
    return tmp_path / "in"


def extract(melcli: Command, source: Path, out: Path, format_: str, *more: str) -> Ended:
    ended = melcli("extract", source, *SETTINGS[format_], *more, "-o", out)
    assert ended.code == 0, ended
    return ended


def outputs(out: Path) -> list[Path]:
    """Return the files that rows speak of; frames that were done again stay in their old shard."""
    return sorted({out / row["path"] for row in rows(out).values()})


def damage(paths: list[Path], kind: str, chance: random.Random) -> set[Path]:
    """Damage one file, or two, in one way, and return which."""
    path, other = chance.sample(paths, 2)
    content = path.read_bytes()
    place = chance.randrange(len(content))
    if kind == "deleted":
        path.unlink()
        return {path}
    if kind == "swapped":
        changed = other.read_bytes()
        replace(other, content)
    else:
        changed = {
            "cut": content[:place],
            "emptied": b"",
            "longer": content + b"\0",
            "flipped": content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :],
            "zeroed": content[: place // 2] + bytes(len(content) - place // 2),
            "another's": other.read_bytes(),
        }[kind]
    replace(path, changed)
    return {path, other} if kind == "swapped" else {path}


def replace(path: Path, content: bytes) -> None:
    """Write a file again: libhdf5 takes one for what it knows already if the inode is the same."""
    path.unlink()
    path.write_bytes(content)


@FORMATS
@loop(quick=2, soak=200)
def test_a_plain_run_mends_what_has_another_size(
    rounds: int, seed: int, tally: Tally, source: Path, tmp_path: Path, melcli: Command, format_: str
) -> None:
    """Outputs are deleted, cut, emptied or longer: the same command makes them again, and no others."""
    out, chance = tmp_path / "out", random.Random(seed)
    extract(melcli, source, out, format_)
    undisturbed = numbers(out)
    for number in range(rounds):
        with tally.round():
            before = times(out)
            touched = damage(outputs(out), SEEN_BY_SIZE[number % len(SEEN_BY_SIZE)], chance)
            extract(melcli, source, out, format_)
            assert numbers(out) == undisturbed
            if format_ == "npy":
                after = times(out)
                again = {out / name for name in before if name.endswith(".npy") and before[name] != after[name]}
                assert again == touched


@pytest.mark.few(1)
@FORMATS
@loop(quick=2, soak=300)
def test_verify_names_what_is_damaged_and_the_next_run_makes_it_again(
    rounds: int, seed: int, tally: Tally, source: Path, tmp_path: Path, melcli: Command, format_: str
) -> None:
    """Outputs are flipped, zeroed, swapped, deleted, cut: `verify --read-data --repair`, then the same command."""
    out, chance = tmp_path / "out", random.Random(seed)
    extract(melcli, source, out, format_)
    undisturbed, kinds = numbers(out), [*SEEN_BY_CONTENT, *SEEN_BY_SIZE]
    harmless = 0
    for number in range(rounds):
        with tally.round():
            kind = kinds[number % len(kinds)] if rounds > len(kinds) else chance.choice(kinds)
            touched = damage(outputs(out), kind, chance)
            damaged = ids_that_read_otherwise(out, undisturbed)
            ended = melcli("verify", out, "--read-data", "--repair", "-j", "1")
            assert ended.code == 4 or not damaged, (kind, ended)
            named = {line.removeprefix("damaged: ") for line in ended.err.splitlines() if line.startswith("damaged: ")}
            missed = [item for item in damaged if not any(line.startswith(f"{item}: ") for line in named)]
            assert missed == [], (kind, touched, ended)
            harmless += not damaged
            extract(melcli, source, out, format_)
            assert numbers(out) == undisturbed, kind
            assert melcli("verify", out, "--read-data", "-j", "1").code == 0
    tally.note(f"{harmless} damages changed no number")


def numbers(out: Path) -> dict[str, bytes]:
    """Return the features of every item, as bytes."""
    features = open_features(out)
    try:
        return {item: features[item].tobytes() for item in features}
    finally:
        features.close()


def ids_that_read_otherwise(out: Path, undisturbed: dict[str, bytes]) -> set[str]:
    """Return the items that can no longer be read, or whose numbers are others."""
    features = open_features(out)
    try:
        return {item for item, content in undisturbed.items() if bytes_of(features, item) != content}
    finally:
        features.close()


def bytes_of(features: Features, item: str) -> bytes | None:
    try:
        return features[item].tobytes()
    except StorageError:
        return None


@pytest.mark.few(1)
@FORMATS
def test_all_outputs_damaged_at_once(source: Path, tmp_path: Path, melcli: Command, format_: str) -> None:
    out = tmp_path / "out"
    extract(melcli, source, out, format_)
    undisturbed = tree(out)
    for path in outputs(out):
        replace(path, bytes(path.stat().st_size))
    ended = melcli("verify", out, "--read-data", "--repair", "-j", "1")
    assert ended.code == 4
    assert ended.err.count("damaged: ") >= len(NAMES) + 1
    extract(melcli, source, out, format_)
    if format_ == "npy":
        check_after_rerun(out, undisturbed)
    assert melcli("verify", out, "--read-data", "-j", "1").code == 0


# sources that changed and do not look like it


@FORMATS
def test_a_source_with_its_old_time_and_other_content(
    source: Path, tmp_path: Path, melcli: Command, format_: str
) -> None:
    """As `cp -p` or a clock that went back leave it: a plain run cannot know, and ``--checksum`` does."""
    out = tmp_path / "out"
    extract(melcli, source, out, format_, "--checksum")
    before = rows(out)
    status = (source / "b.wav").stat()
    (source / "b.wav").write_bytes(encode(noise(4711, seconds={"npy": 0.1, "hdf5": 3.5}[format_]), ".wav"))
    assert (source / "b.wav").stat().st_size == status.st_size
    os.utime(source / "b.wav", ns=(status.st_atime_ns, status.st_mtime_ns))

    extract(melcli, source, out, format_)
    assert rows(out)["b"]["crc32"] == before["b"]["crc32"]  # as README.md says
    extract(melcli, source, out, format_, "--checksum")
    after = rows(out)
    assert {name for name in after if after[name]["crc32"] != before[name]["crc32"]} == {"b"}
    assert {name for name in after if after[name]["source_hash"] != before[name]["source_hash"]} == {"b"}


def test_a_source_from_the_past_or_the_future_is_new(source: Path, tmp_path: Path, melcli: Command) -> None:
    out = tmp_path / "out"
    extract(melcli, source, out, "npy")
    for time_ns in (1, 2**62):
        os.utime(source / "b.wav", ns=(time_ns, time_ns))
        assert "+" not in (plan := melcli("extract", source, *SETTINGS["npy"], "-nv", "-o", out).out)
        assert "* b\n" in plan
        extract(melcli, source, out, "npy")
        assert rows(out)["b"]["source_mtime_ns"] == time_ns


# files that only look like outputs


class Mark:
    """Leaves a mark where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def pickled_objects(path: Path, mark: Path) -> None:
    np.save(path, np.array([Mark(str(mark))], dtype=object), allow_pickle=True)


def bare_pickle(path: Path, mark: Path) -> None:
    path.write_bytes(pickle.dumps(Mark(str(mark))))


@pytest.mark.parametrize("make", [pickled_objects, bare_pickle])
def test_hostile_npy_files_are_refused(
    source: Path, tmp_path: Path, melcli: Command, make: Callable[[Path, Path], None]
) -> None:
    out, mark = tmp_path / "out", tmp_path / "mark"
    extract(melcli, source, out, "npy")
    undisturbed = tree(out)
    (out / "a.npy").unlink()
    make(out / "a.npy", mark)
    size = (out / "a.npy").stat().st_size
    manifest = (out / "manifest.jsonl").read_text().splitlines()
    manifest[0] = manifest[0].replace(f'"output_size":{rows(out)["a"]["output_size"]}', f'"output_size":{size}')
    (out / "manifest.jsonl").write_text("\n".join(manifest) + "\n")  # as whoever made the file would do
    with pytest.raises(StorageError):
        open_features(out)["a"]
    ended = melcli("verify", out, "--read-data", "--repair", "-j", "1")
    assert ended.code == 4
    assert "damaged: a: " in ended.err
    assert not mark.exists(), "what it says was done"
    extract(melcli, source, out, "npy")
    check_after_rerun(out, undisturbed)


def external_link(shard: h5py.File, elsewhere: Path) -> None:
    with h5py.File(elsewhere, "w") as other:
        other["features"] = np.zeros(shard["features"].shape)
    del shard["features"]
    shard["features"] = h5py.ExternalLink(str(elsewhere), "/features")


def external_numbers(shard: h5py.File, elsewhere: Path) -> None:
    """The numbers are those of any file at all."""
    shape = shard["features"].shape
    elsewhere.write_bytes(bytes(8 * int(np.prod(shape))))
    del shard["features"]
    dataset = shard.create_dataset("features", shape, np.float64, external=[(str(elsewhere), 0, h5py.h5f.UNLIMITED)])
    dataset.attrs["time_axis"] = 1


def virtual_numbers(shard: h5py.File, elsewhere: Path) -> None:
    shape = shard["features"].shape
    with h5py.File(elsewhere, "w") as other:
        other["features"] = np.zeros(shape)
    layout = h5py.VirtualLayout(shape, np.float64)
    layout[:] = h5py.VirtualSource(str(elsewhere), "features", shape)
    del shard["features"]
    shard.create_virtual_dataset("features", layout).attrs["time_axis"] = 1


def soft_link(shard: h5py.File, elsewhere: Path) -> None:
    shard["other"] = shard["features"]
    del shard["features"]
    shard["features"] = h5py.SoftLink("/other")


@pytest.mark.few(1)
@pytest.mark.parametrize("format_", ["hdf5"])
@pytest.mark.parametrize("make", [external_link, external_numbers, virtual_numbers, soft_link])
def test_hostile_shards_are_refused(
    source: Path, tmp_path: Path, melcli: Command, make: Callable[[h5py.File, Path], None], format_: str
) -> None:
    out = tmp_path / "out"
    extract(melcli, source, out, format_)
    right = numbers(out)
    path = out / rows(out)["a"]["path"]
    shard_copy = tmp_path / "shard.h5"
    shutil.copy(path, shard_copy)  # another inode, which libhdf5 does not know
    path.unlink()
    with h5py.File(shard_copy, "r+") as shard:
        make(shard, tmp_path / "elsewhere")
    shutil.copy(shard_copy, path)
    text = (out / "manifest.jsonl").read_text()
    sizes = Counter(row["output_size"] for row in rows(out).values() if row["path"] == path.name)
    for size in sizes:
        text = "".join(
            line.replace(f'"output_size":{size}', f'"output_size":{path.stat().st_size}') if path.name in line else line
            for line in text.splitlines(keepends=True)
        )
    (out / "manifest.jsonl").write_text(text)
    features = open_features(out)
    with pytest.raises(StorageError):
        features["a"]
    features.close()
    ended = melcli("verify", out, "--read-data", "--repair", "-j", "1")
    assert ended.code == 4
    assert "damaged: a: " in ended.err
    extract(melcli, source, out, format_)
    assert numbers(out) == right
