"""Sources that vanish, grow, shrink or are replaced between the plan and the end of reading.

Row of the faults: source vanishes, grows or changes while it is read.  What a row says of its source is looked at
before the source is opened, so that any later change is seen by the next run: whatever a row told, after the next plain
run everything is as if the sources had always been what they are now.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from melcli.audio import decode
from melcli.audio.load import AudioStream
from melcli.errors import REASONS
from melcli.run import extract_item, open_source
from melcli.sources.items import Item
from tests.cli.shell import Ended
from tests.faults.damaged_sounds import in_memory
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, encode, noise, rows, signs, times
from tests.run.invariants import check_after_fault, check_printed

FILES = 10
MOMENTS = ("planned", "looked at", "first block", "last block")
EXTENSIONS = (".wav", ".flac", ".mp3", ".ogg", ".aiff")
LONG_AGO_NS = 1_000_000_000 * 10**9


class _Move(NamedTuple):
    moment: str
    how: str
    chance: random.Random


MOVES: dict[Path, _Move] = {}  # what is to happen to a file, once


def _vanish(path: Path, chance: random.Random) -> None:
    path.unlink()


def _grow(path: Path, chance: random.Random) -> None:
    with open(path, "ab") as file:
        file.write(chance.choice((b"\0", chance.randbytes(3_000), path.read_bytes())))


def _shrink(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def _rewrite(path: Path, chance: random.Random) -> None:
    """Write other content over the old one, into the same file, as long as before."""
    size = path.stat().st_size
    content = _sound(path.suffix, chance)
    with open(path, "r+b") as file:
        file.write((content + bytes(size))[:size])


def _replace(path: Path, chance: random.Random) -> None:
    """Let another file take its name."""
    other = path.with_name("other.tmp")
    other.write_bytes(_sound(path.suffix, chance))
    other.replace(path)


def _become_pipe(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


HOW: dict[str, Callable[[Path, random.Random], None]] = {
    "vanishes": _vanish,
    "grows": _grow,
    "shrinks": _shrink,
    "is rewritten": _rewrite,
    "is replaced": _replace,
    "becomes a pipe": _become_pipe,
    "becomes a folder": _become_folder,
}


def _sound(extension: str, chance: random.Random) -> bytes:
    signal = noise(chance.randrange(2**32), seconds=chance.uniform(0.3, 0.8))
    return encode(signal, extension)


def _strike(path: str, moment: str) -> None:
    move = MOVES.get(Path(path))
    if move is not None and move.moment == moment:
        del MOVES[Path(path)]
        HOW[move.how](Path(path), move.chance)


class _Moving(AudioStream):
    """An AudioStream whose file changes at some moment."""

    def __init__(self, path: str, *arguments: Any, **options: Any) -> None:
        self._path = path
        _strike(path, "looked at")
        super().__init__(path, *arguments, **options)

    def blocks(self) -> Iterator[np.ndarray]:
        for number, block in enumerate(super().blocks()):
            yield block
            if not number:
                _strike(self._path, "first block")
        _strike(self._path, "last block")


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> None:
    look_at = extract_item._origin

    def strike_and_look_at(item: Item, job: Any) -> dict[str, Any]:
        _strike(item.source, "planned")
        return look_at(item, job)

    MOVES.clear()
    monkeypatch.setattr(extract_item, "_origin", strike_and_look_at)
    monkeypatch.setattr(open_source, "AudioStream", _Moving)
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 1_000)


@loop(quick=3, soak=100)
@pytest.mark.parametrize("arguments", [(), ("--checksum",), ("-f", "hdf5")], ids=lambda arguments: " ".join(arguments))
def test_moving_sources(
    melcli: Callable[..., Ended], moving: None, rounds: int, seed: int, tally: Tally, arguments: tuple[str, ...]
) -> None:
    """Sources that move while they are read."""
    told: Counter[str] = Counter()
    for number in range(rounds):
        with tally.round(), in_memory() as folder:
            _one_round(melcli, folder, random.Random(f"{seed} {number}"), arguments, told)
    tally.note(f"{FILES} files a round; first rows: " + ", ".join(f"{what} {n:,}" for what, n in told.most_common()))


def _one_round(
    melcli: Callable[..., Ended],
    folder: Path,
    chance: random.Random,
    arguments: tuple[str, ...],
    told: Counter[str],
) -> None:
    moves = _plant(folder / "in", chance)
    command = ("extract", folder / "in", *LIGHT, *arguments, "-j", "1")
    out = folder / "out"
    ended = melcli(*command, "-o", out)
    assert ended.code in {0, 3}, ended.err
    assert not MOVES, "not all of it happened"
    check_after_fault(out, said=ended.err)
    for path, move in moves.items():
        row = rows(out)[path.stem]
        told[row["reason"] or "ok"] += 1
        where = f"{path.name} {move.how} at {move.moment!r}: {row}"
        assert row["reason"] in {None, *REASONS} - {"internal", "decoder_crash", "timeout", "out_of_memory"}, where
        if move.how == "vanishes" and move.moment in {"planned", "looked at"}:
            assert row["reason"] == "vanished", where
        if move.moment != "planned":  # what was there before it was read, whatever came then
            assert (row["source_size"], row["source_mtime_ns"]) == (move.size, LONG_AGO_NS), where

    again = melcli(*command, "-o", out)
    assert again.code in {0, 3}, again.err
    check_printed(again.err)
    before = times(out)
    assert melcli(*command, "-o", out).code in {0, 3}
    assert times(out) == before, "a third run did something"
    _check_as_if_never_moved(melcli, command, folder)


def _check_as_if_never_moved(melcli: Callable[..., Ended], command: tuple[Any, ...], folder: Path) -> None:
    fresh = folder / "fresh"
    melcli(*command, "-o", fresh)
    place = {"path", "start", "output_size"}  # a shard that is made later has another number
    found, expected = rows(folder / "out"), rows(fresh)
    for item_id, row in expected.items():
        differing = {key for key in row if row[key] != found[item_id][key]} - place
        assert not differing, f"{item_id}: {sorted(differing)}: {row} and {found[item_id]}"
    told = signs(melcli(*command, "-nv", "-o", folder / "out").out)
    assert {told[item_id] for item_id in expected} <= {"=", "!"}


class _Planted(NamedTuple):
    moment: str
    how: str
    size: int


def _plant(folder: Path, chance: random.Random) -> dict[Path, _Planted]:
    folder.mkdir()
    MOVES.clear()
    planted = {}
    for number in range(FILES):
        path = folder / f"{number:02}{chance.choice(EXTENSIONS)}"
        path.write_bytes(_sound(path.suffix, chance))
        # As in a corpus that lies there since long: what happens within one tick of the clock has one time.
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
        if chance.random() < 0.8:
            move = _Move(chance.choice(MOMENTS), chance.choice(list(HOW)), chance)
            MOVES[path] = move
            planted[path] = _Planted(move.moment, move.how, path.stat().st_size)
    return planted


@pytest.mark.parametrize("moment", ["looked at", "first block", "last block"])
def test_a_sly_rewrite_is_found_by_its_content(
    melcli: Callable[..., Ended], moving: None, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same size and time it cannot be seen without `--checksum`, as docs/reliability.md says."""
    path = tmp_path / "in" / "00.wav"
    _plant(path.parent, random.Random(0))
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_bytes(encode(noise(1, seconds=0.5), ".wav"))
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    other = encode(noise(2, seconds=0.5), ".wav")

    def rewrite(path: Path, chance: random.Random) -> None:
        with open(path, "r+b") as file:
            file.write(other)
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))

    monkeypatch.setitem(HOW, "is rewritten", rewrite)
    MOVES.clear()
    MOVES[path] = _Move(moment, "is rewritten", random.Random(0))
    command = ("extract", path.parent, *LIGHT, "--checksum", "-o", tmp_path / "out")
    assert melcli(*command).code == 0
    assert not MOVES
    assert signs(melcli(*command[:-3], *command[-2:], "-nv").out) == {"00": "="}
    assert signs(melcli(*command, "-nv").out) == {"00": "*"}
    assert melcli(*command).code == 0
    _check_as_if_never_moved(melcli, command[:-2], tmp_path)
