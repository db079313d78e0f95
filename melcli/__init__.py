"""Batch mel spectrograms with the numbers of ``keras.layers.MelSpectrogram``.

Names are loaded on first use, so ``import melcli`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from melcli.version import __version__

if TYPE_CHECKING:
    from melcli.mel.spectrogram import MelSpectrogram
    from melcli.store.reader import open_features

__all__ = ["MelSpectrogram", "open_features", "__version__"]


_HOMES = {"MelSpectrogram": "melcli.mel.spectrogram", "open_features": "melcli.store.reader"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'melcli' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
