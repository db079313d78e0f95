"""Options that may have made the features: named ones, and what the search reaches from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from melcli.identify.descent import FOUND, Descent
from melcli.identify.levels import level_keys
from melcli.identify.settling import Settling
from melcli.identify.starts import starts
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["Candidate", "named", "rivals", "searched"]

NUM_FRAMES = 48  # that are looked at while spectrum and filters are searched
# Of the guesses at a rate so many have their edges moved before they are ranked, and so many of these go on.  At a rate
# that is not the right one most come near, which costs seconds, and none fits.
EDGED, EDGED_AT_OTHER_RATES = 12, 4
DESCENTS, DESCENTS_AT_OTHER_RATES = 3, 1
SAME_FRAMES = 1e-9  # misfits so near each other are those of the same frames, by another padding
MAX_SETTLED = 2  # of those that nearly fit, if none fits
PROMISING = 0.2  # a misfit above it is no explanation
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


def searched(views: Sequence[Settling], known: Mapping[str, FeatureOptions], exact: float) -> Iterator[Candidate]:
    """Search rate by rate, the file's own first, until something fits; what nearly fits is worked out if nothing does.

    Parameters
    ----------
    views : sequence of Settling
        The ways that features and channels may be meant.
    known : Mapping of str to FeatureOptions
        Named configs.
    exact : float
        What rounding leaves, in parts of the range of the features.
    """
    reached: list[_Guess] = []
    for sampling_rate in views[0].clip.rates() if views else ():
        own = sampling_rate == views[0].clip.sampling_rate
        for channels in _by_channels(views):
            guesses = _guesses(channels, sampling_rate, known, EDGED if own else EDGED_AT_OTHER_RATES)
            for guess in guesses[: DESCENTS if own else DESCENTS_AT_OTHER_RATES]:
                options, misfit = guess.descent.run(guess.options)
                found = replace(guess, options=options, misfit=misfit)
                candidate = _settled(found, known) if misfit <= max(FOUND, exact) else None
                if candidate is None:
                    reached.append(found)
                    continue
                yield candidate
                if candidate.relative < exact:
                    return
    for found in sorted(reached, key=attrgetter("misfit"))[:MAX_SETTLED]:
        candidate = _settled(found, known) if found.misfit < PROMISING else None
        if candidate is not None:
            yield candidate


def _by_channels(views: Sequence[Settling]) -> list[list[Settling]]:
    """Put together the views that take the channels in the same way."""
    return [list(group) for _, group in groupby(views, key=lambda view: view.clip.audio.channels)]


def _guesses(
    views: Sequence[Settling], sampling_rate: int, known: Mapping[str, FeatureOptions], edged: int
) -> list[_Guess]:
    """Return where a rate may be searched from, the likeliest first.

    A band that is far from that of any config hides which frames are right, so the likeliest have their edges moved.
    """
    guesses = []
    for view in views:
        descent = Descent(view.clip, view.seen, view.seen.telling_frames(NUM_FRAMES))
        ranked = starts(len(view.clip.at(sampling_rate)), sampling_rate, view.seen, descent, known)
        guesses += [_Guess(misfit, options, descent, view) for misfit, options in ranked]
    likely = _distinct(sorted(guesses, key=attrgetter("misfit")))[:edged]
    moved = [(guess, *guess.descent.edged(guess.options)) for guess in likely]
    ranked_again = [replace(guess, options=options, misfit=misfit) for guess, options, misfit in moved]
    return sorted(ranked_again, key=attrgetter("misfit"))


def _distinct(guesses: Sequence[_Guess]) -> list[_Guess]:
    """Return one of the guesses that differ in padding alone, by the same frames; they are in order."""
    distinct: list[_Guess] = []
    for guess in guesses:
        if not distinct or guess.misfit - distinct[-1].misfit > SAME_FRAMES:
            distinct.append(guess)
    return distinct


def _settled(found: _Guess, known: Mapping[str, FeatureOptions]) -> Candidate | None:
    """Work out what came after the filters, and let the real core decide on the rest."""
    settling = found.settling
    either = (varied(found.options, drop_last=drop_last) for drop_last in (False, True))
    options = next((changed for changed in either if changed is not None and settling.fits(changed)), found.options)
    mels = settling.mels(options)
    if mels is None:
        return None
    levels = level_keys(settling.seen, mels.astype(np.float64), options, known.values())
    best = settling.best(varied(options, **keys) for keys in levels)
    settled = None if best is None else settling.settle(best)
    difference = None if settled is None else settling.difference(settled)
    return None if settled is None or difference is None else Candidate(settled, settling, difference.relative)
