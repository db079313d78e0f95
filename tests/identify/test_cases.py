"""`identify` on features that real packages made, in settings that no named config has."""

from __future__ import annotations

from functools import cache

import pytest

from melcli.identify.search import identify, named_options
from tests.identify.judge import FOLDER, read_cases, wrong_keys
from tests.tiers import full_but

CASES = read_cases(FOLDER)
# Whose keys are right, and of which the answer cannot be sure.
UNSURE = {
    "nemo_all_features": "a mean and a deviation that one clip cannot tell from statistics of its own",
    "librosa_peak_normalized": "the scale to a peak of 1 is known with this clip only",
}
# Which is not found, and said not to be.
NOT_FOUND = {"torchaudio_resampled": "another resampler: the trials end before its rates are tried"}
# The quickest ones, of families that differ most; the others run with --all.
DEFAULT = ("torchaudio_byol", "kaldi_40", "hifigan_16k")


@pytest.mark.parametrize("name", full_but(CASES, *DEFAULT))
def test_finds_what_made_the_features(name: str) -> None:
    case = CASES[name]
    found = identify(str(case.audio), case.features, known=_named())
    assert found.options is not None
    if name in NOT_FOUND:
        assert found.certainty == "none"
        return
    assert wrong_keys(case, found.options) == []
    assert (found.certainty == "exact") == (name not in UNSURE), found.doubts


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 50


_named = cache(named_options)
