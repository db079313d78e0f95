"""What needs the whole signal or the whole call, over chunks; test_blocks.py compares all of it with the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.mel.cepstra import cepstra
from melcli.mel.log_compression import to_levels
from melcli.mel.options import FeatureOptions
from melcli.mel.postprocess import cut_into_chunks, join_chunks, postprocess
from melcli.store.spool import Spool
from tests.mel.pieces import set_sizes

MELS = 6
KEYS = [
    {"top_db": 10.0},
    {"ref_power": "max", "top_db": None},
    {"ref_power": "max", "top_db": 15.0},
    {"power_to_db": False, "log": "ln", "ref_power": "max", "top_db": 15.0},
    {"num_ceps": 4, "cepstral_lifter": 22.0, "top_db": 20.0},
    {"mean": "bin"},
    {"mean": "all", "std": "bin", "std_eps": 1e-3},
    {"mean": "all", "std": "all", "clip": (-0.5, 0.5), "time_major": True},
    {"num_frames": 3, "mean": "bin"},
    {"num_frames": 20, "std": "all"},
    {"num_frames": 64, "time_major": True},
]


def options_of(**keys):
    return FeatureOptions(num_mel_bins=MELS, compute_dtype="float64", top_db=keys.pop("top_db", None), **keys)


def levels_of(num_frames, seed=0, extra_rows=0):
    return np.random.default_rng(seed).normal(-40.0, 20.0, (MELS + extra_rows, num_frames))


def finished(levels, options):
    """Return the features of levels, in chunks as large as they are just now."""
    chunks = cut_into_chunks(levels, options)
    postprocess([chunks], options)
    return join_chunks(chunks, options)


@pytest.fixture
def small_chunks(monkeypatch):
    set_sizes(monkeypatch, 4, 8 * MELS)  # 8 frames


@pytest.mark.few(20)
@pytest.mark.parametrize("keys", KEYS, ids=str)
@pytest.mark.parametrize("num_frames", [1, 7, 8, 9, 16, 50])
def test_several_chunks_are_finished_as_one(num_frames, keys, monkeypatch):
    options, levels = options_of(**keys), levels_of(num_frames)
    whole = finished(levels, options)
    set_sizes(monkeypatch, 4, 8 * MELS)
    assert len(cut_into_chunks(levels, options)) == -(-num_frames // 8)
    np.testing.assert_allclose(finished(levels, options), whole, rtol=1e-11, atol=1e-11)
    assert np.ptp(whole) > 0 or num_frames == 1


@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_chunks_on_a_disk_are_finished_as_in_memory(tmp_path, keys, small_chunks):
    options, levels = options_of(**keys), levels_of(50)
    spool = Spool(str(tmp_path), max_bytes=0)
    spool.extend(cut_into_chunks(levels, options))
    postprocess([spool], options)
    assert join_chunks(spool, options).tobytes() == finished(levels, options).tobytes()


@given(num_frames=st.integers(1, 60), wanted=st.integers(1, 60))
def test_frames_are_cut_or_appended_wherever_chunks_end(num_frames, wanted):
    options, levels = options_of(num_frames=wanted), levels_of(num_frames)
    with pytest.MonkeyPatch.context() as patch:
        set_sizes(patch, 4, 8 * MELS)
        chunks = cut_into_chunks(levels, options)
        postprocess([chunks], options)
    features = np.concatenate(chunks, axis=1)
    assert [chunk.shape[1] for chunk in chunks] == [8] * (wanted // 8) + [wanted % 8] * (wanted % 8 > 0)
    assert np.array_equal(features[:, :num_frames], levels[:, :wanted])
    assert features.shape == (MELS, wanted)
    assert not features[:, num_frames:].any()


def test_the_loudest_of_the_call_may_stand_in_any_chunk_of_any_signal(small_chunks):
    options = options_of(ref_power="max", top_db=30.0)
    loud, soft = levels_of(20, 1), levels_of(20, 2)
    loud[2, 17] = 100.0
    batch = [cut_into_chunks(levels, options) for levels in (soft, loud)]
    postprocess(batch, options)
    for chunks, levels in zip(batch, (soft, loud), strict=True):
        assert np.array_equal(join_chunks(chunks, options), np.maximum(levels - 100.0, -30.0))


@pytest.mark.parametrize("keys", [{"top_db": 10.0}, {"ref_power": "max", "top_db": 20.0}], ids=str)
def test_energies_are_not_among_the_loudest_and_not_raised(keys):
    options = options_of(**keys, num_ceps=4, use_energy=True, power_to_db=False, log="ln")
    levels = levels_of(20, extra_rows=1)
    levels[-1] = np.linspace(0.0, 1e6, 20)
    ours, mels = finished(levels.copy(), options), levels[:-1].copy()
    without = finished(mels, options_of(**keys, num_ceps=4, power_to_db=False, log="ln"))
    assert np.array_equal(ours[1:], without[1:])
    energies = levels[-1].copy()
    to_levels(energies, "ln", min_power=options.min_power)
    assert np.array_equal(ours[0], energies)


def test_top_db_hangs_from_0_where_the_loudest_is_the_reference():
    levels = levels_of(20)
    for logarithm, unit in (("ln", np.log(10.0) / 10), ("log10", 0.1)):
        options = options_of(power_to_db=False, log=logarithm, ref_power="max", top_db=20.0)
        features = finished(levels, options)
        assert features.max() == 0.0
        np.testing.assert_allclose(features.min(), -20.0 * unit)


def test_linear_values_know_no_loudest():
    options = options_of(power_to_db=False, ref_power="max", top_db=1.0)
    levels = levels_of(20)
    assert np.array_equal(finished(levels, options), levels)


def test_cepstra_then_frames_then_statistics_then_limits_then_layout(small_chunks):
    options = options_of(num_ceps=4, num_frames=30, mean="bin", std="all", clip=(-1.0, 0.5), time_major=True)
    levels = levels_of(20)
    expected = np.pad(cepstra(levels, 4), [(0, 0), (0, 10)])
    expected = (expected - expected.mean(axis=1, keepdims=True)) / expected.std(ddof=1)
    np.testing.assert_allclose(finished(levels, options), np.clip(expected, -1.0, 0.5).T, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_chunks_lie_in_order(keys, small_chunks):
    chunks = cut_into_chunks(levels_of(50), options_of(**keys))
    postprocess([chunks], options_of(**keys))
    assert all(chunk.flags.c_contiguous for chunk in chunks)


def test_chunks_are_copies_of_what_is_cut(small_chunks):
    levels = levels_of(20)
    chunks = cut_into_chunks(levels, options_of())
    assert [chunk.shape for chunk in chunks] == [(MELS, 8), (MELS, 8), (MELS, 4)]
    assert not any(np.shares_memory(chunk, levels) for chunk in chunks)
    assert np.array_equal(join_chunks(chunks, options_of()), levels)


def test_one_chunk_is_joined_without_a_copy():
    chunks = [levels_of(20)]
    assert join_chunks(chunks, options_of()) is chunks[0]


@pytest.mark.parametrize("time_major, shape", [(False, (MELS, 20)), (True, (20, MELS))])
def test_chunks_are_joined_along_time(time_major, shape, small_chunks):
    options = options_of(time_major=time_major)
    assert finished(levels_of(20), options).shape == shape
