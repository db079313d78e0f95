"""Signals in pieces, with blocks and chunks so small that a short signal fills several of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from melcli.mel import MelSpectrogram, blocks
from melcli.mel.postprocess import join_chunks, postprocess

__all__ = ["CUTS", "SIZES", "in_pieces", "set_sizes", "streamed"]

CUTS = st.lists(st.integers(0, 250), max_size=8)  # unsorted; may repeat or exceed the end
SIZES = st.tuples(st.integers(1, 20), st.integers(1, 300))  # frames per block, values per chunk


def set_sizes(monkeypatch, block_frames, chunk_values):
    """Set the frames per block, and the values per chunk, which has at least one block."""
    monkeypatch.setattr(blocks, "MIN_BLOCK_FRAMES", block_frames)
    monkeypatch.setattr(blocks, "MAX_BLOCK_FRAMES", block_frames)
    monkeypatch.setattr(blocks, "CHUNK_VALUES", chunk_values)


def in_pieces(signal, cuts):
    """Return the pieces of a signal (some are empty), each with whether it is the last."""
    places = sorted(min(cut, len(signal)) for cut in cuts)
    return [(piece, number == len(cuts)) for number, piece in enumerate(np.split(signal, places))]


def streamed(compute: MelSpectrogram, signal, cuts, chunks=None, **keys):
    """Compute the features of a signal in pieces, with chunks in a list or in ``chunks``."""
    chunks = [] if chunks is None else chunks
    stream = compute.level_stream(chunks, **keys)
    for piece, last in in_pieces(np.asarray(signal, dtype=compute.options.compute_dtype), cuts):
        stream.push(piece, last=last)
    postprocess([chunks], compute.options)
    return join_chunks(chunks, compute.options)
