"""Where the search starts from: the likeliest positions of frames, with spectra and bands that come near."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from melcli.identify.descent import Descent
from melcli.identify.effort import Effort
from melcli.identify.initial_guesses import starts
from melcli.identify.refine import Settling
from melcli.identify.variations import nearby
from melcli.mel.options import FeatureOptions

__all__ = [
    "Guess",
    "descent_of",
    "frames_of",
    "has_right_axes",
    "have_alike_axes",
    "likely_guesses",
    "taken_otherwise",
]

# Frames that are compared while spectrum and filters are searched: fewer of many mels, which tell as much.
MIN_FRAMES, MAX_FRAMES, NUM_VALUES = 12, 24, 1500
NUM_FRAMES_BY_BIN = 40  # the same where each bin has a mean or a deviation of its own
# Guesses with each offset under the logarithm that are tried with the commonest spectra, and then with all usual bands.
MAX_PLACEMENTS, MAX_SCANNED = 8, 8
MAX_MISFIT_OF_RIGHT_BAND = 0.25  # a misfit from which descents mostly lead to the right options
MAX_RATIO_OF_SCANNED = 2.0  # times the misfit before it: what is further is not tried with all usual bands
# Times the misfit: so near each other are those of the same frames, by another padding.
MAX_RATIO_OF_ALIKE_MISFITS = 1.02
# A misfit of the best usual band from which no descent has been seen to lead to the right one.
MAX_MISFIT_TO_DESCEND = 0.75
MAX_MISFIT_OF_RIGHT_AXES = 0.6  # a misfit that features taken with the other axis as time have not been seen to have
MAX_PROBE_MISFIT = 0.995  # a misfit of the few bands that frames are compared by; tones leave 0.97 of the right ones


@dataclass(frozen=True, slots=True)
class Guess:
    """Options of spectrum and filters, with what measures their misfit.

    Attributes
    ----------
    misfit : float
    options : FeatureOptions
    descent : Descent
        Of the view below.
    settling : Settling
        The view of the features.
    """

    misfit: float
    options: FeatureOptions
    descent: Descent
    settling: Settling

    def descended(self, effort: Effort) -> Guess:
        """Return what a descent reaches from here."""
        options, misfit = self.descent.run(self.options)
        effort.nearest = min(effort.nearest, misfit)
        return replace(self, options=options, misfit=misfit)


def has_right_axes(guess: Guess) -> bool:
    """Return whether a guess is so near that the other axis is not time."""
    return guess.misfit < MAX_MISFIT_OF_RIGHT_AXES


def have_alike_axes(one: Settling, other: Settling) -> bool:
    """Return whether two views take the same axis for time."""
    return one.seen.time_major == other.seen.time_major


def taken_otherwise(guess: Guess, views: Sequence[Settling], effort: Effort) -> Iterator[Guess]:
    """Yield the same frames for features taken as ``log(1 + x)`` if they were linear, and the other way round.

    The two are nearly the same of faint audio.
    """
    seen = guess.settling.seen
    if seen.cepstral or not (seen.linear or guess.options.log_offset):
        return
    options = nearby(guess.options, {"log_offset": 1.0 if seen.linear else 0.0})
    for view in views:
        alike = view.clip is guess.settling.clip and have_alike_axes(view, guess.settling)
        if alike and options is not None and view.seen.linear != seen.linear and not view.seen.cepstral:
            descent = descent_of(view, effort)
            yield Guess(descent.misfit(options), options, descent, view)


def descent_of(view: Settling, effort: Effort) -> Descent:
    """Return what measures spectra and filters against some frames of a view."""
    number = max(MIN_FRAMES, min(MAX_FRAMES, NUM_VALUES // view.seen.num_features))
    number = number if view.seen.normalized == "no" else NUM_FRAMES_BY_BIN
    return Descent(view.clip, view.seen, view.seen.telling_frames(number), effort)


def _by_kind(guesses: Sequence[Guess]) -> list[list[Guess]]:
    """Put together the guesses that take channels and logarithm in the same way.

    With an offset of 1 under the logarithm, also wrong frames fit half of features that are none of these.
    """
    alike: dict[Any, list[Guess]] = {}
    for guess in guesses:
        kind = guess.settling.clip.audio.channels, guess.options.log_offset
        alike.setdefault(kind, []).append(guess)
    return list(alike.values())


def likely_guesses(
    views: Sequence[Settling],
    rates: Sequence[int],
    effort: Effort,
    *,
    cut: bool,
) -> list[Guess]:
    """Return where some rates may be searched from, the likeliest first.

    A band that is far from that of any config hides which frames are right, so the likeliest are tried with all.
    """
    guesses: list[Guess] = []
    for view in views:
        if any(has_right_axes(guess) and not have_alike_axes(guess.settling, view) for guess in guesses):
            continue
        for rate in rates:
            descent = descent_of(view, effort)
            ranked = starts(len(view.clip.at(rate)), rate, view.seen, descent, cut=cut)
            guesses += [Guess(misfit, options, descent, view) for misfit, options in ranked]
    possible = [guess for guess in guesses if guess.misfit < MAX_PROBE_MISFIT]
    likely = [guess for alike in _by_kind(possible) for guess in _few_of_a_stride(alike, 3)[:MAX_PLACEMENTS]]
    spread = [
        replace(guess, options=options, misfit=misfit)
        for guess in likely
        for options, misfit in guess.descent.with_usual_spectra(guess.options)
    ]
    best = [guess for alike in _by_kind(spread) for guess in _few_of_a_stride(alike, 4)[:MAX_SCANNED]]
    scanned = list(_with_all_bands(best))
    return [guess for guess in _few_of_a_stride(scanned, 2) if guess.misfit < MAX_MISFIT_TO_DESCEND]


def _with_all_bands(guesses: Sequence[Guess]) -> Iterator[Guess]:
    """Yield guesses with the best of all usual bands; without those that are far behind one whose band is right."""
    limit = 1.0
    for guess in sorted(guesses, key=attrgetter("misfit")):
        if guess.misfit > limit:
            return
        found = _with_usual_bands(guess)
        if found.misfit < MAX_MISFIT_OF_RIGHT_BAND:
            limit = min(limit, MAX_RATIO_OF_SCANNED * guess.misfit)
        yield found


def _with_usual_bands(guess: Guess) -> Guess:
    options, misfit = guess.descent.with_usual_bands(guess.options)
    return replace(guess, options=options, misfit=misfit)


def _few_of_a_stride(guesses: Sequence[Guess], most: int) -> list[Guess]:
    """Return the distinct guesses in order, a few of each stride with and without padding."""
    counts: Counter[tuple[Any, ...]] = Counter()
    kept = []
    for guess in _distinct(sorted(guesses, key=attrgetter("misfit"))):
        kind = *frames_of(guess)[:-1], guess.options.padding == "valid"
        counts[kind] += 1
        if counts[kind] <= most:
            kept.append(guess)
    return kept


def _distinct(guesses: Sequence[Guess]) -> list[Guess]:
    """Return one of the guesses that are as good and differ in little more than padding; they are in order.

    Frames that were appended are other ones than those of samples that were.
    """
    distinct: list[Guess] = []
    for guess in guesses:
        alike = (
            other
            for other in distinct
            if guess.misfit <= MAX_RATIO_OF_ALIKE_MISFITS * other.misfit and frames_of(guess) == frames_of(other)
        )
        if next(alike, None) is None:
            distinct.append(guess)
    return distinct


def frames_of(guess: Guess) -> tuple[Any, ...]:
    """Return what tells guesses apart that are not as good as the same; the window last."""
    options, seen = guess.options, guess.settling.seen
    window = options.window_length if options.padding == "valid" else None
    kind = seen.time_major, seen.linear, seen.cepstral, options.log_offset == 0.0, options.num_frames is None
    spectrum = options.mag_exp, options.preemphasis > 0
    return *kind, *spectrum, options.sampling_rate, options.sequence_stride, options.num_samples is None, window
