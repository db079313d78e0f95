"""The distance that no logarithm and no normalization changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melcli.identify.observation import observe
from melcli.identify.residual import Target, affine_fit, misfit

RANDOM = np.random.default_rng(5)
MELS = np.exp(3.0 * RANDOM.standard_normal((60, 10)) - 5.0)
OTHER = np.exp(3.0 * RANDOM.standard_normal((60, 10)) - 5.0)


@pytest.mark.parametrize("factor, term", [(1.0, 0.0), (10 / np.log(10), -20.0), (0.25, 3.0)])
def test_factor_and_term_are_recovered(factor: float, term: float) -> None:
    seen = observe(factor * np.log(MELS) + term, time_major=True)
    fitted, fitted_term, left = affine_fit(MELS, seen)
    assert fitted == pytest.approx(factor)
    assert fitted_term == pytest.approx(term)
    assert left < 1e-7


def test_a_floor_does_not_change_the_fit() -> None:
    seen = observe(np.maximum(np.log(MELS), -9.0), time_major=True)
    fitted, term, left = affine_fit(MELS, seen)
    assert (fitted, left) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-7))
    assert term == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda logs: logs,
        lambda logs: 4.3 * logs - 20,
        lambda logs: (logs - logs.mean(axis=0)) / logs.std(axis=0),
        lambda logs: 2 * (logs - logs.mean(axis=0)),
    ],
    ids=["ln", "dB", "std of bins", "mean of bins"],
)
def test_the_truth_fits_and_other_mels_do_not(change: Any) -> None:
    seen = observe(change(np.log(MELS)), time_major=True)
    assert misfit(MELS, seen) < 1e-6
    assert misfit(MELS * np.linspace(0.1, 10.0, 60)[:, np.newaxis], seen) > 0.1
    assert misfit(OTHER, seen) > 0.9


def test_one_factor_for_each_bin_only_where_each_was_normalized() -> None:
    logs = np.log(MELS) * np.linspace(1.0, 2.0, 10)
    assert misfit(MELS, observe(logs, time_major=True)) > 0.1
    assert misfit(MELS, observe((logs - logs.mean(axis=0)) / logs.std(axis=0), time_major=True)) < 1e-6


def test_what_falls_where_the_mels_rise_does_not_fit() -> None:
    assert misfit(MELS, observe(-np.log(MELS), time_major=True)) == 1.0


def test_silence_fits_nothing_and_does_not_warn() -> None:
    silence = np.zeros((60, 10), dtype=np.float32)
    assert misfit(silence, observe(np.log(MELS), time_major=True)) == 1.0


@pytest.mark.parametrize(
    "change",
    [
        lambda logs: 4.3 * logs - 20,
        lambda logs: np.maximum(logs, -9.0),
        lambda logs: (logs - logs.mean(axis=0)) / logs.std(axis=0),
        lambda logs: 2 * (logs - logs.mean(axis=0)),
        lambda logs: -logs,
    ],
    ids=["dB", "floor", "std of bins", "mean of bins", "falling"],
)
@pytest.mark.parametrize("offset", [0.0, 1e-3])
def test_many_mels_are_fitted_as_each_of_them(change: Any, offset: float) -> None:
    seen = observe(change(np.log(MELS)), time_major=True)
    many = [MELS, OTHER, MELS**0.9, MELS * np.linspace(0.1, 10.0, 60)[:, np.newaxis]]
    found = Target(seen).misfits(np.stack([mels.T for mels in many]), np.full(len(many), offset))
    alone = [misfit(mels + offset, seen) for mels in many]
    np.testing.assert_allclose(found, alone, rtol=1e-4, atol=3e-6)
