"""The last steps: a number of frames, mean and deviation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melcli.mel.normalization import fit_frames, standardize
from melcli.mel.options import FeatureOptions
from melcli.store.spool import Spool

# Two signals of two bins in three frames.
FEATURES = np.array([[[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]], [[5.0, 5.0, 5.0], [-1.0, 0.0, 1.0]]])


def standardized(features=FEATURES[0], dtype="float64", cuts=(), **keys):
    """Standardize one signal, in as many chunks as it is cut into."""
    chunks = [chunk.astype(dtype) for chunk in np.split(features, cuts, axis=1)]
    assert standardize(chunks, FeatureOptions(num_mel_bins=len(features), **keys)) is None
    assert {chunk.dtype.name for chunk in chunks} == {dtype}
    return np.concatenate(chunks, axis=1)


@pytest.mark.parametrize("num_frames, expected", [(2, [1, 2]), (3, [1, 2, 6]), (5, [1, 2, 6, 0, 0])])
def test_frames_are_cut_or_zeros_appended(num_frames, expected):
    fitted = fit_frames(FEATURES.astype(np.float32), num_frames)
    assert fitted.shape == (2, 2, num_frames)
    assert fitted.dtype == np.float32
    assert fitted[0, 0].tolist() == expected


@pytest.mark.few(24)
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
@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)], ids=str)
def test_a_signal_by_numbers_or_by_its_own(cuts, keys, expected, dtype):
    ours = standardized(dtype=dtype, cuts=cuts, **keys)
    np.testing.assert_allclose(ours, expected, rtol=1e-6 if dtype == "float32" else 1e-14, atol=0)


@given(
    values=arrays("float64", st.tuples(st.integers(1, 4), st.integers(2, 30)), elements=st.floats(-1e3, 1e3, width=16)),
    cuts=st.lists(st.integers(1, 29), max_size=5),
    mean=st.sampled_from([0.0, "bin", "all"]),
    std=st.sampled_from([1.0, "bin", "all"]),
)
def test_several_chunks_are_standardized_as_one(values, cuts, mean, std):
    keys = {"mean": mean, "std": std, "std_eps": 0.1}
    inner = sorted({cut for cut in cuts if cut < values.shape[1]})
    np.testing.assert_allclose(
        standardized(values, cuts=inner, **keys), standardized(values, **keys), rtol=1e-9, atol=1e-9
    )


def test_equal_chunks_give_equal_bytes_wherever_they_lie(tmp_path):
    values = np.random.default_rng(3).normal(-40.0, 20.0, (7, 90)).astype(np.float32)
    options = FeatureOptions(num_mel_bins=7, mean="all", std="bin")
    spool = Spool(str(tmp_path), max_bytes=0)
    spool.extend(np.ascontiguousarray(chunk) for chunk in np.split(values, [30, 60], axis=1))
    standardize(spool, options)
    ours = standardized(values, "float32", (30, 60), mean="all", std="bin")
    assert np.concatenate(list(spool), axis=1).tobytes() == ours.tobytes()


@pytest.mark.few(40)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", [5.0, 0.1, -99.7, 1e-30, 1 / 3])
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("statistic, ddof", [("bin", 0), ("bin", 1), ("all", 0), ("all", 1)])
def test_where_nothing_deviates_the_result_is_0(statistic, ddof, frames, level, dtype):
    still = np.full((2, frames), level)
    cuts = [frames // 2] if frames > 1 else []
    for mean in (0.0, "bin", "all"):
        assert not standardized(still, dtype, cuts, mean=mean, std=statistic, std_ddof=ddof).any()


def test_one_frame_has_no_deviation_with_ddof_1_whatever_is_added_to_it():
    one = np.array([[3.0], [4.0]])
    assert not standardized(one, std="bin", std_eps=0.5).any()
    np.testing.assert_allclose(standardized(one, std="bin", std_eps=0.5, std_ddof=0), [[6.0], [8.0]])
    np.testing.assert_allclose(standardized(one, std="all"), one / np.sqrt(0.5))


def test_a_bin_that_stands_still_leaves_the_others_alone():
    ours = standardized(FEATURES[1], mean="bin", std="bin")
    np.testing.assert_allclose(ours, [[0, 0, 0], [-1, 0, 1]])


def test_statistics_of_float32_are_taken_in_float64():
    features = (1e4 + np.random.default_rng(1).standard_normal((2, 5000))).astype(np.float32)
    expected = (features - features.mean(axis=1, dtype=float, keepdims=True)) / features.std(
        axis=1, ddof=1, dtype=float, keepdims=True
    )
    for cuts in ((), (1000, 1001, 4000)):
        ours = standardized(features, "float32", cuts, mean="bin", std="bin")
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_nothing_to_do_touches_nothing():
    class Untouchable(list):
        def __iter__(self):
            raise AssertionError("looked at")

        __setitem__ = __getitem__ = __iter__

    untouched = Untouchable([FEATURES[0]])
    standardize(untouched, FeatureOptions())
    with pytest.raises(AssertionError):
        standardize(untouched, FeatureOptions(mean=1.0))
