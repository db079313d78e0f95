"""Initial guesses: positions of frames, with the spectrum of a named config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from melcli.identify.descent import Descent
from melcli.identify.observation import Observation
from melcli.identify.shapes import Placement, is_plain, placements
from melcli.identify.variations import nearby
from melcli.mel.options import FeatureOptions

__all__ = ["starts"]

# Named configs that between them have most spectra and filters; from any of them the search reaches its neighbors.
STARTS = ("keras", "librosa", "torchaudio", "kaldi_80", "whisper", "nemo", "speechbrain", "hifigan", "vggish", "panns")
PROBES = ("librosa", "kaldi_80")  # the first for any placement, both for the likeliest, all the others for the best
PROBED_AGAIN = (
    3  # times as many placements as are yielded, with more bands and offsets: a band that is far off hides one
)
PROBE_UPPERS_HZ = (4000.0, 8000.0)
SHAPING = (
    *("fft_length", "sequence_length", "window", "window_periodic", "mag_exp", "min_freq"),
    *("mel_scale", "mel_norm", "mel_triangles", "preemphasis", "preemphasis_mode", "remove_dc_offset"),
)
CEPSTRAL_MELS = 40  # to begin with, since the shape of cepstra does not tell
OFFSETS = (0.0, 1.0)  # under the logarithm; beside 1, the levels of samples from -1 to 1 are hardly logarithms any more
PLAIN = FeatureOptions()
ODD = 1.3  # what the misfit of a stride that nobody chooses is multiplied by


def starts(
    num_samples: int,
    sampling_rate: int,
    seen: Observation,
    descent: Descent,
    known: Mapping[str, FeatureOptions],
    most: int,
    *,
    cut: bool = False,
) -> Iterator[tuple[float, FeatureOptions]]:
    """Yield a guess for every placement that the shape allows and that is not far off, with its misfit; not in order.

    Parameters
    ----------
    num_samples : int
        Of the clip at ``sampling_rate``.
    sampling_rate : int
        Hertz.
    seen : Observation
    descent : Descent
        Which measures the misfit.
    known : Mapping of str to FeatureOptions
        Named configs.
    most : int
        Placements that are yielded at most.
    cut : bool
        See `melcli.identify.shapes.placements`.
    """
    shapes = [known[config] for config in STARTS if config in known]
    probes = [known[config] for config in PROBES if config in known] or shapes[:1]
    allowed = placements(num_samples, sampling_rate, seen.num_frames, seen.num_live_frames, cut=cut)
    probed = sorted((_nearest(probes[:1], placement, seen, descent) for placement in allowed), key=_misfit)
    others = [
        _nearest(probes, placement, seen, descent, OFFSETS, PROBE_UPPERS_HZ)
        for _, placement, _ in probed[: PROBED_AGAIN * most]
    ]
    for misfit, placement, guess in sorted(others, key=_misfit)[:most]:
        if guess is not None:
            odd = 1.0 if is_plain(placement.sequence_stride, sampling_rate) else ODD
            better, _, best = _nearest(shapes, placement, seen, descent, OFFSETS)
            yield (better * odd, best) if best is not None else (misfit * odd, guess)


def _misfit(entry: tuple[float, Placement, FeatureOptions | None]) -> float:
    return entry[0]


def _nearest(
    shapes: Sequence[FeatureOptions],
    placement: Placement,
    seen: Observation,
    descent: Descent,
    offsets: Sequence[float] = OFFSETS[:1],
    uppers_hz: Sequence[float] = (),
) -> tuple[float, Placement, FeatureOptions | None]:
    """Return the nearest of some spectra at a placement, with their own upper edge and others, and its misfit."""
    offsets = OFFSETS[:1] if seen.linear else offsets
    adapted = [
        guess
        for shape, offset in product(shapes, offsets)
        for upper_hz in dict.fromkeys((shape.upper_edge_hz, *uppers_hz))
        if (guess := _adapted(shape, placement, seen, offset, upper_hz)) is not None
    ]
    best = min(adapted, key=descent.misfit, default=None)
    return descent.misfit(best), placement, best


def _adapted(
    shape: FeatureOptions, placement: Placement, seen: Observation, log_offset: float, upper_hz: float
) -> FeatureOptions | None:
    """Return the spectrum of a named config where the frames of these features stand, with linear mels."""
    nyquist = placement.sampling_rate / 2
    shaping = {key: getattr(shape, key) for key in SHAPING}
    if placement.window_length is not None:
        shaping["sequence_length"] = placement.window_length
        shaping["fft_length"] = max(placement.window_length, shape.fft_length)
    keys: dict[str, Any] = {
        **shaping,
        **placement.keys(),
        "max_freq": upper_hz if upper_hz <= nyquist else None,
        "num_mel_bins": max(CEPSTRAL_MELS, seen.num_features) if seen.cepstral else seen.num_features,
        "log_offset": log_offset,
        "power_to_db": False,
        "top_db": None,
        "time_major": seen.time_major,
    }
    return nearby(PLAIN, keys)
