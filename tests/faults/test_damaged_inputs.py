"""Damaged inputs of every format, thousands in one folder: one row for each, and nothing else changes.

Row of the faults: damaged inputs (bit flips, cuts, garbage, wrong headers, zero frames, one frame, 1 Hz, 768 kHz, 100
channels, 8 to 64 bits, NaN, infinity).
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.errors import REASONS
from melcli.printable import printable
from tests.cli.shell import run_alone
from tests.faults.damaged_sounds import BASES, DAMAGES, LENGTH_STAYS, Damage, Sound, damaged, in_memory
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, rows, tree
from tests.run.invariants import check_printed

CHUNK = 2_000  # inputs of one run
OUR_FAULT = {"internal", "decoder_crash", "timeout"}
MELS, STRIDE = 20, 256  # of LIGHT
MOST_SAMPLES_PER_BYTE = 8192 * 1024  # of FLAC, and then resampled as far up as is allowed


@dataclass(frozen=True)
class _Input:
    """What was planted."""

    path: Path
    sound: Sound
    damage: Damage
    size: int


@loop(default=40, quick=200, soak=100_000)
def test_damaged_inputs(rounds: int, seed: int, tally: Tally) -> None:
    """Damaged inputs."""
    ended: Counter[str] = Counter()
    with in_memory() as folder:
        undisturbed = _controls_alone(folder)
        for first in range(0, rounds, CHUNK):
            planted = _plant(folder / "in", random.Random(f"{seed} {first}"), min(CHUNK, rounds - first), first)
            with tally.round():
                _run_and_check(folder, planted, undisturbed, ended, keep=first // CHUNK % 2 == 1)
            tally.count(len(planted) - 1)
            shutil.rmtree(folder / "out", ignore_errors=True)
    formats = {sound.label for sound in BASES}
    told = ", ".join(f"{what} {count:,}" for what, count in ended.most_common())
    tally.note(f"{len(formats)} containers and codings, {len(DAMAGES)} kinds of damage: {told}")
    assert ended.total() == rounds or tally.violations
    assert len(ended) > 3 or rounds < 100


def _controls_alone(folder: Path) -> dict[str, bytes]:
    """Plant one good file of each coding, which stays, and return what is made of them alone."""
    for number, sound in enumerate({sound.label: sound for sound in BASES}.values()):
        path = folder / "in" / "good" / f"{number:02}{sound.extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound.content)
    out = folder / "undisturbed"
    assert run_alone("extract", folder / "in", *LIGHT, out=out).code == 0
    return {name: content for name, content in tree(out).items() if name.endswith(".npy")}


def _plant(folder: Path, chance: random.Random, number: int, first: int) -> dict[str, _Input]:
    shutil.rmtree(folder / "bad", ignore_errors=True)
    (folder / "bad").mkdir()
    planted = {}
    for at in range(first, first + number):
        sound, damage, extension, content = damaged(chance)
        path = folder / "bad" / f"{at:06}{extension}"
        path.write_bytes(content)
        planted[f"bad/{at:06}"] = _Input(path, sound, damage, len(content))
    return planted


def _run_and_check(
    folder: Path,
    planted: Mapping[str, _Input],
    undisturbed: Mapping[str, bytes],
    ended: Counter[str],
    *,
    keep: bool,
) -> None:
    """Extract everything; with ``keep``, also what can be decoded of files that end early."""
    out = folder / "out"
    options = ("-s", "audio.truncated=keep") if keep else ()
    end = run_alone("extract", folder / "in", *LIGHT, *options, "-j", "2", out=out)
    assert end.code in {0, 3}, end.err[-500:]
    check_printed(end.err)
    assert not list(out.rglob("*.tmp"))
    told = rows(out)
    assert told.keys() == planted.keys() | {name.removesuffix(".npy") for name in undisturbed}
    wrong = [f"{name}: control" for name, content in undisturbed.items() if (out / name).read_bytes() != content]
    for item_id, planting in planted.items():
        row = told[item_id]
        ended[row["reason"] or ("kept" if "truncated" in row["flags"] else "ok")] += 1
        what = _what_is_wrong(out, row, planting)
        if what:
            kept = _keep(planting)
            wrong.append(f"{item_id} ({planting.sound.label}, {planting.damage.__name__}; {kept}): {what}")
    assert not wrong, "\n".join([f"{len(wrong)} inputs", *wrong])


def _what_is_wrong(out: Path, row: Mapping[str, Any], planting: _Input) -> str:
    if row["status"] == "ok":
        return _wrong_with_features(out, row, planting)
    message, reason = row["message"], row["reason"]
    if reason not in REASONS or reason in OUR_FAULT:
        return f"{reason}: {message}"
    if not message.startswith(printable(f"{planting.path}: ")) or printable(message) != message:
        return f"the message is {message!r}"
    return "" if row["path"] is None and not (out / f"{row['id']}.npy").exists() else "a failed item has an output"


def _wrong_with_features(out: Path, row: Mapping[str, Any], planting: _Input) -> str:
    features = np.load(out / row["path"], allow_pickle=False)
    num_samples = row["num_samples"]
    if not np.isfinite(features).all():
        return "not finite"
    if features.shape != (MELS, row["num_frames"]):
        return f"shape {features.shape}"
    if abs(row["num_frames"] - num_samples / STRIDE) > 2:
        return f"{row['num_frames']} frames of {num_samples} samples"
    if num_samples > planting.size * MOST_SAMPLES_PER_BYTE:
        return f"{num_samples} samples from {planting.size} bytes"
    kept = planting.sound.counted and planting.damage in LENGTH_STAYS
    expected = planting.sound.frames * row["sampling_rate"] / row["source_sampling_rate"]
    return f"{num_samples} samples, not {expected}" if kept and abs(num_samples - expected) > 1 else ""


def _keep(planting: _Input) -> str:
    """Copy an input that shows something to where it stays, and tell where."""
    kept = Path(tempfile.mkdtemp(prefix="melcli-")) / planting.path.name
    shutil.copyfile(planting.path, kept)
    return str(kept)


def test_the_oracle_notices(tmp_path: Path) -> None:
    """A row that is told wrong is a violation."""
    sound = next(iter(BASES))
    planting = _Input(tmp_path / "a.wav", sound, DAMAGES[-1], len(sound.content))
    good = {"status": "failed", "reason": "empty", "message": f"{tmp_path}/a.wav: it is", "path": None, "id": "a"}
    assert _what_is_wrong(tmp_path, good, planting) == ""
    for wrong in ({"reason": "internal"}, {"reason": "bad"}, {"message": "it is"}, {"path": "a.npy"}):
        assert _what_is_wrong(tmp_path, good | wrong, planting)
    np.save(tmp_path / "a.npy", np.zeros((MELS, 4)))
    ok = {"status": "ok", "path": "a.npy", "num_frames": 4, "num_samples": sound.frames}
    ok |= {"sampling_rate": 8_000, "source_sampling_rate": 8_000}
    assert _what_is_wrong(tmp_path, ok, planting) == ""
    for wrong in ({"num_frames": 5}, {"num_samples": 2_000}, {"num_samples": sound.frames - 2}):
        assert _what_is_wrong(tmp_path, ok | wrong, planting)
    np.save(tmp_path / "a.npy", np.full((MELS, 4), np.nan))
    assert _what_is_wrong(tmp_path, ok, planting) == "not finite"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_damage_fits_every_sound(damage: Damage) -> None:
    """No kind of damage trips over a format."""
    for sound in BASES:
        assert isinstance(damage(random.Random(1), sound), bytes)
