"""Steps that need the whole signal or the whole call, done in chunks of frames.

A chunk has `melcli.mel.blocks.chunk_frames` frames, whether a signal is in memory or on disk, and sums
are taken chunk by chunk, so both ways give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

import numpy as np

from melcli.mel.blocks import chunk_frames
from melcli.mel.cepstra import cepstra
from melcli.mel.log_compression import raise_to_top_db, to_levels
from melcli.mel.normalization import fit_frames, standardize
from melcli.mel.options import FeatureOptions

__all__ = ["Chunks", "cut_into_chunks", "finish", "join_chunks"]

Chunks = MutableSequence[np.ndarray]


def finish(batch: Sequence[Chunks], options: FeatureOptions) -> None:
    """Turn the levels of the signals of one call into features.

    Parameters
    ----------
    batch : sequence of MutableSequence of np.ndarray
        For each signal its chunks ``(mels, frames)``, with a row of energies below for ``use_energy``; afterwards
        ``(features, frames)``, or ``(frames, features)`` with ``time_major``.  Chunks are written to.
    options : FeatureOptions
    """
    if options.logarithm is not None and (options.ref_power == "max" or options.top_db is not None):
        _relate_to_loudest(batch, options)
    for chunks in batch:
        if options.num_ceps is not None:
            _revise(chunks, lambda chunk: _to_cepstra(chunk, options))
        if options.num_frames is not None:
            _fit(chunks, options.num_frames, chunk_frames(options))
        standardize(chunks, options)
        if options.clip is not None or options.time_major:
            _revise(chunks, lambda chunk: _laid_out(chunk, options))


def cut_into_chunks(levels: np.ndarray, options: FeatureOptions) -> list[np.ndarray]:
    """Cut levels ``(mels, frames)`` into chunks of their own, as `finish` takes them."""
    most = chunk_frames(options)
    return [levels[:, start : start + most].copy() for start in range(0, levels.shape[1], most)]


def join_chunks(chunks: Sequence[np.ndarray], options: FeatureOptions) -> np.ndarray:
    """Join the chunks of one signal along time, without a copy where there is one."""
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=options.time_axis)


def _revise(chunks: Chunks, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for number in range(len(chunks)):
        chunks[number] = change(chunks[number])


def _relate_to_loudest(batch: Sequence[Chunks], options: FeatureOptions) -> None:
    mels = slice(options.num_mel_bins)
    loudest = max(chunk[mels].max() for chunks in batch for chunk in chunks)

    def relate(chunk: np.ndarray) -> np.ndarray:
        levels, top = chunk[mels], loudest
        if options.ref_power == "max":
            levels -= loudest
            top = levels.dtype.type(0.0)
        if options.top_db is not None:
            raise_to_top_db(levels, top, options.top_db, options.logarithm or "db")
        return chunk

    for chunks in batch:
        _revise(chunks, relate)


def _to_cepstra(chunk: np.ndarray, options: FeatureOptions) -> np.ndarray:
    coefficients = cepstra(
        chunk[: options.num_mel_bins],
        options.num_ceps or 0,
        norm=options.cepstral_norm,
        cepstral_lifter=options.cepstral_lifter,
    )
    if options.use_energy and options.logarithm is not None:
        coefficients[0] = chunk[-1]
        to_levels(coefficients[0], options.logarithm, min_power=options.min_power)
    return coefficients


def _fit(chunks: Chunks, num_frames: int, most: int) -> None:
    """Cut the frames of a signal, or append frames of zeros."""
    empty = chunks[0][:, :0]
    for number, start in enumerate(range(0, num_frames, most)):
        frames = min(most, num_frames - start)
        if number < len(chunks):
            chunks[number] = fit_frames(chunks[number], frames)
        else:
            chunks.append(fit_frames(empty, frames))
    del chunks[-(-num_frames // most) :]


def _laid_out(chunk: np.ndarray, options: FeatureOptions) -> np.ndarray:
    if options.clip is not None:
        np.clip(chunk, *options.clip, out=chunk)
    return np.ascontiguousarray(chunk.T) if options.time_major else chunk
