"""What is noticed of the samples while they pass."""

from __future__ import annotations

import numpy as np
import pytest

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
