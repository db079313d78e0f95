"""Ask the references about the clip, and store what they answer beside who answered.

`tests.golden.make` runs it.  One file for each config: the array ``answer``, float32, and ``about``, JSON.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.references import REFERENCES, Reference
from tests.golden.signals import front_end_clip

__all__ = ["make_front_ends", "make_whisper_filters"]

FOLDER = Path(__file__).parent / "front_ends"
WHISPER_FILTERS = Path(__file__).parent / "whisper_filters.json"


def make_front_ends(names: Sequence[str]) -> Iterator[Path]:
    """Write the goldens of the named configs, or of all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or REFERENCES:
        reference = REFERENCES[name]
        answer = np.asarray(reference.compute(front_end_clip(reference.samples)), dtype=np.float32)
        path = FOLDER / f"{name}.npz"
        np.savez_compressed(path, answer=answer, about=json.dumps(about(reference)))
        yield path


def about(reference: Reference) -> dict[str, Any]:
    """Say who answers, to what, and on which machine."""
    return {
        "packages": {package: version(package) for package in reference.packages},
        "source": reference.source,
        "call": reference.call,
        "restated": reference.restated,
        "made_in": reference.made_in,
        "unit": reference.unit,
        "samples": reference.samples,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def make_whisper_filters() -> Path:
    """Write a checksum of each filter bank in openai-whisper's mel_filters.npz: of its bytes, float32 in C order.

    Some of its zeros are negative, which is nobody's business: 0.0 is added before.
    """
    import whisper  # type: ignore[import-not-found, unused-ignore]

    with np.load(Path(whisper.__file__).parent / "assets" / "mel_filters.npz") as stored:
        banks = {
            name: {
                "shape": stored[name].shape,
                "dtype": str(stored[name].dtype),
                "sha256": hashlib.sha256((stored[name] + np.float32(0)).tobytes()).hexdigest(),
            }
            for name in sorted(stored.files)
        }
    facts = {"package": "openai-whisper", "version": version("openai-whisper"), "filters": banks}
    WHISPER_FILTERS.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return WHISPER_FILTERS
