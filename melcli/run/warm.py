"""Goes once through what every worker needs, at import, so that a forkserver pays for it: half a second of imports.

The stages import scipy and soxr late, where they use them; a tiny signal makes them do so.
"""

from __future__ import annotations

import numpy as np

from melcli.audio.resample import Resampler
from melcli.mel.spectrogram import MelSpectrogram
from melcli.run import batch as batch  # what the workers do, and all that it imports

__all__: list[str] = []

MelSpectrogram(fft_length=16, num_mel_bins=2)(np.zeros(16, dtype=np.float32))
Resampler(16_000, 8_000, num_channels=1, method="soxr_hq", dtype="float32")(np.zeros((16, 1), np.float32), last=True)
