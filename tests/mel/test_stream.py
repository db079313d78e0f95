"""A stream of levels: the chunks that it gives, and what it keeps.  test_blocks.py has its bytes.

At the end: the stream of features, which users see.
"""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings

from melcli.errors import AudioError
from melcli.mel import MelSpectrogram
from melcli.mel.blocks import chunk_frames
from melcli.mel.spectrum import magnitude_spectrum
from melcli.stopwatch import STAGES, Stopwatch
from tests.golden.signals import load_signals
from tests.mel.legal_options import legal_options, noise
from tests.mel.pieces import CUTS, in_pieces, set_sizes
from tests.tiers import examples

SMALL = {"fft_length": 400, "sequence_stride": 100, "num_mel_bins": 20}


def chunks_of(compute, signal, cuts=(), **keys):
    chunks = []
    stream = compute.level_stream(chunks, **keys)
    for piece, last in in_pieces(np.asarray(signal, compute.options.compute_dtype), cuts):
        stream.push(piece, last=last)
    return chunks


@pytest.mark.parametrize(
    "num_samples, expected", [(100, [2]), (1000, [11]), (2300, [24]), (2400, [24, 1]), (9000, [24, 24, 24, 19])]
)
@pytest.mark.parametrize("expected_samples", [0, 1000, 2400, 9000, 10**9])
@pytest.mark.parametrize("cuts", [(), range(0, 10_000, 130)], ids=["whole", "pieces"])
def test_chunks_are_full_but_for_the_last(num_samples, expected, expected_samples, cuts, monkeypatch):
    set_sizes(monkeypatch, 8, 500)
    compute = MelSpectrogram(**SMALL)
    assert chunk_frames(compute.options) == 24
    chunks = chunks_of(compute, noise(num_samples, 2), cuts, expected_samples=expected_samples)
    assert [chunk.shape for chunk in chunks] == [(20, frames) for frames in expected]
    assert all(chunk.flags.c_contiguous and chunk.flags.writeable for chunk in chunks)


@pytest.mark.parametrize("expected_samples", [0, 10**12])
def test_a_claim_of_any_length_takes_no_more_than_a_chunk(expected_samples):
    compute = MelSpectrogram(**SMALL)
    chunks_of(compute, noise(1000, 2))  # imports scipy.fft
    tracemalloc.start()
    chunks_of(compute, noise(1000, 2), expected_samples=expected_samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9_000_000


class Forgetful(list):
    """Chunks that nobody keeps."""

    def append(self, chunk):
        super().append(chunk.shape)


def peak_bytes(num_pieces, **keys):
    """Return what a stream holds at most while the pieces, 25,000 samples each, go through."""
    compute = MelSpectrogram(**{**SMALL, **keys})
    piece = np.ones(25_000, np.float32)
    chunks = Forgetful()
    compute(piece)
    tracemalloc.start()
    stream = compute.level_stream(chunks, expected_samples=num_pieces * len(piece))
    for _ in range(num_pieces):
        stream.push(piece, last=False)
    stream.push(piece[:0], last=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(frames for _, frames in chunks) == compute.compute_output_shape((num_pieces * len(piece),))[1]
    return peak


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"padding": (0, 10_000), "drop_last": True},
        {"preemphasis": 0.97, "pad_end": -20_000},
        {"preemphasis": 0.97, "preemphasis_mode": "frame", "num_ceps": 13, "use_energy": True},
    ],
    ids=str,
)
def test_memory_does_not_grow_with_the_signal(keys, monkeypatch):
    monkeypatch.setattr("melcli.mel.blocks.CHUNK_VALUES", 2**16)
    assert peak_bytes(100, **keys) < 1.1 * peak_bytes(20, **keys)


def test_the_energies_of_the_frames_stand_below_their_mels():
    signal = noise(3000, 2)
    keys = {**SMALL, "padding": "valid", "power_to_db": False, "log": "ln", "num_ceps": 13, "compute_dtype": "float64"}
    (chunk,) = chunks_of(MelSpectrogram(**keys, use_energy=True), signal)
    (levels,) = chunks_of(MelSpectrogram(**keys), signal)
    assert chunk.shape == (21, 27)
    assert np.array_equal(chunk[:20], levels)
    frames = np.lib.stride_tricks.sliding_window_view(signal, 400)[::100]
    np.testing.assert_allclose(chunk[20], np.square(frames).sum(axis=1), rtol=1e-12)


def test_levels_are_not_yet_related_to_the_loudest():
    speech = load_signals()["speech"]
    plain, related = {**SMALL, "ref_power": 1.0, "top_db": None}, {**SMALL, "ref_power": "max", "top_db": 20.0}
    (expected,), (levels,) = (chunks_of(MelSpectrogram(**keys), speech) for keys in (plain, related))
    assert levels.tobytes() == expected.tobytes()


def test_samples_are_not_written_to():
    signal = noise(3000, 2).astype(np.float32)
    signal.flags.writeable = False
    compute = MelSpectrogram(**SMALL, input_scale=3.0, preemphasis=0.97, remove_dc_offset=True)
    assert len(chunks_of(compute, signal, (1000, 1500))) == 1


def test_every_second_sample_of_an_array_is_a_signal_too():
    compute = MelSpectrogram(**SMALL, padding="valid")
    both = np.stack([noise(3000, 2), noise(3000, 4)], axis=1).astype(np.float32)
    for channel in (0, 1):
        chunks = []
        stream = compute.level_stream(chunks)
        stream.push(both[:1700, channel], last=False)
        stream.push(both[1700:, channel], last=True)
        (contiguous,) = chunks_of(compute, both[:, channel].copy())
        assert chunks[0].tobytes() == contiguous.tobytes()


@pytest.mark.parametrize("cuts", [(), (0,), (3,), (5,), (1, 2, 3, 4)], ids=str)
def test_a_signal_without_a_frame_is_too_short_at_its_end(cuts):
    compute = MelSpectrogram(**SMALL, padding="valid")
    with pytest.raises(AudioError) as refusal:
        chunks_of(compute, np.zeros(5), cuts)
    assert str(refusal.value) == "too_short: 5 samples are too few for one frame of 400 samples with padding=valid"


def test_no_sample_at_all_is_too_short():
    stream = MelSpectrogram(**SMALL).level_stream([])
    with pytest.raises(AudioError, match=r"^too_short: 0 samples "):
        stream.push(np.empty(0, np.float32), last=True)


def test_the_stopwatch_is_told_each_stage_of_each_block(monkeypatch):
    set_sizes(monkeypatch, 8, 500)
    laps = []

    class Listening(Stopwatch):
        def lap(self, stage):
            laps.append(stage)

    chunks_of(MelSpectrogram(**SMALL), noise(2000, 2), stopwatch=Listening())
    assert laps == ["fft", "mel", "log"] * 3
    assert set(laps) < set(STAGES)


def test_rows_of_a_buffer_that_a_smaller_block_leaves_are_not_seen():
    """The buffers hold what an earlier, larger block left."""
    compute = MelSpectrogram(**SMALL)
    short = noise(500, 2)
    before = chunks_of(compute, short)[0].tobytes()
    chunks_of(compute, 100 * noise(30_000, 4))
    assert chunks_of(compute, short)[0].tobytes() == before


def test_a_frame_shorter_than_the_fft_has_zeros_behind_it():
    compute = MelSpectrogram(**{**SMALL, "fft_length": 512}, sequence_length=400, padding="valid", power_to_db=False)
    signal = noise(1000, 2).astype(np.float32)
    chunks_of(compute, noise(30_000, 4))
    window = np.hanning(401)[:-1].astype(np.float32)
    frames = np.zeros((7, 512), np.float32)
    frames[:, :400] = np.lib.stride_tricks.sliding_window_view(signal, 400)[::100] * window
    expected = compute._filters(magnitude_spectrum(frames, compute.options)).T
    np.testing.assert_allclose(chunks_of(compute, signal)[0], expected, rtol=1e-5, atol=1e-9)


# the stream of features


@settings(max_examples=examples(60))
@given(options=legal_options(), cuts=CUTS)
def test_a_stream_of_features_gives_the_bytes_of_one_call(options, cuts):
    compute, signal = MelSpectrogram(**options), noise(200, 2)
    stream = compute.stream(expected_samples=150)
    buffer = np.empty(200, options.get("compute_dtype", "float32"))
    try:
        expected = compute(signal)
    except AudioError:
        return
    for piece, _ in in_pieces(signal, cuts):
        buffer[: len(piece)] = piece  # a caller may use one buffer again and again
        stream.push(buffer[: len(piece)])
        buffer[:] = np.nan
    features = stream.features()
    assert (features.shape, features.dtype) == (expected.shape, expected.dtype)
    assert features.tobytes() == expected.tobytes()
    assert stream.features() is features


@pytest.mark.parametrize("shape", [(), (1, 100), (100, 1)])
def test_a_stream_takes_one_axis(shape):
    with pytest.raises(
        ValueError, match=r"^samples of shape \(.*\) must be \(samples,\): one stream takes one signal$"
    ):
        MelSpectrogram(**SMALL).stream().push(np.zeros(shape))


def test_a_stream_takes_nothing_after_its_last_piece():
    ended, asked = MelSpectrogram(**SMALL).stream(), MelSpectrogram(**SMALL).stream()
    ended.push(np.zeros(500), last=True)
    asked.push([0] * 500)
    assert asked.features().tobytes() == ended.features().tobytes()
    for stream in (ended, asked):
        for last in (False, True):
            with pytest.raises(ValueError, match=r"^the signal of this stream has ended; open another stream"):
                stream.push(np.zeros(500), last=last)


def test_a_refused_piece_leaves_the_stream_as_it_was():
    stream = MelSpectrogram(**SMALL).stream()
    for piece in (np.zeros((2, 2)), np.zeros(3, complex)):
        with pytest.raises(ValueError, match=r"must be|samples are real"):
            stream.push(piece, last=True)
    stream.push(np.ones(500))
    assert stream.features().tobytes() == MelSpectrogram(**SMALL)(np.ones(500)).tobytes()


def test_a_stream_without_a_frame_says_so_each_time():
    stream = MelSpectrogram(**SMALL, padding="valid").stream()
    stream.push(np.zeros(5))
    for _ in range(2):
        with pytest.raises(AudioError, match=r"^too_short: "):
            stream.features()
