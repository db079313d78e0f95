"""Options that break a rule are refused in one sentence; those that exist are valid."""

import dataclasses
import subprocess
import sys

import pytest

import melcli.mel
from melcli.errors import ConfigError
from melcli.mel.options import FeatureOptions


@pytest.mark.parametrize(
    "keys, key, message",
    [
        ({"fft_length": 1}, "fft_length", "fft_length=1 must lie in [2, 131072]"),
        ({"fft_length": 512.0}, "fft_length", "fft_length=512.0 is float, not int"),
        ({"sequence_stride": 0}, "sequence_stride", "sequence_stride=0 must lie in [1, 16777216]"),
        ({"sequence_length": 0}, "sequence_length", "sequence_length=0 must lie in [1, 131072]"),
        ({"sequence_length": 2049}, "sequence_length", "sequence_length=2049 exceeds fft_length=2048"),
        ({"sampling_rate": 0}, "sampling_rate", "sampling_rate=0 must lie in [1, 768000]"),
        ({"sampling_rate": True}, "sampling_rate", "sampling_rate=True is bool, not int"),
        ({"num_mel_bins": 0}, "num_mel_bins", "num_mel_bins=0 must lie in [1, 4096]"),
        (
            {"window": "blackman"},
            "window",
            "window='blackman' is str, not 'hann' or 'hamming' or a list of float or null",
        ),
        (
            {"window": (1.0, 2.0), "sequence_length": 3},
            "window",
            "window holds 2 numbers, but sequence_length is 3",
        ),
        ({"window": [1.0]}, "window", "window holds 1 numbers, but sequence_length is 2048"),
        (
            {"min_freq": 9000},
            "min_freq",
            "min_freq=9000 must lie in [0, 8000), below int(sampling_rate / 2) at sampling_rate=16000",
        ),
        (
            {"min_freq": -0.5},
            "min_freq",
            "min_freq=-0.5 must lie in [0, 8000), below int(sampling_rate / 2) at sampling_rate=16000",
        ),
        (
            {"min_freq": 5512.0, "sampling_rate": 11_025},
            "min_freq",
            "min_freq=5512 must lie in [0, 5512), below int(sampling_rate / 2) at sampling_rate=11025",
        ),
        ({"max_freq": 20.0}, "min_freq", "min_freq=20 must lie in [0, 20), below max_freq at sampling_rate=16000"),
        ({"max_freq": 0}, "min_freq", "min_freq=20 must lie in [0, 0), below max_freq at sampling_rate=16000"),
        ({"min_freq": float("nan")}, "min_freq", "min_freq=nan must be finite"),
        ({"power_to_db": 1}, "power_to_db", "power_to_db=1 is int, not bool"),
        ({"top_db": -1.0}, "top_db", "top_db=-1 must be 0 or more, or null for no floor"),
        ({"top_db": "80"}, "top_db", "top_db='80' is str, not float or null"),
        ({"mag_exp": 0.0}, "mag_exp", "mag_exp=0 must be above 0"),
        ({"min_power": 0.0}, "min_power", "min_power=0 must lie in [1.17549e-38, 3.40282e+38], as float32 does"),
        ({"min_power": "1e-10"}, "min_power", "min_power='1e-10' is str, not float"),
        ({"ref_power": float("inf")}, "ref_power", "ref_power=inf must be finite"),
        ({"compute_dtype": "float16"}, "compute_dtype", "compute_dtype='float16' is str, not 'float32' or 'float64'"),
    ],
)
def test_a_refusal_names_the_value_and_the_rule(keys, key, message):
    with pytest.raises(ConfigError) as refusal:
        FeatureOptions(**keys)
    assert str(refusal.value) == message
    assert refusal.value.key == key


@pytest.mark.parametrize(
    "keys",
    [
        {"fft_length": 2, "num_mel_bins": 1},
        {"sequence_length": 2048},
        {"min_freq": 0},
        {"max_freq": 20_000.0},
        {"top_db": 0},
        {"top_db": None},
        {"ref_power": -3.0},
        {"ref_power": 0.0},
        {"window": [0, 1], "sequence_length": 2},
    ],
)
def test_what_stands_at_the_edge_of_a_rule_is_taken(keys):
    assert FeatureOptions(**keys)


def test_what_follows_from_the_keys():
    options = FeatureOptions(fft_length=511, sampling_rate=11_025)
    assert (options.window_length, options.num_bins, options.upper_edge_hz) == (511, 256, 5512.0)
    options = FeatureOptions(sequence_length=400, max_freq=7600)
    assert (options.window_length, options.num_bins, options.upper_edge_hz) == (400, 1025, 7600.0)


def test_equal_options_are_one_key_and_cannot_change():
    one, other = (FeatureOptions(window=window, sequence_length=2) for window in ([0, 1], (0.0, 1.0)))
    assert one == other
    assert len({one, other}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.top_db = 3.0


def test_options_load_without_numpy():
    code = "import sys, melcli.mel.options; print(sorted({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_stage_has_the_names_that_it_states():
    assert [getattr(melcli.mel, name).__name__ for name in melcli.mel.__all__] == melcli.mel.__all__
    with pytest.raises(AttributeError, match=r"^module 'melcli\.mel' has no attribute 'Spectrogram'$"):
        _ = melcli.mel.Spectrogram
