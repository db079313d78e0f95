"""Channels into outputs."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.audio.channels import count_outputs, select_channels
from melcli.errors import AudioError
from tests.messages import names


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_channels", [1, 2, 3, 6])
def test_against_plain_numpy(num_channels, dtype):
    block = np.random.default_rng(0).standard_normal((1000, num_channels)).astype(dtype)
    mix = select_channels(block, "mix")
    np.testing.assert_array_equal(mix, block.mean(axis=1, keepdims=True))
    each = select_channels(block, "each")
    np.testing.assert_array_equal(each, block)
    for channel in range(num_channels):
        one = select_channels(block, channel)
        np.testing.assert_array_equal(one, block[:, [channel]])
        assert one.flags.c_contiguous
    assert mix.dtype == each.dtype == dtype
    assert mix.flags.c_contiguous
    assert mix.shape == (1000, count_outputs(num_channels, "mix")) == (1000, 1)
    assert count_outputs(num_channels, "each") == num_channels


@pytest.mark.parametrize("channel", [2, 100, -1])
def test_a_channel_that_is_not_there(channel):
    with pytest.raises(AudioError) as caught:
        select_channels(np.zeros((5, 2)), channel)
    assert names(caught.value, "unsupported_format", f"channels={channel}", "[0, 2)")
