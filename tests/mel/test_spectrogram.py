"""`MelSpectrogram` as a class: shapes, what it takes and refuses, its names and defaults, its config."""

import ast
import inspect
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import AudioError, ConfigError
from melcli.mel import MelSpectrogram
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.mel.postprocess import join_chunks, postprocess
from melcli.options import to_plain
from melcli.stopwatch import Stopwatch
from tests.golden.answers import read_answers
from tests.golden.signals import load_signals
from tests.mel import reference
from tests.mel.legal_options import legal_options, noise
from tests.tiers import examples

KERAS = read_answers("numpy")
BATCHES = st.sampled_from([(), (1,), (2,)])
FURTHER = {key: value for key, value in to_plain(FeatureOptions()).items() if key not in KERAS_KEYS}


@settings(max_examples=examples(150))
@given(options=legal_options(), samples=st.integers(1, 200), batch=BATCHES)
def test_compute_output_shape_is_the_shape_that_comes(options, samples, batch):
    compute = MelSpectrogram(**options)
    *front, _, _ = shape = compute.compute_output_shape((*batch, samples))
    assert front == list(batch)
    if reference.count_frames(samples, **options) >= 1:
        assert compute(np.zeros((*batch, samples))).shape == shape
    else:
        assert shape[-2 if options["time_major"] else -1] == 0
        with pytest.raises(AudioError) as refusal:
            compute(np.zeros((*batch, samples)))
        assert refusal.value.reason == "too_short"


@pytest.mark.parametrize("shape", [(None,), (None, None), (2, None)])
def test_compute_output_shape_leaves_open_what_is_open(shape):
    *front, _ = shape
    assert MelSpectrogram(num_mel_bins=80).compute_output_shape(shape) == (*front, 80, None)
    assert MelSpectrogram(num_ceps=13, time_major=True).compute_output_shape(shape) == (*front, None, 13)


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (-5,), (16_000.0,), (True,), (0, 16_000), (-1, None), (2, 1, 16_000), (None, None, None), ("a",)],
)
def test_compute_output_shape_refuses_shapes_that_no_signal_has(shape):
    with pytest.raises(
        ValueError, match=r"^input_shape=\(.*\) must be \(samples,\) or \(batch, samples\), each None"
    ) as refusal:
        MelSpectrogram().compute_output_shape(shape)
    assert f"input_shape={shape} " in str(refusal.value)


def test_compute_output_shape_takes_lists_and_the_integers_of_numpy():
    assert MelSpectrogram().compute_output_shape([np.int64(2), np.int32(16_000)]) == (2, 128, 32)


@pytest.mark.parametrize("signal", [np.zeros(4000, complex), np.zeros((2, 4000), "complex64"), [1j] * 4000])
def test_complex_signals_are_refused(signal):
    for take in (MelSpectrogram(), MelSpectrogram().stream().push):
        with pytest.raises(
            ValueError, match=r"^signal is complex(64|128), and samples are real numbers; pass signal.real"
        ):
            take(signal)


def test_integers_are_taken_as_they_are_and_division_is_the_remedy():
    compute, signal = MelSpectrogram(top_db=None), load_signals()["speech"]
    integers = np.round(signal * 32_000).astype(np.int16)
    assert compute(integers).tobytes() == compute(integers.astype(np.float32)).tobytes()
    too_high = compute(integers) - compute(integers / 32768)
    assert 90.2 < np.median(too_high) < 90.4  # as the docstring says


# what makes two of them the same


@settings(max_examples=examples(100))
@given(options=legal_options())
def test_its_representation_makes_an_equal_one(options):
    compute = MelSpectrogram(**options)
    text = repr(compute)
    if "..." not in text:
        again = eval(text)  # noqa: S307  our own text
        assert again == compute
        assert hash(again) == hash(compute)


def test_its_representation_shows_what_differs_from_the_defaults():
    assert repr(MelSpectrogram()) == "MelSpectrogram()"
    assert repr(MelSpectrogram(num_mel_bins=80, window=None)) == "MelSpectrogram(window=None, num_mel_bins=80)"
    assert repr(Travels(mean=np.arange(128.0))) == "Travels(mean=[0.0, 1.0, ..., 127.0])"


def test_equal_options_make_equal_ones():
    first, same, other = MelSpectrogram(min_freq=0), MelSpectrogram(min_freq=-0.0), MelSpectrogram(min_freq=1)
    assert first == same
    assert hash(first) == hash(same)
    assert {first: 1}[same] == 1
    assert first != other
    assert first != first.options
    assert Travels() == MelSpectrogram()
    again = MelSpectrogram.from_config(MelSpectrogram().get_config())  # with resolved values in the place of None
    assert (again, hash(again)) == (MelSpectrogram(), hash(MelSpectrogram()))
    with pytest.raises(AttributeError):
        first.options = other.options  # or the hash would change


def test_its_typed_signature_is_that_of_the_options():
    """What type checkers see, read from the source: the same keys, defaults and types, and any sequence for a tuple."""
    source = Path(inspect.getsourcefile(MelSpectrogram)).read_text(encoding="utf-8")
    typed, made = (node for node in ast.walk(ast.parse(source)) if getattr(node, "name", "") == "__init__")
    assert ast.unparse(made.args) == "self, *values: Any, **keys: Any"
    arguments = typed.args
    positional, by_name = [each.arg for each in arguments.args[1:]], [each.arg for each in arguments.kwonlyargs]
    defaults = [ast.literal_eval(each) for each in [*arguments.defaults, *arguments.kw_defaults]]
    parameters = inspect.signature(FeatureOptions).parameters
    assert positional == [*KERAS_KEYS]
    assert positional + by_name == [*parameters]
    assert defaults == [each.default for each in parameters.values()]
    for argument in [*arguments.args[1:], *arguments.kwonlyargs]:
        taken = re.sub(
            r"tuple\[(int|float), [^]]*\]", r"Sequence[\1] | np.ndarray", parameters[argument.arg].annotation
        )
        assert ast.unparse(argument.annotation) == ast.unparse(ast.parse(taken)), argument.arg


@pytest.mark.parametrize(
    "options, samples, message",
    [
        ({"padding": "valid"}, 2047, "2047 samples are too few for one frame of 2048 samples with padding=valid"),
        (
            {"padding": (9, 0), "sequence_length": 400},
            390,
            "390 samples are too few for one frame of 400 samples with padding=(9, 0)",
        ),
        (
            {"drop_last": True},
            511,
            "511 samples are too few for one frame of 2048 samples with padding=center and drop_last",
        ),
        ({"pad_end": -5}, 5, "0 samples are too few for one frame of 2048 samples with padding=center"),
        (
            {"preemphasis": 0.97, "preemphasis_mode": "signal_valid"},
            1,
            "0 samples are too few for one frame of 2048 samples with padding=center",
        ),
    ],
)
def test_a_signal_without_a_frame_is_too_short(options, samples, message):
    compute = MelSpectrogram(**options)
    with pytest.raises(AudioError) as refusal:
        compute(np.zeros(samples))
    assert (refusal.value.reason, refusal.value.message) == ("too_short", message)
    assert compute(np.zeros(samples + 1)).shape == (128, 1)


def test_time_major_is_the_transpose_and_lies_in_order():
    speech = load_signals()["speech"]
    across, along = (MelSpectrogram(num_ceps=13, time_major=choice)(speech) for choice in (False, True))
    assert np.array_equal(along, across.T)
    assert along.flags.c_contiguous
    assert across.flags.c_contiguous


@pytest.mark.parametrize("num_frames", [1, 18, 19, 20, 30])
def test_num_frames_cuts_or_appends_zeros(num_frames):
    speech = load_signals()["speech"]
    whole = MelSpectrogram()(speech)
    fitted = MelSpectrogram(num_frames=num_frames)(speech)
    assert whole.shape == (128, 19)
    assert fitted.shape == (128, num_frames)
    assert np.array_equal(fitted[:, :19], whole[:, :num_frames])
    assert not fitted[:, 19:].any()


def test_silence_is_min_power_and_its_own_floor():
    assert np.unique(MelSpectrogram()(np.zeros(3000))).tolist() == [-100.0]


@pytest.mark.parametrize("statistic", ["bin", "all"])
@pytest.mark.parametrize("samples", [300, 3000])  # a frame, and several
def test_silence_has_no_deviation_and_becomes_0(samples, statistic):
    assert not MelSpectrogram(mean=statistic, std=statistic)(np.zeros(samples)).any()


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


@pytest.mark.parametrize(
    "options",
    [{}, {"num_ceps": 13}, {"ref_power": "max", "top_db": None}, {"top_db": None, "mean": "all", "std": "all"}],
)
def test_one_bad_sample_shows_everywhere(options):
    signal = noise(5000, 2)
    signal[100] = np.nan
    assert np.isnan(MelSpectrogram(**options)(signal)).all()


@pytest.mark.parametrize("setting", KERAS.settings)
def test_from_config_takes_that_of_keras_and_get_config_gives_it_back(setting):
    config = KERAS.settings[setting]["config"]
    ours = MelSpectrogram.from_config(config).get_config()
    dtype = "float64" if setting == "float64" else "float32"
    theirs = {key: value for key, value in config.items() if key not in ("name", "trainable", "dtype")}
    assert ours == {**theirs, **FURTHER, "compute_dtype": dtype}
    assert list(ours) == [*theirs, *FURTHER]
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
    parameters = inspect.signature(MelSpectrogram).parameters
    defaults = {name: parameters[name].default for name in KERAS_KEYS}
    assert list(parameters) == [*KERAS_KEYS, *FURTHER]
    resolved = {"sequence_length": 2048, "max_freq": 8000.0}
    assert [*defaults] == [key for key in config if key in defaults]
    assert {**defaults, **resolved} == {key: config[key] for key in defaults}
    assert MelSpectrogram().get_config() == {**defaults, **resolved, **FURTHER}


def test_the_filters_can_be_had_from_the_class_as_in_keras():
    assert MelSpectrogram.linear_to_mel_weight_matrix().shape == (129, 20)
    assert MelSpectrogram().linear_to_mel_weight_matrix(num_mel_bins=3).shape == (129, 3)


def test_it_travels_to_a_worker():
    compute = MelSpectrogram(num_mel_bins=40, fft_length=400, window=np.hamming(400).tolist(), mean=[1.0] * 40)
    speech = load_signals()["speech"]
    expected = compute(speech).tobytes()  # whatever it made for that stays here
    copy = pickle.loads(pickle.dumps(compute))
    assert copy.options == compute.options
    assert copy(speech).tobytes() == expected
    assert len(pickle.dumps(compute)) < 20_000


def test_a_subclass_travels_as_what_it_is():
    assert type(pickle.loads(pickle.dumps(Travels(num_mel_bins=3)))) is Travels


class Travels(MelSpectrogram):
    """A class of a user's own."""


def in_threads(compute, signals, turns):
    """Let as many threads as there are signals compute theirs again and again; return what differed."""
    expected = [compute(signal).tobytes() for signal in signals]
    together = threading.Barrier(len(signals))

    def differing(number):
        together.wait()
        return sum(compute(signals[number]).tobytes() != expected[number] for _ in range(turns))

    with ThreadPoolExecutor(len(signals)) as pool:
        return list(pool.map(differing, range(len(signals))))


def loud_and_soft():
    return [scale * noise(30_000, 2) for scale in (1.0, 1e-2, 1e-4)]


def test_threads_may_share_one():
    assert in_threads(MelSpectrogram(fft_length=512, sequence_stride=128), loud_and_soft(), 40) == [0, 0, 0]


def test_the_comparison_would_notice_threads_that_share_a_buffer():
    compute = MelSpectrogram(fft_length=512, sequence_stride=128)
    shared = compute._buffers
    compute._buffers = SimpleNamespace(windowed=shared.windowed, spectrum=shared.spectrum)
    assert any(any(in_threads(compute, loud_and_soft(), 40)) for _ in range(20))  # the first time, as a rule


def test_streams_of_one_may_take_turns():
    compute = MelSpectrogram(fft_length=512, sequence_stride=128)
    signals = loud_and_soft()
    streams = [compute.level_stream([]) for _ in signals]
    for start in range(0, 30_000, 1000):
        for stream, signal in zip(streams, signals, strict=True):
            stream.push(signal[start : start + 1000].astype(np.float32), last=start == 29_000)
    for stream, signal in zip(streams, signals, strict=True):
        postprocess([stream.chunks], compute.options)
        assert join_chunks(stream.chunks, compute.options).tobytes() == compute(signal).tobytes()


def test_a_stream_fills_the_chunks_that_it_is_given_and_tells_the_stopwatch():
    compute = MelSpectrogram()
    chunks, stopwatch = [], Stopwatch()
    stream = compute.level_stream(chunks, expected_samples=5000, stopwatch=stopwatch)
    stream.push(np.ones(5000, np.float32), last=True)
    assert stream.chunks is chunks
    assert [chunk.shape for chunk in chunks] == [compute.compute_output_shape((5000,))]
    assert sorted(stopwatch.seconds) == ["fft", "log", "mel"]
