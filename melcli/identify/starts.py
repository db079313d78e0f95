"""Guesses to start from: where the frames may stand, with the spectrum of a named config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from melcli.identify.descent import Descent
from melcli.identify.observation import Observation
from melcli.identify.shapes import Placement, is_plain, placements
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["starts"]

# Named configs that between them have most spectra and filters; from any of them the search reaches its neighbours.
STARTS = ("keras", "librosa", "torchaudio", "kaldi_80", "whisper", "nemo", "speechbrain", "hifigan", "vggish", "panns")
PROBES = ("librosa", "kaldi_80")  # which any placement is tried with; the likeliest are tried with all the others
MAX_PLACEMENTS = 12
SHAPING = (
    *("fft_length", "sequence_length", "window", "window_periodic", "mag_exp", "min_freq"),
    *("mel_scale", "mel_norm", "mel_triangles", "preemphasis", "preemphasis_mode", "remove_dc_offset"),
)
CEPSTRAL_MELS = 40  # to begin with, since the shape of cepstra does not tell
OFFSETS = (0.0, 1.0)  # under the logarithm; beside 1, the levels of samples from -1 to 1 are hardly logarithms any more
ODD = 1.3  # what the misfit of a stride that nobody chooses is multiplied by


def starts(
    num_samples: int,
    sampling_rate: int,
    seen: Observation,
    descent: Descent,
    known: Mapping[str, FeatureOptions],
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
    cut : bool
        See `melcli.identify.shapes.placements`.
    """
    shapes = [known[config] for config in STARTS if config in known]
    probes = [known[config] for config in PROBES if config in known] or shapes[:1]
    allowed = placements(num_samples, sampling_rate, seen.num_frames, seen.num_live_frames, cut=cut)
    probed = sorted((_nearest(probes, placement, seen, descent) for placement in allowed), key=lambda entry: entry[0])
    for misfit, placement, guess in probed[:MAX_PLACEMENTS]:
        if guess is not None:
            odd = 1.0 if is_plain(placement.sequence_stride, sampling_rate) else ODD
            better, _, best = _nearest(shapes, placement, seen, descent)
            yield (better * odd, best) if best is not None else (misfit * odd, guess)


def _nearest(
    shapes: Sequence[FeatureOptions], placement: Placement, seen: Observation, descent: Descent
) -> tuple[float, Placement, FeatureOptions | None]:
    """Return the nearest of some spectra at a placement, and its misfit."""
    offsets = (0.0,) if seen.linear else OFFSETS
    adapted = [
        guess
        for shape in shapes
        for offset in offsets
        if (guess := _adapted(shape, placement, seen, offset)) is not None
    ]
    best = min(adapted, key=descent.misfit, default=None)
    return descent.misfit(best), placement, best


def _adapted(
    shape: FeatureOptions, placement: Placement, seen: Observation, log_offset: float
) -> FeatureOptions | None:
    """Return the spectrum of a named config where the frames of these features stand, with linear mels."""
    nyquist = placement.sampling_rate / 2
    shaping = {key: getattr(shape, key) for key in SHAPING}
    if placement.window_length is not None:
        shaping["sequence_length"] = placement.window_length
        shaping["fft_length"] = max(placement.window_length, shape.fft_length)
    return varied(
        FeatureOptions(),
        **shaping,
        **placement.keys(),
        max_freq=shape.upper_edge_hz if shape.upper_edge_hz <= nyquist else None,
        num_mel_bins=max(CEPSTRAL_MELS, seen.num_features) if seen.cepstral else seen.num_features,
        log_offset=log_offset,
        power_to_db=False,
        top_db=None,
        time_major=seen.time_major,
    )
