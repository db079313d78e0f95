"""Other rates than the file's own, by the resamplers that people use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import torch
import torchaudio

from benchmarks.blind.draws import Draw

__all__ = ["drawn_resampler"]

Resample = Callable[[np.ndarray, int, int], np.ndarray]


def _by_librosa(kind: str) -> Resample:
    return lambda samples, source, target: librosa.resample(samples, orig_sr=source, target_sr=target, res_type=kind)


def _by_torchaudio(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    return torchaudio.functional.resample(torch.from_numpy(samples), source, target).numpy()


def drawn_resampler(draw: Draw) -> tuple[str, Resample, dict[str, Any] | None]:
    """Return a name, a function, and section ``audio`` of a config, or None where no config resamples so."""
    return draw.any_of(
        [
            (4, ("librosa soxr_hq", _by_librosa("soxr_hq"), {"resampler": "soxr_hq"})),
            (1, ("librosa soxr_vhq", _by_librosa("soxr_vhq"), {"resampler": "soxr_vhq"})),
            (1, ("librosa soxr_mq", _by_librosa("soxr_mq"), {"resampler": "soxr_mq"})),
            (1, ("librosa kaiser_best", _by_librosa("kaiser_best"), None)),
            (1, ("librosa kaiser_fast", _by_librosa("kaiser_fast"), None)),
            (1, ("librosa polyphase", _by_librosa("polyphase"), None)),
            (2, ("torchaudio sinc", _by_torchaudio, None)),
        ]
    )
