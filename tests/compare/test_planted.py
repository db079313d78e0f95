"""Seventy planted pairs: each change is named, and what is nothing simple is called so."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from melcli.compare.explanations import explain
from melcli.compare.sentences import sentence
from tests.compare.mels import log_mels, powers
from tests.compare.test_rounding import to_bfloat16

Change = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # of powers

DB = 10 / np.log(10)


def ln(power: np.ndarray) -> np.ndarray:
    return np.log(power.astype(np.float64)).astype(np.float32)


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (high - low) * (values - values.min()) / np.ptp(values)


def stacked(values: np.ndarray, number: int) -> np.ndarray:
    """Stack frames of ``(mels, frames)``."""
    frames = values.T[: values.shape[1] // number * number]
    return frames.reshape(len(frames) // number, -1).T


NUMBER = r"-?[\d.]+(?:e-?\d+)?"
WITHIN = rf" \(to within {NUMBER}\)"
EXACTLY = r" \(exactly\)"
# Each with all that may be said of it: the patterns match the whole sentence, so that no other cause is named.
CHANGES: dict[str, tuple[Change, str]] = {
    "2 frames late": (lambda p: (ln(p)[:, 2:], ln(p)[:, :-2]), "B is 2 frames late" + EXACTLY),
    "2 frames early": (lambda p: (ln(p)[:, :-2], ln(p)[:, 2:]), "B is 2 frames early" + EXACTLY),
    "5 frames early": (lambda p: (ln(p)[:, :-5], ln(p)[:, 5:]), "B is 5 frames early" + EXACTLY),
    "8 frames late": (lambda p: (ln(p)[:, 8:], ln(p)[:, :-8]), "B is 8 frames late" + EXACTLY),
    "3 frames late, in dB": (
        lambda p: (ln(p)[:, 3:], np.float32(DB) * ln(p)[:, :-3]),
        rf"B is 3 frames late; B = 4\.34294\d* \* A: A is ln where B is dB{WITHIN}",
    ),
    "padded to 128": (
        lambda p: (ln(p), np.pad(ln(p), ((0, 0), (0, 38)))),
        "B has 38 frames more, at the end" + EXACTLY,
    ),
    "padded to 3000": (
        lambda p: (ln(p), np.pad(ln(p), ((0, 0), (0, 2910)), constant_values=-11.5)),
        "B has 2910 frames more, at the end" + EXACTLY,
    ),
    "padded before": (
        lambda p: (ln(p), np.pad(ln(p), ((0, 0), (20, 0)))),
        "B has 20 frames more, at the start" + EXACTLY,
    ),
    "cut": (lambda p: (ln(p), ln(p)[:, :50]), "A has 40 frames more, at the end" + EXACTLY),
    "min-max to 0, 1": (
        lambda p: (ln(p), scaled(ln(p), 0, 1)),
        rf"B = {NUMBER} \* A \+ {NUMBER}: min-max scaling of A from \[{NUMBER}, {NUMBER}\] to \[0, 1\]{WITHIN}",
    ),
    "min-max to -1, 1": (
        lambda p: (ln(p), scaled(ln(p), -1, 1)),
        rf"B = {NUMBER} \* A \+ {NUMBER}: min-max scaling of A from \[{NUMBER}, {NUMBER}\] to \[-1, 1\]{WITHIN}",
    ),
    "offset against floor": (
        lambda p: (np.log(p + 1e-5), np.log(np.maximum(p, 1e-5))),
        rf"B has a floor at -11\.5129 \({NUMBER} below its maximum\); A adds 1e-05 before the logarithm{WITHIN}",
    ),
    "floor against offset": (
        lambda p: (DB * np.log(np.maximum(p, 1e-5)), DB * np.log(p + 1e-6)),
        rf"A has a floor at -50 \({NUMBER} below its maximum\); B adds 1e-06 before the logarithm{WITHIN}",
    ),
    "half amplitude, dB": (
        lambda p: (DB * ln(p), DB * ln(p / 4)),
        rf"B = A - 6\.0206: A's samples are twice as large, in dB{WITHIN}",
    ),
    "half amplitude, ln": (
        lambda p: (ln(p), ln(p / 4)),
        rf"B = A - 1\.386294: A's samples are twice as large, in ln of powers{WITHIN}",
    ),
    "clip": (
        lambda p: (ln(p), np.clip(ln(p), -8, 1)),
        rf"B has a floor at -8 \({NUMBER} below its maximum\); B has a ceiling at 1" + EXACTLY,
    ),
    "uint8": (
        lambda p: (ln(p), np.rint(scaled(ln(p), 0, 255)).astype(np.uint8)),
        rf"B = {NUMBER} \* A \+ {NUMBER}: min-max scaling of A from \[{NUMBER}, {NUMBER}\] to \[0, 255\]; "
        "B is rounded to uint8",
    ),
    "bfloat16": (lambda p: (ln(p), to_bfloat16(ln(p))), "B is A rounded to bfloat16"),
    "every second frame": (lambda p: (ln(p), ln(p)[:, ::2]), "B has every second frame of A" + EXACTLY),
    "every third frame": (lambda p: (ln(p), ln(p)[:, ::3]), "B has every third frame of A" + EXACTLY),
    "pairs": (lambda p: (ln(p), stacked(ln(p), 2)), "each frame of B is 2 frames of A, stacked" + EXACTLY),
    "pairs, time first": (
        lambda p: (ln(p).T, stacked(ln(p), 2).T),
        "each frame of B is 2 frames of A, stacked" + EXACTLY,
    ),
    "stacks of four": (lambda p: (ln(p), stacked(ln(p), 4)), "each frame of B is 4 frames of A, stacked" + EXACTLY),
    "transposed": (lambda p: (ln(p), ln(p).T), "B is A transposed" + EXACTLY),
    "a mean of each bin": (
        lambda p: (ln(p), ln(p) - ln(p).mean(axis=1, keepdims=True)),
        rf"B = A \+ an offset per bin \({NUMBER} to {NUMBER}\){WITHIN}",
    ),
    "float16, padded": (
        lambda p: (ln(p), np.pad(ln(p), ((0, 0), (0, 10))).astype(np.float16)),
        "B has 10 frames more, at the end; B is A rounded to float16",
    ),
}
UNLIKE: dict[str, Change] = {
    "another sound": lambda p: (ln(p), log_mels(seed=99)),
    "the same, stretched": lambda p: (ln(p), ln(p)[:, np.arange(90) * 45 // 90]),
}


@pytest.mark.few(26)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("change, words", CHANGES.values(), ids=CHANGES)
def test_a_planted_change_is_named_and_nothing_else(change: Change, words: str, seed: int) -> None:
    a, b = change(powers(seed=seed))
    explanation = explain(a, b)
    assert explanation is not None
    said = sentence(explanation, time_axis=1)
    assert re.fullmatch(words, said), said


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("change", UNLIKE.values(), ids=UNLIKE)
def test_what_is_nothing_simple_is_not_named(change: Change, seed: int) -> None:
    assert explain(*change(powers(seed=seed))) is None


def test_there_are_seventy() -> None:
    assert 3 * len(CHANGES) >= 70
