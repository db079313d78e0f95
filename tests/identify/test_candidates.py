"""What is searched, and what is held against the features at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from melcli.identify.candidates import _at_all_rates, settled_from
from melcli.identify.clip import open_clips
from melcli.identify.observation import observe
from melcli.identify.refine import Settling, linear
from tests.identify.sounds import KNOWN, made, named


def test_the_same_frames_at_other_rates_are_tried_where_all_lengths_are_whole(clip: Path) -> None:
    truth = named("librosa", num_mel_bins=40, sampling_rate=22_050, max_freq=8000.0, sequence_stride=512)
    seen = observe(made(clip, truth), time_major=truth.time_major)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    twice = named(
        "librosa", num_mel_bins=40, sampling_rate=44_100, max_freq=8000.0, sequence_stride=1024, fft_length=4096
    )

    found = {options.sampling_rate: options for options in _at_all_rates(twice, settling)}

    assert next(iter(found)) == 44_100
    assert found[22_050] == truth
    assert 24_000 not in found


def test_no_rate_below_the_upper_edge_is_tried(clip: Path) -> None:
    truth = named("librosa", num_mel_bins=40, sampling_rate=16_000, max_freq=8000.0, sequence_stride=512)
    seen = observe(made(clip, truth), time_major=truth.time_major)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))

    rates = {options.sampling_rate for options in _at_all_rates(truth, settling)}

    assert 32_000 in rates
    assert 8_000 not in rates


def test_the_same_frames_by_a_padding_of_another_length_are_settled(clip: Path) -> None:
    """A descent may reach the frames of Kaldi's padding by that of HiFi-GAN, which has one frame less."""
    truth = named("kaldi_80", padding="kaldi", pad_mode="symmetric", sequence_stride=200, sequence_length=512)
    seen = observe(made(clip, truth), time_major=truth.time_major)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    reached = replace(linear(truth), padding="same", time_major=truth.time_major)
    assert not settling.fits(reached)
    found = settled_from(reached, settling, KNOWN)
    assert found is not None
    assert found.options.padding == "kaldi"
    assert found.relative < 1e-5
