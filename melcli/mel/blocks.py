"""The number of frames that the stages process together, and the buffers for them.

Both sizes depend only on the options, never on the signal. The last bit of products and sums depends on the number of
frames.  A signal must give the same bytes whether it is passed as a whole or in pieces.
"""

from __future__ import annotations

import threading

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["BlockBuffers", "block_frames", "chunk_frames"]

# Samples in the FFTs of a block.  Its windowed samples and spectra, 1 MB each in float32, stay in a core's cache.
# Half as many were 3 to 15 % slower for FFTs of 400 to 2048 samples, twice as many 0 to 3 %, a whole minute 50 %.
BLOCK_SAMPLES = 2**18
MAX_BLOCK_FRAMES = 512
MIN_BLOCK_FRAMES = 16
CHUNK_VALUES = 2**21  # 8 MB in float32: 164 s of 128 mels at 100 frames per second


def block_frames(options: FeatureOptions) -> int:
    """Return the number of frames per block: 512 for FFTs of up to 512 samples, 256 for 1024, 128 for 2048."""
    return max(MIN_BLOCK_FRAMES, min(MAX_BLOCK_FRAMES, BLOCK_SAMPLES // options.fft_length))


def chunk_frames(options: FeatureOptions) -> int:
    """Return the number of frames per chunk, in complete blocks: signals are finished and stored chunk by chunk."""
    block = block_frames(options)
    return max(1, CHUNK_VALUES // options.num_mel_bins // block) * block


class BlockBuffers(threading.local):
    """Buffers for the windowed samples and the spectra of a block, one set per thread.

    Allocating them for each ten-second signal took half the time of the FFT: the system frees pages of that size at
    once and maps them again one by one.
    """

    def __init__(self, options: FeatureOptions) -> None:
        frames = block_frames(options)
        # A frame shorter than the FFT leaves zeros after it, which are never overwritten.
        self.windowed = np.zeros((frames, options.fft_length), dtype=options.compute_dtype)
        self.spectrum = np.empty((frames, options.num_bins), dtype=options.compute_dtype)
