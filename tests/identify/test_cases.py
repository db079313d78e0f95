"""`identify` on features that real packages made, in settings that no named config has."""

from __future__ import annotations

from functools import cache

import pytest

from melcli.identify.search import Identification, identify, named_options
from tests.identify.judge import FOLDER, read_cases, wrong_keys

CASES = read_cases(FOLDER)
SHARE_FOUND = 0.9
# What is known not to be found, and why; each takes about 10 s, since nothing ends the search.
NOT_FOUND = {
    "torchaudio_resampled": "another resampler, so that nothing fits to rounding",
    "librosa_8k_standardised_by_band": "0.8 s of standardised bands are too few to tell an offset from a filter",
}
FOUND = [name for name in CASES if name not in NOT_FOUND]


@pytest.mark.parametrize("name", FOUND)
def test_finds_what_made_the_features(name: str) -> None:
    assert _wrong_keys(name) == []


def test_finds_nine_of_ten() -> None:
    assert len(CASES) >= 30
    assert sum(_wrong_keys(name) == [] for name in FOUND) >= SHARE_FOUND * len(CASES)


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
