"""Make the cases of `melcli identify`: features of real packages, in settings that no named config has.

Run from the root of the repository, in an environment with the packages that `tests.golden.identify` imports and the
program ffmpeg, which Whisper reads with::

    python -m tests.golden.identify_cases tests/golden/identify
    python -m tests.golden.identify_cases --seconds 4 --unpacked FOLDER

A case begins at an audio file, so the reading is a part of it.  Nothing of melcli is imported here.
"""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.golden.identify import by_asr, by_kaldi, by_librosa, by_torchaudio, by_vocoders
from tests.golden.identify.case import Case
from tests.golden.identify.clip import make_clip

__all__ = ["CASES", "main"]

SECONDS = 0.8  # so that all of it stays below 700 kB
CASES = by_librosa.CASES | by_torchaudio.CASES | by_kaldi.CASES | by_asr.CASES | by_vocoders.CASES


def main() -> None:
    """Write the clip at every rate, the features, and cases.json with what has to be found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of the clip; %(default)s is stored")
    parser.add_argument("--unpacked", action="store_true", help="a file NAME.npy for each case, and WAV")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    clips = _write_clips(arguments.folder, arguments.seconds, "wav" if arguments.unpacked else "flac")
    features = {name: case.make(clips[case.rate_hz]) for name, case in CASES.items()}
    if arguments.unpacked:
        for name, array in features.items():
            np.save(arguments.folder / f"{name}.npy", array)
    else:
        np.savez_compressed(arguments.folder / "features.npz", allow_pickle=False, **features)
    cases = [_facts(name, case, clips[case.rate_hz], features[name]) for name, case in CASES.items()]
    (arguments.folder / "cases.json").write_text(_one_line_each({"made_by": _versions(), "cases": cases}))


def _write_clips(folder: Path, seconds: float, suffix: str) -> dict[int, Path]:
    clips = {}
    for rate_hz in sorted({case.rate_hz for case in CASES.values()}):
        clips[rate_hz] = folder / f"audio_{rate_hz}.{suffix}"
        soundfile.write(clips[rate_hz], make_clip(rate_hz, seconds), rate_hz, subtype="PCM_16")
    return clips


def _facts(name: str, case: Case, clip: Path, features: np.ndarray) -> dict[str, Any]:
    return {
        "name": name,
        "audio": clip.name,
        "shape": list(features.shape),
        "dtype": str(features.dtype),
        "packages": list(case.packages),
        "options": case.options | case.measure(clip),
        "untold": list(case.untold),
    }


def _versions() -> dict[str, str]:
    packages = sorted({package for case in CASES.values() for package in case.packages} | {"numpy", "scipy"})
    versions = {package: version(package) for package in packages}
    return {**versions, "python": platform.python_version(), "machine": platform.machine()}


def _one_line_each(about: dict[str, Any]) -> str:
    cases = ",\n".join(f"  {json.dumps(case)}" for case in about["cases"])
    return f'{{\n "made_by": {json.dumps(about["made_by"])},\n "cases": [\n{cases}\n ]\n}}\n'


if __name__ == "__main__":
    main()
