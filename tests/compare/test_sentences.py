"""Explanations of several files brought together."""

from functools import reduce

import numpy as np
import pytest

from melcli.compare.explanations import explain
from melcli.compare.sentences import merged, pattern, sentence
from tests.compare.mels import log_mels, powers


def of_three(change):
    explanations = [explain(mels, change(mels)) for mels in (log_mels(seed=seed) for seed in (3, 4, 5))]
    assert len({pattern(explanation) for explanation in explanations}) == 1
    return sentence(reduce(merged, explanations), time_axis=1)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda mels: mels + np.float32(1.5), "B = A + 1.5 (to within"),
        (lambda mels: mels - mels.mean(), "B = A + an offset per file ("),
        (lambda mels: mels / mels.std(), "B = A * a factor per file ("),
        (lambda mels: np.maximum(mels, mels.max() - 7), "B has a floor at 7 below its maximum (exactly)"),
        (lambda mels: np.maximum(mels, -6), "B has a floor at -6 ("),
        (lambda mels: np.maximum(mels, np.median(mels)), "B has a floor at a value per file (-"),
        (lambda mels: mels - mels.mean(1, keepdims=True), "B = A + an offset per bin ("),
        (lambda mels: mels.astype(np.float16), "B is A rounded to float16"),
    ],
    ids=range(8),
)
def test_numbers_of_several_files_become_one_or_a_range(change, said):
    assert of_three(change).startswith(said)


def test_constants_of_several_files_become_ranges():
    explanations = [explain(np.full((4, 9), -100.0), np.full((4, 9), end)) for end in (-80.0, -70.0)]
    assert sentence(reduce(merged, explanations)) == (
        "both are constant, A = -100 and B = -80 to -70, so the cause is unknown"
    )


def test_what_is_left_over_is_the_most_of_all():
    quiet, loud = log_mels(), 100 * log_mels()
    joined = merged(explain(quiet, np.float32(1.1) * quiet), explain(loud, np.float32(1.1) * loud))
    assert joined.relation.max_residual == explain(loud, np.float32(1.1) * loud).relation.max_residual


@pytest.mark.parametrize(
    "other",
    [
        lambda mels: 2 * mels,
        lambda mels: mels.T,
        lambda mels: mels + np.float32(20.794415),
        lambda mels: mels.astype(np.float16),
        lambda mels: np.maximum(mels, -6),
        lambda mels: np.exp(mels),
    ],
    ids=range(6),
)
def test_other_causes_have_other_patterns(other):
    mels = log_mels()
    assert pattern(explain(mels, other(mels))) != pattern(explain(mels, mels + 1))


def test_a_floor_is_a_cause_of_its_own():
    mels = log_mels()
    assert pattern(explain(mels, 2 * mels)) != pattern(explain(mels, np.maximum(2 * mels, -12)))


def test_rows_and_columns_where_nobody_knows_which_is_time():
    mels = powers()
    explanation = explain(mels, mels * np.linspace(1, 2, 40)[:, None])
    assert "per row" in sentence(explanation)
    assert "per bin" in sentence(explanation, time_axis=1)
    assert "per frame" in sentence(explanation, time_axis=0)
