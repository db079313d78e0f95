"""Where frames stand and how many there are: by hand, against the reference, and by what each padding is for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.mel.geometry import count_frames, count_output_frames, count_prepared_samples, first_sample
from melcli.mel.options import FeatureOptions
from tests.mel import reference
from tests.mel.legal_options import legal_options


@pytest.mark.parametrize("samples, frames", [(1599, 10), (1600, 11), (1601, 11), (1, 1), (159, 1), (160, 2)])
def test_centred_frames_around_a_multiple_of_the_stride(samples, frames):
    assert count_frames(samples, FeatureOptions(fft_length=512, sequence_stride=160)) == frames


# 512 bins under a window of 400 every 160, as in most of speech recognition.
@pytest.mark.parametrize(
    "padding, first, frames",
    [
        ("center", -200, 101),  # -256 for the FFT, and 56 of its samples before the window
        ("same", -120, 100),
        ("valid", 0, 98),
        ("kaldi", -120, 100),
        ([160, 0], -160, 99),
        ([0, 0], 0, 98),
        ([400, 400], -400, 103),
    ],
)
def test_a_second_at_16_khz(padding, first, frames):
    options = FeatureOptions(fft_length=512, sequence_length=400, sequence_stride=160, padding=padding)
    assert (first_sample(options), count_frames(16_000, options)) == (first, frames)


@pytest.mark.parametrize(
    "padding, first, frames", [("center", -256, 101), ("same", -176, 100), ("valid", 0, 98), ("kaldi", -120, 100)]
)
def test_no_window_spans_the_fft_where_frames_are_centred_and_the_sequence_elsewhere(padding, first, frames):
    options = FeatureOptions(fft_length=512, sequence_length=400, sequence_stride=160, padding=padding, window=None)
    assert options.frame_length == (512 if padding in ("center", "same") else 400)
    assert (first_sample(options), count_frames(16_000, options)) == (first, frames)


@given(options=legal_options(), samples=st.integers(0, 300))
def test_equal_the_reference(options, samples):
    keys, ours = reference.Keys(**options), FeatureOptions(**options)
    first, frames = reference.first_and_count(samples, keys)
    assert first_sample(ours) == first
    assert count_frames(samples, ours) == max(0, frames)
    assert count_prepared_samples(samples, ours) == len(reference.signal([0.0] * samples, keys)) or samples == 0


@given(
    fft_length=st.integers(1, 500).map(lambda half: 2 * half), stride=st.integers(1, 300), samples=st.integers(1, 2000)
)
def test_same_makes_a_frame_for_every_stride_and_center_one_more(fft_length, stride, samples):
    sizes = {"fft_length": fft_length, "sequence_stride": stride}
    assert count_frames(samples, FeatureOptions(**sizes)) == 1 + samples // stride
    if stride <= fft_length and stride % 2 == 0:
        assert count_frames(samples, FeatureOptions(**sizes, padding="same")) == samples // stride


@given(options=legal_options(), samples=st.integers(1, 300))
def test_the_last_frame_of_valid_ends_within_the_signal_and_one_more_would_not(options, samples):
    options = FeatureOptions(**{**options, "padding": "valid"})
    frames = count_frames(samples, options) + options.drop_last
    if count_frames(samples, options):
        end = (frames - 1) * options.sequence_stride + options.window_length
        assert end <= samples < end + options.sequence_stride


@pytest.mark.parametrize(
    "keys, samples",
    [
        ({}, 100),
        ({"num_samples": 480}, 480),
        ({"num_samples": 60}, 60),
        ({"pad_end": 160}, 260),
        ({"pad_end": -1}, 99),
        ({"pad_end": -100}, 0),
        ({"pad_end": -101}, 0),
        ({"num_samples": 60, "pad_end": 5}, 65),
        ({"preemphasis": 0.97}, 100),
        ({"preemphasis": 0.97, "preemphasis_mode": "signal_valid"}, 99),
        ({"preemphasis": 0.97, "preemphasis_mode": "frame"}, 100),
        ({"preemphasis_mode": "signal_valid"}, 100),  # no pre-emphasis, so nothing is dropped
        ({"pad_end": -100, "preemphasis": 0.97, "preemphasis_mode": "signal_valid"}, 0),
    ],
)
def test_samples_that_are_cut_into_frames(keys, samples):
    assert count_prepared_samples(100, FeatureOptions(**keys)) == samples


@pytest.mark.parametrize(
    "keys, samples, frames",
    [
        ({}, 1024, 3),
        ({"drop_last": True}, 1024, 2),
        ({"drop_last": True}, 511, 0),
        ({"num_frames": 10}, 1024, 10),
        ({"num_frames": 1}, 1024, 1),
        ({"num_frames": 10, "drop_last": True}, 511, 0),  # frames are not made of nothing
        ({"num_frames": 10, "num_samples": 512}, 0, 0),
        ({"num_samples": 1024}, 1, 3),
    ],
)
def test_frames_of_the_result(keys, samples, frames):
    assert count_output_frames(samples, FeatureOptions(**keys)) == frames
