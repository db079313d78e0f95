"""The polyphase resampler: SciPy's numbers, whatever the blocks, in little memory and without SciPy."""

from __future__ import annotations

import math
import os
import platform
import signal as signals
import subprocess
import sys
import tracemalloc
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from melcli.audio.polyphase import Polyphase, kaiser_lowpass
from tests.tiers import examples, full_but

USUAL = [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 44_100), (22_050, 16_000), (11_025, 48_000)]
# As many outputs in a period as one matrix holds, one more and one less; a speed changed by 0.9; the largest terms.
UNUSUAL = [(7, 31), (7, 32), (7, 33), (2, 65), (39_690, 16_000), (16_384, 16_383), (16_383, 16_384)]
FAR_APART = [(1, 1024), (17, 16_384), (1024, 1), (16_384, 17)]


def noise(num_samples: int, num_channels: int = 1, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(num_samples).uniform(-1, 1, (num_samples, num_channels)).astype(dtype)


def resampled(signal: np.ndarray, source_hz: int, target_hz: int, sizes: list[int] | None = None) -> np.ndarray:
    resample = Polyphase(source_hz, target_hz, num_channels=signal.shape[1], dtype=signal.dtype.name)
    pieces = [resample(block, False) for block in np.split(signal, np.cumsum(sizes))] if sizes else []
    return np.concatenate([*pieces, resample(signal[:0] if sizes else signal, True)])


designed = lru_cache(maxsize=2)(kaiser_lowpass)  # 0.1 s for the longest


def by_scipy(signal: np.ndarray, source_hz: int, target_hz: int) -> np.ndarray:
    common = math.gcd(source_hz, target_hz)
    up, down = target_hz // common, source_hz // common
    return resample_poly(signal, up, down, axis=0, window=designed(max(up, down)).astype(signal.dtype))


@pytest.mark.few(3)
@pytest.mark.parametrize("num_channels", full_but([1, 2], 2))
@pytest.mark.parametrize("dtype", full_but(["float32", "float64"], "float32"))
@pytest.mark.parametrize("source_hz, target_hz", USUAL + UNUSUAL + full_but(FAR_APART, (1, 1024), unpack=True))
def test_scipys_numbers(source_hz, target_hz, dtype, num_channels):
    tolerance = 25 * np.finfo(dtype).eps  # measured worst: 9 times, from 7 to 33 Hz
    longest = min(40_000, 80_000 * source_hz // target_hz)
    for num_samples in (1, 2, 3, 141, 500, 5000, 40_000):
        signal = noise(min(num_samples, longest), num_channels, dtype)
        output = resampled(signal, source_hz, target_hz)
        assert output.dtype == dtype
        np.testing.assert_allclose(output, by_scipy(signal, source_hz, target_hz), rtol=0, atol=tolerance)


@settings(max_examples=examples(40), deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 40_000), st.integers(0, 3)), min_size=1, max_size=12),
    rates=st.sampled_from([*USUAL, (39_690, 16_000), (16_383, 16_384), (96_000, 1000), (1000, 96_000)]),
    dtype=st.sampled_from(["float32", "float64"]),
    num_channels=st.integers(1, 3),
)
def test_the_same_bytes_in_any_blocks(sizes, rates, dtype, num_channels):
    signal = noise(100_000 if rates[0] > 1000 else 3_000, num_channels, dtype)
    np.testing.assert_array_equal(resampled(signal, *rates, sizes), resampled(signal, *rates))


@pytest.mark.parametrize("source_hz, target_hz", [(8_000, 16_000), (22_050, 16_000)])
def test_the_same_bytes_sample_by_sample(source_hz, target_hz):
    signal = noise(30_000)  # fills two slabs or more, each with its very last sample
    cut = resampled(signal, source_hz, target_hz, [1] * len(signal))
    np.testing.assert_array_equal(cut, resampled(signal, source_hz, target_hz))


@pytest.mark.parametrize("source_hz, target_hz", [*USUAL, (16_383, 16_384)])
def test_an_output_depends_on_nothing_beyond_its_filter(source_hz, target_hz):
    signal = noise(60_000)
    whole = resampled(signal, source_hz, target_hz)
    for num_samples in (500, 5_000, 30_000, 59_999):
        reach = num_samples - 72 * max(1, source_hz / target_hz)
        unmoved = int(reach * target_hz / source_hz)
        cut = resampled(signal[:num_samples], source_hz, target_hz)
        np.testing.assert_array_equal(cut[:unmoved], whole[:unmoved])
        assert not np.array_equal(cut, whole[: len(cut)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_channel_does_not_see_the_others(dtype):
    signal = noise(50_000, 3, dtype)
    together = resampled(signal, 44_100, 16_000)
    for channel in range(3):
        alone = resampled(signal[:, channel : channel + 1], 44_100, 16_000)
        np.testing.assert_array_equal(together[:, channel : channel + 1], alone)


def dies_of_a_plain_product(kernels: str) -> bool:
    """Tell whether NumPy itself crashes: OpenBLAS 0.3.34 does with Haswell's kernels on AMD Zen 4 and 5."""
    command = [sys.executable, "-c", "import numpy as np; np.ones((32, 384)) @ np.ones((384, 32))"]
    run = subprocess.run(command, env={**os.environ, "OPENBLAS_CORETYPE": kernels}, check=False)
    return run.returncode == -signals.SIGSEGV


@pytest.mark.full
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the kernels are those of x86")
@pytest.mark.parametrize("kernels", ["Sandybridge", "Nehalem"])
def test_the_same_bytes_with_the_kernels_of_other_processors(kernels, request):
    # OpenBLAS: with AVX-512 only a single row differs from many; with AVX2, AVX or SSE, any number from another.
    if dies_of_a_plain_product(kernels):
        pytest.skip(f"OpenBLAS crashes with forced {kernels} kernels on this processor: OpenMathLib/OpenBLAS#6021")
    chosen = "same_bytes_in_any_blocks or nothing_beyond or see_the_others"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__, "-k", chosen]
    command += ["--all"] if request.config.getoption("--all") else []
    run = subprocess.run(
        command, env={**os.environ, "OPENBLAS_CORETYPE": kernels}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_a_block_may_be_overwritten_when_it_was_taken():
    signal = noise(50_000)
    resample = Polyphase(44_100, 16_000, num_channels=1, dtype="float32")
    buffer = np.empty((1000, 1), "float32")
    pieces = []
    for block in np.split(signal, 50):
        buffer[:] = block
        pieces.append(resample(buffer, False))
        buffer[:] = np.nan
    pieces.append(resample(buffer[:0], True))
    np.testing.assert_array_equal(np.concatenate(pieces), resampled(signal, 44_100, 16_000))


@pytest.mark.parametrize("source_hz, target_hz, slab_samples", [(48_000, 16_000, 18_432), (8_000, 16_000, 5_120)])
def test_memory_does_not_grow_and_outputs_do_not_wait(source_hz, target_hz, slab_samples):
    block = noise(10_000)
    resample = Polyphase(source_hz, target_hz, num_channels=1, dtype="float32")
    resample(block, False)
    num_in, num_out, most_waiting = len(block), 0, 0.0
    tracemalloc.start()
    for _ in range(500):  # 20 MB
        num_out += len(resample(block, False))
        num_in += len(block)
        most_waiting = max(most_waiting, num_in - num_out * source_hz / target_hz)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000
    assert most_waiting < 2 * slab_samples + len(block)


@pytest.mark.parametrize("m", [2, 6, 160, 441, 640])
def test_the_filter_is_what_its_docstring_says(m):
    taps = kaiser_lowpass(m)
    np.testing.assert_array_equal(taps, taps[::-1])
    assert abs(taps.sum() - 1) < 1e-12
    response = np.abs(np.fft.rfft(taps, 2 ** math.ceil(math.log2(16 * len(taps)))))
    lower_nyquist = np.arange(len(response)) / (len(response) - 1) * m
    ripple_db = 20 * np.log10(response[lower_nyquist <= 0.9])
    assert np.abs(ripple_db).max() < 1e-4
    assert 20 * math.log10(response[lower_nyquist >= 1].max()) < -109.5


@pytest.mark.parametrize("m", [2, 441, 3969])
def test_the_filter_is_numpys_kaiser_window_on_a_sinc(m):
    half = math.ceil(102.05 / (2.285 * math.pi * 0.1) / 2 * m)
    taps = np.sinc(0.95 / m * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, 0.1102 * 101.3)
    np.testing.assert_allclose(kaiser_lowpass(m), taps / taps.sum(), rtol=0, atol=1e-15 / m)


def test_the_longest_filter_is_designed_in_little_memory():
    tracemalloc.start()
    num_bytes = kaiser_lowpass(16_384).nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * num_bytes  # 19 MB; with np.kaiser 200 MB more


def test_scipy_is_not_imported():
    code = (
        "import sys, numpy as np; from melcli.audio.resample import Resampler\n"
        "resample = Resampler(44100, 16000, num_channels=1, method='polyphase', dtype='float32')\n"
        "assert len(resample(np.ones((44100, 1), 'float32'), last=True)) == 16000\n"
        "assert 'scipy.signal' not in sys.modules\n"
        "assert not {'scipy', 'soxr'} & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
