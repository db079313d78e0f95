"""Channel selection: mix, one channel, or each channel as a signal."""

from __future__ import annotations

from typing import Literal

import numpy as np

from melcli.errors import AudioError

__all__ = ["count_outputs", "select_channels"]


def count_outputs(num_channels: int, channels: Literal["mix", "each"] | int) -> int:
    """Tell how many signals a file becomes.

    Parameters
    ----------
    num_channels : int
        Of the file.
    channels : "mix", "each" or int
        See `melcli.audio.options.AudioOptions`.

    Raises
    ------
    AudioError
        The file has no channel of that number.
    """
    if isinstance(channels, int) and not 0 <= channels < num_channels:
        raise AudioError("unsupported_format", f"channels={channels} must lie in [0, {num_channels}) for this file")
    return num_channels if channels == "each" else 1


def select_channels(block: np.ndarray, channels: Literal["mix", "each"] | int) -> np.ndarray:
    """Turn channels into outputs.

    Parameters
    ----------
    block : np.ndarray [shape=(samples, channels)]
    channels : "mix", "each" or int
        The mean of all, all, or one by its number.

    Returns
    -------
    outputs : np.ndarray [shape=(samples, outputs)], dtype of ``block``
        C-contiguous; ``block`` itself where nothing changes.

    Raises
    ------
    AudioError
        The block has no channel of that number.
    """
    num_channels = block.shape[1]
    count_outputs(num_channels, channels)
    if channels == "each" or num_channels == 1:
        return block
    if isinstance(channels, int):
        return np.ascontiguousarray(block[:, channels : channels + 1])
    # Column by column: 4 times as fast as np.mean over the short axis for two channels, and the same numbers.
    total: np.ndarray = block[:, 0] + block[:, 1]
    for channel in range(2, num_channels):
        total += block[:, channel]
    total /= num_channels
    return total.reshape(-1, 1)
