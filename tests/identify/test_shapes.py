"""Where frames may stand: the truth is always among it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.identify.shapes import WINDOWS_S, is_plain, is_round, placements
from melcli.mel.framing import count_output_frames
from melcli.mel.options import FeatureOptions

RATES_HZ = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
PLAIN_MS = (5.0, 7.5, 8.0, 10.0, 12.5, 16.0, 20.0, 32.0)


@given(
    seconds=st.floats(0.4, 12.0),
    rate_hz=st.sampled_from(RATES_HZ),
    stride_ms=st.sampled_from(PLAIN_MS),
    padding=st.sampled_from(["center", "same", "valid", "kaldi"]),
    window_s=st.sampled_from(WINDOWS_S),
    drop_last=st.booleans(),
)
def test_the_true_placement_is_among_them(
    seconds: float, rate_hz: int, stride_ms: float, padding: Any, window_s: float, drop_last: bool
) -> None:
    stride, window = round(stride_ms * rate_hz / 1000), int(window_s * rate_hz)
    if stride_ms * rate_hz % 1000 or stride > window:
        return
    options = FeatureOptions(
        sampling_rate=rate_hz,
        sequence_stride=stride,
        fft_length=window + window % 2,
        sequence_length=window,
        padding=padding,
        drop_last=drop_last,
    )
    num_samples = int(seconds * rate_hz)
    frames = count_output_frames(num_samples, options)
    if padding == "same" and stride % 2:
        return  # its count hangs from whether the FFT is odd

    found = list(placements(num_samples, rate_hz, frames, frames))

    assert any((one.sequence_stride, one.padding) == (stride, padding) for one in found)
    if padding == "valid":
        assert any((one.sequence_stride, one.window_length) == (stride, window) for one in found)


@pytest.mark.parametrize(
    "keys, live",
    [({"num_samples": 480_000}, 101), ({"pad_end": 160_000}, 101), ({"num_frames": 1024}, 101)],
    ids=["samples", "samples appended", "frames"],
)
def test_a_padded_clip_has_its_length_among_them(keys: dict[str, int], live: int) -> None:
    frames = count_output_frames(16_000, FeatureOptions(fft_length=400, sequence_stride=160, **keys))
    found = [one.keys() for one in placements(16_000, 16_000, frames, live)]
    wanted = {"sampling_rate": 16_000, "sequence_stride": 160, "padding": "center"}
    defaults = {"num_samples": None, "pad_end": 0, "num_frames": None}
    assert {**wanted, **defaults, **keys} in found


def test_without_a_tail_no_length_is_made_up() -> None:
    assert {one.num_frames for one in placements(16_000, 16_000, 101, 101)} == {None}
    assert {one.num_samples for one in placements(16_000, 16_000, 101, 101)} == {None}


@pytest.mark.parametrize("frames", [1, 3, 100_000])
def test_a_shape_that_no_stride_gives_has_none(frames: int) -> None:
    assert list(placements(10, 16_000, frames, frames)) == []


@pytest.mark.full
def test_at_the_highest_rate_every_stride_is_legal() -> None:
    for one in placements(768_000, 768_000, 12, 12):
        assert one.sequence_stride <= 2**16


@pytest.mark.parametrize(
    "stride, plain", [(160, True), (441, True), (256, True), (275, True), (161, False), (997, False)]
)
def test_plain_strides_are_those_that_people_choose(stride: int, plain: bool) -> None:
    assert is_plain(stride, 16_000) is plain


@pytest.mark.parametrize(
    "stride, rate_hz", [(1024, 44_100), (1411, 44_100), (276, 22_050), (200, 16_000), (160, 8_000)]
)
def test_strides_that_most_people_choose_are_round_and_plain(stride: int, rate_hz: int) -> None:
    assert is_round(stride, rate_hz)
    assert is_plain(stride, rate_hz)


@pytest.mark.parametrize("stride, rate_hz", [(1015, 44_100), (1008, 16_000)])
def test_a_plain_stride_need_not_be_round(stride: int, rate_hz: int) -> None:
    assert is_plain(stride, rate_hz)
    assert not is_round(stride, rate_hz)
