"""`identify` on features that real packages made, in settings that no named config has."""

from __future__ import annotations

from functools import cache

import pytest

from melcli.identify.search import Identification, identify, named_options
from tests.identify.judge import FOLDER, read_cases, wrong_keys
from tests.tiers import full_but

CASES = read_cases(FOLDER)
SHARE_FOUND = 0.9
# What is known not to be found, and why; each takes about 10 s, since nothing ends the search.
NOT_FOUND = {
    "torchaudio_resampled": "another resampler, so that nothing fits to rounding",
    "librosa_8k_standardized_by_band": "0.8 s of standardized bands are too few to tell an offset from a filter",
    "librosa_peak_normalized": "the scale to a peak of 1 is known with this clip only",
    "librosa_44k_db_of_max": "a stride of 1015 (23 ms) comes before 1024, with the same 35 frames",
    "librosa_bird_song": "edges that no config has, at a rate that comes last: the trials end before they are found",
}
FOUND = [name for name in CASES if name not in NOT_FOUND]
# The quickest ones, of families that differ most; the others run with --all.
DEFAULT = ("torchaudio_byol", "kaldi_40", "hifigan_16k")


@pytest.mark.parametrize("name", full_but(FOUND, *DEFAULT))
def test_finds_what_made_the_features(name: str) -> None:
    assert _wrong_keys(name) == []


def test_nine_of_ten_are_found() -> None:
    """By number only: each of them is searched for above."""
    assert len(CASES) >= 30
    assert len(FOUND) >= SHARE_FOUND * len(CASES)


@pytest.mark.soak
@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_not_found_is_not_called_exact(name: str) -> None:
    found = _identified(name)

    assert _wrong_keys(name) != [], f"{name} is found now: take it from NOT_FOUND"
    assert found.certainty != "exact"


def _wrong_keys(name: str) -> list[str]:
    options = _identified(name).options
    assert options is not None
    return wrong_keys(CASES[name], options)


@cache
def _identified(name: str) -> Identification:
    case = CASES[name]
    return identify(str(case.audio), case.features, known=_named())


_named = cache(named_options)
