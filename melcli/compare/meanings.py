"""Known meanings of a factor and an offset between two sets of features.

Everything is for ``B = factor * A + offset``; with A and B exchanged, it also covers the inverse.
"""

from __future__ import annotations

import math

__all__ = ["KNOWN_FACTORS", "KNOWN_OFFSETS", "meaning"]

_LN10 = math.log(10.0)
_INT16 = 32768.0  # factor of samples that are 16-bit integers, as in Kaldi, instead of in [-1, 1)

_FACTORS = {
    _LN10: "{A} is log10 where {B} is ln",
    10.0 / _LN10: "{A} is ln where {B} is dB",
    10.0: "{A} is log10 where {B} is dB",
    2.0: "{A} may be the log of magnitudes and {B} that of powers",
    20.0: "{A} is log10 of magnitudes where {B} is dB",
    20.0 / _LN10: "{A} is ln of magnitudes where {B} is dB",
    2.0 * _LN10: "{A} is log10 of magnitudes where {B} is ln of powers",
    _INT16: "magnitudes; {B}'s samples are 32768 times as large",
    _INT16**2: "powers; {B}'s samples are 32768 times as large",
}
_OFFSETS = {
    2 * math.log(_INT16): "{B}'s samples are 32768 times as large, in ln of powers",
    math.log(_INT16): "{B}'s samples are 32768 times as large, in ln of magnitudes",
    20 * math.log10(_INT16): "{B}'s samples are 32768 times as large, in dB",
    2 * math.log10(_INT16): "{B}'s samples are 32768 times as large, in log10 of powers",
    math.log10(_INT16): "{B}'s samples are 32768 times as large, in log10 of magnitudes",
}
_DOUBLE = {
    20 * math.log10(2): "{B}'s samples are twice as large, in dB",
    2 * math.log(2): "{B}'s samples are twice as large, in ln of powers",
    2 * math.log10(2): "{B}'s samples are twice as large, in log10 of powers",
    math.log(2): "{B}'s samples are twice as large, in ln of magnitudes",
}
_OFFSETS |= _DOUBLE
_PAIRS = {
    (0.25, 1.0): "{B} is (log10 + 4) / 4 as in Whisper, where {A} is log10",
    (0.25 / _LN10, 1.0): "{B} is (log10 + 4) / 4 as in Whisper, where {A} is ln",
    (0.025, 1.0): "{B} is (log10 + 4) / 4 as in Whisper, where {A} is dB",
}
_LOG_FACTORS = {
    1.0: "{B} is ln of {A}",
    1.0 / _LN10: "{B} is log10 of {A}",
    10.0 / _LN10: "{B} is dB of {A}",
    2.0: "{B} is ln of {A}'s squares",
    2.0 / _LN10: "{B} is log10 of {A}'s squares",
    20.0 / _LN10: "{B} is dB of {A}'s squares",
    0.5: "{B} is ln of {A}'s square roots",
}

_PAIRS_BACKWARDS = tuple((1.0 / factor, -offset / factor) for factor, offset in _PAIRS)
KNOWN_FACTORS = (
    *(*_FACTORS, *(1.0 / factor for factor in _FACTORS), *_LOG_FACTORS),
    *(factor for factor, _ in (*_PAIRS, *_PAIRS_BACKWARDS)),
)
KNOWN_OFFSETS = (
    *(*_OFFSETS, *(-offset for offset in _OFFSETS)),
    *(offset for _, offset in (*_PAIRS, *_PAIRS_BACKWARDS)),
)


def meaning(function: str, factor: float, offset: float, *, names: tuple[str, str]) -> str:
    """Describe the known meaning of ``B = factor * function(A) + offset``; ``""`` if there is none.

    Parameters
    ----------
    function : str
        ``""``, ``"square"`` or ``"ln"``.
    factor, offset : float
        Already replaced by known numbers where they fit.
    names : tuple of str
        The names of A and B.
    """
    if function == "square":
        return _named("{A} is of magnitudes where {B} is of powers", names) if (factor, offset) == (1.0, 0.0) else ""
    if function == "ln":
        return _named(_find(_LOG_FACTORS, factor), names)
    backwards = names[::-1]
    for pair, words in _PAIRS.items():
        if _same(factor, pair[0]) and _same(offset, pair[1]):
            return _named(words, names)
        if _same(1 / factor, pair[0]) and _same(-offset / factor, pair[1]):
            return _named(words, backwards)
    said = [
        _named(_find(_FACTORS, factor), names) or _named(_find(_FACTORS, 1 / factor), backwards),
        _named(_find(_OFFSETS, offset), names) or _named(_find(_OFFSETS, -offset), backwards),
    ]
    return "; ".join(filter(None, said))


def _find(words: dict[float, str], number: float) -> str:
    return next((said for known, said in words.items() if _same(number, known)), "")


def _same(number: float, known: float) -> bool:
    return math.isclose(number, known, rel_tol=1e-12)


def _named(words: str, names: tuple[str, str]) -> str:
    return words.format(A=names[0], B=names[1])
