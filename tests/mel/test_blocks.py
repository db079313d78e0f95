"""The same bytes, however a signal is cut into pieces, wherever its chunks lie, whatever signals stand beside it."""

import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.mel import MelSpectrogram, postprocess, signals, stream
from melcli.mel.blocks import block_frames, chunk_frames
from melcli.mel.frames import FrameStream
from melcli.mel.options import FeatureOptions
from melcli.store.spool import Spool
from tests.golden.signals import load_signals
from tests.mel import reference
from tests.mel.legal_options import DTYPES, calls, legal_options, noise
from tests.mel.pieces import CUTS, SIZES, set_sizes, streamed
from tests.mel.tolerance import tolerance
from tests.tiers import examples, full_but

# What works on each frame before its window, and what sums over all of them after the filters.
KALDI = {
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "remove_dc_offset": True,
    "preemphasis": 0.97,
    "preemphasis_mode": "frame",
    "power_to_db": False,
    "log": "ln",
    "num_ceps": 13,
    "cepstral_lifter": 22.0,
    "use_energy": True,
    "mean": "bin",
    "std": "all",
}
FURTHER = {
    "power": {},
    "magnitude": {"mag_exp": 1.0},
    "exponent of 1.5": {"mag_exp": 1.5, "power_to_db": False},
    "top_db": {"top_db": 30.0},
    "loudest": {"ref_power": "max", "top_db": 60.0},
    "bin": {"mean": "bin", "std": "bin", "std_eps": 1e-5},
    "all": {"mean": "all", "std": "all", "time_major": True},
    "kaldi": KALDI,
    "kaldi, time first": {**KALDI, "time_major": True, "std": "bin"},
    "more frames": {"num_frames": 500, "mean": "all"},
    "fewer frames": {"num_frames": 100, "std": "bin", "time_major": True},
    "mirrored": {"padding": [300, 1000], "pad_mode": "symmetric", "drop_last": True},
    "cut and emphasized": {"preemphasis": 0.97, "pad_end": -700, "num_samples": 9500, "padding": "kaldi"},
}
SPEECH_CUTS = [(), (1,), (0, 4000, 4000), tuple(range(100, 9000, 777)), tuple(range(1, 200)), (8000, 10**6)]
ONE_SIGNAL = st.just(())
SHARED = {"top_db": None, "ref_power": 1.0}  # nothing


# sizes


@pytest.mark.full
@given(options=legal_options())
def test_a_chunk_has_whole_blocks_and_at_least_one(options):
    options = FeatureOptions(**options)
    assert chunk_frames(options) >= block_frames(options)
    assert chunk_frames(options) % block_frames(options) == 0


@pytest.mark.parametrize("fft_length, expected", [(2, 512), (400, 512), (1024, 256), (2048, 128), (4096, 64)])
def test_a_block_stays_in_a_core_s_cache(fft_length, expected):
    assert block_frames(FeatureOptions(fft_length=fft_length)) == expected


@pytest.mark.parametrize("fft_length", [2**14, 2**15, 2**17])
def test_a_block_has_some_frames_however_long_the_fft(fft_length):
    assert block_frames(FeatureOptions(fft_length=fft_length)) == 16


@pytest.mark.parametrize("num_mel_bins", [1, 40, 128, 1000, 4096])
def test_a_chunk_stays_small_however_many_filters_there_are(num_mel_bins):
    assert 2**20 < chunk_frames(FeatureOptions(num_mel_bins=num_mel_bins)) * num_mel_bins <= 2**21


# pieces


@settings(max_examples=examples(200))
@given(call=calls(ONE_SIGNAL), cuts=CUTS, sizes=SIZES, dtype=DTYPES, expected_samples=st.integers(0, 400))
def test_any_cutting_into_pieces_gives_the_same_bytes(call, cuts, sizes, dtype, expected_samples):
    options, signal = call
    with pytest.MonkeyPatch.context() as patch:
        set_sizes(patch, *sizes)
        compute = MelSpectrogram(**options, compute_dtype=dtype)
        pieces = streamed(compute, signal, cuts, expected_samples=expected_samples)
        assert pieces.tobytes() == compute(signal).tobytes()


@settings(max_examples=examples(100))
@given(call=calls(ONE_SIGNAL), cuts=CUTS, sizes=SIZES, dtype=DTYPES)
def test_chunks_on_a_disk_give_the_same_bytes(call, cuts, sizes, dtype):
    options, signal = call
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        set_sizes(patch, *sizes)
        compute = MelSpectrogram(**options, compute_dtype=dtype)
        spool = Spool(folder, max_bytes=0)
        on_disk = streamed(compute, signal, cuts, spool)
        assert not spool.in_memory
        assert on_disk.tobytes() == compute(signal).tobytes()


@pytest.mark.full
@settings(max_examples=examples(150))
@given(call=calls(), sizes=SIZES)
def test_small_blocks_and_chunks_equal_the_reference(call, sizes):
    options, signal = call
    with pytest.MonkeyPatch.context() as patch:
        set_sizes(patch, *sizes)
        ours = MelSpectrogram(**options, compute_dtype="float64")(signal)
    expected = reference.mel_spectrogram(signal, **options)
    assert ours.shape == expected.shape
    assert (np.abs(ours - expected) <= tolerance(signal, **options)).all()


def bytes_of_speech(folder, **options):
    """Return every result that speech gives whole, in pieces and in chunks on a disk."""
    compute = MelSpectrogram(**options)
    speech = load_signals()["speech"]
    found = {compute(speech).tobytes()}
    for cuts in SPEECH_CUTS:
        for chunks in ([], Spool(folder, max_bytes=0)):
            found.add(streamed(compute, speech, cuts, chunks).tobytes())
    return found


@pytest.mark.few(6)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("further", FURTHER.values(), ids=FURTHER)
@pytest.mark.parametrize("fft_length", full_but([400, 1021, 2048], 400))
def test_speech_in_pieces_gives_the_same_bytes(tmp_path, fft_length, further, dtype, monkeypatch):
    set_sizes(monkeypatch, 32, 64 * 128)  # blocks of 32 frames, chunks of 64
    options = {"fft_length": fft_length, "sequence_stride": 48, "compute_dtype": dtype, **further}
    assert len(bytes_of_speech(str(tmp_path), **options)) == 1


# what the comparison would notice

DAMAGES = {}


def damage(**shown_by):
    def enter(breaks):
        DAMAGES[breaks.__name__] = (breaks, shown_by)
        return breaks

    return enter


@damage(preemphasis=0.97)
def a_piece_is_emphasized_by_itself(monkeypatch):
    class Forgets(signals.SignalStream):
        def push(self, block, *, last):
            self._previous = None
            return super().push(block, last=last)

    monkeypatch.setattr(stream, "SignalStream", Forgets)


@damage(pad_end=-500)
def the_end_of_each_piece_is_dropped(monkeypatch):
    monkeypatch.setattr(signals.SignalStream, "_delay", lambda self, block, num_samples: block[:-num_samples])


@damage(num_samples=5000)
def samples_are_counted_in_each_piece_anew(monkeypatch):
    class Forgets(signals.SignalStream):
        def push(self, block, *, last):
            self._num_taken = 0
            return super().push(block, last=last)

    monkeypatch.setattr(stream, "SignalStream", Forgets)


@damage(padding=[300, 1000])
def what_is_mirrored_behind_the_signal_is_gone(monkeypatch):
    monkeypatch.setattr("melcli.mel.frames.max_samples_after_end", lambda options: 0)


@damage()
def blocks_as_large_as_the_pieces_make_them(monkeypatch):
    # What a BLAS does now and then: the last bit depends on the number of frames.  No chunk is full here.
    set_sizes(monkeypatch, 32, 2**21)
    right = stream.magnitude_spectrum

    def magnitude_spectrum(frames, options, *, out):
        right(frames, options, out=out)
        out *= 1 + np.finfo(out.dtype).eps * (len(frames) % 2)

    monkeypatch.setattr(stream, "FrameStream", lambda options, *, multiple: FrameStream(options))
    monkeypatch.setattr(stream, "magnitude_spectrum", magnitude_spectrum)


@damage(num_frames=500)
def a_chunk_ends_with_each_piece(monkeypatch):
    class Hasty(stream.LevelStream):
        def push(self, samples, *, last):
            super().push(samples, last=last)
            if self._filled:
                self._close_chunk()

    monkeypatch.setattr("melcli.mel.spectrogram.LevelStream", Hasty)


@damage(top_db=30.0)
def a_changed_chunk_is_not_put_back(monkeypatch):
    def revise(chunks, change):
        for chunk in chunks:
            change(chunk)

    monkeypatch.setattr(postprocess, "_apply", revise)


@damage(std="bin")
def a_standardized_chunk_is_not_put_back(monkeypatch):
    right = postprocess.standardize

    class ReadOnly(list):
        def __setitem__(self, number, chunk):
            self[number][:] = chunk

    monkeypatch.setattr(postprocess, "standardize", lambda chunks, options: right(ReadOnly(chunks), options))


@pytest.mark.few(2)
@pytest.mark.parametrize("name", DAMAGES)
def test_the_comparison_would_notice(tmp_path, name, monkeypatch):
    breaks, shown_by = DAMAGES[name]
    set_sizes(monkeypatch, 32, 64 * 128)
    options = {"fft_length": 400, "sequence_stride": 48, **shown_by}
    assert len(bytes_of_speech(str(tmp_path), **options)) == 1
    breaks(monkeypatch)
    assert len(bytes_of_speech(str(tmp_path), **options)) > 1


# batches


@settings(max_examples=examples(80))
@given(call=calls(st.sampled_from([(1,), (3,)])), dtype=DTYPES)
def test_a_row_of_a_batch_has_the_bytes_of_the_signal_alone(call, dtype):
    options, batch = call
    shared = {} if len(batch) == 1 else SHARED
    compute = MelSpectrogram(**{**options, **shared}, compute_dtype=dtype)
    assert compute(batch).tobytes() == np.stack([compute(signal) for signal in batch]).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("statistic", ["bin", "all"])
@pytest.mark.parametrize("time_major", [False, True])
def test_a_row_of_a_long_batch_has_the_bytes_of_the_signal_alone(time_major, statistic, dtype):
    compute = MelSpectrogram(
        fft_length=400,
        sequence_stride=40,
        mean=statistic,
        std=statistic,
        time_major=time_major,
        compute_dtype=dtype,
        **SHARED,
    )
    batch = noise(9000, 2, (3,)) * [[1.0], [1e-2], [1e-4]]
    assert compute(batch).tobytes() == np.stack([compute(signal) for signal in batch]).tobytes()


def test_rows_of_a_batch_share_the_floor_and_the_loudest_value():
    batch = noise(5000, 2, (3,)) * [[1.0], [1e-2], [1e-4]]
    floor = MelSpectrogram(top_db=30.0)
    assert floor(batch).min() == floor(batch).max() - np.float32(30.0)
    assert not np.array_equal(floor(batch)[2], floor(batch[2]))
    loudest = MelSpectrogram(ref_power="max", top_db=None)
    assert loudest(batch).max() == loudest(batch[2]).max() == 0.0
    assert loudest(batch)[2].max() < -60.0
