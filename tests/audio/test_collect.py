"""Gathering pieces, whatever their number was guessed to be."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.audio import collect
from melcli.audio.collect import Collector


@pytest.mark.few(20)
@pytest.mark.parametrize("expected", [0, 1, 99, 100, 101, 10**15])
@pytest.mark.parametrize("sizes", [[], [100], [0, 100, 0], [40, 60], [1] * 100, [99, 1], [100, 1, 50]])
@pytest.mark.parametrize("num_outputs", [1, 3])
def test_all_of_it_in_order(num_outputs, sizes, expected):
    signal = np.arange(sum(sizes) * num_outputs, dtype="float32").reshape(-1, num_outputs)
    collector = Collector(num_outputs, "float32", expected)
    for piece in np.split(signal, np.cumsum(sizes)[:-1]) if sizes else []:
        collector.add(piece)
    rows = collector.collected()
    np.testing.assert_array_equal(rows, signal.T)
    assert rows.flags.c_contiguous
    assert rows.dtype == np.float32


def test_no_memory_on_the_word_of_a_header(monkeypatch):
    allocated = []
    empty = np.empty
    monkeypatch.setattr(collect.np, "empty", lambda shape, dtype: allocated.append(shape) or empty(shape, dtype))
    collector = Collector(2, "float32", 2**40)
    collector.add(np.ones((10, 2), "float32"))
    assert allocated == [(2, 0), (2, collect.MAX_EXPECTED_SAMPLES // 2)]
