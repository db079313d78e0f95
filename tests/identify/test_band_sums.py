"""Mel powers of many bands from running sums, against the filters of the core."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from melcli.identify.band_sums import Band, BandSums
from melcli.mel.filters import mel_filters
from melcli.mel.options import FeatureOptions

NUM_BINS = 257
# Falling by 80 dB, as spectra do.
POWERS = np.random.default_rng(3).exponential(size=(6, NUM_BINS)) * 10 ** (-8 * np.arange(NUM_BINS) / NUM_BINS)
OPTIONS = FeatureOptions(fft_length=512, num_mel_bins=40, compute_dtype="float64")
FILTERS = list(product(("htk", "slaney"), (None, "slaney"), ("mel", "hz", "hz_symmetric")))


def expected(options: FeatureOptions) -> np.ndarray:
    mels: np.ndarray = mel_filters(options) @ POWERS.T
    return mels


@pytest.mark.parametrize("edges", [(0.0, 8000.0), (32.7, 7600.0), (300.0, 3800.0)], ids=repr)
def test_the_powers_are_those_of_the_filters(edges: tuple[float, float]) -> None:
    many = [
        replace(OPTIONS, min_freq=edges[0], max_freq=edges[1], mel_scale=scale, mel_norm=norm, mel_triangles=slopes)
        for scale, norm, slopes in FILTERS
    ]
    found = BandSums(POWERS, 16_000).mels([Band.of(options) for options in many], 40)
    for mels, options in zip(found, many, strict=True):
        np.testing.assert_allclose(mels, expected(options), rtol=1e-8, atol=1e-18)


def test_filters_without_a_bin_give_nothing() -> None:
    options = replace(OPTIONS, num_mel_bins=128)
    mels = BandSums(POWERS, 16_000).mels([Band.of(options)], 128)[0]
    empty = mel_filters(options).max(axis=1) == 0
    assert empty.any()
    assert (mels[empty] == 0).all()


@pytest.mark.parametrize("keys", [{"max_freq": None}, {"max_freq": 7000.0, "mel_norm": "slaney"}], ids=repr)
def test_a_band_gives_the_keys_that_it_came_from(keys: dict[str, Any]) -> None:
    options = replace(OPTIONS, **keys)
    band = Band.of(options)
    assert Band.of(replace(OPTIONS, **band.keys())) == band
    np.testing.assert_array_equal(mel_filters(replace(OPTIONS, **band.keys())), mel_filters(options))
