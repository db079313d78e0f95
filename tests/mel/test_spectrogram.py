"""The whole core: against the plain reference, in any blocks, in any legal options, and as a class."""

import inspect
import pickle
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import ConfigError
from melcli.mel import MelSpectrogram, filters, spectrogram
from tests.golden.answers import LIMITS_DB, read_answers
from tests.golden.signals import load_signals
from tests.mel import reference
from tests.mel.damages import DAMAGES, leaves_its_mark

KERAS = read_answers("numpy")
RELATIVE = 1e-9  # of a linear value, and of the power that a level stands for
RELATIVE_DB = RELATIVE * 10.0 / np.log(10.0)

# Least settings that between them show every damage.
DAMAGED = ("hamming_in_longer_fft", "odd_fft", "power", "narrow_top_db")


@cache
def written_out(setting):
    """Return each signal of a setting with what the plain reference makes of it."""
    options = KERAS.settings[setting]["options"]
    return [(signal, reference.mel_spectrogram(signal, **options)) for signal, _ in KERAS.cases(setting)]


def equals_reference(ours, expected, *, linear):
    """Compare at 1e-9 relative; linear values below 1e-12, full scale being 1, are rounding where the truth is 0."""
    if linear:
        return np.allclose(ours, expected, rtol=RELATIVE, atol=1e-12)
    return np.abs(ours - expected).max() <= RELATIVE_DB


@pytest.mark.parametrize("setting", KERAS.settings)
def test_float64_equals_the_reference(setting):
    compute = MelSpectrogram(**KERAS.settings[setting]["options"], compute_dtype="float64")
    for signal, expected in written_out(setting):
        ours = compute(signal)
        assert ours.dtype == np.float64
        assert ours.shape == expected.shape
        if KERAS.is_linear(setting):
            np.testing.assert_allclose(ours, expected, rtol=RELATIVE, atol=0)
        else:
            np.testing.assert_allclose(ours, expected, rtol=0, atol=RELATIVE_DB)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_comparison_would_notice(damage, monkeypatch):
    DAMAGES[damage](monkeypatch)
    noticed = False
    for setting in DAMAGED:
        compute = MelSpectrogram(**KERAS.settings[setting]["options"], compute_dtype="float64")
        linear = KERAS.is_linear(setting)
        equal = all(equals_reference(compute(signal), right, linear=linear) for signal, right in written_out(setting))
        batch = any("+" in case for case in KERAS.settings[setting]["cases"])
        assert equal is not leaves_its_mark(damage, compute.options, batch=batch), setting
        noticed = noticed or not equal
    assert noticed


def test_the_comparison_would_notice_filters_rounded_to_float32(monkeypatch):
    right = filters.linear_to_mel_weight_matrix
    rounded = lambda dtype, **keys: right(**keys, dtype="float32").astype(dtype)  # noqa: E731
    monkeypatch.setattr(filters, "linear_to_mel_weight_matrix", rounded)
    compute = MelSpectrogram(**KERAS.settings["odd_fft"]["options"], compute_dtype="float64")
    assert not any(equals_reference(compute(signal), right, linear=False) for signal, right in written_out("odd_fft"))


@st.composite
def legal_options(draw):
    """Draw small options over all 13 keys."""
    fft_length = draw(st.integers(2, 80))
    length = draw(st.integers(1, fft_length))
    numbers = st.lists(st.floats(-1.0, 1.0, width=32), min_size=length, max_size=length)
    rate = draw(st.integers(50, 48_000))
    nyquist = rate // 2
    upper = draw(st.sampled_from([None, 0.7 * nyquist, 1.3 * nyquist]))
    return {
        "fft_length": fft_length,
        "sequence_stride": draw(st.integers(1, 100)),
        "sequence_length": draw(st.sampled_from([length, None])) if length == fft_length else length,
        "window": draw(st.sampled_from(["hann", "hamming", None]) | numbers),
        "sampling_rate": rate,
        "num_mel_bins": draw(st.integers(1, 12)),
        "min_freq": draw(st.floats(0.0, 0.6)) * nyquist,
        "max_freq": upper,
        "power_to_db": draw(st.booleans()),
        "top_db": draw(st.floats(0.0, 150.0) | st.none()),
        "mag_exp": draw(st.sampled_from([1.0, 1.5, 2.0, 3.0])),
        "min_power": draw(st.sampled_from([1e-10, 1e-6, 1e-2])),
        "ref_power": draw(st.floats(-10.0, 10.0)),
    }


def noise(samples, seed, batch=()):
    return 0.1 * np.random.default_rng(seed).standard_normal((*batch, samples))


SAMPLES = st.integers(1, 250)
SEEDS = st.integers(0, 2**32 - 1)
BATCHES = st.sampled_from([(), (1,), (3,)])


@settings(deadline=None, max_examples=150)
@given(options=legal_options(), samples=SAMPLES, seed=SEEDS, batch=BATCHES)
def test_random_options_equal_the_reference_in_float64(options, samples, seed, batch):
    signal = noise(samples, seed, batch)
    expected = reference.mel_spectrogram(signal, **options)
    ours = MelSpectrogram(**options, compute_dtype="float64")(signal)
    assert ours.shape == expected.shape
    assert equals_reference(ours, expected, linear=not options["power_to_db"])


@settings(deadline=None, max_examples=60)
@given(
    start=st.integers(1600, 5000),
    fft_length=st.integers(64, 1024),
    sequence_stride=st.integers(50, 500),
    window=st.sampled_from(["hann", "hamming", None]),
    sampling_rate=st.integers(8000, 48_000),
    num_mel_bins=st.integers(1, 128),
    mag_exp=st.sampled_from([1.0, 1.5, 2.0]),
)
def test_float32_lies_within_the_limits_of_float64_on_speech(start, **options):
    speech = load_signals()["speech"][start : start + 4000]
    difference = np.abs(MelSpectrogram(**options)(speech) - MelSpectrogram(**options, compute_dtype="float64")(speech))
    assert np.percentile(difference, 99.9) <= LIMITS_DB.p999


@settings(deadline=None)
@given(
    options=legal_options(),
    samples=SAMPLES,
    seed=SEEDS,
    block_frames=st.integers(1, 60),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_any_block_size_gives_the_same_bytes(options, samples, seed, block_frames, dtype):
    signal = noise(samples, seed)
    compute = MelSpectrogram(**options, compute_dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrogram, "BLOCK_FRAMES", block_frames)
        blocks = compute(signal)
    assert blocks.tobytes() == compute(signal).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mag_exp", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("fft_length", [400, 512, 1021, 2048])
def test_any_block_size_gives_the_same_bytes_on_speech(fft_length, mag_exp, dtype, monkeypatch):
    compute = MelSpectrogram(fft_length=fft_length, sequence_stride=48, mag_exp=mag_exp, compute_dtype=dtype)
    speech = load_signals()["speech"]
    found = set()
    for block_frames in (1, 2, 3, 7, 64, 128, 129, 1000):
        monkeypatch.setattr(spectrogram, "BLOCK_FRAMES", block_frames)
        found.add(compute(speech).tobytes())
    assert len(found) == 1


def test_the_comparison_of_bytes_would_notice_a_bit_that_depends_on_the_block(monkeypatch):
    right = spectrogram.magnitude_spectrum
    damaged = lambda frames, mag_exp: right(frames, mag_exp) * np.float32(1 + 2**-20 * len(frames))  # noqa: E731
    monkeypatch.setattr(spectrogram, "magnitude_spectrum", damaged)
    with pytest.raises(AssertionError):
        test_any_block_size_gives_the_same_bytes_on_speech(400, 2.0, "float32", monkeypatch)


@settings(deadline=None)
@given(options=legal_options(), samples=SAMPLES, seed=SEEDS, dtype=st.sampled_from(["float32", "float64"]))
def test_a_batch_of_one_gives_the_bytes_of_the_signal_alone(options, samples, seed, dtype):
    signal = noise(samples, seed)
    compute = MelSpectrogram(**options, compute_dtype=dtype)
    batch = compute(signal[np.newaxis])
    assert batch.shape == (1, *compute(signal).shape)
    assert batch.tobytes() == compute(signal).tobytes()


def test_rows_of_a_batch_share_nothing_but_the_floor():
    batch = noise(5000, 1, (3,)) * [[1.0], [1e-2], [1e-4]]
    apart = MelSpectrogram(top_db=None)
    assert apart(batch).tobytes() == np.stack([apart(row) for row in batch]).tobytes()
    together = MelSpectrogram(top_db=30.0)
    assert together(batch).min() == together(batch).max() - np.float32(30.0)
    assert not np.array_equal(together(batch)[2], together(batch[2]))


@settings(deadline=None)
@given(
    samples=st.integers(1, 400),
    fft_length=st.integers(2, 130),
    stride=st.integers(1, 300),
    batch=st.sampled_from([(), (1,), (2,)]),
)
def test_compute_output_shape_is_the_shape_that_comes(samples, fft_length, stride, batch):
    compute = MelSpectrogram(fft_length=fft_length, sequence_stride=stride, num_mel_bins=3)
    assert compute.compute_output_shape((*batch, samples)) == compute(np.zeros((*batch, samples))).shape


@pytest.mark.parametrize("shape", [(None,), (None, None), (2, None)])
def test_compute_output_shape_leaves_open_what_is_open(shape):
    assert MelSpectrogram(num_mel_bins=80).compute_output_shape(shape) == (*shape[:-1], 80, None)


def test_silence_is_min_power_and_its_own_floor():
    assert np.unique(MelSpectrogram()(np.zeros(3000))).tolist() == [-100.0]


def test_no_floor_where_top_db_is_null():
    tones = load_signals()["tones"]
    levels = MelSpectrogram(top_db=None)(tones)
    assert levels.min() < levels.max() - 90.0
    assert np.array_equal(np.maximum(levels, levels.max() - np.float32(80.0)), MelSpectrogram()(tones))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_holds_the_samples_does_not_matter(dtype):
    compute = MelSpectrogram(fft_length=64, sequence_stride=10, num_mel_bins=8, compute_dtype=dtype)
    samples = np.arange(-100, 100, dtype=np.int16)
    expected = compute(samples.astype(dtype))
    assert expected.dtype == dtype
    read_only = samples.astype(dtype)
    read_only.flags.writeable = False
    strided = np.repeat(samples.astype(dtype), 2)[::2]
    for held in (samples, samples.tolist(), samples.astype(np.float64), read_only, strided):
        assert compute(held).tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (5, 0), (1, 2, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole message is held below
        MelSpectrogram()(np.zeros(shape))
    assert str(refusal.value) == f"signal of shape {shape} must be (samples,) or (batch, samples), and not empty"


def test_one_bad_sample_shows_everywhere():
    signal = noise(5000, 3)
    signal[100] = np.nan
    assert np.isnan(MelSpectrogram()(signal)).all()


@pytest.mark.parametrize("setting", KERAS.settings)
def test_from_config_takes_that_of_keras_and_get_config_gives_it_back(setting):
    config = KERAS.settings[setting]["config"]
    ours = MelSpectrogram.from_config(config).get_config()
    dtype = "float64" if setting == "float64" else "float32"
    theirs = {key: value for key, value in config.items() if key not in ("name", "trainable", "dtype")}
    assert ours == {**theirs, "compute_dtype": dtype}
    assert list(ours) == [*theirs, "compute_dtype"]
    assert MelSpectrogram.from_config(ours).get_config() == ours


@pytest.mark.parametrize("dtype, expected", [("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32")])
def test_from_config_takes_a_dtype_by_name(dtype, expected):
    assert MelSpectrogram.from_config({"dtype": dtype}).options.compute_dtype == expected


def test_from_config_computes_in_float32_for_a_layer_of_mixed_precision():
    config = KERAS.facts["mixed_float16"]
    assert config["dtype"]["config"] == {"name": "mixed_float16"}
    assert MelSpectrogram.from_config(config).options.compute_dtype == "float32"


def test_unknown_keys_are_refused():
    message = "MelSpectrogram: unknown key 'n_mel_bins'; did you mean 'num_mel_bins'?"
    for make in (MelSpectrogram, lambda **keys: MelSpectrogram.from_config(keys)):
        with pytest.raises(ConfigError) as refusal:
            make(n_mel_bins=80)
        assert str(refusal.value) == message


def test_names_and_defaults_are_those_of_keras():
    config = KERAS.settings["defaults"]["config"]
    defaults = {name: key.default for name, key in inspect.signature(MelSpectrogram).parameters.items()}
    assert defaults.pop("compute_dtype") == "float32"
    resolved = {"sequence_length": 2048, "max_freq": 8000.0}
    assert [*defaults] == [key for key in config if key in defaults]
    assert {**defaults, **resolved} == {key: config[key] for key in defaults}
    assert MelSpectrogram().get_config() == {**defaults, **resolved, "compute_dtype": "float32"}


def test_the_filters_can_be_had_from_the_class_as_in_keras():
    assert MelSpectrogram.linear_to_mel_weight_matrix().shape == (129, 20)
    assert MelSpectrogram().linear_to_mel_weight_matrix(num_mel_bins=3).shape == (129, 3)


def test_it_travels_to_a_worker():
    compute = MelSpectrogram(num_mel_bins=40)
    speech = load_signals()["speech"]
    assert pickle.loads(pickle.dumps(compute))(speech).tobytes() == compute(speech).tobytes()
