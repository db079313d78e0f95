"""Candidate options: named configs, and what the search reaches from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from operator import attrgetter

import numpy as np

from melcli.identify.cepstral import cepstral_keys
from melcli.identify.descent import FOUND, Descent
from melcli.identify.effort import Effort
from melcli.identify.initial_guesses import starts
from melcli.identify.levels import level_keys
from melcli.identify.refine import Settling
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["Candidate", "named", "rivals", "searched", "settled_from"]

NUM_FRAMES, NUM_FRAMES_BY_BIN = 32, 48  # that are looked at while spectrum and filters are searched
# Of the guesses so many are tried with the commonest edges, at the file's own rate and at all others together; so many
# of these have their edges moved step by step; and so many of these go on.
EDGED, EDGED_AT_OTHER_RATES, MOVED = 12, 8, 4
PLACEMENTS, PLACEMENTS_AT_OTHER_RATES = 12, 2
DESCENTS = 3
WITH_ANY_EDGES = 2
PLACEMENT_IS_RIGHT = 0.02  # a misfit that no other rate or stride has been seen to leave
SAME_FRAMES = 1e-9  # misfits so near each other are those of the same frames, by another padding
SLOPELESS = 0.5  # a misfit from which no moving of edges has been seen to lead to the right ones
NO_EXPLANATION = 0.95  # a misfit that no edges mend
MAX_LEVELLINGS = 3
MAX_SETTLED = 2  # of those that nearly fit, if none fits
PROMISING = 0.2  # a misfit above it is no explanation
# What comes after the filters where no other value is tried.
NEUTRAL = {"ref_power": 1.0, "log_offset": 0.0, "mean": 0.0, "std": 1.0, "std_ddof": 1, "std_eps": 0.0}
# Keys that make the shape.
SHAPE = (
    *("sampling_rate", "sequence_stride", "num_mel_bins", "num_samples", "pad_end", "padding", "drop_last"),
    *("num_frames", "time_major"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Options and how far they are from the features.

    Attributes
    ----------
    options : FeatureOptions
    settling : Settling
        The view of the features that they were held against.
    relative : float
        The 99.9th percentile of the differences, in parts of the range of the features.
    base : str or None
        The named config that they come from.
    """

    options: FeatureOptions
    settling: Settling
    relative: float
    base: str | None = None

    def is_as_named(self, known: Mapping[str, FeatureOptions]) -> bool:
        """Tell whether these are the options of the named config to the last key."""
        return self.base is not None and self.options == known[self.base]


@dataclass(frozen=True, slots=True)
class _Guess:
    """Options of spectrum and filters, with what measures their misfit."""

    misfit: float
    options: FeatureOptions
    descent: Descent
    settling: Settling


def named(settling: Settling, known: Mapping[str, FeatureOptions]) -> Iterator[Candidate]:
    """Yield the named configs that give features of this shape, either axis first and with any number of cepstra."""
    for base, options in known.items():
        num_ceps = None if options.num_ceps is None else settling.seen.num_features
        turned = varied(options, time_major=settling.seen.time_major, num_ceps=num_ceps)
        difference = None if turned is None else settling.difference(turned)
        if turned is not None and difference is not None:
            yield Candidate(turned, settling, difference.relative, base)


def rivals(best: Candidate, known: Mapping[str, FeatureOptions]) -> Iterator[Candidate]:
    """Yield the named configs with frames and mels as many as the features have, for comparison."""
    shape = {key: getattr(best.options, key) for key in SHAPE}
    for base, options in known.items():
        brought = varied(options, **shape) if options.num_ceps is None else None
        difference = None if brought is None else best.settling.difference(brought)
        if brought is not None and difference is not None:
            yield Candidate(brought, best.settling, difference.relative, base)


def searched(
    views: Sequence[Settling], known: Mapping[str, FeatureOptions], exact: float, effort: Effort
) -> Iterator[Candidate]:
    """Search until something fits, at the file's own rate first; what nearly fits is worked out if nothing does.

    Parameters
    ----------
    views : sequence of Settling
        The ways that features and channels may be meant.
    known : Mapping of str to FeatureOptions
        Named configs.
    exact : float
        What rounding leaves, in parts of the range of the features.
    effort : Effort
        How much may be tried.
    """
    reached: list[_Guess] = []
    for guesses in _ranked(views, known, effort, reached):
        for guess in guesses:
            if effort.spent:
                break
            options, misfit = guess.descent.run(guess.options)
            found = replace(guess, options=options, misfit=misfit)
            reached.append(found)
            effort.nearest = min(effort.nearest, misfit)
            for alike in _at_all_rates(found.options, found.settling) if misfit <= max(FOUND, exact) else ():
                candidate = settled_from(alike, found.settling, known)
                if candidate is None:
                    continue
                yield candidate
                if candidate.relative < exact:
                    return
    for found in sorted(reached, key=attrgetter("misfit"))[:MAX_SETTLED]:
        candidate = settled_from(found.options, found.settling, known) if found.misfit < PROMISING else None
        if candidate is not None:
            yield candidate
            if candidate.relative < exact:
                return


def _at_all_rates(options: FeatureOptions, settling: Settling) -> Iterator[FeatureOptions]:
    """Yield options, and the same frames and filters at other rates that the audio may have been read at.

    Twice the rate with twice the FFT has the same spectrum below the filters' upper edge.  Only the numbers of samples
    and the resampler's rounding differ, which a few frames do not tell.
    """
    yield options
    for rate in settling.clip.rates():
        samples = {
            key: getattr(options, key) * rate / options.sampling_rate
            for key in ("fft_length", "sequence_stride", "sequence_length", "num_samples")
            if getattr(options, key) is not None
        }
        whole = {key: round(number) for key, number in samples.items() if number == round(number)}
        if rate == options.sampling_rate or len(whole) < len(samples) or options.upper_edge_hz > rate / 2:
            continue
        changed = varied(options, sampling_rate=rate, max_freq=options.upper_edge_hz, **whole)
        if changed is not None and settling.fits(changed):
            yield changed


def _ranked(
    views: Sequence[Settling], known: Mapping[str, FeatureOptions], effort: Effort, reached: Sequence[_Guess]
) -> Iterator[list[_Guess]]:
    """Yield where to search from, for as long as nothing came near.

    At the file's own rate, the whole clip and then cut ones; with all usual edges, which takes 1,500 trials for each
    guess; and then at other rates.
    """
    if not views:
        return
    own, *others = views[0].clip.rates()
    for rates in ([own], others):
        later: list[_Guess] = []
        for cut in (False, True):
            if _is_over(effort, reached):
                return
            guesses = _guesses(views, rates, known, effort, cut=cut)[:DESCENTS]
            yield [guess for guess in guesses if guess.misfit < SLOPELESS]
            later += [guess for guess in guesses if guess.misfit >= SLOPELESS]
        for guess in sorted(later, key=attrgetter("misfit"))[:WITH_ANY_EDGES]:
            if not _is_over(effort, reached) and guess.misfit < NO_EXPLANATION:
                yield [_reached(guess, guess.descent.with_any_edges)]


def _is_over(effort: Effort, reached: Sequence[_Guess]) -> bool:
    return effort.spent or min((found.misfit for found in reached), default=1.0) < PLACEMENT_IS_RIGHT


def _by_channels(guesses: Sequence[_Guess]) -> list[list[_Guess]]:
    """Put together the guesses that take the channels in the same way."""
    return [list(group) for _, group in groupby(guesses, key=lambda guess: guess.settling.clip.audio.channels)]


def _guesses(
    views: Sequence[Settling],
    rates: Sequence[int],
    known: Mapping[str, FeatureOptions],
    effort: Effort,
    *,
    cut: bool,
) -> list[_Guess]:
    """Return where some rates may be searched from, the likeliest first.

    A band that is far from that of any config hides which frames are right, so the likeliest have their edges moved.
    """
    is_own = rates[0] == views[0].clip.sampling_rate
    edged, most = (EDGED, PLACEMENTS) if is_own else (EDGED_AT_OTHER_RATES, PLACEMENTS_AT_OTHER_RATES)
    guesses: list[_Guess] = []
    for view, rate in product(views, rates):
        if effort.spent:
            break
        number = NUM_FRAMES if view.seen.normalized == "no" else NUM_FRAMES_BY_BIN
        descent = Descent(view.clip, view.seen, view.seen.telling_frames(number), effort)
        ranked = starts(len(view.clip.at(rate)), rate, view.seen, descent, known, most, cut=cut)
        guesses += [_Guess(misfit, options, descent, view) for misfit, options in ranked]
    possible = [guess for guess in guesses if guess.misfit < NO_EXPLANATION]
    likely = [
        guess
        for channels in _by_channels(possible)
        for guess in _distinct(sorted(channels, key=attrgetter("misfit")))[:edged]
    ]
    edged_ones = [_reached(guess, guess.descent.with_usual_edges) for guess in likely]
    edged_ones.sort(key=attrgetter("misfit"))
    moved = [_reached(guess, guess.descent.with_moved_edges) for guess in edged_ones[:MOVED]]
    return sorted([*moved, *edged_ones[MOVED:]], key=attrgetter("misfit"))


def _reached(guess: _Guess, step: Callable[[FeatureOptions], tuple[FeatureOptions, float]]) -> _Guess:
    options, misfit = step(guess.options)
    return replace(guess, options=options, misfit=misfit)


def _distinct(guesses: Sequence[_Guess]) -> list[_Guess]:
    """Return one of the guesses that differ in padding alone, by the same frames; they are in order.

    Frames that were appended are other ones than those of samples that were.
    """
    distinct: list[_Guess] = []
    for guess in guesses:
        alike = (
            other
            for other in distinct
            if guess.misfit - other.misfit <= SAME_FRAMES
            and (guess.options.num_frames is None) == (other.options.num_frames is None)
        )
        if next(alike, None) is None:
            distinct.append(guess)
    return distinct


def settled_from(options: FeatureOptions, settling: Settling, known: Mapping[str, FeatureOptions]) -> Candidate | None:
    """Work out what came after the filters, and let the real core decide on the rest.

    Again and again, since frames at the ends that were padded otherwise change every statistic of the whole.
    """
    if settling.seen.cepstral:
        cepstral = {"num_ceps": settling.seen.num_features, "log": "ln"}
        options = varied(options, **cepstral) or options
    either = [varied(options, drop_last=drop_last) for drop_last in (False, True)]
    options = next((changed for changed in either if changed is not None and settling.fits(changed)), options)
    norms = (None, "slaney") if settling.seen.normalized != "no" else (options.mel_norm,)  # told by floors alone
    settled = settling.best(_levelled(varied(options, mel_norm=norm), settling, known) for norm in norms)
    for _ in range(MAX_LEVELLINGS):
        if settled is None:
            return None
        settled = settling.settle(settled)
        again = _levelled(settled, settling, known)
        if again is None or again == settled or settling.mean(again) > settling.enough(settling.mean(settled)):
            break
        settled = again
    difference = None if settled is None else settling.difference(settled)
    return None if settled is None or difference is None else Candidate(settled, settling, difference.relative)


def _levelled(
    options: FeatureOptions | None, settling: Settling, known: Mapping[str, FeatureOptions]
) -> FeatureOptions | None:
    """Return the options with the likeliest logarithm, floor and normalization."""
    mels = None if options is None else settling.mels(options)
    if options is None or mels is None:
        return None
    work_out = cepstral_keys if settling.seen.cepstral else level_keys
    levels = work_out(settling.seen, mels.astype(np.float64), options, known.values())
    return settling.best(varied(options, **(NEUTRAL | keys)) for keys in levels)
