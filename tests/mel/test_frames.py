"""Frames: what they are made of, and what is done to each of them before its window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import AudioError
from melcli.mel.frames import frame_energies, frame_signal, preemphasise_frames, remove_dc_offset, window_frames
from melcli.mel.options import FeatureOptions
from tests.mel import reference
from tests.mel.legal_options import legal_options

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


def test_the_offset_is_that_of_each_frame():
    frames = FRAMES.copy()
    remove_dc_offset(frames)
    assert frames.tolist() == [[-3, -2, 0, 5], [0, 0, 0, 0]]


def test_the_energy_is_the_sum_of_squares():
    assert frame_energies(FRAMES).tolist() == [102.0, 36.0]


def test_preemphasis_takes_the_sample_before_a_frame_for_equal_to_its_first():
    frames = FRAMES.copy()
    preemphasise_frames(frames, 0.5)
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
