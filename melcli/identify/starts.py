"""Guesses to start from: where the frames may stand, with the spectrum of a named config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from melcli.identify.descent import Descent
from melcli.identify.observation import Observation
from melcli.identify.shapes import Placement, is_plain, placements
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["starts"]

# Named configs that between them have most spectra and filters; from any of them the search reaches its neighbours.
STARTS = ("keras", "librosa", "torchaudio", "kaldi_80", "whisper", "nemo", "speechbrain", "hifigan", "vggish", "panns")
SHAPING = (
    *("fft_length", "sequence_length", "window", "window_periodic", "mag_exp", "min_freq"),
    *("mel_scale", "mel_norm", "mel_triangles", "preemphasis", "preemphasis_mode", "remove_dc_offset"),
)
ODD = 1.3  # what the misfit of a stride that nobody chooses is multiplied by


def starts(
    num_samples: int, sampling_rate: int, seen: Observation, descent: Descent, known: Mapping[str, FeatureOptions]
) -> Iterator[tuple[float, FeatureOptions]]:
    """Yield a guess for every placement that the shape allows, with its misfit; not in order.

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
    """
    shapes = [known[config] for config in STARTS if config in known]
    for placement in placements(num_samples, sampling_rate, seen.num_frames, seen.num_live_frames):
        adapted = [guess for shape in shapes if (guess := _adapted(shape, placement, seen)) is not None]
        if adapted:
            best = min(adapted, key=descent.misfit)
            odd = 1.0 if is_plain(placement.sequence_stride, sampling_rate) else ODD
            yield descent.misfit(best) * odd, best


def _adapted(shape: FeatureOptions, placement: Placement, seen: Observation) -> FeatureOptions | None:
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
        num_mel_bins=seen.num_features,
        power_to_db=False,
        top_db=None,
        time_major=seen.time_major,
    )
