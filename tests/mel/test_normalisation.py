"""The last steps: a number of frames, mean and deviation."""

import numpy as np
import pytest

from melcli.mel.normalisation import fit_frames, standardise
from melcli.mel.options import FeatureOptions

# Two signals of two bins in three frames.
FEATURES = np.array([[[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]], [[5.0, 5.0, 5.0], [-1.0, 0.0, 1.0]]])


def standardised(features=FEATURES, dtype="float64", **keys):
    changed = features.astype(dtype)
    assert standardise(changed, FeatureOptions(num_mel_bins=features.shape[-2], **keys)) is None
    assert changed.dtype == dtype
    return changed


@pytest.mark.parametrize("num_frames, expected", [(2, [1, 2]), (3, [1, 2, 6]), (5, [1, 2, 6, 0, 0])])
def test_frames_are_cut_or_zeros_appended(num_frames, expected):
    fitted = fit_frames(FEATURES.astype(np.float32), num_frames)
    assert fitted.shape == (2, 2, num_frames)
    assert fitted.dtype == np.float32
    assert fitted[0, 0].tolist() == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [[1, 2, 6], [0, 0, 0]]),
        ({"mean": 1.0}, [[0, 1, 5], [-1, -1, -1]]),
        ({"mean": 1.0, "std": 2.0}, [[0, 0.5, 2.5], [-0.5, -0.5, -0.5]]),
        ({"std": 1.5, "std_eps": 0.5}, [[0.5, 1, 3], [0, 0, 0]]),
        ({"mean": (2.0, -4.0), "std": (2.0, 4.0)}, [[-0.5, 0, 2], [1, 1, 1]]),
        ({"mean": "bin"}, [[-2, -1, 3], [0, 0, 0]]),
        ({"mean": "all"}, [[-0.5, 0.5, 4.5], [-1.5, -1.5, -1.5]]),
        ({"std": "bin"}, np.array([[1, 2, 6], [0, 0, 0]]) / np.sqrt(7)),
        ({"std": "bin", "std_ddof": 0}, np.array([[1, 2, 6], [0, 0, 0]]) / np.sqrt(14 / 3)),
        ({"mean": "bin", "std": "bin", "std_eps": 1.0}, np.array([[-2, -1, 3], [0, 0, 0]]) / (np.sqrt(7) + 1)),
        ({"mean": 1.0, "std": "all"}, np.array([[0, 1, 5], [-1, -1, -1]]) / np.sqrt(27.5 / 5)),
        ({"mean": 1.0, "std": "all", "std_ddof": 0}, np.array([[0, 1, 5], [-1, -1, -1]]) / np.sqrt(27.5 / 6)),
    ],
)
def test_each_signal_by_numbers_or_by_its_own(keys, expected, dtype):
    ours = standardised(dtype=dtype, **keys)
    np.testing.assert_allclose(ours[0], expected, rtol=1e-6 if dtype == "float32" else 1e-14, atol=0)
    assert (standardised(FEATURES[0], dtype, **keys) == ours[0]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", [5.0, 0.1, -99.7, 1e-30, 1 / 3])
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("statistic, ddof", [("bin", 0), ("bin", 1), ("all", 0), ("all", 1)])
def test_where_nothing_deviates_the_result_is_0(statistic, ddof, frames, level, dtype):
    still = np.full((2, frames), level)
    for mean in (0.0, "bin", "all"):
        assert not standardised(still, dtype, mean=mean, std=statistic, std_ddof=ddof).any()


def test_one_frame_has_no_deviation_with_ddof_1_whatever_is_added_to_it():
    one = np.array([[3.0], [4.0]])
    assert not standardised(one, std="bin", std_eps=0.5).any()
    np.testing.assert_allclose(standardised(one, std="bin", std_eps=0.5, std_ddof=0), [[6.0], [8.0]])
    np.testing.assert_allclose(standardised(one, std="all"), one / np.sqrt(0.5))


def test_a_bin_that_stands_still_leaves_the_others_alone():
    ours = standardised(mean="bin", std="bin")
    np.testing.assert_allclose(ours[1], [[0, 0, 0], [-1, 0, 1]])


def test_statistics_of_float32_are_taken_in_float64():
    features = (1e4 + np.random.default_rng(1).standard_normal((2, 5000))).astype(np.float32)
    expected = (features - features.mean(axis=1, dtype=float, keepdims=True)) / features.std(
        axis=1, ddof=1, dtype=float, keepdims=True
    )
    np.testing.assert_allclose(standardised(features, "float32", mean="bin", std="bin"), expected, rtol=0, atol=1e-6)
