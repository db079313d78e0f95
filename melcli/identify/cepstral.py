"""Logarithm, lifter and energy of cepstral coefficients, computed from them and their mels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from melcli.identify.observation import Observation
from melcli.identify.residual import affine_fit
from melcli.mel.cepstra import lifter
from melcli.mel.log_compression import UNITS_PER_NEPER
from melcli.mel.options import FeatureOptions

__all__ = ["cepstral_keys"]

INPUT_SCALES = (1.0, 32_768.0)
LIFTERS = (0.0, 22.0)
MAX_FACTOR_ERROR = 0.02  # how near the fitted factors are to those of a logarithm, a norm and a lifter, relative
UNREACHED_POWER = 1e-30


def cepstral_keys(
    seen: Observation, mel: np.ndarray, options: FeatureOptions, known: Iterable[FeatureOptions]
) -> Iterator[dict[str, Any]]:
    """Yield what may have come after the filters, as keys of a config.

    Parameters
    ----------
    seen : Observation
        Cepstral.
    mel : np.ndarray [shape=(frames, mels)]
        Linear mels by ``options`` at full scale 1.
    options : FeatureOptions
        How ``mel`` was made.
    known : iterable of FeatureOptions
        The named configs, whose floors are usual ones.
    """
    frames = seen.telling_frames(seen.num_frames)
    frames = frames[frames < len(mel)]
    factor, _, _ = affine_fit(np.maximum(mel[frames] + options.log_offset, options.min_power), seen.of(frames))
    floors = {(0.0, 1e-10, 80.0), (1e-6, UNREACHED_POWER, None), (0.0, UNREACHED_POWER, None)}
    floors |= {(o.log_offset, o.min_power, o.top_db) for o in known if o.num_ceps is not None}
    for logarithm, norm, q in _likely(factor, options.num_mel_bins):
        for scale, energy, floor in product(INPUT_SCALES, (False, True), sorted(floors, key=repr)):
            offset, min_power, top_db = floor
            yield {
                "power_to_db": logarithm == "db",
                "log": None if logarithm == "db" else logarithm,
                "num_ceps": seen.num_features,
                "cepstral_norm": norm,
                "cepstral_lifter": q,
                "use_energy": energy,
                "input_scale": scale,
                "log_offset": offset,
                "min_power": min_power,
                "top_db": top_db,
            }


def _likely(factor: np.ndarray, num_mel_bins: int) -> Iterator[tuple[str, str, float]]:
    """Yield logarithm, norm and lifter, the nearest first; all that are about as near as the nearest."""
    ranked = sorted(
        (_misfit(factor, UNITS_PER_NEPER[log], norm, q, num_mel_bins), log, norm, q)
        for log, norm, q in product(UNITS_PER_NEPER, ("ortho", "none"), LIFTERS)
    )
    nearest = ranked[0][0]
    yield from ((log, norm, q) for misfit, log, norm, q in ranked if misfit <= nearest + MAX_FACTOR_ERROR)


def _misfit(factor: np.ndarray, unit: float, norm: str, q: float, num_mel_bins: int) -> float:
    expected = unit * (lifter(len(factor), q) if q else np.ones(len(factor)))
    if norm == "none":
        expected = expected * math.sqrt(2 * num_mel_bins)
    return float(np.median(np.abs(factor[1:] / expected[1:] - 1)))
