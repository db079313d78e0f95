"""Compare a near fit with features of audio from other resamplers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from melcli.identify.candidates import Candidate, settled_from
from melcli.identify.clip import Clip
from melcli.identify.effort import Effort
from melcli.identify.guesses import descent_of
from melcli.identify.resamplers import EXPRESSIBLE, FOREIGN, Sinc, resample
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["resampled_otherwise"]

MAX_RESAMPLED_RESIDUAL = 0.1  # of the range at the 99.9th percentile: no resampler changes so much
MAX_SHARE_OF_GAIN = 0.25  # what the difference has to fall to for a resampler to be named


def resampled_otherwise(
    best: Candidate, known: Mapping[str, FeatureOptions], exact: float
) -> tuple[Candidate | None, str | None]:
    """Try other resamplers on a candidate at another rate than the file's own.

    Parameters
    ----------
    best : Candidate
    known : Mapping of str to FeatureOptions
        Named configs.
    exact : float
        What rounding leaves, in parts of the range of the features.

    Returns
    -------
    candidate : Candidate or None
        A nearer one, through a resampler that a config can ask for.
    name : str or None
        The resampler that no config can ask for, where only that one explains the features.
    """
    rate = best.options.sampling_rate
    if rate == best.settling.clip.sampling_rate or best.relative > MAX_RESAMPLED_RESIDUAL:
        return None, None
    ways: dict[str, Callable[[Clip], Clip]] = {name: partial(Clip.through, resampler=name) for name in EXPRESSIBLE}
    ways |= {name: partial(_through, sampling_rate=rate, sinc=sinc) for name, sinc in FOREIGN.items()}
    views = {name: best.settling.with_clips(way) for name, way in ways.items()}
    tried = [options for options in _with_round_edges(best.options) if options is not None]
    misfits = {
        (name, options): descent_of(view, Effort()).misfit(options) for name, view in views.items() for options in tried
    }
    nearest, options = min(misfits, key=misfits.__getitem__)
    settled = settled_from(options, views[nearest], known)
    if settled is None or settled.relative > max(exact, MAX_SHARE_OF_GAIN * best.relative):
        return None, None
    if nearest in EXPRESSIBLE:
        return settled, None
    # Its keys come first, though others may be nearer to what soxr gives: those make up for the resampler.
    return Candidate(settled.options, best.settling, np.nextafter(best.relative, 0.0)), nearest


def _with_round_edges(options: FeatureOptions) -> Iterator[FeatureOptions | None]:
    """Yield options, and those with edges at whole hertz: fractions may make up for the resampler."""
    yield options
    yield varied(options, min_freq=float(round(options.min_freq)), max_freq=float(round(options.upper_edge_hz)))


def _through(clip: Clip, sampling_rate: int, sinc: Sinc) -> Clip:
    signal = clip.at(clip.sampling_rate)
    resampled = resample(signal, clip.sampling_rate, sampling_rate, sinc)
    if resampled is None:
        resampled = np.zeros_like(signal)
    return clip.with_signal(sampling_rate, resampled)
