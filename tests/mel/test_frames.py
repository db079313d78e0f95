"""Frames: how many, where each one stands, and what the ends are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.mel.frames import frame_signal, num_frames
from melcli.mel.options import FeatureOptions
from tests.mel.reference import mirrored


@given(samples=st.integers(1, 300), fft_length=st.integers(2, 130), stride=st.integers(1, 200))
def test_num_frames_is_how_many_there_are(samples, fft_length, stride):
    options = FeatureOptions(fft_length=fft_length, sequence_stride=stride)
    frames = frame_signal(np.zeros(samples, dtype=np.float32), options)
    assert frames.shape == (num_frames(samples, options), fft_length)
    assert frames.dtype == np.float32


@pytest.mark.parametrize("samples, frames", [(1599, 10), (1600, 11), (1601, 11), (1, 1), (159, 1), (160, 2)])
def test_num_frames_around_a_multiple_of_the_stride(samples, frames):
    assert num_frames(samples, FeatureOptions(fft_length=512, sequence_stride=160)) == frames


@pytest.mark.parametrize("fft_length", [16, 17])
@pytest.mark.parametrize("samples", [1, 2, 3, 5, 8, 9, 40])
def test_each_sample_is_where_it_belongs_and_the_ends_are_mirrors(samples, fft_length):
    signal = np.arange(1.0, samples + 1)
    frames = frame_signal(signal, FeatureOptions(fft_length=fft_length, sequence_stride=3))
    for number, frame in enumerate(frames):
        start = 3 * number - fft_length // 2
        assert frame.tolist() == [mirrored(signal, start + k) for k in range(fft_length)]


def test_a_short_signal_is_mirrored_again_and_again():
    frames = frame_signal(np.array([1.0, 2.0, 3.0]), FeatureOptions(fft_length=12, sequence_stride=12))
    assert frames.tolist() == [[3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2]]


def test_frames_share_the_memory_of_one_padded_signal():
    signal = np.zeros(1000)
    frames = frame_signal(signal, FeatureOptions(fft_length=512, sequence_stride=10))
    assert frames.strides == (80, 8)
    assert not frames.flags.writeable
