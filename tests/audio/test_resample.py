"""Resampling: the same for any blocks, clean, and refused where it makes no sense."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.audio.resample import Resampler
from melcli.errors import AudioError
from tests.messages import names
from tests.tiers import examples

METHODS = ["soxr_vhq", "soxr_hq", "soxr_mq", "polyphase"]
# At 0.05, 0.5 and 0.85 of the lower Nyquist frequency; measured worst over the ratios: purity 185, 132, 109 and 122 dB,
# gain 0.0039, 0.0055, 0.15 and 0.00002 dB off.
MIN_PURITY_DB = {"soxr_vhq": 180, "soxr_hq": 128, "soxr_mq": 105, "polyphase": 118}
MAX_GAIN_DB = {"soxr_vhq": 0.006, "soxr_hq": 0.008, "soxr_mq": 0.2, "polyphase": 0.0001}
RATIOS = [(44_100, 16_000), (8_000, 16_000), (48_000, 16_000), (22_050, 16_000), (96_000, 44_100)]


def resampled(signal: np.ndarray, source_hz: int, target_hz: int, method: str, sizes=()) -> np.ndarray:
    resample = Resampler(source_hz, target_hz, num_channels=signal.shape[1], method=method, dtype=signal.dtype.name)
    blocks = np.split(signal, np.cumsum(sizes)) if len(sizes) else [signal]
    pieces = [resample(np.ascontiguousarray(block)) for block in blocks]
    return np.concatenate([*pieces, resample(signal[:0], last=True)])


def sine(rate_hz: int, frequency_hz: float, num_samples: int, dtype: str = "float64") -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz / rate_hz * np.arange(num_samples)).astype(dtype)[:, np.newaxis]


def level_db(signal: np.ndarray) -> float:
    """RMS over the middle half, where the ends are not felt, against that of a full sine."""
    middle = signal[len(signal) // 4 : -len(signal) // 4]
    return 10 * math.log10(2 * np.mean(middle**2) + 1e-30)


@settings(max_examples=examples(40), deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), max_size=12),
    rates=st.sampled_from([(44_100, 16_000), (8_000, 16_000), (16_000, 16_000), (11_025, 48_000), (44_101, 16_000)]),
    method=st.sampled_from(METHODS),
    dtype=st.sampled_from(["float32", "float64"]),
    num_channels=st.integers(1, 3),
)
def test_any_blocks_give_the_same_bytes(sizes, rates, method, dtype, num_channels):
    if method == "polyphase" and rates[0] == 44_101:
        rates = (44_100, 16_000)
    signal = np.random.default_rng(len(sizes)).standard_normal((9_000, num_channels)).astype(dtype)
    whole = resampled(signal, *rates, method)
    np.testing.assert_array_equal(resampled(signal, *rates, method, sizes), whole)
    assert whole.dtype == dtype


def test_the_stream_is_what_one_call_of_soxr_is():
    import soxr

    signal = np.random.default_rng(0).standard_normal((50_000, 2)).astype("float32")
    np.testing.assert_array_equal(
        resampled(signal, 44_100, 16_000, "soxr_hq", [7, 1000, 20_000]), soxr.resample(signal, 44_100, 16_000, "HQ")
    )


def purity_and_gain_db(signal: np.ndarray, rate_hz: int, frequency_hz: float) -> tuple[float, float]:
    """What is not the sine, below it, and how far its gain is from 1; where it stands in time counts as impurity."""
    wanted = sine(rate_hz, frequency_hz, len(signal))
    middle = slice(len(signal) // 4, -len(signal) // 4)
    gain = float(np.vdot(signal[middle], wanted[middle]) / np.vdot(wanted[middle], wanted[middle]))
    return -level_db(signal - gain * wanted), 20 * math.log10(gain)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source_hz, target_hz", RATIOS)
def test_a_sine_stays_a_sine(method, source_hz, target_hz):
    for part in (0.05, 0.5, 0.85):
        frequency_hz = part * min(source_hz, target_hz) / 2
        output = resampled(sine(source_hz, frequency_hz, source_hz // 2), source_hz, target_hz, method)
        purity_db, gain_db = purity_and_gain_db(output, target_hz, frequency_hz)
        assert purity_db > MIN_PURITY_DB[method]
        assert abs(gain_db) < MAX_GAIN_DB[method]


def test_the_measure_of_purity_notices_a_shift_of_a_thousandth_of_a_sample():
    shifted = np.sin(2 * np.pi * 4000 / 16_000 * (np.arange(8000) + 1e-3))[:, np.newaxis]
    assert purity_and_gain_db(shifted, 16_000, 4000)[0] < 60


@pytest.mark.parametrize("method", METHODS)
def test_float32_is_as_good_as_float32_can_be(method):
    output = resampled(sine(44_100, 1000, 44_100, "float32"), 44_100, 16_000, method)
    assert output.dtype == np.float32
    assert purity_and_gain_db(output, 16_000, 1000)[0] > min(MIN_PURITY_DB[method], 125)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source_hz, target_hz", [ratio for ratio in RATIOS if ratio[0] > ratio[1]])
def test_what_cannot_be_kept_is_not_folded_down(method, source_hz, target_hz):
    # soxr's stop band begins at the Nyquist frequency, as ours does; mq is 16 bits, about 96 dB.
    for part in (1.02, 1.3):
        frequency_hz = part * target_hz / 2
        output = resampled(sine(source_hz, frequency_hz, source_hz // 2), source_hz, target_hz, method)
        assert level_db(output) < (-90 if method == "soxr_mq" else -100)


@pytest.mark.parametrize("num_samples", [0, 1, 2, 100, 4410, 44_101])
@pytest.mark.parametrize("source_hz, target_hz", [(44_100, 16_000), (8_000, 44_100), (16_000, 8_000)])
def test_lengths(num_samples, source_hz, target_hz):
    signal = np.ones((num_samples, 1), "float32")
    exact = num_samples * target_hz / source_hz
    assert len(resampled(signal, source_hz, target_hz, "polyphase")) == math.ceil(exact)
    assert abs(len(resampled(signal, source_hz, target_hz, "soxr_hq")) - exact) <= 0.5


@pytest.mark.parametrize("source_hz, target_hz", [(0, 16_000), (768_001, 16_000), (2**31 - 1, 16_000), (16_000, 2**31)])
def test_rates_out_of_range(source_hz, target_hz):
    with pytest.raises(AudioError, match=r"^bad_rate: the sampling rate of \d+ Hz is not in 1 to 768000 Hz$"):
        Resampler(source_hz, target_hz, num_channels=1, method="soxr_hq", dtype="float32")


@pytest.mark.parametrize("source_hz, target_hz", [(1, 16_000), (1, 768_000), (768_000, 749)])
def test_rates_too_far_apart(source_hz, target_hz):
    with pytest.raises(AudioError) as caught:
        Resampler(source_hz, target_hz, num_channels=1, method="soxr_hq", dtype="float32")
    assert names(caught.value, "bad_rate", f"{source_hz} Hz", f"{target_hz} Hz", "1024 times")


def test_polyphase_refuses_a_filter_without_end():
    with pytest.raises(AudioError) as caught:
        Resampler(44_101, 16_000, num_channels=1, method="polyphase", dtype="float32")
    assert names(caught.value, "bad_rate", "resampler=polyphase", "16000:44101", "16384", "soxr")


def test_equal_rates_import_nothing_and_copy_nothing():
    code = (
        "import sys, numpy as np; from melcli.audio.resample import Resampler\n"
        "for method in ('soxr_hq', 'polyphase'):\n"
        "    block = np.ones((5, 1), 'float32')\n"
        "    resample = Resampler(8000, 8000, num_channels=1, method=method, dtype='float32')\n"
        "    assert resample(block) is block\n"
        "assert not {'soxr', 'scipy'} & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
