"""What was done to an array is found again, and said in words."""

import math

import numpy as np
import pytest

from melcli.compare.explanations import explain
from melcli.compare.sentences import sentence
from tests.compare.mels import log_mels, powers
from tests.compare.test_rounding import to_bfloat16

LN10 = math.log(10.0)
MELS = log_mels()
POWERS = powers()


def db(values):
    return (10.0 / LN10 * values.astype(np.float64)).astype(np.float32)


def float16(values):
    return values.astype(np.float16)


def words(a, b, *, time_axis=1):
    explanation = explain(a, b)
    return None if explanation is None else sentence(explanation, time_axis=time_axis)


VALUES = {
    "ln, dB": (MELS, db(MELS), "B = 4.342945 * A: A is ln where B is dB (to within"),
    "dB, ln": (db(MELS), MELS, "B = 0.2302585 * A: B is ln where A is dB (to within"),
    "log10, ln": (MELS / LN10, MELS, "B = 2.302585 * A: A is log10 where B is ln (to within"),
    "log10, dB": (MELS / LN10, db(MELS), "B = 10 * A: A is log10 where B is dB (to within"),
    "log10 of magnitudes, dB": (MELS / LN10 / 2, db(MELS), "B = 20 * A: A is log10 of magnitudes where B is dB (to"),
    "logs of magnitudes and powers": (MELS / 2, MELS, "B = 2 * A: A may be the log of magnitudes and B that of pow"),
    "half": (MELS, MELS / 2, "B = 0.5 * A: B may be the log of magnitudes and A that of powers (exactly)"),
    "int16's range, powers": (POWERS, POWERS * 32768.0**2, "B = 1.073742e+09 * A: powers; B's samples are 32768"),
    "int16's range, magnitudes": (POWERS, POWERS * 32768, "B = 32768 * A: magnitudes; B's samples are 32768"),
    "int16's range, ln": (MELS + np.float32(20.794415), MELS, "B = A - 20.79442: A's samples are 32768 times as lar"),
    "int16's range, dB": (MELS, db(MELS) + np.float32(90.308999), "B = 4.342945 * A + 90.309: A is ln where B is dB; "),
    "Whisper": (db(MELS), (MELS / LN10 + 4) / 4, "B = 0.025 * A + 1: B is (log10 + 4) / 4 as in Whisper, where "),
    "Whisper before": ((MELS / LN10 + 4) / 4, MELS, "B = 9.21034 * A - 9.21034: A is (log10 + 4) / 4 as in Whisper"),
    "reference": (MELS, MELS - np.float32(3.2101), "B = A - 3.2101 (to within"),
    "mean and std": (MELS, (MELS + 4.25) / 9.125, "B = 0.109589 * A + 0.4657534: (A - mean) / std with mean -4.25 and"),
    "minus": (MELS, -MELS, "B = -1 * A (exactly)"),
    "mean of each bin": (MELS, MELS - MELS.mean(1, keepdims=True), "B = A + an offset per bin ("),
    "mean of each frame": (MELS, MELS - MELS.mean(0), "B = A + an offset per frame ("),
    "mean and std of each bin": (
        *(MELS, (MELS - MELS.mean(1, keepdims=True)) / MELS.std(1, keepdims=True)),
        "B = A * a factor per bin (",
    ),
    "unit and mean of each bin": (
        *(MELS, db(MELS - MELS.mean(1, keepdims=True))),
        "B = 4.342945 * A + an offset per bin (",
    ),
    "norm of the filters": (POWERS, POWERS * np.linspace(0.1, 2, 40)[:, None], "B = A * a factor per bin ("),
    "ln of powers": (POWERS, MELS, "B = ln(A): B is ln of A (to within"),
    "dB of powers": (db(MELS), POWERS, "A = 4.342945 * ln(B): A is dB of B (to within"),
    "squares": (np.sqrt(POWERS), POWERS, "B = A ** 2: A is of magnitudes where B is of powers (to within"),
    "roots": (POWERS, np.sqrt(POWERS), "A = B ** 2: B is of magnitudes where A is of powers (to within"),
    "top_db": (db(MELS), np.maximum(db(MELS), db(MELS).max() - 40), "B has a floor at"),
    "floor of A": (np.maximum(MELS, -6), db(MELS), "B = 4.342945 * A: A is ln where B is dB; A has a floor at -"),
    "both floors": (np.maximum(MELS, -8), np.maximum(db(MELS), -30), "B = 4.342945 * A: A is ln where B is dB; B has"),
    "float16": (MELS, float16(MELS), "B is A rounded to float16"),
    "float16 before": (float16(MELS), MELS, "A is B rounded to float16"),
    "float16 of dB": (MELS, float16(db(MELS)), "B = 4.342945 * A: A is ln where B is dB; B is rounded to float16"),
    "dB of float16": (float16(MELS), db(MELS), "B = 4.342945 * A: A is ln where B is dB; A is rounded to float16"),
    "bfloat16": (MELS, to_bfloat16(MELS), "B is A rounded to bfloat16"),
    "noise": (MELS, MELS + np.float32(1e-3) * np.sin(np.float32(range(90))), "equal except for noise (RMS 0.0007, max"),
    "noise, a trace of a factor": (MELS, MELS * 1.0001 + 1e-3 * np.sin(7.0 * MELS), "equal except for noise (RMS 0.00"),
    "noise and float16": (MELS - 20, float16(MELS - 20 + 0.02 * np.sin(7.0 * MELS)), "equal except for noise (RMS 0.0"),
    "norm of the filters under a floor": (
        *(np.maximum(MELS, -9), np.maximum(MELS + np.linspace(-1, 1, 40)[:, None], -9)),
        "B = A + an offset per bin (",
    ),
    "nothing": (MELS, MELS.astype(np.float64), "equal where both are finite"),
}  # fmt: skip


@pytest.mark.few(14)
@pytest.mark.parametrize("a, b, said", VALUES.values(), ids=VALUES.keys())
def test_what_was_done_to_the_values(a, b, said):
    found = words(a, b)
    assert found is not None
    assert found.startswith(said)


PLACES = {
    "transposed": (lambda mels: mels.T, "B is A transposed", 0),
    "mels backwards": (lambda mels: mels[::-1], "B is reversed along the mel axis", 1),
    "time backwards": (lambda mels: mels[:, ::-1], "B is reversed along time", 1),
    "transposed, mels backwards": (
        lambda mels: mels[::-1].T,
        "B is A transposed and B is reversed along the mel axis",
        0,
    ),
    "a frame more at the end": (lambda mels: np.pad(mels, ((0, 0), (0, 1))), "B has 1 frame more, at the end", 1),
    "a frame more at the start": (lambda mels: np.pad(mels, ((0, 0), (1, 0))), "B has 1 frame more, at the start", 1),
    "a frame less at the end": (lambda mels: mels[:, :-1], "A has 1 frame more, at the end", 1),
    "a frame less at the start": (lambda mels: mels[:, 1:].T, "B is A transposed and A has 1 frame more, at the st", 0),
    "not centered": (lambda mels: mels[:, 2:-2], "A has 4 frames more, 2 at the start, 2 at the end", 1),
    "late": (lambda mels: np.roll(mels, 1, axis=1), "B is 1 frame late", 1),
    "early": (lambda mels: np.roll(mels, -1, axis=1), "B is 1 frame early", 1),
    "in a batch": (lambda mels: mels[None], "the shapes differ by axes of length 1", 1),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("moved, said, time_axis", PLACES.values(), ids=PLACES.keys())
def test_where_the_numbers_stand_alone_and_with_a_factor_and_rounded(moved, said, time_axis):
    assert words(MELS, moved(MELS), time_axis=time_axis).startswith(said)
    unit = "B = 4.342945 * A: A is ln where B is dB"
    found = words(MELS, moved(db(MELS)), time_axis=time_axis)
    assert found.endswith(")")
    assert found.startswith(said if "axes of length" in said else said[:20])
    assert unit in found
    assert words(MELS, moved(float16(db(MELS))), time_axis=time_axis).endswith("B is rounded to float16")


SQUARE = log_mels(40, 40)


@pytest.mark.full
@pytest.mark.parametrize("change", [np.copy, db, lambda mels: mels - mels.mean(1, keepdims=True)], ids=range(3))
def test_of_square_arrays_the_numbers_tell_whether_the_axes_are_exchanged(change):
    as_it_is, exchanged = explain(SQUARE, change(SQUARE)), explain(SQUARE, change(SQUARE).T)
    assert (as_it_is.layout.transposed, as_it_is.undetermined) == (False, False)
    assert (exchanged.layout.transposed, exchanged.undetermined) == (True, False)


def test_of_square_arrays_that_fit_both_ways_it_is_said_to_be_undetermined():
    both_ways = SQUARE + SQUARE.T
    assert "; the axes may be exchanged, since the numbers fit both ways" in words(both_ways, db(both_ways))


def test_constant_arrays_tell_nothing():
    said = "both are constant, A = -100 and B = -23.5, so the cause is unknown"
    assert words(np.full((4, 9), -100.0), np.full((9, 4), -23.5)) == said


def test_a_layout_that_leaves_nothing_wins_over_a_simpler_one_that_leaves_little():
    slow = np.sin(np.linspace(0, 2 * np.pi, 2000, endpoint=False) + np.arange(20)[:, None])
    late = np.roll(slow, 1, axis=1) + 1e-9 * np.cos(50 * slow)
    assert words(slow, late).startswith("B is 1 frame late (")


def test_a_floor_is_none_where_the_other_side_is_not_lower():
    floored = np.maximum(MELS, -4)
    assert explain(floored, np.where(floored == -4, 1 - MELS, MELS)) is None


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "other",
    [
        log_mels(seed=1),
        log_mels(seed=1).T,
        MELS + 0.1 * np.random.default_rng(2).normal(size=MELS.shape),
        np.where(MELS > -3, MELS, -3.5 - MELS),
        np.zeros_like(MELS),
        np.full_like(MELS, np.nan),
        np.zeros((3, 4)),
        np.zeros((40, 0)),
    ],
    ids=range(8),
)
def test_what_nothing_explains_is_not_explained(other):
    assert explain(MELS, other) is None
    assert explain(other, MELS) is None


def test_numbers_that_are_not_finite_are_left_out():
    holed = MELS.copy()
    holed[3, 4], holed[5, 6] = np.nan, -np.inf
    assert words(holed, db(MELS)).startswith("B = 4.342945 * A: A is ln where B is dB (to within")
    with np.errstate(invalid="ignore"):
        own = holed - MELS.mean(1, keepdims=True)
    assert words(own, MELS).startswith("B = A + an offset per bin (")


def test_whole_numbers_that_differ_by_one_are_not_called_rounded():
    whole = np.random.default_rng(0).integers(1024, 2048, (40, 90)).astype(np.float16)
    assert words(whole, whole + 1) == "B = A + 1 (exactly)"


def test_a_floor_that_fills_a_third_does_not_hide_the_rounding():
    floored = np.maximum(MELS, np.quantile(MELS, 0.4))
    assert words(floored, float16(floored)) == "B is A rounded to float16"


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 5)])
def test_any_shape_is_looked_at(shape):
    a = np.random.default_rng(0).normal(size=shape)
    assert words(a, a) == "equal where both are finite"
    explain(a, 2 * a + 1)


@pytest.mark.parametrize("factor", [1e76, 1e154, 1e307])
def test_numbers_whose_squares_are_beyond_float64_are_not_explained(factor):
    one, other = np.random.default_rng(0).uniform(0.5, 1.0, (2, 40, 90)) * factor
    assert explain(one, other) is None


def test_nothing_is_changed_by_being_looked_at():
    a, b = MELS.copy(), float16(MELS.T)
    explain(a, b)
    assert (a == MELS).all()
    assert (b == float16(MELS.T)).all()
