"""Features as they are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melcli.identify.observation import observations, observe

RANDOM = np.random.default_rng(3)
LEVELS = 10.0 * RANDOM.standard_normal((50, 12)) - 40.0  # (frames, mels)


@pytest.mark.parametrize("time_major", [False, True])
def test_time_comes_first(time_major: bool) -> None:
    seen = observe(LEVELS if time_major else LEVELS.T, time_major=time_major)
    np.testing.assert_array_equal(seen.values, LEVELS)
    assert (seen.num_frames, seen.num_features, seen.time_major) == (50, 12, time_major)


@pytest.mark.parametrize("padded, live", [(0, 50), (1, 50), (2, 51), (30, 51)])
def test_a_tail_of_equal_frames_is_padding(padded: int, live: int) -> None:
    # One frame more than there are may live, since a frame of padding differs from the one before it.
    values = np.pad(LEVELS, ((0, padded), (0, 0)))
    seen = observe(values, time_major=True)
    assert live <= seen.num_live_frames <= live + 1


def test_silence_in_the_middle_is_no_padding() -> None:
    values = LEVELS.copy()
    values[10:30] = -100.0
    assert observe(values, time_major=True).num_live_frames == 50


@pytest.mark.parametrize(
    "change, normalized",
    [
        (lambda x: x, "no"),
        (lambda x: (x - x.mean()) / x.std(), "no"),
        (lambda x: x - x.mean(axis=0), "mean"),
        (lambda x: (x - x.mean(axis=0)).astype(np.float16), "mean"),
        (lambda x: (x - x.mean(axis=0)) / x.std(axis=0), "std"),
        (lambda x: (x - x.mean(axis=0)) / (x.std(axis=0, ddof=1) + 1e-5), "std"),
    ],
    ids=["not", "of all", "mean", "mean in float16", "std", "std with eps"],
)
def test_bins_that_were_normalized_are_seen(change: Any, normalized: str) -> None:
    uneven = LEVELS * np.linspace(0.5, 2.0, 12)
    assert observe(change(uneven), time_major=True).normalized == normalized


def test_only_what_is_loud_is_trusted() -> None:
    values = np.tile([0.0, -80.0, -30.0, -50.0], (8, 1))
    values[0] += 1e-3
    np.testing.assert_array_equal(observe(values, time_major=True).trusted[3], [True, False, True, False])


@pytest.mark.parametrize(
    "features, kinds",
    [
        (LEVELS, {False}),
        (np.exp(2.0 * RANDOM.standard_normal((50, 12)) ** 3), {True}),
        (np.abs(LEVELS), {False}),
        (np.exp(0.8 * RANDOM.standard_normal((50, 12))), {False, True}),
    ],
    ids=["negative", "powers", "flat", "either"],
)
def test_what_may_be_linear_is_looked_at_as_linear(features: np.ndarray, kinds: set[bool]) -> None:
    seen = observations(features)
    assert {one.linear for one in seen} == kinds
    assert {one.time_major for one in seen} == {False, True}


def test_linear_values_are_looked_at_as_logarithms() -> None:
    powers = np.exp(LEVELS / 10.0)
    powers[4, 4] = 0.0
    seen = observe(powers, time_major=True, linear=True)
    np.testing.assert_allclose(np.delete(seen.logs.ravel(), 4 * 12 + 4), np.delete((LEVELS / 10.0).ravel(), 4 * 12 + 4))
    assert seen.logs[4, 4] == seen.logs.min()


@pytest.mark.parametrize("num_frames", [4, 5, 20, 500, 20_000])
def test_telling_frames_are_inner_ones_that_sound(num_frames: int) -> None:
    values = RANDOM.standard_normal((num_frames, 6))
    values[::5] -= 100.0
    frames = observe(values, time_major=True).telling_frames(24)
    assert 1 <= len(frames) <= 24
    assert (np.diff(frames) > 0).all()
    assert frames[-1] < min(num_frames, 5500)
    if num_frames >= 20:
        assert frames[0] >= 2
        assert frames[-1] < num_frames - 2
        assert (frames % 5 != 0).all()


def test_features_without_change_in_time_do_not_warn() -> None:
    assert len(observations(np.tile(LEVELS[:1], (9, 1)))) == 2


def test_quiet_bins_may_deviate_less_where_a_constant_was_added_to_the_deviation() -> None:
    scaled = (LEVELS - LEVELS.mean(axis=0)) * np.where(np.arange(12) < 4, 1e-5, 1.0)
    seen = observe(scaled / (scaled.std(axis=0) + 1e-5), time_major=True)
    assert seen.normalized == "std"


@pytest.mark.parametrize("before", [True, False], ids=["silence before the mean", "zeros after the mean"])
def test_bins_without_mean_are_seen_with_a_tail_of_equal_frames(before: bool) -> None:
    tail = np.full((5, 12), -100.0)
    whole = np.concatenate([LEVELS, tail]) if before else LEVELS
    centered = whole - whole.mean(axis=0)
    values = centered if before else np.concatenate([centered, np.zeros((5, 12))])
    assert observe(values, time_major=True).normalized == "mean"


def test_the_loudest_frame_of_cepstra_is_among_the_telling_ones() -> None:
    values = LEVELS.copy()
    values[17, 0] = 50.0
    assert 17 in observe(values, time_major=True, cepstral=True).telling_frames(4)
