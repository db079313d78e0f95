"""What the descent tries."""

from __future__ import annotations

import pytest

from melcli.identify.variations import (
    CEPSTRAL,
    COARSE,
    FINE,
    fft_lengths_of_the_window,
    nearby,
    other_spectra,
    round_edges_near,
    varied,
)
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import KNOWN

OPTIONS = FeatureOptions(fft_length=512, sequence_length=400, sequence_stride=160, num_mel_bins=40)
SEARCHED = (
    *("window", "window_periodic", "sequence_length", "mel_scale", "mel_norm", "mel_triangles", "min_freq"),
    *("mag_exp", "preemphasis", "preemphasis_mode", "remove_dc_offset"),
)


def test_what_is_illegal_is_none() -> None:
    assert varied(OPTIONS, num_mel_bins=80) == FeatureOptions(
        fft_length=512, sequence_length=400, sequence_stride=160, num_mel_bins=80
    )
    assert varied(OPTIONS, sequence_length=513) is None


@pytest.mark.parametrize("group", [*COARSE, *FINE], ids=lambda group: group.__name__)
def test_a_group_has_legal_keys_and_something_new(group: object) -> None:
    tried = [varied(OPTIONS, **keys) for keys in group(OPTIONS)]  # type: ignore[operator]
    assert sum(options is not None for options in tried) > len(tried) / 4
    assert any(options != OPTIONS for options in tried if options is not None)


@pytest.mark.parametrize("group", [*COARSE, *FINE, *CEPSTRAL], ids=lambda group: group.__name__)
def test_what_is_tried_needs_no_check_of_types_and_signs(group: object) -> None:
    for options in (OPTIONS, KNOWN["kaldi_mfcc"], KNOWN["whisper"]):
        for keys in group(options):  # type: ignore[operator]
            assert nearby(options, keys) == varied(options, **keys)


@pytest.mark.parametrize("key", SEARCHED)
def test_what_named_configs_have_is_tried(key: str) -> None:
    configs = [options for options in KNOWN.values() if options.sampling_rate == 16_000]
    tried = {getattr(OPTIONS, key)}
    for group in COARSE:
        tried |= {keys[key] for keys in group(OPTIONS) if key in keys}
    wanted = {getattr(options, key) for options in configs} - {None}
    if key == "sequence_length":
        wanted = {length for length in wanted if length <= OPTIONS.fft_length}
    assert wanted <= tried


def test_an_fft_of_up_to_four_windows_is_tried() -> None:
    options = varied(OPTIONS, fft_length=512, sequence_length=160) or OPTIONS
    assert {"fft_length": 400, "sequence_length": 160} in list(fft_lengths_of_the_window(options))


def test_a_search_stuck_on_magnitudes_or_an_offset_goes_on_without() -> None:
    stuck = varied(OPTIONS, mag_exp=1.0, log_offset=1e-6) or OPTIONS
    assert list(other_spectra(stuck)) == [{"mag_exp": 2.0, "log_offset": 0.0}, {"log_offset": 0.0}]
    assert list(other_spectra(OPTIONS)) == [{"mag_exp": 3.0 - OPTIONS.mag_exp, "log_offset": 0.0}]


def test_edges_near_the_present_ones_are_tried_with_all_filters_and_preemphases() -> None:
    near = list(round_edges_near(varied(OPTIONS, min_freq=18.0, max_freq=3710.0) or OPTIONS))
    wanted = {"min_freq": 20.0, "max_freq": 3700.0, "mel_scale": "htk", "mel_norm": None, "mel_triangles": "mel"}
    assert wanted in near
    edges = {"min_freq": 20.0, "max_freq": 3700.0}
    assert {**edges, "preemphasis": 0.97, "preemphasis_mode": "frame", "remove_dc_offset": True} in near
    assert max(keys["max_freq"] for keys in near) <= 3800
    assert len(near) < 1500
