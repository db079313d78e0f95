"""Moments of pieces, merged, are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.stats import moments as moments_module
from melcli.stats.moments import Moments, fold, moments_of


def of(features: np.ndarray, **more: int) -> Moments:
    return moments_of(features, time_axis=0, valid_frames=more.get("valid", len(features)), seconds=1.0)


def check(found: Moments, whole: np.ndarray) -> None:
    wide = whole.astype(np.float64)
    scale = np.abs(wide).max() + 1e-30
    np.testing.assert_allclose(found.mean, wide.mean(axis=0), rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(found.variance, wide.var(axis=0), rtol=1e-9, atol=1e-12 * scale**2)
    np.testing.assert_array_equal(found.min, wide.min(axis=0))
    np.testing.assert_array_equal(found.max, wide.max(axis=0))
    assert found.frames == len(whole)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any), st.floats(-1e4, 1e4), st.integers(0, 99))
def test_merged_moments_are_those_of_the_concatenation(lengths: list[int], offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = [(rng.standard_normal((length, 3)) + offset).astype(np.float32) for length in lengths]
    (found,) = fold((None, of(piece)) for piece in pieces).values()
    check(found, np.concatenate(pieces))
    assert (found.items, found.seconds) == (len(lengths), len(lengths))


def test_only_valid_frames_count_on_either_axis() -> None:
    features = np.arange(12.0).reshape(6, 2)
    check(of(features, valid=4), features[:4])
    check(moments_of(features.T, time_axis=1, valid_frames=4, seconds=0.5), features[:4])


def test_a_long_item_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).standard_normal((1000, 4)).astype(np.float32)
    monkeypatch.setattr(moments_module, "BLOCK_FRAMES", 64)
    found = of(features)
    check(found, features)
    assert (found.items, found.seconds) == (1, 1.0)


def test_an_item_without_frames_changes_only_the_counts() -> None:
    features = np.ones((5, 2), np.float32)
    nothing = of(features, valid=0)
    for merged in (of(features).merged(nothing), nothing.merged(of(features))):
        check(merged, features)
        assert (merged.items, merged.seconds) == (2, 2.0)


def test_a_constant_feature_has_the_variance_0_and_the_divisor_1() -> None:
    features = np.full((1000, 2), -11.512925, np.float32)
    features[:, 1] = np.arange(1000)
    found = of(features[:333]).merged(of(features[333:]))
    assert found.std[0] == 1.0
    assert found.variance[0] < 1e-25
    assert found.std[1] == pytest.approx(features[:, 1].astype(float).std())


def test_overall_moments_are_those_of_all_numbers() -> None:
    features = np.random.default_rng(1).standard_normal((50, 6)) * [1, 2, 3, 4, 5, 6] + np.arange(6)
    overall = of(features).overall
    expected = {"mean": features.mean(), "variance": features.var(), "min": features.min(), "max": features.max()}
    assert overall == pytest.approx(expected, rel=1e-12)


def test_groups_are_folded_in_the_given_order() -> None:
    features = [np.random.default_rng(seed).standard_normal((7, 2)) for seed in range(6)]
    names = ["x", "y", None, "x", "x", "y"]
    found = fold((name, of(each)) for name, each in zip(names, features, strict=True))
    assert list(found) == ["x", "y", None]
    check(found["x"], np.concatenate([features[0], features[3], features[4]]))
