"""The same bytes, however many frames go through the stages together, and whatever signals stand beside one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.mel import MelSpectrogram, spectrogram
from tests.golden.signals import load_signals
from tests.mel.legal_options import DTYPES, calls, noise

# What works on each frame before its window, and what sums over all of them after the filters.
KALDI = {
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "remove_dc_offset": True,
    "preemphasis": 0.97,
    "preemphasis_mode": "frame",
    "power_to_db": False,
    "log": "ln",
    "num_ceps": 13,
    "cepstral_lifter": 22.0,
    "use_energy": True,
    "mean": "bin",
    "std": "all",
}
FURTHER = {"power": {}, "magnitude": {"mag_exp": 1.0}, "exponent of 1.5": {"mag_exp": 1.5}, "kaldi": KALDI}
ONE_SIGNAL = st.just(())
SHARED = {"top_db": None, "ref_power": 1.0}  # nothing


@settings(max_examples=80)
@given(call=calls(ONE_SIGNAL), block_frames=st.integers(1, 60), dtype=DTYPES)
def test_any_block_size_gives_the_same_bytes(call, block_frames, dtype):
    options, signal = call
    compute = MelSpectrogram(**options, compute_dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrogram, "BLOCK_FRAMES", block_frames)
        blocks = compute(signal)
    assert blocks.tobytes() == compute(signal).tobytes()


def bytes_in_blocks(compute, monkeypatch):
    """Return every result that speech gives in blocks of some sizes."""
    found = set()
    for block_frames in (1, 2, 3, 7, 64, 128, 129, 1000):
        monkeypatch.setattr(spectrogram, "BLOCK_FRAMES", block_frames)
        found.add(compute(load_signals()["speech"]).tobytes())
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("further", FURTHER.values(), ids=FURTHER)
@pytest.mark.parametrize("fft_length", [400, 512, 1021, 2048])
def test_any_block_size_gives_the_same_bytes_on_speech(fft_length, further, dtype, monkeypatch):
    compute = MelSpectrogram(fft_length=fft_length, sequence_stride=48, compute_dtype=dtype, **further)
    assert len(bytes_in_blocks(compute, monkeypatch)) == 1


def test_the_comparison_would_notice_a_bit_that_depends_on_the_block(monkeypatch):
    right = spectrogram.magnitude_spectrum
    damaged = lambda frames, options: right(frames, options) * np.float32(1 + 2**-20 * len(frames))  # noqa: E731
    monkeypatch.setattr(spectrogram, "magnitude_spectrum", damaged)
    assert len(bytes_in_blocks(MelSpectrogram(), monkeypatch)) > 1


@settings(max_examples=80)
@given(call=calls(st.sampled_from([(1,), (3,)])), dtype=DTYPES)
def test_a_row_of_a_batch_has_the_bytes_of_the_signal_alone(call, dtype):
    options, batch = call
    shared = {} if len(batch) == 1 else SHARED
    compute = MelSpectrogram(**{**options, **shared}, compute_dtype=dtype)
    assert compute(batch).tobytes() == np.stack([compute(signal) for signal in batch]).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("statistic", ["bin", "all"])
@pytest.mark.parametrize("time_major", [False, True])
def test_a_row_of_a_long_batch_has_the_bytes_of_the_signal_alone(time_major, statistic, dtype):
    compute = MelSpectrogram(
        fft_length=400,
        sequence_stride=40,
        mean=statistic,
        std=statistic,
        time_major=time_major,
        compute_dtype=dtype,
        **SHARED,
    )
    batch = noise(9000, 2, (3,)) * [[1.0], [1e-2], [1e-4]]
    assert compute(batch).tobytes() == np.stack([compute(signal) for signal in batch]).tobytes()


def test_rows_of_a_batch_share_the_floor_and_the_loudest_value():
    batch = noise(5000, 2, (3,)) * [[1.0], [1e-2], [1e-4]]
    floor = MelSpectrogram(top_db=30.0)
    assert floor(batch).min() == floor(batch).max() - np.float32(30.0)
    assert not np.array_equal(floor(batch)[2], floor(batch[2]))
    loudest = MelSpectrogram(ref_power="max", top_db=None)
    assert loudest(batch).max() == loudest(batch[2]).max() == 0.0
    assert loudest(batch)[2].max() < -60.0
