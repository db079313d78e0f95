"""Empty filters, against the rows of zeros of the filters; and the FFT that fills them, against all shorter ones."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.mel import empty_filters as module
from melcli.mel.empty_filters import (
    describe_empty_filters,
    empty_filters,
    filters_above_source,
    format_ranges,
)
from melcli.mel.filters import mel_filters
from melcli.mel.options import FeatureOptions
from tests.tiers import examples

# What going to mels and back leaves of an edge that lies on a bin, in filters as narrow as those drawn here.
ROUNDING = 1e-8
KEYS = {"min_freq": 0.0, "sampling_rate": 16_000, "sequence_stride": 160}


def peaks(options):
    return mel_filters(replace(options, compute_dtype="float64", mel_norm=None)).max(axis=1)


@st.composite
def layouts(draw, most_bins=300, most_mels=200):
    """Draw filters; as often as not an edge lies on a bin, and now and then above half the rate."""
    rate, fft_length = draw(st.sampled_from([8000, 11_025, 16_000, 44_100])), draw(st.integers(2, 2 * most_bins))
    bin_hz = rate / 2 / (fft_length // 2)
    edges = st.integers(0, fft_length // 2 + 2).map(lambda number: number * bin_hz) | st.integers(0, rate).map(float)
    low, high = sorted(draw(st.tuples(edges, edges)))
    narrowest = rate / 20  # a range of a rounding, such as 22049.999999999996 to 22050 Hz, is filled by no FFT
    assume(high - low > narrowest)
    return FeatureOptions(
        fft_length=fft_length,
        sampling_rate=rate,
        num_mel_bins=draw(st.integers(1, most_mels)),
        min_freq=low,
        max_freq=draw(st.sampled_from([high, None])) if rate / 2 - low > narrowest else high,
        mel_scale=draw(st.sampled_from(["htk", "slaney"])),
        mel_triangles=draw(st.sampled_from(["mel", "hz", "hz_symmetric"])),
    )


@settings(max_examples=examples(300))
@example(options=FeatureOptions(fft_length=512, num_mel_bins=128, min_freq=125.0))  # bin 4, and not by a rounding more
@given(options=layouts())
def test_are_the_rows_of_zeros(options):
    empty = np.isin(np.arange(options.num_mel_bins), empty_filters(options))
    assert (peaks(options)[empty] <= ROUNDING).all()
    assert (peaks(options)[~empty] > 0).all()


@pytest.mark.few(20)
@pytest.mark.parametrize("name", named_configs())
def test_of_the_named_configs_too(name):
    options = resolve_config(name).features
    assert empty_filters(options) == np.flatnonzero(peaks(options) == 0).tolist()


def test_some_named_configs_have_them():
    empty = {name: empty_filters(resolve_config(name).features) for name in named_configs()}
    assert {name: numbers for name, numbers in empty.items() if numbers} == {
        "ast": [3],
        "beats": [3],
        "gemma4": [0],
        "lasr": [0],
        "torchaudio": [0, 3, 6, 13],
        "torchaudio_db": [0, 3, 6, 13],
    }


# the FFT that fills them


def smallest_fft_length(options):
    """Return the smallest FFT, not below the present one, with a bin under every filter, or None."""
    supports = module._supports(options)
    return None if any(support.is_above_nyquist for support in supports) else module._smallest(supports, options)


@given(options=layouts(most_bins=60, most_mels=30))
def test_no_shorter_fft_fills_them(options):
    found = smallest_fft_length(options)
    if found is None:
        assert max(empty_filters(replace(options, fft_length=2**17))) == options.num_mel_bins - 1
        assert options.upper_edge_hz > options.sampling_rate / 2
        return
    assert found >= options.fft_length
    assert empty_filters(replace(options, fft_length=found)) == []
    for shorter in range(options.fft_length, found):
        assert empty_filters(replace(options, fft_length=shorter)) != []


def test_the_window_may_stay_as_long_as_it_is():
    options = FeatureOptions(fft_length=400, num_mel_bins=128, **KEYS)
    assert smallest_fft_length(options) == 574
    assert peaks(replace(options, fft_length=574, sequence_length=400)).all()
    assert not peaks(replace(options, fft_length=572, sequence_length=400)).all()


def test_where_none_is_empty_the_fft_stays_as_it_is():
    assert smallest_fft_length(FeatureOptions(fft_length=511, num_mel_bins=40)) == 511


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "keys, found",
    [
        ({}, 17_812),
        ({"mel_scale": "slaney", "mel_triangles": "hz"}, 10_936),
        ({"mel_scale": "slaney", "min_freq": 3000.0, "max_freq": 4000.0}, 37_544),  # the slowest that was found
        ({"min_freq": 7990.0}, None),
    ],
)
def test_thousands_of_filters_take_a_moment(keys, found):
    options = FeatureOptions(fft_length=512, num_mel_bins=4096, **keys)
    started_s = time.process_time()
    assert smallest_fft_length(options) == found
    assert time.process_time() - started_s < 2.0  # 0.25 s on a slow core


# sources


@pytest.mark.parametrize(
    "source_rate, keys, unheard",
    [
        (8000, {}, range(98, 128)),
        (8000, {"max_freq": 4000.0}, []),
        (8000, {"max_freq": 4050.0}, []),  # the highest filter still holds something
        (8000, {"max_freq": 4150.0}, [127]),
        (8000, {"max_freq": 9000.0}, range(94, 124)),  # those above 8000 Hz are empty whatever the source
        (15_990, {}, []),
        (16_000, {}, []),
        (16_000, {"max_freq": 9000.0}, []),
        (44_100, {}, []),
    ],
)
def test_filters_that_a_source_does_not_reach(source_rate, keys, unheard):
    options = FeatureOptions(fft_length=2048, num_mel_bins=128, **KEYS, **keys)
    assert filters_above_source(options, source_rate) == list(unheard)


def test_nothing_of_a_source_lies_under_them():
    options = FeatureOptions(fft_length=2**14, num_mel_bins=128, **KEYS)
    bins_heard = np.linspace(0, 8000, options.num_bins) <= 4000
    heard = mel_filters(options)[:, bins_heard].max(axis=1)
    assert filters_above_source(options, 8000) == np.flatnonzero(heard == 0).tolist()


# in words


@pytest.mark.parametrize(
    "numbers, said",
    [
        ([3], "3"),
        ([3, 4], "3 and 4"),
        ([3, 4, 5], "3 to 5"),
        ([0, 2, 5, 6, 7, 9], "0, 2, 5 to 7 and 9"),
        ([0, 2, 4, 6, 8, 10, 12, 14], "0, 2, 4, 6, 8, 10, 12 and 14"),
        ([0, 2, 4, 6, 8, 10, 12, 14, 15, 16], "0, 2, 4, 6, 8, 10, 12 and 14 to 16"),
        (list(range(0, 4096, 2)), "0, 2, 4, 6, 8, 10, 12 and 2,041 more"),
    ],
)
def test_numbers_are_ranges(numbers, said):
    assert format_ranges(numbers) == said


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"fft_length": 2048}, ""),
        (
            {"fft_length": 400},
            "filters 0, 3, 6 and 13 of 128 are empty: no bin is inside them at fft_length=400; fft_length=574 is the "
            "smallest that fills them (sequence_length=400 keeps the window)",
        ),
        (
            {"fft_length": 512, "sequence_length": 400},
            "filter 0 of 128 is empty: no bin is inside it at fft_length=512; fft_length=574 is the smallest that "
            "fills it",
        ),
        (
            {"fft_length": 2048, "max_freq": 8400.0},
            "filter 127 of 128 is empty: it is above 8000 Hz, half of sampling_rate=16000",
        ),
        (
            {"fft_length": 512, "sequence_length": 512, "max_freq": 9000.0},
            "filters 124 to 127 of 128 are empty: they are above 8000 Hz, half of sampling_rate=16000; filter 0 of 128 "
            "is empty: no bin is inside it at fft_length=512; fft_length=550 is the smallest that fills it",
        ),
        (
            {"fft_length": 512, "min_freq": 7999.0},
            "filters 0 to 127 of 128 are empty: no bin is inside them at fft_length=512; no fft_length up to 131072 "
            "fills them",
        ),
    ],
)
def test_a_sentence(keys, said):
    assert describe_empty_filters(FeatureOptions(**{"num_mel_bins": 128, **KEYS, **keys})) == said


def test_no_numpy_is_loaded():
    program = (
        "import sys; from melcli.mel.options import FeatureOptions\n"
        "from melcli.mel.empty_filters import describe_empty_filters\n"
        "print(len(describe_empty_filters(FeatureOptions(fft_length=64))) > 0, 'numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "True False\n"
