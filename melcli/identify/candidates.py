"""Candidate options: named configs, and what the search reaches from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np

from melcli.identify.cepstral import cepstral_keys
from melcli.identify.common_values import MEL_COUNTS
from melcli.identify.descent import MAX_EXACT_MISFIT, Descent
from melcli.identify.effort import Effort
from melcli.identify.initial_guesses import starts
from melcli.identify.levels import level_keys
from melcli.identify.refine import Settling
from melcli.identify.shapes import PADDINGS
from melcli.identify.variations import varied
from melcli.mel.framing import first_sample
from melcli.mel.options import FeatureOptions

__all__ = ["Candidate", "named", "rivals", "searched", "settled_from"]

NUM_FRAMES, NUM_FRAMES_BY_BIN = 24, 40  # that are compared while spectrum and filters are searched
# Guesses with each offset under the logarithm that are tried with the commonest spectra, and then with all usual bands;
# and those of all guesses that a descent starts from.
MAX_PLACEMENTS, MAX_SCANNED, MAX_DESCENTS = 8, 8, 4
MAX_MISFIT_OF_RIGHT_FRAMES = 0.02  # a misfit that no other rate or stride has been seen to leave
# Times the misfit: so near each other are those of the same frames, by another padding.
MAX_RATIO_OF_ALIKE_MISFITS = 1.02
# A misfit of the best usual band from which no descent has been seen to lead to the right one.
MAX_MISFIT_TO_DESCEND = 0.75
MAX_MISFIT_OF_RIGHT_AXES = 0.6  # a misfit that features taken with the other axis as time have not been seen to have
USUAL_NUMS_OF_FEATURES = {*MEL_COUNTS, 16, 36, 48, 50, 96, 100, 160, 192, 200, 229, 256}  # of mels or cepstra
MAX_PROBE_MISFIT = 0.995  # a misfit of the few bands that frames are compared by; tones leave 0.97 of the right ones
MAX_LEVELLINGS = 3
MAX_SETTLED = 2  # of those that nearly fit, if none fits
MAX_MISFIT_TO_SETTLE = 0.2  # a misfit above it is no explanation
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
        """Return whether all keys are those of the named config."""
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
    for guesses in _ranked(views, effort, reached):
        for guess in guesses:
            found = _descended(guess, effort)
            reached.append(found)
            alike = _at_all_rates(found.options, found.settling) if found.misfit <= max(MAX_EXACT_MISFIT, exact) else ()
            for candidate in _settled(alike, found.settling, known):
                yield candidate
                if candidate.relative < exact:
                    return
            if effort.spent or found.misfit < MAX_MISFIT_OF_RIGHT_FRAMES:
                break
    for found in sorted(reached, key=attrgetter("misfit"))[:MAX_SETTLED]:
        for candidate in _settled(
            [found.options] if found.misfit < MAX_MISFIT_TO_SETTLE else (), found.settling, known
        ):
            yield candidate
            if candidate.relative < exact:
                return


def _descended(guess: _Guess, effort: Effort) -> _Guess:
    options, misfit = guess.descent.run(guess.options)
    effort.nearest = min(effort.nearest, misfit)
    return replace(guess, options=options, misfit=misfit)


def _settled(
    many: Iterable[FeatureOptions], settling: Settling, known: Mapping[str, FeatureOptions]
) -> Iterator[Candidate]:
    candidates = (settled_from(options, settling, known) for options in many)
    return (candidate for candidate in candidates if candidate is not None)


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


def _ranked(views: Sequence[Settling], effort: Effort, reached: Sequence[_Guess]) -> Iterator[list[_Guess]]:
    """Yield where to search from, for as long as nothing came near.

    At the file's own rate, the whole clip and then cut ones; then at other rates; and at last with an unusual number of
    mels.
    """
    if not views:
        return
    own, *others = views[0].clip.rates()
    usual = _with_usual_counts(views)
    likely = usual
    for rates in ([own], others):
        for cut in (False, True):
            if _is_over(effort, reached):
                return
            guesses = _guesses(likely, rates, effort, cut=cut)[:MAX_DESCENTS]
            yield guesses
            if guesses and _has_right_axes(guesses[0]):
                likely = [view for view in likely if _have_alike_axes(guesses[0].settling, view)]
    unlikely = [view for view in views if view not in usual]
    if unlikely and not _is_over(effort, reached):
        yield _guesses(unlikely, [own], effort, cut=False)[:MAX_DESCENTS]


def _is_over(effort: Effort, reached: Sequence[_Guess]) -> bool:
    return effort.spent or min((found.misfit for found in reached), default=1.0) < MAX_MISFIT_OF_RIGHT_FRAMES


def _has_right_axes(guess: _Guess) -> bool:
    return guess.misfit < MAX_MISFIT_OF_RIGHT_AXES


def _have_alike_axes(one: Settling, other: Settling) -> bool:
    return one.seen.time_major == other.seen.time_major


def _by_kind(guesses: Sequence[_Guess]) -> list[list[_Guess]]:
    """Put together the guesses that take channels and logarithm in the same way.

    With an offset of 1 under the logarithm, also wrong frames fit half of features that are none of these.
    """
    alike: dict[Any, list[_Guess]] = {}
    for guess in guesses:
        kind = guess.settling.clip.audio.channels, guess.options.log_offset
        alike.setdefault(kind, []).append(guess)
    return list(alike.values())


def _guesses(
    views: Sequence[Settling],
    rates: Sequence[int],
    effort: Effort,
    *,
    cut: bool,
) -> list[_Guess]:
    """Return where some rates may be searched from, the likeliest first.

    A band that is far from that of any config hides which frames are right, so the likeliest are tried with all.
    """
    guesses: list[_Guess] = []
    for view in views:
        if any(_has_right_axes(guess) and not _have_alike_axes(guess.settling, view) for guess in guesses):
            continue
        for rate in rates:
            number = NUM_FRAMES if view.seen.normalized == "no" else NUM_FRAMES_BY_BIN
            descent = Descent(view.clip, view.seen, view.seen.telling_frames(number), effort)
            ranked = starts(len(view.clip.at(rate)), rate, view.seen, descent, cut=cut)
            guesses += [_Guess(misfit, options, descent, view) for misfit, options in ranked]
    possible = [guess for guess in guesses if guess.misfit < MAX_PROBE_MISFIT]
    likely = [guess for alike in _by_kind(possible) for guess in _few_of_a_stride(alike, 3)[:MAX_PLACEMENTS]]
    spread = [
        replace(guess, options=options, misfit=misfit)
        for guess in likely
        for options, misfit in guess.descent.with_usual_spectra(guess.options)
    ]
    best = [guess for alike in _by_kind(spread) for guess in _few_of_a_stride(alike, 4)[:MAX_SCANNED]]
    scanned = [_with_usual_bands(guess) for guess in best]
    return [guess for guess in _few_of_a_stride(scanned, 2) if guess.misfit < MAX_MISFIT_TO_DESCEND]


def _with_usual_counts(views: Sequence[Settling]) -> list[Settling]:
    """Return the views with a usual number of mels or cepstra, or all if there are none."""
    usual = [view for view in views if view.seen.num_features in USUAL_NUMS_OF_FEATURES]
    return usual or list(views)


def _with_usual_bands(guess: _Guess) -> _Guess:
    options, misfit = guess.descent.with_usual_bands(guess.options)
    return replace(guess, options=options, misfit=misfit)


def _few_of_a_stride(guesses: Sequence[_Guess], most: int) -> list[_Guess]:
    """Return the distinct guesses in order, a few of each stride with and without padding."""
    counts: Counter[tuple[Any, ...]] = Counter()
    kept = []
    for guess in _distinct(sorted(guesses, key=attrgetter("misfit"))):
        kind = *_frames_of(guess)[:-1], guess.options.padding == "valid"
        counts[kind] += 1
        if counts[kind] <= most:
            kept.append(guess)
    return kept


def _distinct(guesses: Sequence[_Guess]) -> list[_Guess]:
    """Return one of the guesses that are as good and differ in little more than padding; they are in order.

    Frames that were appended are other ones than those of samples that were.
    """
    distinct: list[_Guess] = []
    for guess in guesses:
        alike = (
            other
            for other in distinct
            if guess.misfit <= MAX_RATIO_OF_ALIKE_MISFITS * other.misfit and _frames_of(guess) == _frames_of(other)
        )
        if next(alike, None) is None:
            distinct.append(guess)
    return distinct


def _frames_of(guess: _Guess) -> tuple[Any, ...]:
    """Return what tells guesses apart that are not as good as the same; the window last."""
    options, seen = guess.options, guess.settling.seen
    window = options.window_length if options.padding == "valid" else None
    kind = seen.time_major, seen.linear, seen.cepstral, options.log_offset == 0.0, options.num_frames is None
    spectrum = options.mag_exp, options.preemphasis > 0
    return *kind, *spectrum, options.sampling_rate, options.sequence_stride, options.num_samples is None, window


def settled_from(options: FeatureOptions, settling: Settling, known: Mapping[str, FeatureOptions]) -> Candidate | None:
    """Work out what came after the filters, and let the real core decide on the rest.

    Again and again, since frames at the ends that were padded otherwise change every statistic of the whole.
    """
    if settling.seen.cepstral:
        cepstral = {"num_ceps": settling.seen.num_features, "log": "ln"}
        options = varied(options, **cepstral) or options
    options = next((changed for changed in _same_frames(options, settling) if settling.fits(changed)), options)
    norms = (None, "slaney") if settling.seen.normalized != "no" else (options.mel_norm,)  # told by floors alone
    settled = settling.best(_levelled(varied(options, mel_norm=norm), settling, known) for norm in norms)
    for _ in range(MAX_LEVELLINGS):
        if settled is None:
            return None
        settled = settling.settle(settled)
        again = _levelled(settled, settling, known)
        if again is None or again == settled or settling.distance(again) > settling.enough(settling.distance(settled)):
            break
        settled = again
    difference = None if settled is None else settling.difference(settled)
    return None if settled is None or difference is None else Candidate(settled, settling, difference.relative)


def _same_frames(options: FeatureOptions, settling: Settling) -> Iterator[FeatureOptions]:
    """Yield other ways to have the same frames, of which there may be more or fewer at the end."""
    lengths = dict.fromkeys(((options.num_samples, options.num_frames), (None, None), (None, settling.seen.num_frames)))
    paddings = dict.fromkeys((options.padding, *PADDINGS))
    for (num_samples, num_frames), padding, drop_last in product(lengths, paddings, (False, True)):
        keys = {"num_samples": num_samples, "num_frames": num_frames, "padding": padding, "drop_last": drop_last}
        changed = varied(options, **keys)
        if changed is not None and first_sample(changed) == first_sample(options):
            yield changed


def _levelled(
    options: FeatureOptions | None, settling: Settling, known: Mapping[str, FeatureOptions]
) -> FeatureOptions | None:
    """Return the options with the likeliest logarithm, floor and normalization."""
    if options is None:
        return None
    gain = options.input_scale**options.mag_exp
    options = varied(options, input_scale=1.0, log_offset=options.log_offset / gain)
    mels = None if options is None else settling.mels(options)
    if options is None or mels is None:
        return None
    work_out = cepstral_keys if settling.seen.cepstral else level_keys
    levels = work_out(settling.seen, mels.astype(np.float64), options, known.values())
    return settling.best(varied(options, **(NEUTRAL | keys)) for keys in levels)
