"""Files that are cut where audio is lost: none passes for whole.

Row of the faults: planted truncation.  A cut counts as told when the file failed, whatever the reason.  A row that is
`ok` has to be that of the whole file, number for number: then all that was cut off was metadata, padding, or less than
a sample.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.audio.sounds import untagged
from tests.cli.shell import run_alone
from tests.faults.damaged_sounds import Sound, base, in_memory
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, rows
from tests.tiers import full_but

CHUNK = 1_000
SOUNDS = 12  # of each coding in a chunk
OK_ROW = ("num_samples", "num_frames", "crc32")  # what tells that all the audio was there

# Containers whose header, or whose frames, tell where the audio ends.
TOLD = {
    "WAV": [
        *(("WAV", subtype, ".wav") for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
        *(("WAV", subtype, ".wav") for subtype in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32")),
        *(("WAVEX", "PCM_16", ".wav"), ("RF64", "PCM_16", ".wav"), ("NIST", "PCM_16", ".wav")),
    ],
    "AIFF": [("AIFF", subtype, ".aiff") for subtype in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM")],
    "FLAC": [("FLAC", subtype, ".flac") for subtype in ("PCM_S8", "PCM_16", "PCM_24")],
    "W64": [("W64", subtype, ".w64") for subtype in ("PCM_16", "MS_ADPCM")],
    "CAF": [("CAF", subtype, ".caf") for subtype in ("PCM_16", "FLOAT", "ALAC_16")],
    "AU": [("AU", subtype, ".au") for subtype in ("PCM_16", "FLOAT", "ULAW", "G721_32")],
}
# What the format itself keeps from being known is measured here, and bounded.
LOSSY = {
    "OGG Vorbis": [("OGG", "VORBIS", ".ogg")],
    "Opus": [("OGG", "OPUS", ".opus")],
    "MP3": [("MP3", "MPEG_LAYER_III", ".mp3")],
    "MP3 without a Xing tag": [("MP3", "MPEG_LAYER_III", ".mp3")],
}
MOST_UNTOLD = {"OGG Vorbis": 0.0, "Opus": 0.0, "MP3": 0.0, "MP3 without a Xing tag": 0.05}


@pytest.mark.few(1)
@loop(default=5, quick=10, soak=700)
@pytest.mark.parametrize("container", full_but(TOLD, "WAV", "FLAC"))
def test_truncations(rounds: int, seed: int, tally: Tally, container: str) -> None:
    """Planted truncations."""
    told, untold, _ = _cut_many(container, TOLD[container], rounds, seed, tally)
    for what in untold:
        with tally.round():
            raise AssertionError(what)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in told.most_common())
    tally.note(f"{len(untold)} cuts passed for whole; {reasons}")


@pytest.mark.full
@loop(default=5, quick=10, soak=700)
@pytest.mark.parametrize("container", full_but(LOSSY, "OGG Vorbis", "MP3"))
def test_truncations_of_lossy_formats(rounds: int, seed: int, tally: Tally, container: str) -> None:
    """Planted truncations, as far as the format lets one know."""
    told, untold, cuts = _cut_many(container, LOSSY[container], rounds, seed, tally)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in told.most_common())
    tally.note(f"{len(untold)} of {cuts:,} cuts passed for whole; {reasons}")
    assert len(untold) <= max(1, MOST_UNTOLD[container] * cuts) if MOST_UNTOLD[container] else not untold, untold


def _cut_many(
    container: str, codings: Sequence[tuple[str, str, str]], rounds: int, seed: int, tally: Tally
) -> tuple[Counter[str], list[str], int]:
    """Cut ``rounds`` files and run over them.

    Returns
    -------
    told : Counter
        How often each reason was given; ``nothing lost`` for rows that are those of the whole file.
    untold : list of str
        Cuts that lost audio and were not noticed.
    cuts : int
        Those that lost audio.
    """
    told: Counter[str] = Counter()
    untold: list[str] = []
    with in_memory() as folder:
        for first in range(0, rounds, CHUNK):
            chance = random.Random(f"{container} {seed} {first}")
            cuts = _plant(folder / "in", chance, container, codings, min(CHUNK, rounds - first))
            with tally.round():
                end = run_alone("extract", folder / "in", *LIGHT, "--keep-extension", out=folder / "out")
                assert end.code in {0, 3}, end.err[-500:]
                found = rows(folder / "out")
                for name, (whole, size, label) in cuts.items():
                    row, of_whole = found[name], found[whole]
                    assert of_whole["status"] == "ok", of_whole
                    if row["status"] == "failed":
                        told[row["reason"]] += 1
                    elif all(row[key] == of_whole[key] for key in OK_ROW):
                        told["nothing lost"] += 1
                    else:
                        samples = f"{row['num_samples']} of {of_whole['num_samples']} samples"
                        untold.append(f"{label} cut to {size} bytes: ok with {samples}")
            tally.count(len(cuts) - 1)
            shutil.rmtree(folder / "out", ignore_errors=True)
            shutil.rmtree(folder / "in")
    return told, untold, told.total() + len(untold) - told["nothing lost"]


def _plant(
    folder: Path, chance: random.Random, container: str, codings: Sequence[tuple[str, str, str]], number: int
) -> dict[str, tuple[str, int, str]]:
    """Write whole files, and cut ones: name to the whole one's name, its size, and what it is."""
    folder.mkdir()
    wholes: list[tuple[str, Sound]] = []
    for at in range(max(SOUNDS, len(codings))):
        sound = _sound(chance, container, codings[at % len(codings)])
        name = f"whole{at:03}{sound.extension}"
        (folder / name).write_bytes(sound.content)
        wholes.append((name, sound))
    cuts = {}
    for at in range(number):
        whole, sound = chance.choice(wholes)
        # As often near the end as anywhere.
        size = len(sound.content)
        size = chance.randrange(12, size) if chance.random() < 0.7 else chance.randrange(max(12, size - 400), size)
        name = f"cut{at:05}{sound.extension}"
        (folder / name).write_bytes(sound.content[:size])
        cuts[name] = (whole, size, f"{sound.label} of {len(sound.content)} bytes")
    return cuts


def _sound(chance: random.Random, container: str, coding: tuple[str, str, str]) -> Sound:
    one_channel = coding[1] in {"GSM610", "G721_32"}
    mode = chance.choice(("CONSTANT", "VARIABLE")) if coding[0] == "MP3" else None
    sound = base(
        *coding,
        channels=1 if one_channel else chance.choice((1, 2)),
        rate_hz=chance.choice((8_000, 16_000)),
        frames=chance.randint(1_500, 12_000),
        seed=chance.randrange(2**32),
        bitrate_mode=mode,
    )
    if container != "MP3 without a Xing tag":
        return sound
    return Sound(**{**vars(sound), "content": untagged(sound.content)})
