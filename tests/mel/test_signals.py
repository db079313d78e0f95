"""What is done to a whole signal: its scale, its length and its pre-emphasis, in this order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.mel.options import FeatureOptions
from melcli.mel.signals import SignalStream, fit_length, preemphasize, prepare_signal
from tests.mel.legal_options import DTYPES, legal_options
from tests.mel.pieces import CUTS, in_pieces

SIGNAL = np.array([1.0, 2.0, 4.0, 8.0])


@pytest.mark.parametrize("length, expected", [(2, [1, 2]), (4, [1, 2, 4, 8]), (6, [1, 2, 4, 8, 0, 0]), (0, [])])
def test_a_signal_is_cut_or_filled_at_its_end(length, expected):
    assert fit_length(SIGNAL, length).tolist() == expected


@pytest.mark.parametrize(
    "factor, keep_first, expected",
    [(0.5, True, [1, 1.5, 3, 6]), (0.5, False, [1.5, 3, 6]), (1.0, True, [1, 1, 2, 4]), (1.0, False, [1, 2, 4])],
)
def test_preemphasis_keeps_or_drops_the_first_sample(factor, keep_first, expected):
    assert preemphasize(SIGNAL, factor, keep_first=keep_first).tolist() == expected


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({"input_scale": 2.0}, [2, 4, 8, 16]),
        ({"num_samples": 2, "pad_end": 1}, [1, 2, 0]),
        ({"num_samples": 6, "pad_end": -1}, [1, 2, 4, 8, 0]),
        ({"pad_end": -3}, [1]),
        ({"pad_end": -4}, []),
        ({"pad_end": -5}, []),
        ({"pad_end": 1, "preemphasis": 0.5}, [1, 1.5, 3, 6, -4]),  # the zeros are emphasized, too
        ({"num_samples": 2, "preemphasis": 0.5, "preemphasis_mode": "signal_valid"}, [1.5]),
        ({"num_samples": 1, "preemphasis": 0.5, "preemphasis_mode": "signal_valid"}, []),
        ({"preemphasis": 0.5, "preemphasis_mode": "frame"}, [1, 2, 4, 8]),  # done to each frame
        ({"preemphasis": 0.0, "preemphasis_mode": "signal_valid"}, [1, 2, 4, 8]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_signal_is_prepared_in_its_own_type_and_left_as_it_was(keys, expected, dtype):
    signal = SIGNAL.astype(dtype)
    signal.flags.writeable = False
    prepared = prepare_signal(signal, FeatureOptions(**keys))
    assert prepared.tolist() == expected
    assert prepared.dtype == dtype


def test_nothing_to_do_costs_nothing():
    assert prepare_signal(SIGNAL, FeatureOptions()) is SIGNAL


@given(options=legal_options(), num_samples=st.integers(1, 200), cuts=CUTS, dtype=DTYPES)
def test_any_cutting_into_pieces_gives_the_same_bytes(options, num_samples, cuts, dtype):
    options = FeatureOptions(**options, compute_dtype=dtype)
    signal = np.sin(np.arange(1.0, num_samples + 1)).astype(dtype)
    stream = SignalStream(options)
    prepared = [stream.push(piece, last=last) for piece, last in in_pieces(signal, cuts)]
    assert {piece.dtype.name for piece in prepared} == {dtype}
    assert np.concatenate(prepared).tobytes() == prepare_signal(signal, options).tobytes()


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [[1, 2], [4], [], [8]]),
        ({"pad_end": -1}, [[1], [2], [], [4]]),
        ({"pad_end": -3}, [[], [], [], [1]]),
        ({"num_samples": 3}, [[1, 2], [4], [], []]),
        ({"num_samples": 6, "pad_end": 1}, [[1, 2], [4], [], [8, 0, 0, 0]]),
        ({"preemphasis": 0.5}, [[1, 1.5], [3], [], [6]]),
        ({"preemphasis": 0.5, "preemphasis_mode": "signal_valid"}, [[1.5], [3], [], [6]]),
    ],
)
def test_what_is_ready_is_given_at_once(keys, expected):
    stream = SignalStream(FeatureOptions(**keys, compute_dtype="float64"))
    assert [stream.push(piece, last=last).tolist() for piece, last in in_pieces(SIGNAL, (2, 3, 3))] == expected


def test_no_more_is_held_than_may_be_dropped():
    stream = SignalStream(FeatureOptions(pad_end=-100, preemphasis=0.97, num_samples=10**6))
    for _ in range(50):
        stream.push(np.ones(777, np.float32), last=False)
    assert len(stream._held) == 100
    assert len(stream._previous) == 1
