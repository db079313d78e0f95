"""Frames of nearly the same stride as those of a guess, at all rates that the audio may have been read at.

A wrong stride or rate with the right filters comes near, and no change of spectrum or filters leads on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Any

from melcli.identify.guesses import Guess
from melcli.identify.shapes import Placement, is_plain, placements
from melcli.identify.variations import nearby
from melcli.mel.framing import first_sample
from melcli.mel.options import FeatureOptions

__all__ = ["middles_of", "moved"]

MAX_STRIDE_CHANGE = 0.04  # of it
# Times the misfit of the guess: a window and edges that were found with the wrong frames fit the right ones less.
MAX_RATIO_OF_MISFITS = 1.1
MAX_MISFIT_OF_NEAR_FRAMES = 0.25  # a misfit above it says nothing: the right frames have to be nearer
MAX_RATIO_OF_FAR_MISFITS = 0.9
MAX_RATIO_OF_ODD_MISFITS = 0.5  # the same for a stride that nobody chooses
MIDDLE_UNIT = 16  # samples: windows of nearly the same middle have nearly the same frames
LENGTHS = (512, 1024, 2048, 4096)  # of windows that are tried where the frames of one rate are moved
MAX_CHANGE_OF_LENGTH = 2.5  # of a window that made up for frames elsewhere
WINDOW_UNIT_S = 0.005  # that most windows in milliseconds are multiples of
MAX_CHANGE_TO_POWER_OF_TWO = 0.02  # of a length that is taken for a power of two


def moved(guess: Guess) -> list[Guess]:
    """Return guesses with the same filters and frames of nearly the same stride that are about as near, nearest first.

    Parameters
    ----------
    guess : Guess
        What a descent reached.
    """
    tried = list(dict.fromkeys(_moves(guess)))
    measured = zip(tried, guess.descent.misfits(tried), strict=True)
    found = [replace(guess, options=options, misfit=misfit) for options, misfit in measured]
    return sorted((one for one in found if _is_near(one, guess)), key=attrgetter("misfit"))


def middles_of(guess: Guess) -> tuple[int, int, int]:
    """Return where the middles of the frames of a guess are: rate, stride, and that of the first one, roughly."""
    options = guess.options
    middle = first_sample(options) + options.frame_length // 2
    return options.sampling_rate, options.sequence_stride, round(middle / MIDDLE_UNIT)


def _is_near(one: Guess, guess: Guess) -> bool:
    plain = is_plain(one.options.sequence_stride, one.options.sampling_rate)
    ratio = MAX_RATIO_OF_MISFITS if guess.misfit < MAX_MISFIT_OF_NEAR_FRAMES else MAX_RATIO_OF_FAR_MISFITS
    return one.misfit < guess.misfit * (ratio if plain else MAX_RATIO_OF_ODD_MISFITS)


def _moves(guess: Guess) -> Iterator[FeatureOptions]:
    options, clip, seen = guess.options, guess.settling.clip, guess.settling.seen
    cut = options.num_samples is not None and options.num_samples < len(clip.at(options.sampling_rate))
    rates = [rate for rate in clip.rates() if rate <= options.sampling_rate or rate % options.sampling_rate]
    for rate in rates:  # a multiple of the rate has the same spectrum
        placed = placements(len(clip.at(rate)), rate, seen.num_frames, seen.num_live_frames, cut=cut)
        for placement in dict.fromkeys(replace(each, window_length=None) for each in placed):
            ratio = placement.sequence_stride * options.sampling_rate / (options.sequence_stride * rate)
            if abs(ratio - 1) <= MAX_STRIDE_CHANGE:
                changed = (nearby(options, keys) for keys in _keys(options, placement))
                yield from (one for one in changed if one is not None and _frames_of(one) != _frames_of(options))


def _frames_of(options: FeatureOptions) -> tuple[int, int, int]:
    return options.sampling_rate, options.sequence_stride, first_sample(options)


def _keys(options: FeatureOptions, placement: Placement) -> Iterator[dict[str, Any]]:
    """Yield the keys of other frames, with a window that lasts as long, under the FFTs that it may have."""
    rate = placement.sampling_rate
    ratio = rate / options.sampling_rate
    keys: dict[str, Any] = {**placement.keys(), "max_freq": min(rate / 2, options.upper_edge_hz)}
    if ratio == 1:
        yield keys
        for length in LENGTHS:
            change = max(length / options.window_length, options.window_length / length)
            if change < MAX_CHANGE_OF_LENGTH:
                yield {**keys, "sequence_length": length, "fft_length": length, "window": "hann"}
        return
    window = _usual_length(options.window_length * ratio)
    unit = WINDOW_UNIT_S * rate
    for length in sorted({window, max(2, round(round(window / unit) * unit))}):
        shortest = 2 ** (length - 1).bit_length()
        for fft in sorted({shortest, max(shortest, _usual_length(options.fft_length * ratio))}):
            yield {**keys, "sequence_length": length, "fft_length": fft}


def _usual_length(samples: float) -> int:
    """Return a length in whole samples, or the power of two that is near."""
    longer = 2 ** round(samples).bit_length()
    near = min((longer, longer // 2), key=lambda length: abs(length - samples))
    return near if abs(near / samples - 1) < MAX_CHANGE_TO_POWER_OF_TWO else round(samples)
