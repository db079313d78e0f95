"""Guesses to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from melcli.identify.clip import open_clips
from melcli.identify.descent import Descent
from melcli.identify.initial_guesses import ODD_STRIDE_FACTOR, starts
from melcli.identify.observation import observe
from melcli.identify.shapes import is_plain
from tests.identify.sounds import made, named
from tests.tiers import full_but

TRUTHS = {
    "kaldi": named("kaldi_80", num_mel_bins=40, sequence_stride=200, sequence_length=512),
    "whisper": named("whisper_unpadded", num_mel_bins=64, sequence_stride=320),
    "hifigan": named("hifigan", sampling_rate=16_000, sequence_stride=200),
}


@pytest.mark.parametrize("name", full_but(TRUTHS, "kaldi", "hifigan"))
def test_the_likeliest_guess_has_the_frames_of_the_truth(clip: Path, name: str) -> None:
    truth = TRUTHS[name]
    opened = open_clips(str(clip))[0]
    seen = observe(made(clip, truth), time_major=truth.time_major)
    descent = Descent(opened, seen, seen.telling_frames(48))

    ranked = sorted(starts(len(opened.at(16_000)), 16_000, seen, descent), key=lambda entry: entry[0])

    misfit, guess = ranked[0]
    assert misfit < 0.7  # of another spectrum and band
    assert (guess.sequence_stride, guess.padding) == (truth.sequence_stride, truth.padding)
    assert {options.num_mel_bins for _, options in ranked} == {truth.num_mel_bins}
    assert {options.logarithm for _, options in ranked} == {None}


def test_a_stride_that_nobody_chooses_counts_for_less(clip: Path) -> None:
    truth = named("whisper_unpadded", num_mel_bins=30, sequence_stride=40)
    opened = open_clips(str(clip))[0]
    seen = observe(made(clip, truth), time_major=truth.time_major)
    descent = Descent(opened, seen, seen.telling_frames(48))
    ranked = list(starts(len(opened.at(16_000)), 16_000, seen, descent))
    odd = {is_plain(guess.sequence_stride, 16_000): misfit / descent.misfit(guess) for misfit, guess in ranked}
    assert odd == {True: 1.0, False: pytest.approx(ODD_STRIDE_FACTOR)}
    assert ODD_STRIDE_FACTOR > 1
