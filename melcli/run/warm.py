"""Warm up a worker at import: load everything that its first call needs.

The stages import SciPy and soxr late; processing a tiny signal loads them.  A larger matrix product makes OpenBLAS
allocate its buffer.  If the limits of the process are too low for the buffer, OpenBLAS ends the process (observed with
``ulimit -v 300000`` and ``ulimit -d 130000``).  This must not happen while an input is in progress.
"""

from __future__ import annotations

import numpy as np

from melcli.audio.resample import Resampler
from melcli.mel.fft import use_compiled_fft
from melcli.mel.spectrogram import MelSpectrogram
from melcli.run import process_batch as process_batch  # the functions that workers call, with their imports

__all__: list[str] = []

BLAS_SIZE = 128  # rows and columns; smaller products need no buffer

use_compiled_fft()
MelSpectrogram(fft_length=16, num_mel_bins=2)(np.zeros(16, dtype=np.float32))
Resampler(16_000, 8_000, num_channels=1, method="soxr_hq", dtype="float32")(np.zeros((16, 1), np.float32), last=True)

_square = np.ones((BLAS_SIZE, BLAS_SIZE), dtype=np.float32)
_square @ _square
