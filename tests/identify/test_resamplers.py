"""Other packages' resamplers."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.identify.resamplers import FOREIGN, resample


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("source_hz, target_hz", [(44_100, 16_000), (8_000, 16_000)])
def test_a_low_tone_keeps_its_phase_and_level(name: str, source_hz: int, target_hz: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(source_hz // 4) / source_hz)
    resampled = resample(tone, source_hz, target_hz, FOREIGN[name])
    assert resampled is not None
    expected = np.sin(2 * np.pi * 440 * np.arange(target_hz // 4) / target_hz)
    assert len(resampled) == len(expected)
    np.testing.assert_allclose(resampled[500:-500], expected[500:-500], atol=5e-3)


def test_a_ratio_of_large_terms_is_not_computed() -> None:
    assert resample(np.zeros(10), 44_101, 48_000, FOREIGN["torchaudio's sinc resampler"]) is None
