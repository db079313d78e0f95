"""Frames: what they are made of, and what is done to each of them before its window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import AudioError
from melcli.mel.frames import (
    FrameStream,
    frame_energies,
    frame_signal,
    preemphasize_frames,
    remove_dc_offset,
    window_frames,
)
from melcli.mel.framing import count_frames
from melcli.mel.options import FeatureOptions
from tests.mel import reference
from tests.mel.legal_options import DTYPES, legal_options
from tests.mel.pieces import CUTS, in_pieces

FRAMES = np.array([[1.0, 2.0, 4.0, 9.0], [3.0, 3.0, 3.0, 3.0]])


@given(options=legal_options(), samples=st.integers(1, 150))
def test_each_sample_is_where_it_belongs(options, samples):
    signal = np.arange(1.0, samples + 1)
    ours, keys = FeatureOptions(**options), reference.Keys(**{**options, "remove_dc_offset": False})
    try:
        expected = reference.frames(signal.tolist(), keys)
    except reference.TooShort:
        with pytest.raises(AudioError):
            frame_signal(signal, ours)
        return
    assert frame_signal(signal, ours).tolist() == expected


@pytest.mark.parametrize(
    "pad_mode, expected",
    [
        ("reflect", [3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2]),
        ("symmetric", [1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1]),
        ("constant", [0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0]),
    ],
)
def test_what_stands_around_a_short_signal(pad_mode, expected):
    options = FeatureOptions(fft_length=12, sequence_stride=12, pad_mode=pad_mode)
    assert frame_signal(np.array([1.0, 2.0, 3.0]), options).tolist() == [expected]


def test_frames_share_the_memory_of_one_padded_signal():
    frames = frame_signal(np.zeros(1000), FeatureOptions(fft_length=512, sequence_stride=10))
    assert frames.strides == (80, 8)
    assert not frames.flags.writeable


def test_frames_of_an_unpadded_signal_share_its_memory():
    signal = np.zeros(1000)
    assert np.shares_memory(frame_signal(signal, FeatureOptions(fft_length=512, padding="valid")), signal)


# in pieces


def pushed(signal, cuts, options, multiple):
    """Return the frames that each piece made ready."""
    stream = FrameStream(options, multiple=multiple)
    return [stream.push(piece, last=last) for piece, last in in_pieces(signal, cuts)]


@given(options=legal_options(), samples=st.integers(1, 200), cuts=CUTS, multiple=st.integers(1, 20), dtype=DTYPES)
def test_any_cutting_into_pieces_gives_the_same_frames(options, samples, cuts, multiple, dtype):
    options = FeatureOptions(**options)
    signal = np.arange(1, samples + 1, dtype=dtype)
    if not count_frames(samples, options):
        with pytest.raises(AudioError, match=f"^too_short: {samples} samples are too few for one frame"):
            pushed(signal, cuts, options, multiple)
        return
    expected = frame_signal(signal, options)
    frames = pushed(signal, cuts, options, multiple)
    assert np.concatenate(frames).tolist() == expected.tolist()
    assert {each.dtype.name for each in frames} == {dtype}
    assert all(len(each) % multiple == 0 for each in frames[:-1])


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({"padding": "valid"}, [0, 2, 1]),
        ({"padding": "center"}, [0, 3, 2]),  # the first frame is mirrored and needs sample 4 too
        ({"padding": "valid", "drop_last": True}, [0, 1, 1]),  # the last frame so far may be the last
        ({"padding": [0, 8]}, [0, 2, 3]),
        ({"padding": "valid", "multiple": 2}, [0, 2, 1]),
        ({"padding": "valid", "multiple": 3}, [0, 0, 3]),
    ],
)
def test_frames_are_given_as_soon_as_nothing_can_change_them(keys, expected):
    multiple = keys.pop("multiple", 1)
    options = FeatureOptions(fft_length=8, sequence_stride=4, **keys)
    assert [len(frames) for frames in pushed(np.arange(16.0), (4, 12), options, multiple)] == expected


@pytest.mark.parametrize("padding", ["center", "same", "valid", "kaldi", (100, 2000)], ids=str)
@pytest.mark.parametrize("stride", [160, 400, 5000])
def test_no_more_is_held_than_later_frames_need(padding, stride):
    options = FeatureOptions(
        fft_length=5000 if padding == "same" else 512, sequence_length=400, sequence_stride=stride, padding=padding
    )
    stream = FrameStream(options, multiple=8)
    most = 0
    for _ in range(300):
        stream.push(np.zeros(1000), last=False)
        most = max(most, sum(map(len, stream._pieces)))
    assert most <= 8 * stride + 2 * 5000 + 1000


def test_the_end_lets_all_samples_go():
    stream = FrameStream(FeatureOptions())
    stream.push(np.zeros(9000), last=True)
    assert stream._pieces == []


# before the window


def test_the_offset_is_that_of_each_frame():
    frames = FRAMES.copy()
    remove_dc_offset(frames)
    assert frames.tolist() == [[-3, -2, 0, 5], [0, 0, 0, 0]]


def test_the_energy_is_the_sum_of_squares():
    assert frame_energies(FRAMES).tolist() == [102.0, 36.0]


def test_preemphasis_takes_the_sample_before_a_frame_for_equal_to_its_first():
    frames = FRAMES.copy()
    preemphasize_frames(frames, 0.5)
    assert frames.tolist() == [[0.5, 1.5, 3.0, 7.0], [1.5, 1.5, 1.5, 1.5]]


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [1, 4, 12, 36]),
        ({"remove_dc_offset": True}, [-3, -4, 0, 20]),
        ({"preemphasis": 0.5, "preemphasis_mode": "frame"}, [0.5, 3, 9, 28]),
        ({"preemphasis": 0.5, "preemphasis_mode": "signal"}, [1, 4, 12, 36]),  # done to the whole signal
        ({"remove_dc_offset": True, "preemphasis": 0.5, "preemphasis_mode": "frame"}, [-1.5, -1, 3, 20]),
    ],
)
@pytest.mark.parametrize("with_energies", [False, True])
def test_offset_then_energy_then_preemphasis_then_window(keys, expected, with_energies):
    untouched = FRAMES.copy()
    out = np.empty_like(FRAMES)
    energies = np.empty(2) if with_energies else None
    window_frames(untouched, np.array([1.0, 2.0, 3.0, 4.0]), FeatureOptions(**keys), out=out, energies=energies)
    assert out[0].tolist() == expected
    assert (untouched == FRAMES).all()
    if with_energies:
        assert energies.tolist() == ([38.0, 0.0] if "remove_dc_offset" in keys else [102.0, 36.0])
