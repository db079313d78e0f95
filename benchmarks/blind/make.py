"""Draw a blind set from a seed: ``python -m benchmarks.blind.make FOLDER --seed N [--digits FOLDER]``.

Each case is a folder with two clips of one kind of audio, and the features that one setting of one package makes of
each.  ``melcli identify`` is to see the first clip only.  Nothing of melcli is imported here.  The packages::

    pip install librosa resampy torch torchaudio kaldi-native-fbank python_speech_features speechbrain transformers
    pip install nnAudio torchlibrosa openai-whisper soundfile soxr
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from librosa.util.exceptions import ParameterError

from benchmarks.blind.case import Case
from benchmarks.blind.draws import Draw
from benchmarks.blind.packages import PACKAGES
from benchmarks.blind.resamplers import drawn_resampler
from benchmarks.blind.sounds import KINDS, LEVEL_DB, Maker, digits

RATES_HZ = (8_000, 16_000, 16_000, 16_000, 22_050, 22_050, 24_000, 44_100, 48_000)
READ_AT_HZ = (16_000, 22_050)
SECONDS = (2.2, 4.5)
SHARE_RESAMPLED = 0.1
MAX_ATTEMPTS = 20
VERSIONS = (
    *("librosa", "resampy", "torch", "torchaudio", "kaldi-native-fbank", "python_speech_features", "speechbrain"),
    *("transformers", "nnAudio", "torchlibrosa", "openai-whisper", "soxr", "numpy", "scipy"),
)


def main() -> None:
    """Write the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--digits", type=Path, help="a folder of WAV files of spoken digits, as one more kind")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    kinds = KINDS | ({} if arguments.digits is None else {"digits": digits(arguments.digits)})
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.cases):
        _write_legal(arguments.folder / f"{number:03d}", (arguments.seed, number), kinds)
    about = {"seed": arguments.seed, "cases": arguments.cases, "packages": {name: version(name) for name in VERSIONS}}
    (arguments.folder / "set.json").write_text(json.dumps(about, indent=1))


def _write_legal(folder: Path, seed: tuple[int, int], kinds: dict[str, Maker]) -> None:
    """Write a case from a generator of its own, so that it can be made again alone; redraw what a package refuses."""
    for attempt in range(MAX_ATTEMPTS):
        try:
            _write(folder, np.random.default_rng([*seed, attempt]), kinds)
        except (ValueError, AssertionError, RuntimeError, ParameterError):
            continue
        return
    raise RuntimeError(f"{folder}: nothing legal in {MAX_ATTEMPTS} draws")


def _write(folder: Path, rng: np.random.Generator, kinds: dict[str, Maker]) -> None:
    folder.mkdir(exist_ok=True)
    draw = Draw(rng)
    kind = draw.one(*kinds)
    rate_hz = draw.one(*RATES_HZ)
    case = _drawn_case(draw, rate_hz)
    for name in ("a", "b"):
        clip = _clip(kinds[kind], rate_hz, rng)
        soundfile.write(folder / f"{name}.wav", clip, rate_hz, subtype="PCM_16")
        samples, _ = soundfile.read(folder / f"{name}.wav", dtype="float32")
        np.save(folder / f"{name}.npy", case.make(samples))
    facts = {"package": case.package, "kind": kind, "rate_hz": rate_hz, "arguments": case.arguments}
    config = None if case.features is None else {"audio": case.audio, "features": case.features}
    (folder / "case.json").write_text(json.dumps(facts | {"config": config, "why_not": case.why_not}, indent=1))


def _drawn_case(draw: Draw, rate_hz: int) -> Case:
    package = draw.any_of(PACKAGES)
    if not draw.chance(SHARE_RESAMPLED):
        return package(draw, rate_hz)
    target_hz = draw.one(*(hz for hz in READ_AT_HZ if hz != rate_hz))
    case = package(draw, target_hz)
    name, resample, audio = drawn_resampler(draw)
    return replace(
        case,
        arguments=case.arguments | {"resampler": name, "read_at_hz": target_hz},
        make=lambda samples: case.make(resample(samples, rate_hz, target_hz)),
        features=None if audio is None else case.features,
        audio=audio or {},
        why_not=case.why_not or ("" if audio else f"{name} is in no config"),
    )


def _clip(make: Maker, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    sound: Any = make(rate_hz, rng.uniform(*SECONDS), rng)
    peak = np.abs(sound).max()
    sound = sound * 10 ** (rng.uniform(*LEVEL_DB) / 20) / peak if peak else sound
    return np.round(sound * 32767).astype(np.int16)


if __name__ == "__main__":
    main()
