"""Nothing is timed that did not work."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.core_peers import GROUPS, MELCLI, Peer, check
from benchmarks.corpus import speech
from benchmarks.settings import SETTINGS

SETTING = SETTINGS[0]
SIGNAL = speech(1.0, SETTING.sampling_rate, seed=0)
EXPECTED = MELCLI.make(SETTING, SIGNAL)()
FRAMES_FIRST = Peer(name="Kaldi", package="kaldi", make=MELCLI.make, time_major=True)


def test_what_equals_melcli_is_timed():
    assert check(MELCLI, EXPECTED, EXPECTED) == ""
    assert check(MELCLI, EXPECTED[np.newaxis], EXPECTED) == ""
    assert check(MELCLI, EXPECTED[:, :-1] - 30.0, EXPECTED) == ""
    assert check(FRAMES_FIRST, EXPECTED.T, EXPECTED) == ""


def nowhere_finite(expected: np.ndarray) -> np.ndarray:
    wrong = expected.copy()
    wrong[3, 3] = np.nan
    return wrong


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        (EXPECTED[:, :-2], "gave 128 mels and 30 frames, not 128 and 32"),
        (EXPECTED[:64], "gave 64 mels"),
        (EXPECTED.T, "gave 32 mels"),
        (EXPECTED[0], "gave shape"),
        (nowhere_finite(EXPECTED), "not finite"),
        (EXPECTED[::-1], "another spectrum"),
    ],
)
def test_what_does_not_is_not(wrong, complaint):
    assert complaint in check(MELCLI, wrong, EXPECTED)


def test_names_are_told_apart():
    names = [peer.name for peers in GROUPS.values() for peer in peers]
    assert len(names) == len(set(names))
    assert MELCLI.name not in names
