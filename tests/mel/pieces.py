"""Signals in pieces, and blocks and chunks so small that a short signal fills several of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from melcli.mel import MelSpectrogram, blocks
from melcli.mel.postprocess import join_chunks, postprocess

__all__ = ["CUTS", "SIZES", "in_pieces", "set_sizes", "streamed"]

CUTS = st.lists(st.integers(0, 250), max_size=8)  # in any order; some may lie at one place, or at the very end
SIZES = st.tuples(st.integers(1, 20), st.integers(1, 300))  # frames of a block, values of a chunk


def set_sizes(monkeypatch, block_frames, chunk_values):
    """Let blocks have so many frames, and chunks as many blocks as hold so many values, but one at least."""
    monkeypatch.setattr(blocks, "MIN_BLOCK_FRAMES", block_frames)
    monkeypatch.setattr(blocks, "MAX_BLOCK_FRAMES", block_frames)
    monkeypatch.setattr(blocks, "CHUNK_VALUES", chunk_values)


def in_pieces(signal, cuts):
    """Return the pieces of a signal, some of them empty, each with whether it is the last."""
    places = sorted(min(cut, len(signal)) for cut in cuts)
    return [(piece, number == len(cuts)) for number, piece in enumerate(np.split(signal, places))]


def streamed(compute: MelSpectrogram, signal, cuts, chunks=None, **keys):
    """Compute the features of a signal that comes in pieces, in chunks of a list or of what is given for one."""
    chunks = [] if chunks is None else chunks
    stream = compute.level_stream(chunks, **keys)
    for piece, last in in_pieces(np.asarray(signal, dtype=compute.options.compute_dtype), cuts):
        stream.push(piece, last=last)
    postprocess([chunks], compute.options)
    return join_chunks(chunks, compute.options)
