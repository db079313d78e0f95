"""The numeric core: arrays in, arrays out; no files and no processes.

Names are loaded on first use, because a process that only reads `melcli.mel.options` does not need NumPy and SciPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melcli.mel.filters import linear_to_mel_weight_matrix
    from melcli.mel.spectrogram import MelSpectrogram

__all__ = ["MelSpectrogram", "linear_to_mel_weight_matrix"]


def __getattr__(name: str) -> Any:
    if name == "MelSpectrogram":
        from melcli.mel.spectrogram import MelSpectrogram

        return MelSpectrogram
    if name == "linear_to_mel_weight_matrix":
        from melcli.mel.filters import linear_to_mel_weight_matrix

        return linear_to_mel_weight_matrix
    raise AttributeError(f"module 'melcli.mel' has no attribute {name!r}")
