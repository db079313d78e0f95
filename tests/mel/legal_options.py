"""Hypothesis strategies: valid options for all keys except compute_dtype, and signals long enough for a frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.mel import reference

__all__ = ["DTYPES", "REAL", "SMALL", "Sizes", "calls", "legal_options", "noise"]


class Sizes(NamedTuple):
    """Limits for the keys that count something."""

    fft_length: tuple[int, int]
    sequence_length: int  # at least
    sequence_stride: tuple[int, int]
    num_mel_bins: int  # at most
    padding: int  # at most, on one side
    samples: tuple[int, int]
    num_frames: int  # at most


SMALL = Sizes((2, 48), 1, (1, 40), 10, 60, (1, 200), 30)  # small enough for loops in Python
REAL = Sizes((128, 1024), 100, (50, 400), 128, 500, (4000, 6000), 100)

DTYPES = st.sampled_from(["float32", "float64"])
SEEDS = st.integers(0, 2**16)
BATCHES = st.sampled_from([(), (1,), (3,)])
LOGARITHMS = [(True, None), (False, None), (False, "ln"), (False, "log10")]  # power_to_db, log


def floats(least, most):
    """Draw numbers that are plausible in a config, not the smallest floats."""
    return st.integers(0, 1000).map(lambda thousandths: round(least + (most - least) * thousandths / 1000, 9))


def lists(length, least, most):
    """Draw a list of numbers by one draw, since a window may hold a thousand."""
    return SEEDS.map(lambda seed: np.random.default_rng(seed).uniform(least, most, length).round(3).tolist())


@st.composite
def legal_options(draw, sizes=SMALL):
    """Draw every key."""
    filters = draw(filtering(sizes))
    levels = draw(logarithms(filters["num_mel_bins"]))
    num_features = levels["num_ceps"] or filters["num_mel_bins"]
    parts = [preparation(sizes), framing(sizes), SPECTRUM, normalization(sizes, num_features)]
    options = {**filters, **levels}
    for part in parts:
        options.update(draw(part))
    if options["num_samples"] is not None and options["num_samples"] + options["pad_end"] < 1:
        options["num_samples"] = None  # otherwise no sample would remain, which is refused
    return options


def preparation(sizes):
    """Draw the keys that prepare a signal."""
    return st.fixed_dictionaries(
        {
            "input_scale": st.sampled_from([1.0, 100.0, 32768.0, 0.5]),
            "num_samples": st.none() | st.integers(*sizes.samples),
            "pad_end": st.just(0) | st.integers(-20, 20),
            "preemphasis": st.sampled_from([0.0, 0.97, 1.0]) | floats(0.0, 1.0),
            "preemphasis_mode": st.sampled_from(["signal", "signal_valid", "frame"]),
            "remove_dc_offset": st.booleans(),
        }
    )


@st.composite
def framing(draw, sizes):
    """Draw the positions of frames, and the window."""
    fft_length = draw(st.integers(*sizes.fft_length))
    length = draw(st.none() | st.integers(sizes.sequence_length, fft_length))
    left_and_right = st.lists(st.integers(0, sizes.padding), min_size=2, max_size=2)
    padding = draw(st.sampled_from(["center", "same", "valid", "kaldi"]) | left_and_right)
    least_stride, most_stride = sizes.sequence_stride
    if padding == "same":
        most_stride = min(most_stride, fft_length)
    named = st.sampled_from(["hann", "hamming", "povey", "blackman", None])
    return {
        "fft_length": fft_length,
        "sequence_length": length,
        "sequence_stride": draw(st.integers(least_stride, most_stride)),
        "padding": padding,
        "pad_mode": draw(st.sampled_from(["reflect", "constant", "symmetric"])),
        "drop_last": draw(st.booleans()),
        "window": draw(named | lists(length or fft_length, -1.0, 1.0)),
        "window_periodic": draw(st.booleans()),
    }


SPECTRUM = st.fixed_dictionaries(
    {
        "mag_floor": st.sampled_from([0.0, 1e-10, 1e-2]),
        "mag_eps": st.sampled_from([0.0, 1e-9, 1e-2]),
        "mag_exp": st.sampled_from([2.0, 1.0, 1.5, 0.5, 3.0]),
    }
)


@st.composite
def filtering(draw, sizes):
    """Draw filters; their upper edge may exceed half the rate, as in Keras."""
    sampling_rate = draw(st.integers(50, 48_000))
    top = draw(st.none() | floats(0.7, 1.3))
    return {
        "sampling_rate": sampling_rate,
        "num_mel_bins": draw(st.integers(1, sizes.num_mel_bins)),
        "min_freq": draw(floats(0.0, 0.6)) * (sampling_rate // 2),
        "max_freq": None if top is None else top * (sampling_rate // 2),
        "mel_scale": draw(st.sampled_from(["htk", "slaney"])),
        "mel_norm": draw(st.sampled_from([None, "slaney"])),
        "mel_triangles": draw(st.sampled_from(["mel", "hz", "hz_symmetric"])),
    }


@st.composite
def logarithms(draw, num_mel_bins):
    """Draw linear values, levels, or cepstra of levels."""
    power_to_db, log = draw(st.sampled_from(LOGARITHMS))
    is_linear = log is None and not power_to_db
    num_ceps = None if is_linear else draw(st.none() | st.integers(1, num_mel_bins))
    return {
        "power_to_db": power_to_db,
        "log": log,
        "log_offset": draw(st.sampled_from([0.0, 2.0**-24, 0.01, 1.0])),
        "min_power": draw(st.sampled_from([1e-10, 1e-6, 1e-2, 1.0])),
        "ref_power": draw(floats(-10.0, 10.0) | st.just("max")),
        "top_db": draw(st.none() | floats(0.0, 150.0)),
        "num_ceps": num_ceps,
        "cepstral_lifter": draw(st.sampled_from([0.0, 22.0]) | floats(1.0, 30.0)),
        "cepstral_norm": draw(st.sampled_from(["ortho", "none"])),
        "use_energy": num_ceps is not None and draw(st.booleans()),
    }


@st.composite
def normalization(draw, sizes, num_features):
    """Draw the steps on finished features."""

    def statistic(least, most):
        return st.sampled_from(["bin", "all"]) | floats(least, most) | lists(num_features, least, most)

    return {
        "num_frames": draw(st.none() | st.integers(1, sizes.num_frames)),
        "mean": draw(st.just(0.0) | statistic(-20.0, 20.0)),
        "std": draw(st.just(1.0) | statistic(0.1, 10.0)),
        "std_ddof": draw(st.sampled_from([0, 1])),
        "std_eps": draw(st.sampled_from([0.0, 1e-5, 0.1])),
        "clip": draw(st.none() | st.sampled_from([[-4.0, 4.0], [-60.0, 0.0], [0.5, 0.75]])),
        "time_major": draw(st.booleans()),
    }


def noise(samples, seed, batch=()):
    """Return white noise 20 dB below full scale; for every second seed, a third of it is silent."""
    signals = 0.1 * np.random.default_rng(seed).standard_normal((*batch, samples))
    if seed % 2:
        signals[..., : samples // 3] = 0.0
    return signals


@st.composite
def calls(draw, batches=BATCHES):
    """Draw options, and a signal or a batch long enough for them."""
    options = draw(legal_options())
    samples = draw(st.integers(*SMALL.samples).filter(lambda samples: reference.count_frames(samples, **options) > 0))
    return options, noise(samples, draw(SEEDS), draw(batches))
