"""The two mel scales, there and back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.mel.scales import hertz_to_mel, mel_to_hertz, one_hertz_to_mel, one_mel_to_hertz
from tests.mel import reference
from tests.mel.damages import DAMAGES

SCALES = st.sampled_from(["htk", "slaney"])
FREQUENCIES_HZ = st.floats(0.0, 400_000.0, allow_subnormal=False)


def test_htk_is_1127_for_every_factor_of_e_above_700_hz():
    assert hertz_to_mel(0.0) == 0.0
    expected = [1127 * math.log(2), 1127 * math.log(10)]
    np.testing.assert_allclose(hertz_to_mel(np.array([700.0, 6300.0])), expected, rtol=1e-15)


def test_slaney_is_straight_to_1_khz_and_27_steps_for_every_factor_of_6_4_above():
    frequencies_hz = np.array([0.0, 200.0, 1000.0, 6400.0, 40_960.0])
    np.testing.assert_allclose(hertz_to_mel(frequencies_hz, "slaney"), [0, 3, 15, 42, 69], rtol=1e-14)
    np.testing.assert_allclose(mel_to_hertz(np.array([0, 3, 15, 42, 69]), "slaney"), frequencies_hz, rtol=1e-14)


@given(frequency_hz=FREQUENCIES_HZ, scale=SCALES)
def test_equal_the_reference(frequency_hz, scale):
    factor = 1127.0 / (2595.0 / math.log(10.0)) if scale == "htk" else 1.0  # which cancels in the filters
    expected = reference.mel(frequency_hz, scale) * factor
    np.testing.assert_allclose(hertz_to_mel(frequency_hz, scale), expected, rtol=1e-12, atol=1e-12)


def test_slaney_bends_where_the_reference_bends():
    frequencies_hz = np.arange(0.0, 2000.0, 10.0)
    mels = np.array([reference.mel(frequency_hz, "slaney") for frequency_hz in frequencies_hz])
    np.testing.assert_allclose(hertz_to_mel(frequencies_hz, "slaney"), mels, rtol=1e-13)
    np.testing.assert_allclose(mel_to_hertz(mels, "slaney"), frequencies_hz, rtol=1e-13)


@given(frequency_hz=FREQUENCIES_HZ, scale=SCALES)
def test_back_is_the_inverse(frequency_hz, scale):
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(frequency_hz, scale), scale), frequency_hz, rtol=1e-12)


@given(frequency_hz=FREQUENCIES_HZ, scale=SCALES)
def test_one_number_is_as_one_of_many(frequency_hz, scale):
    mels = one_hertz_to_mel(frequency_hz, scale)
    assert mels == pytest.approx(float(hertz_to_mel(frequency_hz, scale)), rel=1e-14, abs=0)
    assert one_mel_to_hertz(mels, scale) == pytest.approx(float(mel_to_hertz(mels, scale)), rel=1e-13, abs=0)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_float32_is_computed_in_float64(scale):
    assert hertz_to_mel(np.float32(700), scale).dtype == np.float64
    assert mel_to_hertz(np.float32(20), scale).dtype == np.float64


@pytest.mark.parametrize("name", [name for name, damage in DAMAGES.items() if damage.key == "mel_scale"])
def test_the_comparison_would_notice(name, monkeypatch):
    DAMAGES[name](monkeypatch)
    with pytest.raises(AssertionError):
        test_equal_the_reference()
