"""Steps that need the whole signal or the whole call, applied in chunks of frames.

A chunk has `melcli.mel.blocks.chunk_frames` frames, whether the signal is in memory or on disk.  Sums are computed
chunk by chunk, so both give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

import numpy as np

from melcli.mel.blocks import chunk_frames
from melcli.mel.cepstra import cepstra
from melcli.mel.log_compression import raise_to_top_db, to_levels
from melcli.mel.normalization import fit_frames, standardize
from melcli.mel.options import FeatureOptions

__all__ = ["Chunks", "cut_into_chunks", "postprocess", "join_chunks"]

Chunks = MutableSequence[np.ndarray]


def postprocess(batch: Sequence[Chunks], options: FeatureOptions) -> None:
    """Convert the levels of the signals of one call to features.

    Parameters
    ----------
    batch : sequence of MutableSequence of np.ndarray
        The chunks ``(mels, frames)`` of each signal, with one more row of energies for ``use_energy``.  They are
        modified to ``(features, frames)``, or ``(frames, features)`` with ``time_major``.
    options : FeatureOptions
    """
    if options.logarithm is not None and (options.ref_power == "max" or options.top_db is not None):
        _apply_loudest(batch, options)
    for chunks in batch:
        if options.num_ceps is not None:
            _apply(chunks, lambda chunk: _to_cepstra(chunk, options))
        if options.num_frames is not None:
            _fit(chunks, options.num_frames, chunk_frames(options))
        standardize(chunks, options)
        if options.clip is not None or options.time_major:
            _apply(chunks, lambda chunk: _clip_and_transpose(chunk, options))


def cut_into_chunks(levels: np.ndarray, options: FeatureOptions) -> list[np.ndarray]:
    """Copy levels ``(mels, frames)`` into chunks, as `postprocess` takes them."""
    max_frames = chunk_frames(options)
    return [levels[:, start : start + max_frames].copy() for start in range(0, levels.shape[1], max_frames)]


def join_chunks(chunks: Sequence[np.ndarray], options: FeatureOptions) -> np.ndarray:
    """Join the chunks of one signal along time; a single chunk is not copied."""
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=options.time_axis)


def _apply(chunks: Chunks, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for number in range(len(chunks)):
        chunks[number] = change(chunks[number])


def _apply_loudest(batch: Sequence[Chunks], options: FeatureOptions) -> None:
    mels = slice(options.num_mel_bins)
    loudest = max(chunk[mels].max() for chunks in batch for chunk in chunks)

    def apply(chunk: np.ndarray) -> np.ndarray:
        levels, top = chunk[mels], loudest
        if options.ref_power == "max":
            levels -= loudest
            top = levels.dtype.type(0.0)
        if options.top_db is not None:
            raise_to_top_db(levels, top, options.top_db, options.logarithm or "db")
        return chunk

    for chunks in batch:
        _apply(chunks, apply)


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


def _fit(chunks: Chunks, num_frames: int, max_frames: int) -> None:
    """Remove frames at the end of a signal, or append frames of zeros."""
    empty = chunks[0][:, :0]
    for number, start in enumerate(range(0, num_frames, max_frames)):
        frames = min(max_frames, num_frames - start)
        if number < len(chunks):
            chunks[number] = fit_frames(chunks[number], frames)
        else:
            chunks.append(fit_frames(empty, frames))
    del chunks[-(-num_frames // max_frames) :]


def _clip_and_transpose(chunk: np.ndarray, options: FeatureOptions) -> np.ndarray:
    if options.clip is not None:
        np.clip(chunk, *options.clip, out=chunk)
    return np.ascontiguousarray(chunk.T) if options.time_major else chunk
