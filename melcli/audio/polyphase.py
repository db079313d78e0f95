"""A polyphase resampler with a long filter, computed as matrix products.

The reference is ``scipy.signal.resample_poly(signal, up, down, window=kaiser_lowpass(max(up, down)))``; the tests
compare the results, which agree up to rounding.  melcli does not call it for three reasons: importing it takes 0.5 to
1.3 s, it needs the whole signal, and it computes one scalar product at a time.

The filter is a sinc with a Kaiser window, at the rate ``up * source_rate``:

* The lower of the two Nyquist frequencies is 1, ``m = max(up, down)``, and ``w = 0.1``.  The pass band ends at
  ``1 - w``, the stop band begins at 1, and the cutoff is in the middle, at ``1 - w / 2``.
* Kaiser's formulas for ``a = 110`` dB give ``beta = 0.1102 (a - 8.7)`` and a half length of
  ``m (a - 7.95) / (2.285 pi w) / 2``.  That is 71.1 periods of the lower rate on either side: 62,695 taps from 44.1 to
  16 kHz, 287 taps from 16 to 8 kHz.
* Measured for 1:2, 2:1, 147:160, 160:441, 441:160 and 1:6: ripple below 0.0001 dB up to 0.9, stop band at -109.9 dB or
  better.

An output sample is the product of a window of the source, 142 periods of the lower rate long, with every ``up``-th tap.
The phase decides which taps; phases repeat after ``up`` outputs and ``down`` source samples.  About 32 neighboring
outputs have nearly the same window, so their taps are the columns of one matrix.  Columns that need less of the window
contain zeros (a fifth of the matrix from 44.1 to 16 kHz).  The matrix is multiplied by the windows at all places where
these phases repeat: a view of the source with a fixed stride, which BLAS accepts without a copy.

Measured on one thread with AVX-512, SciPy's time divided by melcli's, for ten seconds of float32: 30 from 44.1 or 48 to
16 kHz, 28 from 8 to 16 kHz, 24 from 16 to 44.1 kHz, 7 from 15,999 to 16,000 Hz; for half a second 23, 20, 19, 12 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from melcli.errors import AudioError

__all__ = ["Polyphase", "kaiser_lowpass"]

ATTENUATION_DB = 110.0
TRANSITION = 0.1  # of the lower Nyquist frequency
MAX_PHASES = 16_384  # 2.3 million taps; 44101 to 16000 Hz would take 44101

_DESIGN_TAPS = 16_384  # computed at a time: np.i0 makes many copies, 200 MB for 2.3 million taps
# Columns per matrix.  16 and 64 took as long from 44.1 and 48 to 16 kHz.  At ratios with terms of 16,000, where each
# matrix is used once per second of audio, 16 took 1.7 times as long.
_MATRIX_OUTPUTS = 32
# Samples filtered at a time.  16 rows took 1.1 to 1.2 times as long.  64 rows took 0.9 times as long for long signals,
# but would be mostly zeros for a half-second clip.  If rows are long, there are fewer of them, which limits a slab.
_SLAB_SAMPLES = 2**15
_MIN_ROWS, _MAX_ROWS = 4, 32


class Polyphase:
    """Resample a signal that is passed in blocks; the output does not depend on how it is divided into blocks.

    The last bit of a matrix product depends on the number of rows: for almost any number with OpenBLAS's AVX2 kernels,
    and for a single row with its AVX-512 kernels.  So outputs are computed in slabs of one shape, at positions that do
    not depend on the blocks; the last slab is padded with zeros.  Therefore an output depends only on the source
    samples under its filter.  Memory: a slab, the filter, and the output.

    Parameters
    ----------
    source_rate, target_rate : int
        In Hz.
    num_channels : int
    dtype : "float32" or "float64"
        Type of the blocks and of the computation.

    Raises
    ------
    AudioError
        ``bad_rate``: a ratio whose terms exceed 16384 in lowest terms.
    """

    def __init__(
        self, source_rate: int, target_rate: int, *, num_channels: int, dtype: Literal["float32", "float64"]
    ) -> None:
        common = math.gcd(source_rate, target_rate)
        self._up, self._down = target_rate // common, source_rate // common
        if max(self._up, self._down) > MAX_PHASES:
            raise AudioError(
                "bad_rate",
                f"resampler=polyphase from {source_rate} to {target_rate} Hz is {self._up}:{self._down}, but the limit "
                f"is {MAX_PHASES}; use a soxr resampler",
            )
        self._bank = bank = _design_bank(self._up, self._down, dtype)
        # BLAS does not accept overlapping rows, so each row has at least as many periods as the longest window.
        periods = -(-bank.window // bank.period_in)
        rows = min(max(_SLAB_SAMPLES // (periods * max(bank.period_in, bank.period_out)), _MIN_ROWS), _MAX_ROWS)
        self._slab_in = rows * periods * bank.period_in
        self._slab_shape = (rows, periods, bank.period_out)
        reach = bank.begins[-1] + bank.window
        self._source = np.zeros((num_channels, self._slab_in - bank.period_in + reach), dtype)
        self._filled: int = bank.lead  # zeros before the first sample
        channel_step, step = self._source.strides
        self._windows = np.lib.stride_tricks.as_strided(
            self._source,
            (num_channels, periods, rows, reach),
            (channel_step, bank.period_in * step, periods * bank.period_in * step, step),
            writeable=False,
        )
        self._num_in = 0
        self._num_out = 0

    def __call__(self, block: np.ndarray, last: bool) -> np.ndarray:
        """Add the next block and return the outputs that are ready.

        Parameters
        ----------
        block : np.ndarray [shape=(samples, num_channels)]
            Is copied.
        last : bool
            Whether the signal ends with this block.

        Returns
        -------
        resampled : np.ndarray [shape=(samples, num_channels)]
            Each channel is contiguous.
        """
        self._num_in += len(block)
        slab_out = math.prod(self._slab_shape)
        if last:
            wanted = -(-self._num_in * self._up // self._down) - self._num_out
            num_slabs = -(-wanted // slab_out)
        else:
            ahead = self._source.shape[1] - self._slab_in
            num_slabs = max(0, (self._filled + len(block) - ahead) // self._slab_in)
            wanted = num_slabs * slab_out
        num_channels = len(self._source)
        resampled = np.empty((num_channels, num_slabs, *self._slab_shape), self._source.dtype)
        taken = 0
        for slab in range(num_slabs):
            taken += self._append(block[taken:])
            self._filter(resampled[:, slab])
            self._source[:, : -self._slab_in] = self._source[:, self._slab_in :]
            self._filled -= self._slab_in
        self._append(block[taken:])
        self._num_out += wanted
        channels_first = resampled.reshape(num_channels, num_slabs * slab_out)
        given: np.ndarray = channels_first[:, :wanted].T
        return given

    def _append(self, block: np.ndarray) -> int:
        """Append the beginning of a block to the buffer; return the number of samples that fitted."""
        room = self._source[:, self._filled :]
        taken: int = min(len(block), room.shape[1])
        room[:, :taken] = block[:taken].T
        room[:, taken:] = 0  # only the last slabs are filtered before the buffer is full
        self._filled += taken
        return taken

    def _filter(self, slab: np.ndarray) -> None:
        """Compute a slab, ``(channels, rows, periods, period_out)``; each BLAS call has the same shape."""
        outputs = slab.swapaxes(1, 2)
        begin_out = 0
        for begin, matrix in zip(self._bank.begins, self._bank.matrices, strict=True):
            end_out = begin_out + matrix.shape[1]
            windows = self._windows[..., begin : begin + self._bank.window]
            np.matmul(windows, matrix, out=outputs[..., begin_out:end_out])
            begin_out = end_out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bank:
    """All phases of a filter, as matrices.

    Attributes
    ----------
    matrices : tuple of np.ndarray [shape=(window, outputs)]
        Consecutive outputs; read-only.
    begins : tuple of int
        Start of each matrix's window, relative to the first; ascending.
    window : int
        Length of a window, in source samples.
    lead : int
        Samples of the first window before the first output's own sample.
    period_in, period_out : int
        All matrices together compute ``period_out`` outputs; they repeat ``period_in`` source samples later.
    """

    matrices: tuple[np.ndarray, ...]
    begins: tuple[int, ...]
    window: int
    lead: int
    period_in: int
    period_out: int


@lru_cache(maxsize=4)  # a corpus has few rates; a bank takes 6 ms for 44.1 to 16 kHz, and at most 22 MB in float32
def _design_bank(up: int, down: int, dtype: str) -> _Bank:
    taps = kaiser_lowpass(max(up, down)) * up
    half = len(taps) // 2
    periods = max(1, _MATRIX_OUTPUTS // up)
    num_matrices = -(-up // _MATRIX_OUTPUTS)
    edges = [matrix * periods * up // num_matrices for matrix in range(num_matrices + 1)]
    begins = [-((half - edge * down) // up) for edge in edges[:-1]]
    window = max(((end - 1) * down + half) // up + 1 - begin for begin, end in zip(begins, edges[1:], strict=True))
    matrices = []
    for begin, first, end in zip(begins, edges[:-1], edges[1:], strict=True):
        matrix = np.zeros((window, end - first), dtype)
        for column, output in enumerate(range(first, end)):
            # Source sample s is multiplied by tap output * down + half - s * up.
            newest, phase = divmod(output * down + half, up)
            column_taps = taps[phase::up][::-1]
            stop = newest + 1 - begin
            matrix[stop - len(column_taps) : stop, column] = column_taps
        matrix.setflags(write=False)
        matrices.append(matrix)
    return _Bank(
        matrices=tuple(matrices),
        begins=tuple(begin - begins[0] for begin in begins),
        window=window,
        lead=-begins[0],
        period_in=periods * down,
        period_out=periods * up,
    )


def kaiser_lowpass(m: int) -> np.ndarray:
    """Design the lowpass filter of the polyphase resampler.

    Parameters
    ----------
    m : int
        The larger term of the ratio, in lowest terms.

    Returns
    -------
    taps : np.ndarray [shape=(odd,)], float64
        Symmetric, with sum 1.
    """
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    half = math.ceil((ATTENUATION_DB - 7.95) / (2.285 * math.pi * TRANSITION) / 2 * m)
    cutoff = (1 - TRANSITION / 2) / m
    taps = np.empty(2 * half + 1)
    for start in range(0, half + 1, _DESIGN_TAPS):
        after = np.arange(start, min(start + _DESIGN_TAPS, half + 1))
        taps[half + after] = np.sinc(cutoff * after) * np.i0(beta * np.sqrt(1 - (after / half) ** 2))
    taps[:half] = taps[:half:-1]
    taps /= taps.sum()
    return taps
