"""Compute the tolerance for each value when comparing with the float64 reference.

The promise is 1e-9 for the output of every filter.  After that, a definition may magnify rounding errors: the logarithm
of almost nothing, the root of 0, a sum, a division by a small standard deviation.  So a range replaces every value and
goes through the same steps.  The tolerance is as wide as the definition is ill-conditioned for this signal, and no
wider.
"""

from __future__ import annotations

import numpy as np

from tests.mel import reference

__all__ = ["RELATIVE", "slope_rounding", "tolerance"]

RELATIVE = 1e-9  # of the output of every filter
ROUNDING = 1e-14  # of a sum in float64, as a part of the sizes of what is summed: 100 additions lose 1.1e-14 at worst


def tolerance(signals, /, **keys):
    """Return the tolerance of each feature, in the shape of the features.

    It is infinite if a deviation is only rounding error: then the quotient is arbitrary.
    """
    key = reference.Keys(**keys)
    rows = np.atleast_2d(signals).tolist()
    batch = [reference.frames(reference.signal(row, key), key) for row in rows]
    # Pre-emphasis and removing an offset may each double a sample.
    roundings = [ROUNDING * 4 * key.input_scale * max(map(abs, row)) for row in rows]
    ranges = np.array([mel_ranges(*pair, key) for pair in zip(batch, roundings, strict=True)])
    low, high = level_ranges(ranges[:, 0], ranges[:, 1], key)
    centers, radii = (low + high) / 2, high - low
    if key.unit is not None:
        radii += ROUNDING * 1000  # levels are hundreds at most
    if key.num_ceps is not None:
        energies = np.array([energy_ranges(*pair, key) for pair in zip(batch, roundings, strict=True)])
        centers, radii = cepstra_radii(centers, radii, energies, key)
    radii = normalized_radii(fitted(centers, key.num_frames), fitted(radii, key.num_frames), key)
    if not key.time_major:
        radii = radii.swapaxes(1, 2)
    return radii if np.ndim(signals) == 2 else radii[0]


def mel_ranges(frames, rounding, key):
    """Return the minimum and maximum output of each filter, each (frames, mels)."""
    magnitudes = np.array([reference.magnitudes(frame, key) for frame in frames])
    slack = rounding * key.frame_length * max(1.0, np.abs(reference.window(key)).max())
    least, greatest = (
        np.vectorize(lambda magnitude: reference.bin_value(magnitude, key), otypes=[float])(bound)
        for bound in (np.maximum(0.0, magnitudes - slack), magnitudes + slack)
    )
    bank, slope_slack = np.array(reference.filters(key)), slope_rounding(key)
    low = least @ np.maximum(0.0, bank - slope_slack).T
    high = greatest @ (bank + slope_slack).T
    return (1 - RELATIVE) * low, (1 + RELATIVE) * high


def slope_rounding(key):
    """Return the rounding error of each triangle, (mels, 1): narrow ones at high frequencies have the largest."""
    top = key.sampling_rate // 2 if key.max_freq is None else key.max_freq
    edges = np.linspace(
        reference.mel(key.min_freq, key.mel_scale), reference.mel(top, key.mel_scale), key.num_mel_bins + 2
    )
    edges_hz = np.array([reference.hertz(edge, key.mel_scale) for edge in edges])
    axis = edges if key.mel_triangles == "mel" else edges_hz
    norms = 2 / (edges_hz[2:] - edges_hz[:-2]) if key.mel_norm else np.ones(key.num_mel_bins)
    # HTK's formulas lose digits of numbers that are small compared with 700 Hz and 2595 mels.
    return (ROUNDING * (axis[-1] + 1000.0) / np.diff(axis)[:-1] * norms)[:, np.newaxis]


def level_ranges(low, high, key):
    """Return the minimum and maximum level, each (batch, frames, mels)."""
    if key.unit is None:
        return low, high
    log = np.vectorize(reference.LOGARITHMS[key.unit], otypes=[float])
    low, high = (log(np.maximum(bound + key.log_offset, key.min_power)) for bound in (low, high))
    if key.ref_power == "max":
        low, high = low - high.max(), high - low.max()
    else:
        low, high = (bound - log(max(abs(key.ref_power), key.min_power)) for bound in (low, high))
    if key.top_db is None:
        return low, high
    return tuple(np.maximum(bound, bound.max() - key.top_db / 10 * log(10.0)) for bound in (low, high))


def energy_ranges(frames, rounding, key):
    """Return the minimum and maximum level of the energy of each frame, (frames, 2)."""
    roots = np.sqrt([reference.energy(frame) for frame in frames])
    slack = rounding * np.sqrt(key.frame_length)
    bounds = np.stack([np.maximum(0.0, roots - slack), roots + slack], axis=1) ** 2
    return np.vectorize(reference.LOGARITHMS[key.unit], otypes=[float])(np.maximum(bounds, key.min_power))


def cepstra_radii(centers, radii, energies, key):
    """Return the coefficients and their tolerances, each (batch, frames, ceps)."""
    transform = np.array(
        [np.multiply(reference.lifter(i, key), reference.cosines(i, key)) for i in range(key.num_ceps)]
    )
    centers, radii = centers @ transform.T, radii @ np.abs(transform).T
    if key.use_energy:
        centers[..., 0] = energies.mean(axis=-1)
        radii[..., 0] = np.diff(energies)[..., 0] + RELATIVE
    return centers, radii


def fitted(array, num_frames):
    if num_frames is None:
        return array
    missing = max(0, num_frames - array.shape[1])
    return np.pad(array[:, :num_frames], [(0, 0), (0, missing), (0, 0)])


def normalized_radii(centers, radii, key):
    """Return the tolerance of ``(x - mean) / (std + std_eps)``: both the mean and the divisor vary."""
    axes = {"bin": (1,), "all": (1, 2)}
    shift = radii.mean(axis=axes[key.mean], keepdims=True) if isinstance(key.mean, str) else 0.0
    radii = radii + shift + ROUNDING * np.abs(centers).max()
    if not isinstance(key.std, str):
        return radii / (np.array(key.std) + key.std_eps)
    count = np.prod([radii.shape[axis] for axis in axes[key.std]])
    if count <= key.std_ddof:
        return np.zeros_like(radii)
    deviation = centers.std(axis=axes[key.std], ddof=key.std_ddof, keepdims=True)
    deviation_radius = np.sqrt((radii**2).sum(axis=axes[key.std], keepdims=True) / (count - key.std_ddof))
    divisor = deviation + key.std_eps
    mean = centers.mean(axis=axes[key.mean], keepdims=True) if isinstance(key.mean, str) else np.array(key.mean)
    off = radii * divisor + np.abs(centers - mean) * deviation_radius
    least = divisor - deviation_radius
    return np.divide(off, divisor * least, out=np.full_like(off, np.inf), where=np.broadcast_to(least > 0, off.shape))
