"""Options that break a rule are refused in one sentence; those that exist are valid."""

import dataclasses
import re
import subprocess
import sys

import pytest
from hypothesis import given

import melcli.mel
from melcli.errors import ConfigError
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.options import to_plain
from tests.mel.legal_options import legal_options


@pytest.mark.parametrize(
    "keys, key, message",
    [
        ({"num_samples": 3, "pad_end": -3}, "pad_end", "num_samples=3 and pad_end=-3 leave no sample"),
        ({"fft_length": 1}, "fft_length", "fft_length=1 must be in [2, 131072]"),
        ({"fft_length": 512.0}, "fft_length", "fft_length=512.0 must be an integer; write 512"),
        ({"sequence_stride": 0}, "sequence_stride", "sequence_stride=0 must be in [1, 16777216]"),
        ({"sequence_length": 0}, "sequence_length", "sequence_length=0 must be in [1, 131072]"),
        ({"sequence_length": 2049}, "sequence_length", "sequence_length=2049 exceeds fft_length=2048"),
        ({"sampling_rate": 0}, "sampling_rate", "sampling_rate=0 must be in [1, 768000]"),
        ({"sampling_rate": True}, "sampling_rate", "sampling_rate=true must be an integer"),
        ({"num_mel_bins": 0}, "num_mel_bins", "num_mel_bins=0 must be in [1, 4096]"),
        (
            {"window": "kaiser"},
            "window",
            "window='kaiser' must be 'hann', 'hamming', 'povey', 'blackman', a list of numbers or null",
        ),
        (
            {"window": (1.0, 2.0), "sequence_length": 3},
            "window",
            "window holds 2 numbers, but sequence_length is 3",
        ),
        ({"window": [1.0]}, "window", "window holds 1 numbers, but fft_length is 2048"),
        (
            {"min_freq": 9000},
            "min_freq",
            "min_freq=9000 must be in [0, 8000), below int(sampling_rate / 2) at sampling_rate=16000",
        ),
        ({"min_freq": -0.5}, "min_freq", "min_freq=-0.5 must be 0 or more"),
        (
            {"min_freq": 5512.0, "sampling_rate": 11_025},
            "min_freq",
            "min_freq=5512 must be in [0, 5512), below int(sampling_rate / 2) at sampling_rate=11025",
        ),
        ({"max_freq": 20.0}, "max_freq", "max_freq=20 must be above min_freq=20"),
        ({"max_freq": 0}, "max_freq", "max_freq=0 must be above min_freq=20"),
        ({"min_freq": float("nan")}, "min_freq", "min_freq=nan must be finite"),
        ({"power_to_db": 1}, "power_to_db", "power_to_db=1 must be true or false; write true"),
        ({"top_db": -1.0}, "top_db", "top_db=-1 must be 0 or more, or null for no floor"),
        ({"top_db": "80"}, "top_db", "top_db='80' must be a number or null; write 80.0"),
        ({"mag_exp": 0.0}, "mag_exp", "mag_exp=0 must be above 0"),
        (
            {"min_power": 0.0},
            "min_power",
            "min_power=0 must be in [1.17549e-38, 3.40282e+38], the range of compute_dtype=float32",
        ),
        ({"min_power": "1e-10"}, "min_power", "min_power='1e-10' must be a number; write 1e-10"),
        ({"ref_power": float("inf")}, "ref_power", "ref_power=inf must be finite"),
        ({"ref_power": "mean"}, "ref_power", "ref_power='mean' must be 'max' or a number"),
        ({"compute_dtype": "float16"}, "compute_dtype", "compute_dtype='float16' must be 'float32' or 'float64'"),
        (
            {"min_power": 1e-310, "compute_dtype": "float64"},
            "min_power",
            "min_power=1e-310 must be in [2.22507e-308, 1.79769e+308], the range of compute_dtype=float64",
        ),
    ],
)
def test_a_refusal_names_the_value_and_the_rule(keys, key, message):
    with pytest.raises(ConfigError) as refusal:
        FeatureOptions(**keys)
    assert str(refusal.value) == message
    assert refusal.value.key == key


LINEAR = {"power_to_db": False}
PADDINGS = "'center', 'same', 'valid', 'kaldi' or a list of 2 numbers"
STATISTICS = "'bin', 'all', a number or a list of numbers"


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"input_scale": 0}, "input_scale=0 must be above 0"),
        ({"input_scale": -1.0}, "input_scale=-1 must be above 0"),
        ({"num_samples": 0}, "num_samples=0 must be in [1, 268435456]"),
        ({"pad_end": 2**28 + 1}, "pad_end=268435457 must be in [-268435456, 268435456]"),
        ({"pad_end": 1.5}, "pad_end=1.5 must be an integer"),
        ({"preemphasis": -0.1}, "preemphasis=-0.1 must be in [0, 1]"),
        ({"preemphasis": 1.01}, "preemphasis=1.01 must be in [0, 1]"),
        (
            {"preemphasis_mode": "first"},
            "preemphasis_mode='first' must be 'signal', 'signal_valid' or 'frame'",
        ),
        ({"padding": "full"}, f"padding='full' must be {PADDINGS}"),
        ({"padding": [1]}, f"padding=[1] must be {PADDINGS}"),
        ({"padding": [1.5, 0]}, f"padding=[1.5, 0] must be {PADDINGS}"),
        ({"padding": [-1, 0]}, "padding=[-1, 0] must be two numbers in [0, 16777216]"),
        ({"padding": [0, -1]}, "padding=[0, -1] must be two numbers in [0, 16777216]"),
        ({"padding": [0, 2**24 + 1]}, "padding=[0, 16777217] must be two numbers in [0, 16777216]"),
        (
            {"padding": "same", "sequence_stride": 513, "fft_length": 512},
            "padding=same pads by half of fft_length - sequence_stride, so sequence_stride=513 must be 512 or less",
        ),
        ({"pad_mode": "wrap"}, "pad_mode='wrap' must be 'reflect', 'constant' or 'symmetric'"),
        ({"drop_last": 1}, "drop_last=1 must be true or false; write true"),
        ({"remove_dc_offset": "yes"}, "remove_dc_offset='yes' must be true or false; write true"),
        ({"window_periodic": 0}, "window_periodic=0 must be true or false; write false"),
        ({"window": []}, "window holds 0 numbers, but fft_length is 2048"),
        ({"window": [1.0, float("nan")], "sequence_length": 2}, "window=nan must be finite"),
        ({"mag_floor": -1e-10}, "mag_floor=-1e-10 must be 0 or more"),
        ({"mag_eps": -1}, "mag_eps=-1 must be 0 or more"),
        ({"mel_scale": "bark"}, "mel_scale='bark' must be 'htk' or 'slaney'"),
        ({"mel_norm": "area"}, "mel_norm='area' must be 'slaney' or null"),
        ({"mel_norm": 1}, "mel_norm=1 must be 'slaney' or null"),
        ({"mel_triangles": "log"}, "mel_triangles='log' must be 'mel', 'hz' or 'hz_symmetric'"),
        ({"log": "log2", **LINEAR}, "log='log2' must be 'ln', 'log10' or null"),
        ({"log": "ln"}, "log=ln and power_to_db=true are two logarithms; set power_to_db to false"),
        ({"log_offset": -1e-3}, "log_offset=-0.001 must be 0 or more"),
        ({"log_offset": "1e-3"}, "log_offset='1e-3' must be a number; write 0.001"),
        ({"num_frames": 0}, "num_frames=0 must be in [1, 16777216]"),
        ({"mean": "time"}, f"mean='time' must be {STATISTICS}"),
        ({"mean": []}, "mean holds 0 numbers, but num_mel_bins is 128"),
        ({"mean": [1.0, 2.0]}, "mean holds 2 numbers, but num_mel_bins is 128"),
        ({"mean": [1.0, 2.0], "num_ceps": 3}, "mean holds 2 numbers, but num_ceps is 3"),
        ({"mean": float("nan")}, "mean=nan must be finite"),
        ({"std": None}, f"std=null must be {STATISTICS}"),
        ({"std": [1.0], "num_mel_bins": 2}, "std holds 1 numbers, but num_mel_bins is 2"),
        ({"std": [1.0, 2.0], "num_ceps": 1}, "std holds 2 numbers, but num_ceps is 1"),
        ({"std": 0}, "std=0 must be above 0"),
        ({"std": -1.0}, "std=-1 must be above 0"),
        ({"std": 1e-38}, "std=1e-38 must be 1.17549e-38 or more in compute_dtype=float32"),
        ({"std": [1.0, 0.0], "num_mel_bins": 2}, "std=0 must be above 0"),
        ({"std_ddof": 2}, "std_ddof=2 must be 0 or 1"),
        ({"std_ddof": True}, "std_ddof=true must be 0 or 1"),
        ({"std_eps": -1e-9}, "std_eps=-1e-09 must be 0 or more"),
        ({"clip": 3.0}, "clip=3.0 must be a list of 2 numbers or null"),
        ({"clip": [1.0]}, "clip=[1.0] must be a list of 2 numbers or null"),
        ({"clip": [4, -4]}, "clip=[4.0, -4.0] must be a low and a higher limit"),
        ({"clip": [1, 1]}, "clip=[1.0, 1.0] must be a low and a higher limit"),
        ({"clip": [float("-inf"), 0]}, "clip=-inf must be finite"),
        ({"time_major": "true"}, "time_major='true' must be true or false; write true"),
        ({"num_ceps": 0}, "num_ceps=0 must be in [1, 128], up to num_mel_bins"),
        ({"num_ceps": 41, "num_mel_bins": 40}, "num_ceps=41 must be in [1, 40], up to num_mel_bins"),
        ({"num_ceps": 13, **LINEAR}, "num_ceps=13 needs a logarithm; set log, or power_to_db to true"),
        ({"num_ceps": 13.0}, "num_ceps=13.0 must be an integer or null; write 13"),
        ({"cepstral_lifter": -22}, "cepstral_lifter=-22 must be 0 or more"),
        ({"cepstral_norm": "htk"}, "cepstral_norm='htk' must be 'ortho' or 'none'"),
        ({"use_energy": True}, "use_energy=true replaces a cepstral coefficient; set num_ceps"),
    ],
)
def test_a_refusal_of_the_further_keys(keys, message):
    with pytest.raises(ConfigError) as refusal:
        FeatureOptions(**keys)
    assert str(refusal.value) == message
    assert refusal.value.key == re.match(r"\w+", message).group()


@given(options=legal_options())
def test_legal_options_survive_their_plain_form(options):
    once = FeatureOptions(**options)
    assert FeatureOptions(**to_plain(once)) == once


def test_keras_s_keys_come_first_and_ours_last():
    keys = [field.name for field in dataclasses.fields(FeatureOptions)]
    assert len(keys) == 13 + 24 + 4 + 1
    assert tuple(keys[:13]) == KERAS_KEYS
    assert keys[13:15] == ["input_scale", "num_samples"]
    assert keys[36:] == ["time_major", "num_ceps", "cepstral_lifter", "cepstral_norm", "use_energy", "compute_dtype"]


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
        {"ref_power": "max"},
        {"num_samples": 1},
        {"pad_end": -(2**28)},
        {"preemphasis": 0},
        {"preemphasis": 1},
        {"padding": [0, 0]},
        {"padding": "same", "sequence_stride": 512, "fft_length": 512},
        {"mag_floor": 0, "mag_eps": 0, "log_offset": 0, "std_eps": 0, "cepstral_lifter": 0},
        {"log": "ln", "power_to_db": False},
        {"num_frames": 1},
        {"mean": [1] * 128, "std": [1] * 128},
        {"mean": [1, 2], "num_ceps": 2},
        {"std_ddof": 0},
        {"clip": [-1e-9, 0]},
        {"num_ceps": 1, "num_mel_bins": 1},
        {"num_ceps": 13, "log": "log10", "power_to_db": False},
    ],
)
def test_what_stands_at_the_edge_of_a_rule_is_taken(keys):
    assert FeatureOptions(**keys)


def test_what_follows_from_the_keys():
    options = FeatureOptions(fft_length=511, sampling_rate=11_025)
    assert (options.window_length, options.num_bins, options.upper_edge_hz) == (511, 256, 5512.0)
    assert (options.logarithm, options.num_features, options.time_axis) == ("db", 128, 1)
    options = FeatureOptions(sequence_length=400, max_freq=7600)
    assert (options.window_length, options.num_bins, options.upper_edge_hz) == (400, 1025, 7600.0)
    options = FeatureOptions(power_to_db=False, log="ln", num_ceps=13, time_major=True)
    assert (options.logarithm, options.num_features, options.time_axis) == ("ln", 13, 0)
    assert FeatureOptions(power_to_db=False).logarithm is None


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
