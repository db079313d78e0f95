"""Warm up a worker at import: load everything that its first call needs.

The stages import scipy and soxr late, where they use them; a tiny signal makes them do so.  A larger product makes
OpenBLAS allocate its buffer now: where the limits of the process do not allow it, it ends the process, and no input
may be blamed for that (observed with ``ulimit -v 300000`` and ``ulimit -d 130000``).
"""

from __future__ import annotations

import numpy as np

from melcli.audio.resample import Resampler
from melcli.mel.fft import use_compiled_fft
from melcli.mel.spectrogram import MelSpectrogram
from melcli.run import process_batch as process_batch  # what the workers do, and all that it imports

__all__: list[str] = []

BLAS_SIZE = 128  # rows and columns; small products need no buffer

use_compiled_fft()
MelSpectrogram(fft_length=16, num_mel_bins=2)(np.zeros(16, dtype=np.float32))
Resampler(16_000, 8_000, num_channels=1, method="soxr_hq", dtype="float32")(np.zeros((16, 1), np.float32), last=True)

_square = np.ones((BLAS_SIZE, BLAS_SIZE), dtype=np.float32)
_square @ _square
