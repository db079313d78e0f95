"""The clip that features are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.identify.sounds import save_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.76 s at 16 kHz."""
    return save_clip(tmp_path_factory.mktemp("identify") / "clip.wav")
