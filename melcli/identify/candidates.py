"""Candidate options: named configs, and what the search reaches from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import attrgetter

import numpy as np

from melcli.identify.cepstral import cepstral_keys
from melcli.identify.common_values import MEL_COUNTS
from melcli.identify.descent import MAX_EXACT_MISFIT
from melcli.identify.effort import Effort
from melcli.identify.guesses import (
    Guess,
    frames_of,
    has_right_axes,
    have_alike_axes,
    likely_guesses,
    taken_otherwise,
)
from melcli.identify.levels import level_keys
from melcli.identify.moved_frames import middles_of, moved
from melcli.identify.refine import Settling
from melcli.identify.shapes import PADDINGS
from melcli.identify.variations import near_usual_edges, varied
from melcli.mel.framing import first_sample
from melcli.mel.options import FeatureOptions

__all__ = ["Candidate", "named", "rivals", "searched", "settled_from"]

MAX_DESCENTS = 4  # of the guesses of one step
MAX_MOVES = 2  # to frames of nearly the same stride, one after another
MAX_MISFIT_TO_SKIP = 0.2  # a misfit from which descents with other frames are tried instead
MAX_MISFIT_OF_RIGHT_FRAMES = 0.02  # a misfit that no other rate or stride has been seen to leave
USUAL_NUMS_OF_FEATURES = {*MEL_COUNTS, 16, 36, 48, 50, 96, 100, 160, 192, 200, 229, 256}  # of mels or cepstra
MAX_LEVELLINGS = 3
MAX_RIVALS = 16  # named configs that are compared with the answer
MAX_SETTLED = 2  # of those that nearly fit, if none fits
MAX_MISFIT_OF_CEPSTRA = 0.1  # a misfit that a floor under cepstra may leave
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


def named(settling: Settling, known: Mapping[str, FeatureOptions]) -> Iterator[Candidate]:
    """Yield the named configs that give features of this shape, either axis first and with any number of cepstra."""
    for base, options in known.items():
        num_ceps = None if options.num_ceps is None else settling.seen.num_features
        turned = varied(options, time_major=settling.seen.time_major, num_ceps=num_ceps)
        difference = None if turned is None else settling.difference(turned)
        if turned is not None and difference is not None:
            yield Candidate(turned, settling, difference.relative, base)


def rivals(best: Candidate, known: Mapping[str, FeatureOptions]) -> Iterator[Candidate]:
    """Yield the named configs with frames and mels as many as the features have, for comparison.

    Those with the most keys of the best candidate are compared: the others are further away.
    """
    shape = {key: getattr(best.options, key) for key in SHAPE}
    for base in sorted(known, key=lambda base: _num_differing(known[base], best.options))[:MAX_RIVALS]:
        options = known[base]
        brought = varied(options, **shape) if options.num_ceps is None else None
        difference = None if brought is None else best.settling.difference(brought)
        if brought is not None and difference is not None:
            yield Candidate(brought, best.settling, difference.relative, base)


def _num_differing(one: FeatureOptions, other: FeatureOptions) -> int:
    return sum(getattr(one, key) != getattr(other, key) for key in FeatureOptions.__slots__)


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
    reached: list[Guess] = []
    for guesses in _ranked(views, effort, reached):
        for guess in guesses:
            for found in _descended(guess, views, reached, effort):
                reached.append(found)
                for candidate in _settled(_alike(found, exact), found.settling, known):
                    yield candidate
                    if candidate.relative < exact:
                        return
            if _is_over(effort, reached):
                break
    for found in sorted(reached, key=attrgetter("misfit"))[:MAX_SETTLED]:
        near = [found.options] if found.misfit < MAX_MISFIT_TO_SETTLE else []
        for candidate in _settled(near, found.settling, known):
            yield candidate
            if candidate.relative < exact:
                return


def _descended(guess: Guess, views: Sequence[Settling], reached: Sequence[Guess], effort: Effort) -> Iterator[Guess]:
    """Yield what a descent reaches, and then what others reach from frames of nearly its stride, at all rates.

    What starts from the frames of one that came near is skipped: it ends there too.  ``reached`` has what was yielded.
    """
    if any(found.misfit < MAX_MISFIT_TO_SKIP and _has_frames_of(found, guess) for found in reached):
        return
    best = guess.descended(effort)
    yield best
    for _ in range(MAX_MOVES):
        if effort.spent or best.misfit < MAX_EXACT_MISFIT:
            return
        other = next((one for one in moved(best) if middles_of(one) not in map(middles_of, reached)), None)
        if other is None:
            break
        found = other.descended(effort)
        yield found
        best = min(best, found, key=attrgetter("misfit"))
    if best.misfit < MAX_MISFIT_OF_RIGHT_FRAMES:
        yield from (one.descended(effort) for one in taken_otherwise(best, views, effort))


def _has_frames_of(one: Guess, other: Guess) -> bool:
    return frames_of(one)[:-1] == frames_of(other)[:-1] and one.options.padding == other.options.padding


def _settled(
    many: Iterable[FeatureOptions], settling: Settling, known: Mapping[str, FeatureOptions]
) -> Iterator[Candidate]:
    candidates = (settled_from(options, settling, known) for options in many)
    return (candidate for candidate in candidates if candidate is not None)


def _alike(found: Guess, exact: float) -> Iterator[FeatureOptions]:
    """Yield options to work out at once: those that fit, and cepstra whose floor is all that may be left."""
    if found.misfit <= max(MAX_EXACT_MISFIT, exact):
        yield from _at_all_rates(found.options, found.settling)
    elif found.settling.seen.cepstral and found.misfit < MAX_MISFIT_OF_CEPSTRA:
        yield found.options
        yield from near_usual_edges(found.options)


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


def _ranked(views: Sequence[Settling], effort: Effort, reached: Sequence[Guess]) -> Iterator[list[Guess]]:
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
            guesses = likely_guesses(likely, rates, effort, cut=cut)[:MAX_DESCENTS]
            yield guesses
            if guesses and has_right_axes(guesses[0]):
                likely = [view for view in likely if have_alike_axes(guesses[0].settling, view)]
    unlikely = [view for view in views if view not in usual]
    if unlikely and not _is_over(effort, reached):
        yield likely_guesses(unlikely, [own], effort, cut=False)[:MAX_DESCENTS]


def _with_usual_counts(views: Sequence[Settling]) -> list[Settling]:
    """Return the views with a usual number of mels or cepstra, or all if there are none."""
    usual = [view for view in views if view.seen.num_features in USUAL_NUMS_OF_FEATURES]
    return usual or list(views)


def _is_over(effort: Effort, reached: Sequence[Guess]) -> bool:
    return effort.spent or min((found.misfit for found in reached), default=1.0) < MAX_MISFIT_OF_RIGHT_FRAMES


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
