"""What is noticed of the samples while they pass."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.audio.levels import Levels
from melcli.audio.scan import FULL_SCALE, Scan

FULL = np.float32(32767 / 32768)


def scanned(signal: np.ndarray, block: int) -> Scan:
    scan = Scan(signal.shape[1])
    for start in range(0, len(signal), block):
        scan.add(signal[start : start + block])
    return scan


@pytest.mark.parametrize("block", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "samples, clipped",
    [
        ([0, FULL, 0, FULL, 0], False),
        ([0, FULL, FULL, 0], True),
        ([0, -1, -1, 0], True),
        ([0, FULL, -1, 0], True),
        ([FULL, FULL], True),
        ([0, 0.9999, 0.9999, 0], False),
        ([1.5, 2.5], True),
        ([FULL, 0, 0, FULL], False),
    ],
)
def test_two_neighbors_at_full_scale_are_clipped(samples, clipped, block):
    scan = scanned(np.float32(samples)[:, np.newaxis], block)
    assert scan.clipped == clipped
    assert not scan.silent


@pytest.mark.parametrize("block", [1, 2, 100])
def test_neighbors_in_two_channels_are_no_neighbors(block):
    signal = np.zeros((4, 2), np.float32)
    signal[1, 0] = signal[2, 1] = 1
    assert not scanned(signal, block).clipped
    signal[2, 0] = 1
    assert scanned(signal, block).clipped


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    "samples, num_clipped",
    [
        ([FULL, 0, FULL, 0, FULL], 0),
        ([FULL, FULL, 0, FULL, FULL, FULL], 5),
        ([0, FULL, FULL, FULL, FULL, 0], 4),
        ([FULL, -1, 0, 0, FULL], 2),
    ],
)
def test_each_sample_with_a_full_neighbor_counts_once(samples, num_clipped, block):
    signal = np.float32([samples, [0] * len(samples)]).T
    scan = scanned(signal, block)
    assert scan.num_clipped == num_clipped
    assert scan.levels().clipped_fraction == float(f"{num_clipped / signal.size:.6g}")


def test_clipped_samples_are_those_of_a_plain_count():
    signal = np.random.default_rng(0).choice(np.float32([-1, 0.5, FULL]), (999, 3))
    full = np.pad(np.abs(signal) >= FULL_SCALE, ((1, 1), (0, 0)))
    expected = int((full[1:-1] & (full[:-2] | full[2:])).sum())
    assert {scanned(signal, block).num_clipped for block in (1, 2, 7, 64, 999)} == {expected}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 0.25])
def test_levels_are_those_of_numpy(dtype, offset):
    signal = (np.random.default_rng(1).standard_normal((70_001, 2)) * 0.1 + offset).astype(dtype)
    levels = scanned(signal, 32_768).levels()
    wide = signal.astype(np.float64)
    assert levels.peak == np.abs(wide).max()
    assert levels.rms_db == pytest.approx(10 * np.log10(np.mean(wide**2)), abs=0.0006)
    assert levels.dc_offset == pytest.approx(np.mean(wide), abs=6e-9)


def test_a_sine_at_full_scale_has_minus_3_db():
    signal = np.sin(2 * np.pi * np.arange(8000) / 80)[:, np.newaxis]
    assert scanned(signal, 1000).levels() == Levels(peak=1.0, rms_db=-3.01, clipped_fraction=0.0, dc_offset=0.0)


@pytest.mark.parametrize("seed", range(5))
def test_levels_do_not_depend_on_the_blocks(seed):
    rng = np.random.default_rng(seed)
    signal = (rng.standard_normal((10_007, 2)) * rng.uniform(1e-4, 1)).astype(np.float32)
    found = {scanned(signal, block).levels() for block in (1, 3, 100, 4096, 10_007)}
    assert len(found) == 1


def test_an_offset_that_cancels_is_0_without_a_sign():
    signal = np.tile(np.float32([[0.1], [-0.1]]), (5000, 1))
    for block in (1, 2, 3, 9999):
        levels = scanned(signal, block).levels()
        assert str(levels.dc_offset) == "0.0"


@pytest.mark.parametrize("value, rms_db, dc_offset", [(0.0, None, 0.0), (1e-200, None, 0.0), (1e200, None, None)])
def test_what_has_no_level_in_float64_has_none(value, rms_db, dc_offset):
    scan = scanned(np.full((10, 2), value), 3)
    assert scan.levels() == Levels(peak=value, rms_db=rms_db, clipped_fraction=float(value > 1), dc_offset=dc_offset)


def test_full_scale_is_the_largest_16_bit_sample():
    assert FULL_SCALE == 32767 / 32768 == FULL


@pytest.mark.parametrize("block", [1, 7, 100])
def test_silence(block):
    signal = np.zeros((30, 2))
    assert scanned(signal, block).silent
    signal[29, 1] = -5e-324
    assert not scanned(signal, block).silent
    assert not scanned(signal, block).clipped


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [1, 7, 100])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_are_counted(block, bad, dtype):
    signal = np.zeros((30, 2), dtype)
    signal[[11, 25]] = bad
    signal[13, 1] = bad
    scan = scanned(signal, block)
    assert (scan.num_nonfinite, scan.first_nonfinite, scan.num_samples) == (5, 11, 30)
    assert not scan.silent


@pytest.mark.parametrize("kind", ["16 bits", "24 bits", "float", "quiet", "loud", "silence first"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sums_do_not_depend_on_the_blocks_at_all(kind, channels):
    """To the last bit, also before they are rounded, but for the order in which the sums of rows are added."""
    rng = np.random.default_rng(2)
    signal = rng.uniform(-1, 1, (20_000, channels))
    signal = {
        "16 bits": np.round(signal * 2**15) / 2**15,
        "24 bits": np.round(signal * 2**23) / 2**23,
        "quiet": signal * 1e-25,
        "loud": signal * 1e25,
        "silence first": signal * (np.arange(20_000) > 9000)[:, np.newaxis],
    }.get(kind, signal).astype(np.float32)
    found = [scanned(signal, block) for block in (7, 512, 513, 4096, 32_768)]
    assert len({scan.levels() for scan in found}) == 1
    exact = signal.astype(np.float64)
    levels = found[0].levels()
    assert levels.rms_db == pytest.approx(10 * np.log10(np.mean(exact**2)), abs=0.0006)
    assert levels.dc_offset == pytest.approx(np.mean(exact), rel=1e-6, abs=6e-9)
    if kind == "16 bits":
        assert levels.dc_offset == round(np.mean(exact), 8)
