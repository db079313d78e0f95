"""Where frames stand and how many there are: by hand, against the reference, and by what each padding is for."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from melcli.config.resolve import resolve_config
from melcli.mel.frames import frame_signal
from melcli.mel.framing import (
    count_discarded_samples,
    count_frames,
    count_output_frames,
    count_prepared_samples,
    count_valid_frames,
    first_sample,
)
from melcli.mel.options import FeatureOptions
from melcli.mel.signals import prepare_signal
from tests.mel import reference
from tests.mel.legal_options import legal_options


@pytest.mark.parametrize("samples, frames", [(1599, 10), (1600, 11), (1601, 11), (1, 1), (159, 1), (160, 2)])
def test_centered_frames_around_a_multiple_of_the_stride(samples, frames):
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
def test_no_window_spans_the_fft_where_frames_are_centered_and_the_sequence_elsewhere(padding, first, frames):
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


@pytest.mark.full
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


# Whisper has 400 samples every 160, centered, and drops the last frame; AST's frames are whole, 1024 of them.
@pytest.mark.parametrize(
    "config, samples, valid",
    [
        ("whisper", 16_000, 102),  # frame 101 begins at sample 15,960, and frame 102 at 16,120
        ("whisper", 16_121, 103),
        ("whisper", 1, 2),
        ("whisper", 479_640, 2999),
        ("whisper", 479_641, 3000),
        ("whisper", 960_000, 3000),
        ("whisper_unpadded", 16_000, 100),
        ("faster_whisper", 16_000, 101),
        ("ast", 16_000, 98),
        ("ast", 400, 1),
        ("ast", 320_000, 1024),
        ("clvp", 22_050, 89),  # frame 88 begins at sample 22,016
        ("clap_unfused", 48_000, 102),
        ("openl3_mel256", 24_000, 104),
        ("keras", 16_000, 32),
        ("gemma4", 16_000, 99),
    ],
)
def test_frames_that_contain_signal(config, samples, valid):
    assert count_valid_frames(samples, resolve_config(config).features) == valid


@pytest.mark.parametrize(
    "padding, valid",
    [("center", 102), ("same", 101), ("valid", 100), ("kaldi", 101), ([160, 0], 101), ([0, 400], 100)],
)
def test_the_frames_with_signal_begin_before_its_end(padding, valid):
    sizes = {"fft_length": 512, "sequence_length": 400, "sequence_stride": 160, "padding": padding}
    assert count_valid_frames(16_000, FeatureOptions(**sizes, num_samples=32_000)) == valid


@pytest.mark.parametrize(
    "keys, valid",
    [
        ({}, 3),  # frame 3 begins at sample 25
        ({"preemphasis": 0.97}, 4),  # sample 25 becomes 0 - 0.97 x[24]
        ({"preemphasis": 0.97, "preemphasis_mode": "signal_valid"}, 3),
        ({"preemphasis": 0.97, "preemphasis_mode": "frame"}, 3),
    ],
)
def test_preemphasis_of_the_signal_spreads_it_by_one_sample(keys, valid):
    options = FeatureOptions(fft_length=10, sequence_stride=10, num_mel_bins=2, num_samples=90, **keys)
    assert count_valid_frames(25, options) == valid


@given(options=legal_options(), samples=st.integers(1, 200))
def test_another_signal_changes_the_last_frame_with_signal_and_none_after_it(options, samples):
    options = FeatureOptions(**{**options, "pad_mode": "constant", "input_scale": 1.0})
    taken = min(samples, options.num_samples or samples)
    assume(count_output_frames(samples, options))
    signals = np.random.default_rng(samples).uniform(1, 2, (2, samples)) * [[1], [3]]
    one, other = (frame_signal(prepare_signal(signal, options), options) for signal in signals)
    starts = first_sample(options) + options.sequence_stride * np.arange(len(one))
    assume(taken + min(0, options.pad_end) > 0)
    changed = [number for number in range(len(one)) if (one[number] != other[number]).any()]
    with_signal = 1 + changed[-1] if changed else 0
    assume(not (starts[starts < taken] + options.frame_length <= 0).any())  # they are padding, and come before it
    assert count_valid_frames(samples, options) == min(with_signal, options.num_frames or with_signal)


@pytest.mark.parametrize(
    "config, samples, cut",
    [
        ("whisper", 480_000, 0),
        ("whisper", 480_001, 1),
        ("whisper", 1, 0),
        ("whisper", 1_440_000, 960_000),
        ("ast", 164_080, 0),  # 1023 strides and a frame
        ("ast", 164_239, 0),  # what is too short for a frame is in none without num_frames, too
        ("ast", 164_240, 160),
        ("ast", 320_000, 974 * 160),
        ("gemma4", 10_000_000, 0),
        ("faster_whisper", 10_000_000, 0),
    ],
)
def test_samples_that_are_cut_off(config, samples, cut):
    assert count_discarded_samples(samples, resolve_config(config).features) == cut


@pytest.mark.parametrize(
    "keys, samples, cut",
    [
        ({"num_frames": 10}, 100, 10),  # 11 frames, the last one around sample 100
        ({"num_frames": 11}, 100, 0),
        ({"num_frames": 10, "num_samples": 90}, 100, 10),  # 10 frames of 90 samples: none is lost
        ({"num_frames": 10, "num_samples": 95}, 100, 5),
        ({"num_frames": 4, "num_samples": 90}, 100, 10 + 60),
        ({"num_frames": 4, "num_samples": 90}, 30, 0),  # the frames that are removed are padding
        ({"num_frames": 4, "num_samples": 90}, 36, 10),  # frame 4 begins at sample 35
        ({"num_frames": 1, "num_samples": 90}, 6, 6),  # never more than there is
        ({"num_frames": 1, "num_samples": 9, "pad_end": 100}, 100, 100),
        ({"pad_end": -20}, 100, 0),  # a constant of the front end
        ({"drop_last": True}, 100, 0),
        ({"num_frames": 10, "drop_last": True}, 100, 0),
    ],
)
def test_samples_and_frames_that_are_cut_off(keys, samples, cut):
    sizes = {"fft_length": 10, "sequence_stride": 10, "num_mel_bins": 2}
    assert count_discarded_samples(samples, FeatureOptions(**sizes, **keys)) == cut


@given(options=legal_options(), samples=st.integers(1, 200))
def test_what_is_cut_off_is_cut_off_frames_and_no_more_than_there_is(options, samples):
    options = FeatureOptions(**options)
    cut = count_discarded_samples(samples, options)
    unlimited = options.num_samples is None and options.num_frames is None
    assert 0 <= cut <= (0 if unlimited else samples)
    assert count_discarded_samples(samples, options) <= count_discarded_samples(samples + 1, options)
