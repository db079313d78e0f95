"""Initial guesses: positions of frames, with the spectrum of a Hann window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from melcli.identify.descent import Descent
from melcli.identify.edges import probe_bands
from melcli.identify.observation import Observation
from melcli.identify.shapes import Placement, is_plain, placements
from melcli.identify.variations import nearby
from melcli.mel.options import FeatureOptions

__all__ = ["starts"]

PROBE_FFT_S = 0.064  # a hundred of one stride are near this; of a power of two
CEPSTRAL_MELS = 40  # to begin with, since the shape of cepstra does not tell
OFFSETS = (0.0, 1.0)  # under the logarithm; beside 1, the levels of samples from -1 to 1 are hardly logarithms any more
KALDI_MIN_POWER = 2.0**-53  # Kaldi's, at full scale 1
PLAIN = FeatureOptions()
ODD_STRIDE_FACTOR = 1.3  # what the misfit of a stride that nobody chooses is multiplied by


def starts(
    num_samples: int, sampling_rate: int, seen: Observation, descent: Descent, *, cut: bool = False
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
    cut : bool
        See `melcli.identify.shapes.placements`.
    """
    offsets = OFFSETS[:1] if seen.linear or seen.cepstral else OFFSETS
    for placement in placements(num_samples, sampling_rate, seen.num_frames, seen.num_live_frames, cut=cut):
        probe = _probe(placement, seen)
        if probe is not None:
            odd = 1.0 if is_plain(placement.sequence_stride, sampling_rate) else ODD_STRIDE_FACTOR
            for offset in offsets:
                options, misfit = descent.scan(probe, probe_bands(probe), offset)
                yield misfit * odd, options


def _probe(placement: Placement, seen: Observation) -> FeatureOptions | None:
    """Return a spectrum of medium resolution where the frames of these features stand, with linear mels."""
    rate = placement.sampling_rate
    fft = 2 ** round(math.log2(PROBE_FFT_S * rate))
    keys: dict[str, Any] = {
        **placement.keys(),
        "fft_length": max(fft, placement.window_length or 0),
        "sequence_length": placement.window_length,
        "min_freq": 0.0,
        "mel_triangles": "hz",
        "num_mel_bins": max(CEPSTRAL_MELS, seen.num_features) if seen.cepstral else seen.num_features,
        "power_to_db": False,
        "top_db": None,
        "time_major": seen.time_major,
        "min_power": KALDI_MIN_POWER if seen.cepstral else PLAIN.min_power,
    }
    return nearby(PLAIN, keys)
