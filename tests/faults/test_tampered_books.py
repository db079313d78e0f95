"""Journals, manifests and shards whose fields somebody changed, with every checksum of a line made right again.

Whatever they say: no command ends with a traceback, `melcli verify --repair` opens a way out, and the extract after it
completes with the features of an undisturbed run.  No reader gets a wrong array that verify does not name.
"""

from __future__ import annotations

import json
import random
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from melcli import open_features
from melcli.errors import StorageError
from tests.cli.shell import Ended
from tests.run.corpus import plant, rows
from tests.run.invariants import check_printed

Command = Callable[..., Ended]

FORMATS = pytest.mark.parametrize("format_", ["npy", "hdf5"])
JOURNALS, MANIFESTS, SHARDS = (
    pytest.mark.parametrize("number", [5, pytest.param(number, marks=pytest.mark.soak)]) for number in (100, 70, 60)
)
TINY = ("sampling_rate=8000", "fft_length=64", "sequence_stride=64", "num_mel_bins=4", "min_freq=500")
SETTINGS = tuple(part for setting in TINY for part in ("-s", setting))
IDS = ("a", "b", "sub/c")
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 2**31, 2**63, 10**12, 10**30, -(10**30), 0.5, 1e308, [], {}, [[None]]),
    *(
        "",
        "x",
        "a",
        "b",
        "A",
        "\0",
        "..",
        "../x",
        "../../x",
        "/etc/passwd",
        "sub/../a",
        "a.npy",
        "b.npy",
        "sub",
        ".melcli/lock",
    ),
    *(
        "features-00000.h5",
        "features-00007.h5",
        "features-999999999999.h5",
        "manifest.jsonl",
        "ok",
        "failed",
        "damaged",
    ),
    *(
        "float16",
        "float64",
        "object",
        "S99999999999",
        "0" * 16,
        "00000000",
        "\udcff",
        "\ud800",
        "\u202e\x1b[31m",
        "n" * 300,
    ),
)


@dataclass(frozen=True)
class Work:
    """An OUT, the features that belong into it, and how it is run."""

    source: Path
    out: Path
    format_: str
    truth: Mapping[str, np.ndarray]
    melcli: Command

    def run(self, *arguments: Any, codes: set[int]) -> Ended:
        ended = self.melcli(*arguments)
        check_printed(ended.err)
        assert ended.code in codes, ended
        assert "Traceback" not in ended.err
        return ended

    def extract(self, codes: set[int]) -> Ended:
        return self.run("extract", self.source, *SETTINGS, "-f", self.format_, "-o", self.out, codes=codes)

    def check(self) -> None:
        """Attack every command, then repair and complete."""
        with self.kept():
            self.run("status", self.out, codes={0, 2, 6})
            ended = self.extract(codes={0, 6})
            assert ended.code == 0 or "--repair" in ended.err, ended
        with self.kept():
            self.prune()
        wrong = self.wrongly_served()
        self.run("verify", self.out, codes={0, 4})
        ended = self.run("verify", self.out, "--read-data", "--repair", "--json", codes={0, 4})
        named = {damage["id"] for damage in json.loads(ended.out)["damages"]}
        assert wrong <= named, "a wrong array is served that verify does not name"
        self.extract(codes={0})
        assert set(self.truth) <= set(rows(self.out))
        with closing(open_features(self.out)) as features:
            for item_id, expected in self.truth.items():
                np.testing.assert_array_equal(features[item_id], expected)
        self.run("verify", self.out, "--read-data", codes={0})

    def prune(self) -> None:
        """Delete what no input stands for; nothing outside OUT, and no file that a row of an input describes."""
        outside = {path: path.read_bytes() for path in self.out.parent.glob("*.npy")}
        sounds = sorted(self.source.rglob("*.wav"))
        ended = self.run("prune", self.out, self.source, "--delete", "--max-delete", "100%", codes={0, 2, 6})
        assert outside == {path: path.read_bytes() for path in self.out.parent.glob("*.npy")}
        assert sounds == sorted(self.source.rglob("*.wav"))
        if ended.code == 0:
            self.run("status", self.out, self.source, codes={0, 2, 6})
            self.extract(codes={0, 6})

    def wrongly_served(self) -> set[str]:
        """Read what can be read; return the ids whose array is not theirs."""
        found = set()
        try:
            features = open_features(self.out)
        except StorageError:
            return set()
        with closing(features):
            for item_id in features:
                try:
                    array = features[item_id]
                except StorageError:
                    continue
                if item_id not in self.truth or not np.array_equal(array, self.truth[item_id]):
                    found.add(item_id)
        return found

    def kept(self) -> Kept:
        return Kept(self.out)


class Kept:
    """Puts OUT back as it was."""

    def __init__(self, out: Path) -> None:
        self._out, self._copy = out, out.with_name(f"kept-{id(self)}")

    def __enter__(self) -> None:
        shutil.copytree(self._out, self._copy, symlinks=True)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._out)
        self._copy.rename(self._out)


@pytest.fixture
def work(tmp_path: Path, melcli: Command, format_: str) -> Work:
    plant(tmp_path / "in", *[f"{item_id}.wav" for item_id in IDS], seconds=0.1)
    out = tmp_path / "out"
    for name in ("x.npy", "a.npy"):  # beside OUT, where `../x` leads
        (tmp_path / name).write_bytes(b"of somebody else")
    made = Work(tmp_path / "in", out, format_, {}, melcli)
    made.extract(codes={0})
    with closing(open_features(out)) as features:
        return Work(made.source, out, format_, {item_id: features[item_id] for item_id in features}, melcli)


def rounds(work: Work, number: int, name: str) -> Iterator[random.Random]:
    """Yield a source of chance for each round, in which OUT is at first as an undisturbed run left it."""
    for round_ in range(number):
        with work.kept():
            yield random.Random(f"{name} {work.format_} {round_}")


def tampered(plain: Any, chance: random.Random) -> Any:
    """Change one thing of a row or a shard, or two that belong together."""
    if not isinstance(plain, dict):
        return chance.choice(ODD)
    plain = dict(plain)
    kind = chance.choice(["value", "value", "value", "key", "number", "name", "extra", "whole"])
    name = chance.choice(list(plain))
    if kind == "value":
        plain[name] = chance.choice(ODD)
    elif kind == "key":
        del plain[name]
    elif kind == "number":
        name = chance.choice([key for key, value in plain.items() if isinstance(value, int | float)] or [name])
        value = plain[name]
        plain[name] = chance.choice([-1, value + 1, value * 2, 10**18]) if isinstance(value, int | float) else 1
    elif kind == "name" and "id" in plain:  # an item that is not there, in its own place
        plain["id"] = chance.choice([word for word in ODD if isinstance(word, str)])
        if plain.get("start") is None:
            plain["path"] = f"{plain['id']}.npy"
    elif kind == "extra":
        plain["of a later version"] = chance.choice(ODD)
    else:
        return chance.choice(ODD)
    return plain


def shuffled(lines: list[Any], chance: random.Random) -> list[Any]:
    """Tamper with one of several rows or shards, double one, or leave one out."""
    lines = list(lines)
    place = chance.randrange(len(lines))
    kind = chance.choice(["tamper"] * 6 + ["double", "drop", "swap"])
    if kind == "tamper":
        lines[place] = tampered(lines[place], chance)
    elif kind == "double":
        lines.insert(chance.randrange(len(lines) + 1), tampered(lines[place], chance))
    elif kind == "drop":
        del lines[place]
    elif len(lines) > 1:  # of two items each has the other's output
        one, other = chance.sample(range(len(lines)), 2)
        for name in ("path", "start", "crc32"):
            if isinstance(lines[one], dict) and name in lines[one]:
                lines[one][name], lines[other][name] = lines[other][name], lines[one][name]
    return lines


# the journal


def as_line(plain: Any) -> str:
    """Return a line of a journal, with its checksum."""
    rest = json.dumps(plain, separators=(",", ":"))[1:]
    return f'{{"crc32":"{zlib.crc32(rest.encode()):08x}",{rest}\n'


@pytest.mark.full
@FORMATS
@JOURNALS
def test_tampered_journals(work: Work, number: int) -> None:
    """As if a run had been killed before it wrote its manifest."""
    manifest = work.out / "manifest.jsonl"
    for chance in rounds(work, number, "journals"):
        found = [json.loads(line) for line in manifest.read_text().splitlines()]
        config_id = found[0]["config_id"]
        plan = [
            {"number": 0, "first": "a", "last": "sub/c", "digest": "0" * 16, "config_id": config_id, "shard_mb": 64},
            {"number": 1, "first": "x", "last": "y", "digest": "0" * 16, "config_id": config_id, "shard_mb": None},
        ]
        if chance.random() < 0.4:
            plan = shuffled(plan, chance)
        else:
            found = shuffled(found, chance)
        lines = [as_line({"rows": [], "shards": plan}), as_line({"rows": found, "shards": []})]
        if chance.random() < 0.2:
            lines.append(
                as_line(chance.choice([{"rows": []}, {"rows": {}, "shards": []}, {"shards": [], "rows": []}, []]))
            )
        manifest.unlink()
        (work.out / ".melcli" / "journal.jsonl").write_text("".join(lines))
        work.check()


# the manifest


@pytest.mark.few(1)
@FORMATS
@MANIFESTS
def test_tampered_manifests(work: Work, number: int) -> None:
    manifest = work.out / "manifest.jsonl"
    for chance in rounds(work, number, "manifests"):
        found = [json.loads(line) for line in manifest.read_text().splitlines()]
        manifest.write_text("".join(f"{json.dumps(plain)}\n" for plain in shuffled(found, chance)))
        work.check()


# shards


def tamper_with_shard(path: Path, chance: random.Random) -> None:
    """Change the lists, the attributes or the numbers of a shard, and keep its size."""
    size = path.stat().st_size
    with h5py.File(path, "r+") as shard:
        kind = chance.choice(["start", "num_frames", "ids", "config_id", "features", "time_axis", "delete"])
        if kind in ("start", "num_frames"):
            values = shard[kind][:]
            values[chance.randrange(len(values))] = chance.choice([-1, 0, 1, 7, 2**40, 2**63 - 1])
            shard[kind][:] = values
        elif kind == "ids":
            names = list(shard["ids"][:])
            chance.shuffle(names)
            shard["ids"][:] = names
        elif kind == "config_id":
            shard.attrs["config_id"] = chance.choice(["", "0" * 16, "x" * 16])
        elif kind == "time_axis":
            shard["features"].attrs["time_axis"] = chance.choice([0, 7, -1])
        elif kind == "delete":
            del shard[chance.choice(["start", "num_frames", "ids", "features"])]
        else:
            frame = chance.randrange(shard["features"].shape[1])
            shard["features"][:, frame] = chance.choice([0.0, 1e30, float("nan")])
    with path.open("r+b") as file:
        file.truncate(size)


@pytest.mark.full
@pytest.mark.parametrize("format_", ["hdf5"])
@SHARDS
def test_tampered_shards(work: Work, number: int) -> None:
    for chance in rounds(work, number, "shards"):
        tamper_with_shard(work.out / "features-00000.h5", chance)
        work.check()
