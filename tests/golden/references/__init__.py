"""What the front ends of other projects really answer, config by config: the goldens' side of docs/parity.md.

Each family of configs has a module here, each config a function that takes the clip to its reference's features by
calls into the reference itself.  Where a project cannot be installed, its call of PyTorch, librosa or TensorFlow is
written anew from its source, with its own numbers.  Nothing of melcli is imported; `tests.golden.make` runs them.
"""

from __future__ import annotations

from importlib import import_module

from tests.golden.references.reference import REFERENCES, Reference

__all__ = ["REFERENCES", "Reference"]

for _family in ("libraries", "asr", "tts", "tagging"):
    import_module(f"{__name__}.{_family}")
