"""Options in words: every key that changes numbers changes the words."""

import pytest

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.explain.steps import in_words
from melcli.mel.options import FeatureOptions
from melcli.options import key_types

LN = {"power_to_db": False, "log": "ln"}
FRAME = {"preemphasis": 0.97, "preemphasis_mode": "frame"}
CEPSTRA = {"num_ceps": 13}

# For every key: a setting, and another one that differs from it in that key alone.
CHANGES = {
    "fft_length": ({"sequence_length": 400}, 512),
    "sequence_stride": ({}, 160),
    "sequence_length": ({}, 400),
    "window": ({}, "povey"),
    "sampling_rate": ({}, 22050),
    "num_mel_bins": ({}, 80),
    "min_freq": ({}, 0.0),
    "max_freq": ({}, 7600.0),
    "power_to_db": ({}, False),
    "top_db": ({}, None),
    "mag_exp": ({}, 1.5),
    "min_power": ({}, 1e-5),
    "ref_power": ({}, "max"),
    "input_scale": ({}, 32768.0),
    "num_samples": ({}, 480_000),
    "pad_end": ({}, -1),
    "preemphasis": ({}, 0.97),
    "preemphasis_mode": ({"preemphasis": 0.97}, "signal_valid"),
    "padding": ({}, "same"),
    "pad_mode": ({}, "constant"),
    "drop_last": ({}, True),
    "remove_dc_offset": ({}, True),
    "window_periodic": ({}, False),
    "mag_floor": ({}, 1e-10),
    "mag_eps": ({}, 1e-9),
    "mel_scale": ({}, "slaney"),
    "mel_norm": ({}, "slaney"),
    "mel_triangles": ({}, "hz"),
    "log": ({"power_to_db": False}, "log10"),
    "log_offset": ({}, 0.01),
    "num_frames": ({}, 1024),
    "mean": ({}, "bin"),
    "std": ({}, "all"),
    "std_ddof": ({"std": "bin"}, 0),
    "std_eps": ({}, 1e-5),
    "clip": ({}, (-4.0, 4.0)),
    "time_major": ({}, True),
    "num_ceps": ({}, 13),
    "cepstral_lifter": (CEPSTRA, 22.0),
    "cepstral_norm": (CEPSTRA, "none"),
    "use_energy": (CEPSTRA, True),
}


def test_every_key_has_a_change_here():
    assert [*CHANGES, "compute_dtype"] == list(key_types(FeatureOptions))


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_is_told(key):
    setting, value = CHANGES[key]
    assert in_words(FeatureOptions(**setting)) != in_words(FeatureOptions(**{**setting, key: value}))


@pytest.mark.parametrize(
    "options, stage, said",
    [
        ({}, "signal", "16000 Hz"),
        (
            {"input_scale": 32768.0, "preemphasis": 0.97},
            "signal",
            "16000 Hz, samples times 32768, pre-emphasis 0.97 on ",
        ),
        ({"num_samples": 480_000}, "signal", "cut or filled with zeros to 480000 samples (30 s)"),
        ({"pad_end": 160}, "signal", "zeros appended: 160"),
        ({"pad_end": -1}, "signal", "last samples cut: 1"),
        (
            {},
            "frames",
            "Hann windows of 2048 samples (128 ms), every 512 samples (32 ms), frame t centered on sample 512 t",
        ),
        ({"sequence_length": 400, "fft_length": 512}, "frames", "of 400 samples (25 ms), FFT of 512, every 512"),
        ({"window": None, "sequence_length": 400}, "frames", "rectangles of 2048 samples (128 ms), every"),
        (
            {"window": None, "sequence_length": 400, "padding": "valid"},
            "frames",
            "rectangles of 400 samples (25 ms), FFT",
        ),
        ({"window": (1.0,) * 2048}, "frames", "windows of their own numbers of 2048 samples"),
        ({"window_periodic": False, "window": "hamming"}, "frames", "symmetric Hamming windows"),
        ({"padding": "same"}, "frames", "768 samples added on both sides, ends mirrored"),
        (
            {"padding": "kaldi", "pad_mode": "symmetric"},
            "frames",
            "centered on sample 512 t + 256, ends mirrored with the",
        ),
        (
            {"padding": (160, 0), "pad_mode": "constant"},
            "frames",
            "160 samples added before and 0 behind, zeros beyond",
        ),
        ({"padding": "valid"}, "frames", "every 512 samples (32 ms), whole frames only"),
        (
            {**FRAME, "remove_dc_offset": True},
            "frames",
            "the mean of each subtracted, pre-emphasis 0.97 inside each frame",
        ),
        ({}, "mels", "128 htk mels (slopes straight in mels, peaks of 1) from 20 to 8000 Hz of powers"),
        ({"sampling_rate": 11025}, "mels", "from 20 to 5512 Hz"),
        ({"mag_exp": 1.0, "mag_eps": 1e-9}, "mels", "of magnitudes, 1e-9 added to the squares"),
        ({"mag_floor": 1e-10}, "mels", "of powers, squares of at least 1e-10"),
        ({}, "levels", "10 log10(max(x, 1e-10)), no more than 80 dB below the loudest"),
        ({**LN, "log_offset": 2.0**-24, "top_db": None}, "levels", "ln(max(x + 5.960464477539063e-8, 1e-10))"),
        ({"power_to_db": False}, "levels", "linear"),
        ({"ref_power": "max"}, "levels", "0 is the loudest"),
        ({"ref_power": 0.25}, "levels", "0 is 0.25"),
        ({"ref_power": -1e-12}, "levels", "0 is 1e-10"),
        ({"num_ceps": 13}, "levels", "13 coefficients of their orthonormal cosine transform"),
        ({"mean": -4.0, "std": 4.0}, "result", "(x + 4) / 4, (mels, time)"),
        ({"mean": 2.0}, "result", "(x - 2), (mels, time)"),
        ({"std": 2.0, "std_eps": 0.5}, "result", "x / 2.5, (mels, time)"),
        ({"mean": "bin", "std": "bin", "std_eps": 1e-5}, "result", "(x - mean of each over time) / (deviation of each"),
        ({"mean": "all", "std": (2.0,) * 128}, "result", "(x - mean of all) / deviation as listed"),
        ({"mean": (2.0,) * 128}, "result", "(x - mean as listed), (mels, time)"),
        ({"num_frames": 1024, "time_major": True}, "result", "cut or filled with zeros to 1024 frames, (time, mels)"),
        ({"num_ceps": 13, "clip": (-4.0, 4.5)}, "result", "limited to -4 .. 4.5, (coefficients, time)"),
    ],
)
def test_stages_in_words(options, stage, said):
    assert said in in_words(FeatureOptions(**options))[stage]


@pytest.mark.few(20)
@pytest.mark.parametrize("name", named_configs())
def test_every_config_has_words_that_can_be_read(name):
    words = in_words(resolve_config(name).features)
    assert list(words) == ["signal", "frames", "mels", "levels", "result"]
    for text in words.values():
        assert text.isprintable()
        assert "None" not in text
        assert ".0 " not in text
