"""An array as a source: its blocks, flags and refusals.  tests/api/test_features.py has the sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.audio.array_source import BLOCK_SAMPLES, MAX_CHANNELS, ArraySource
from melcli.audio.load import AudioStream
from melcli.audio.options import AudioOptions
from melcli.errors import AudioError, ConfigError
from tests.run.corpus import noise

RATE_HZ = 8000


def read(array: Any, *, dtype: Any = "float32") -> tuple[list[np.ndarray], ArraySource]:
    source = ArraySource(array, RATE_HZ, dtype=dtype)
    return list(source.blocks()), source


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_blocks_are_the_array(dtype: str, channels: int, order: Any) -> None:
    array = np.array(noise(1, seconds=9.0, channels=channels), dtype=np.float32, order=order)
    blocks, source = read(array, dtype=dtype)
    assert np.concatenate(blocks).tobytes() == array.astype(dtype).tobytes(order="C")
    assert all(block.flags.c_contiguous and block.flags.writeable and block.size <= BLOCK_SAMPLES for block in blocks)
    assert (source.num_samples, source.num_channels, source.claimed_samples) == (72_000, channels, 72_000)
    blocks[0][:] = 9
    assert array.max() < 1  # the caller's own


def test_an_array_has_the_flags_of_a_file() -> None:
    assert read(np.zeros(100))[1].flags == ("silent",)
    assert read(np.array([0.0, 1.0, 1.0]))[1].flags == ("clipped",)
    assert read(np.array([0.0, 0.5, 0.5]))[1].flags == ()


@pytest.mark.parametrize("channels", ["mix", "each", 1])
@pytest.mark.parametrize("rate_hz", [8000, 16_000, 11_025])
def test_a_stream_of_it_is_a_stream_of_the_file(channels: Any, rate_hz: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1, seconds=6.0, channels=2), RATE_HZ, subtype="PCM_16")
    samples, _ = soundfile.read(path, dtype="float32")
    options = AudioOptions(channels=channels)

    def signals(source: str | ArraySource) -> bytes:
        with AudioStream(source, options, sampling_rate=rate_hz) as stream:
            blocks = np.concatenate(list(stream.blocks()))
            assert stream.num_samples == len(blocks)
            assert stream.flags == ()
            return blocks.tobytes()

    assert signals(ArraySource(samples, RATE_HZ, dtype="float32")) == signals(str(path))


def test_a_value_that_is_no_number_is_found_before_the_end() -> None:
    array = np.zeros(100_000)
    array[[40_000, 90_000]] = np.nan, np.inf
    source = ArraySource(array, RATE_HZ, dtype="float32")
    taken = []
    with pytest.raises(AudioError, match=r"^nonfinite: 2 of 100,000 values are NaN or infinite, the first at 5.000 s$"):
        taken.extend(source.blocks())
    assert sum(map(len, taken)) == BLOCK_SAMPLES


def test_as_many_channels_as_a_file_can_have() -> None:
    assert read(np.zeros((10, MAX_CHANNELS)))[1].num_channels == MAX_CHANNELS
    with pytest.raises(ConfigError, match="transpose it"):
        read(np.zeros((10, MAX_CHANNELS + 1)))
