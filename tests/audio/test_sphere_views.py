"""NIST SPHERE files as they are found."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.audio.decode import AudioFile
from melcli.errors import AudioError
from tests.audio.sounds import decode
from tests.audio.waves import as_float, noise


def sphere(rate: str, coding: str = "", num_samples: int = 8_000, header_bytes: int = 1024) -> bytes:
    lines = ["NIST_1A", f"{header_bytes:7}", "channel_count -i 1", f"sample_count -i {num_samples}", rate]
    lines += ["sample_n_bytes -i 2", "sample_byte_format -s2 01", "sample_sig_bits -i 16", *filter(None, [coding])]
    return "\n".join([*lines, "end_head", ""]).encode().ljust(header_bytes, b" ")


@pytest.mark.parametrize(
    "rate", ["sample_rate -i 16000", "sample_rate -r 16000.0", "sample_rate -r 16000", "sample_rate -r 16000.000000  "]
)
def test_a_rate_as_an_integer_or_a_real_number(tmp_path, rate):
    samples = noise(8_000)
    (tmp_path / "a.sph").write_bytes(sphere(rate) + samples.tobytes())
    signal, file = decode(tmp_path / "a.sph")
    np.testing.assert_array_equal(signal, as_float(samples))
    assert (file.sampling_rate, file.format, file.flags) == (16_000, "nist/pcm_16", ())


@pytest.mark.parametrize(
    "coding, name",
    [
        ("pcm,embedded-shorten-v2.00", "Shorten"),
        ("pcm,embedded-wavpack-v1.0", "WavPack"),
        ("ulaw,embedded-shorten-v1.09", "Shorten"),
    ],
)
def test_codings_inside_that_are_not_read(tmp_path, coding, name):
    """They have fewer bytes than the header counts; that is no cut."""
    path = tmp_path / "a.sph"
    path.write_bytes(sphere("sample_rate -i 16000", f"sample_coding -s{len(coding)} {coding}") + b"ajkg\2" + bytes(900))
    with pytest.raises(AudioError) as caught:
        AudioFile(str(path))
    assert str(caught.value) == (
        f"unsupported_format: this NIST SPHERE file holds {name}, which melcli does not read; "
        f"convert it: ffmpeg -i {path} {path}.flac"
    )
