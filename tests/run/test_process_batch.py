"""The way of one batch: rows, files, and what becomes of each kind of trouble."""

from __future__ import annotations

import errno
import gc
import json
import math
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.audio.decoding_revision import DECODING_REVISION
from melcli.audio.load import AudioStream, load_audio
from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.errors import AudioError, StorageError
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain
from melcli.run import compute, extract_item, process_batch, sample_time
from melcli.run.batching import Batch, item_timeout_s, planned_shard
from melcli.run.job import Job
from melcli.run.limits import Limits
from melcli.run.process_batch import measure_batch, try_batch
from melcli.run.sample_time import time_sample
from melcli.run.watchdog import Watchdog
from melcli.sources.items import Item
from melcli.stopwatch import STAGES, Stopwatch
from melcli.store.manifest import write_manifest
from melcli.store.options import OutputOptions
from melcli.store.reader import open_features
from melcli.store.rows import Row, row_of
from tests.mel.pieces import set_sizes
from tests.messages import names
from tests.run.corpus import RATE_HZ, encode, noise, plant, tree
from tests.tiers import full_but

FEATURES = FeatureOptions(sampling_rate=RATE_HZ, fft_length=512, sequence_stride=256, num_mel_bins=20)


def job(
    out: Path, *, audio: AudioOptions | None = None, dtype: Any = "float32", format_: Any = "npy", **more: Any
) -> Job:
    config = Config(audio=audio or AudioOptions(), features=FEATURES, output=OutputOptions(dtype=dtype, format=format_))
    return Job(out=str(out), config=config, config_id=config.config_id, **more)


def as_shard(items: Sequence[Item], number: int) -> Batch:
    return Batch(items=tuple(items), shard=planned_shard(number, items))


def batch(*paths: Path) -> Batch:
    return Batch(items=tuple(Item.from_stat(path.stem, str(path), path.stat()) for path in paths))


def run_batch(task: tuple[Job, Batch]) -> list[Row]:
    """Run a batch in an OUT that is there, and return its rows."""
    os.makedirs(task[0].out, exist_ok=True)
    rows = process_batch.run_batch(task).rows
    return [row if isinstance(row, Row) else row_of(json.loads(row.text)) for row in rows]


def test_a_row_says_what_was_made(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, "a.wav", seconds=0.5, rate_hz=16_000, channels=2)
    (row,) = run_batch((job(tmp_path / "out"), batch(source)))
    stored = np.load(tmp_path / "out" / "a.npy")
    audio = load_audio(str(source), AudioOptions(), sampling_rate=RATE_HZ)
    np.testing.assert_array_equal(stored, MelSpectrogram(**to_plain(FEATURES))(audio.signals[0]))
    assert (row.id, row.source, row.status, row.reason, row.message) == ("a", str(source), "ok", None, None)
    assert (row.source_size, row.source_mtime_ns) == (source.stat().st_size, source.stat().st_mtime_ns)
    assert (row.source_sampling_rate, row.source_channels, row.channel, row.source_hash) == (16_000, 2, None, None)
    assert (row.num_samples, row.sampling_rate, row.duration) == (4000, RATE_HZ, 0.5)
    assert (row.num_features, row.num_frames) == stored.shape
    assert (row.frame_shift, row.dtype, row.path, row.start) == (0.032, "float32", "a.npy", None)
    assert (row.format, row.decoding) == ("wav/pcm_16", DECODING_REVISION)
    assert row.output_size == (tmp_path / "out" / "a.npy").stat().st_size
    assert (row.min, row.max) == (stored.min(), stored.max())
    assert row.config_id == job(tmp_path).config_id
    decoded, _ = soundfile.read(source)
    assert row.peak == np.abs(decoded).max() > 0
    assert row.rms_db == round(10 * math.log10(np.mean(decoded**2)), 3)
    assert row.dc_offset == round(np.mean(decoded), 8)
    assert row.clipped_fraction == 0


def test_a_bad_input_costs_itself_alone(tmp_path: Path) -> None:
    good = plant(tmp_path, "a.wav", "c.wav")
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"")
    rows = run_batch((job(tmp_path / "out"), batch(good[0], bad, good[1])))
    assert [(row.id, row.status, row.reason) for row in rows] == [
        ("a", "ok", None),
        ("b", "failed", "empty"),
        ("c", "ok", None),
    ]
    assert (rows[1].message or "").startswith(f"{bad}: ")
    assert sorted(tree(tmp_path / "out")) == ["a.npy", "c.npy"]


@pytest.mark.parametrize(
    "error, reason, words",
    [
        (AudioError("truncated", "half is missing"), "truncated", "half is missing"),
        (MemoryError(), "out_of_memory", "the worker ran out of memory"),
        (
            ZeroDivisionError("hm"),
            "internal",
            "a bug of melcli, please report it: ZeroDivisionError('hm') at test_process_batch.py",
        ),
        (AudioError("unreadable", "with \x1b[31m and \n"), "unreadable", r"with \x1b[31m and \x0a"),
    ],
)
def test_whatever_is_raised_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, words: str
) -> None:
    paths = plant(tmp_path, "a.wav", "b.wav")

    def refuse_b(path: str, *arguments: Any, **options: Any) -> Any:
        if path.endswith("b.wav"):
            raise error
        return AudioStream(path, *arguments, **options)

    monkeypatch.setattr("melcli.run.open_source.AudioStream", refuse_b)
    good, bad = run_batch((job(tmp_path / "out"), batch(*paths)))
    assert good.status == "ok"
    assert (bad.status, bad.reason) == ("failed", reason)
    assert (bad.message or "").startswith(f"{paths[1]}: {words}")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_file_descriptors_is_not_blamed_on_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: str, *arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("melcli.run.open_source.AudioStream", refuse)
    with pytest.raises(StorageError):
        run_batch((job(tmp_path / "out"), batch(*plant(tmp_path, "a.wav"))))


def test_when_storage_fails_nothing_of_the_batch_is_left(tmp_path: Path) -> None:
    paths = plant(tmp_path, "a.wav", "sub/b.wav")
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where b.npy needs a folder")
    items = (Item("a", str(paths[0]), 1, 1), Item("sub/b", str(paths[1]), 1, 1))
    with pytest.raises(StorageError, match=r"sub/b\.npy"):
        run_batch((job(out), Batch(items=items)))
    assert sorted(tree(out)) == ["sub"]


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_an_out_that_was_removed_is_not_made_again(tmp_path: Path, format_: str) -> None:
    of = job(tmp_path / "out", format_=format_)
    one = batch(*plant(tmp_path / "in", "a.wav", "sub/b.wav"))
    shard = as_shard(one.items, 0)
    with pytest.raises(StorageError, match=r"No such file or directory; find out who removed it, "):
        process_batch.run_batch((of, shard if format_ == "hdf5" else one))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("durability, num_flushes", [("none", 0), ("batch", 3), ("file", 3)])
def test_outputs_are_flushed_unless_they_are_not_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Any, num_flushes: int
) -> None:
    """Two files and their folder; a batch of one file is the planner's to make."""
    flushed: list[int] = []
    monkeypatch.setattr("melcli.store.files.os.fsync", flushed.append)
    rows = run_batch((job(tmp_path / "out", durability=durability), batch(*plant(tmp_path, "a.wav", "b.wav"))))
    assert [row.status for row in rows] == ["ok", "ok"]
    assert len(flushed) == num_flushes


@pytest.mark.parametrize("durability, flushed", [("none", False), ("batch", True)])
def test_so_are_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Any, flushed: bool) -> None:
    flushes: list[int] = []
    monkeypatch.setattr("melcli.store.files.os.fsync", flushes.append)
    shard = as_shard(batch(*plant(tmp_path, "a.wav")).items, 0)
    (row,) = run_batch((job(tmp_path / "out", durability=durability, format_="hdf5"), shard))
    assert row.status == "ok"
    assert bool(flushes) == flushed


def test_a_source_that_is_shorter_than_is_allowed_fails(tmp_path: Path) -> None:
    (short,), (long,) = plant(tmp_path, "short.wav", seconds=0.9), plant(tmp_path, "long.flac", seconds=1.0)
    bad, good = run_batch((job(tmp_path / "out", limits=Limits(min_duration_s=1.0)), batch(short, long)))
    assert (good.id, good.status) == ("long", "ok")
    assert (bad.id, bad.reason) == ("short", "too_short")
    assert names(bad.message, "short.wav", "0.9 s", "1 s")


def test_a_source_that_lasts_longer_than_is_allowed_fails(tmp_path: Path) -> None:
    short, long = plant(tmp_path, "a.wav"), plant(tmp_path, "b.wav", seconds=1.5)
    good, bad = run_batch((job(tmp_path / "out", limits=Limits(max_duration_s=1.0)), batch(*short, *long)))
    assert good.status == "ok"
    assert (bad.status, bad.reason) == ("failed", "too_long")
    assert names(bad.message, f"{long[0]}: ", "1.500 s by its header", " 1 s")


@pytest.mark.parametrize("timeout_per_item_s", [None, 7.5])
def test_each_item_is_watched_over_for_its_own_time_and_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout_per_item_s: float | None
) -> None:
    """And what libraries printed while it was read is in its rows, and in no other's."""
    given_s: list[float] = []

    class Listening(Watchdog):
        def item(self, timeout_s: float) -> AbstractContextManager[None]:
            given_s.append(timeout_s)
            return super().item(timeout_s)

        def stderr(self) -> str | None:
            return "mpg123: hm" if len(given_s) == 2 else None

    monkeypatch.setattr(extract_item, "watchdog", Listening())
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"")
    one = batch(*plant(tmp_path, "a.wav"), bad, *plant(tmp_path, "c.wav"))
    rows = run_batch((job(tmp_path / "out", limits=Limits(timeout_per_item_s=timeout_per_item_s)), one))
    assert given_s == [timeout_per_item_s or item_timeout_s(item) for item in one.items]
    assert [(row.status, row.stderr) for row in rows] == [("ok", None), ("failed", "mpg123: hm"), ("ok", None)]


def test_a_trial_stores_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"")
    try_batch((job(tmp_path / "out"), batch(*plant(tmp_path, "a.wav"), bad)))
    assert not (tmp_path / "out").exists()


def test_headers_are_measured_and_bad_ones_count_for_nothing(tmp_path: Path) -> None:
    paths = plant(tmp_path, "a.wav", "b.flac", seconds=0.75, rate_hz=16_000, channels=2)
    bad = tmp_path / "c.wav"
    bad.write_bytes(b"no audio")
    measured = measure_batch((job(tmp_path / "out"), batch(*paths, bad)))
    assert [(one.id, one.duration_s, one.num_outputs) for one in measured] == [
        ("a", 0.75, 1),
        ("b", 0.75, 1),
        ("c", 0.0, 1),
    ]
    each = replace(job(tmp_path / "out"), config=Config(audio=AudioOptions(channels="each")))
    assert [one.num_outputs for one in measure_batch((each, batch(*paths)))] == [2, 2]


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_a_header_that_cannot_be_measured_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(path: str, **options: object) -> tuple[int, int]:
        raise error

    monkeypatch.setattr("melcli.run.process_batch.measure", refuse)
    (measured,) = measure_batch((job(tmp_path / "out"), batch(*plant(tmp_path, "a.wav"))))
    assert measured.duration_s == 0.0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("loud", [1e18, 1e25, 3e38])
def test_numbers_beyond_float32_fail_one_file_and_not_the_run(tmp_path: Path, loud: float) -> None:
    """Finite samples whose power is not: a 32-bit float WAV can hold them."""
    good, bad = plant(tmp_path, "a.wav"), tmp_path / "b.wav"
    signal = loud * np.sign(noise(1, seconds=0.5))
    bad.write_bytes(encode(signal, ".wav", subtype="FLOAT"))
    rows = run_batch((job(tmp_path / "out"), batch(*good, bad)))
    assert [(row.id, row.status, row.reason) for row in rows] == [("a", "ok", None), ("b", "failed", "nonfinite")]
    for row in rows:
        row.to_json()


def test_with_checksum_the_content_is_hashed(tmp_path: Path) -> None:
    first, second = plant(tmp_path, "a.wav", "b.wav")
    copy = tmp_path / "c.wav"
    copy.write_bytes(first.read_bytes())
    one, other, same = run_batch((job(tmp_path / "out", checksum=True), batch(first, second, copy)))
    assert (one.source_hash or "").startswith("sha256:")
    assert one.source_hash == same.source_hash != other.source_hash


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), PermissionError(13, "no")])
def test_a_content_that_cannot_be_hashed_is_left_to_the_decoder_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Without a hash the row counts as stale in the next run with ``--checksum``."""

    def refuse(path: str, *arguments: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr("melcli.run.open_source.hash_content", refuse)
    (row,) = run_batch((job(tmp_path / "out", checksum=True), batch(*plant(tmp_path, "a.wav"))))
    assert (row.status, row.source_hash) == ("ok", None)


def no_file(path: Path) -> None:
    pass


def a_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("make, reason", [(no_file, "vanished"), (a_socket, "unreadable"), (a_folder, "unreadable")])
def test_what_is_no_file_is_told_apart_with_and_without_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], reason: str, checksum: bool
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
    make(Path("a.wav"))
    items = (Item("a", "a.wav", -1, 0),)
    (row,) = run_batch((job(tmp_path / "out", checksum=checksum), Batch(items=items)))
    assert (row.status, row.reason) == ("failed", reason)


def test_a_file_that_shrinks_before_it_is_read_is_described_as_it_was_read(tmp_path: Path) -> None:
    """The row holds what was seen right before reading, and not what the search saw."""
    (source,) = plant(tmp_path, "a.wav")
    found = batch(source)
    source.write_bytes(encode(noise(9, seconds=0.1), ".wav"))
    (row,) = run_batch((job(tmp_path / "out"), found))
    assert (row.source_size, row.num_samples) == (source.stat().st_size, 800)


def test_each_channel_has_a_row_and_a_file(tmp_path: Path) -> None:
    left, right = noise(1), noise(2)
    source = tmp_path / "a.wav"
    source.write_bytes(encode(np.hstack([left, right]), ".wav", subtype="FLOAT"))
    out = tmp_path / "out"
    rows = run_batch((job(out, audio=AudioOptions(channels="each")), batch(source)))
    assert [(row.id, row.channel, row.source_channels, row.path, row.item_id) for row in rows] == [
        ("a.ch0", 0, 2, "a.ch0.npy", "a"),
        ("a.ch1", 1, 2, "a.ch1.npy", "a"),
    ]
    mel = MelSpectrogram(**to_plain(FEATURES))
    for row, signal in zip(rows, (left, right), strict=True):
        np.testing.assert_array_equal(np.load(out / str(row.path)), mel(signal[:, 0].astype(np.float32)))


def test_a_channel_that_is_not_there_fails_that_file(tmp_path: Path) -> None:
    mono, stereo = plant(tmp_path, "mono.wav"), plant(tmp_path, "stereo.wav", channels=2)
    rows = run_batch((job(tmp_path / "out", audio=AudioOptions(channels=1)), batch(*mono, *stereo)))
    assert [(row.id, row.status) for row in rows] == [("mono", "failed"), ("stereo", "ok")]


def test_float16_that_overflows_fails_that_file(tmp_path: Path) -> None:
    """Linear power of a full-scale tone over a long window is beyond 65504."""
    features = FeatureOptions(sampling_rate=RATE_HZ, num_mel_bins=20, power_to_db=False)
    config = Config(features=features, output=OutputOptions(dtype="float16"))
    quiet = plant(tmp_path, "quiet.wav", seconds=0.5)
    loud = tmp_path / "tone.wav"
    tone = np.sign(np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(RATE_HZ)))
    loud.write_bytes(encode(tone, ".wav"))
    of = Job(out=str(tmp_path / "out"), config=config, config_id=config.config_id)
    good, bad = run_batch((of, batch(*quiet, loud)))
    assert (good.status, good.dtype) == ("ok", "float16")
    assert (bad.status, bad.reason) == ("failed", "nonfinite")
    assert "65504" in (bad.message or "")


def test_rows_of_a_shard_say_where_in_it(tmp_path: Path) -> None:
    # The reader is given what the rows say; that it finds the right frames is the store's own test.
    paths = plant(tmp_path, "a.wav", "b.wav", "c.wav")
    config = Config(features=FEATURES, output=OutputOptions(format="hdf5"))
    items = batch(*paths).items
    shard = as_shard(items, 2)
    out = tmp_path / "out"
    rows = run_batch((Job(out=str(out), config=config, config_id=config.config_id), shard))
    frames = rows[0].num_frames or 0
    assert [(row.path, row.start) for row in rows] == [("features-00002.h5", frames * n) for n in range(3)]
    write_manifest(str(out), rows)
    npy = tmp_path / "npy"
    run_batch((job(npy), batch(*paths)))
    for item_id, features in open_features(out).items():
        np.testing.assert_array_equal(features, np.load(npy / f"{item_id}.npy"))


# block by block

EVERYTHING = {
    "levels": {},
    "relative to the loudest": {"ref_power": "max", "top_db": 40.0},
    "statistics, time first": {"mean": "bin", "std": "all", "time_major": True},
    "cepstra": {"num_ceps": 13, "use_energy": True, "power_to_db": False, "log": "ln", "num_frames": 300},
}


@pytest.fixture
def small_blocks() -> Iterator[None]:
    """Let half a minute fill many blocks of every kind, and lie on the disk."""
    compute._mel.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("melcli.audio.decode.BLOCK_SAMPLES", 5000)
        patch.setattr("melcli.run.compute.MAX_BYTES_IN_MEMORY", 0)
        set_sizes(patch, 16, 20 * 64)
        yield
    compute._mel.cache_clear()


def whole(source: Path, config: Config) -> list[np.ndarray]:
    """Return the features of each channel of a file that is read and computed in one go."""
    features = config.features
    audio = load_audio(str(source), config.audio, sampling_rate=features.sampling_rate, dtype=features.compute_dtype)
    return [MelSpectrogram(**to_plain(features))(signal).astype(config.output.dtype) for signal in audio.signals]


@pytest.mark.few(4)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
@pytest.mark.parametrize("dtype", full_but(["float16", "float32"], "float32"))
@pytest.mark.parametrize("keys", EVERYTHING.values(), ids=EVERYTHING)
@pytest.mark.parametrize("channels", ["mix", "each"])
@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_goes_through_in_blocks_gives_the_bytes_of_the_whole(
    tmp_path: Path, channels: Any, keys: dict[str, Any], dtype: Any, format_: Any
) -> None:
    features = replace(FEATURES, **keys)
    config = Config(
        audio=AudioOptions(channels=channels), features=features, output=OutputOptions(format=format_, dtype=dtype)
    )
    sources = plant(tmp_path, "a.wav", "b.flac", seconds=10, rate_hz=16_000, channels=2)
    out = tmp_path / "out"
    shard = as_shard(batch(*sources).items, 0)
    of = Job(out=str(out), config=config, config_id=config.config_id)
    rows = run_batch((of, shard if format_ == "hdf5" else batch(*sources)))
    write_manifest(str(out), rows)
    stored = open_features(out)
    expected = [channel for source in sources for channel in whole(source, config)]
    assert [row.status for row in rows] == ["ok"] * len(expected)
    for row, one in zip(rows, expected, strict=True):
        assert stored[row.id].tobytes() == one.tobytes()
        assert (row.num_frames, row.num_features) == (one.shape if features.time_major else one.shape[::-1])
        assert row.crc32 == f"{zlib.crc32(one.tobytes()):08x}"
        assert (row.min, row.max) == (one.min(), one.max())
        assert row.num_samples == 80_000
        decoded, _ = soundfile.read(row.source)
        assert (row.peak, row.rms_db) == (np.abs(decoded).max(), round(10 * math.log10(np.mean(decoded**2)), 3))
    assert sorted(tree(out)) == sorted({"manifest.jsonl", "failures.jsonl", *(str(row.path) for row in rows)})


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("reason, damage", [("truncated", lambda content: content[:-100]), ("nonfinite", None)])
def test_a_fault_at_the_end_of_a_file_leaves_nothing_of_what_came_before(
    tmp_path: Path, reason: str, damage: Callable[[bytes], bytes] | None
) -> None:
    (good,) = plant(tmp_path, "a.wav", seconds=10)
    bad = tmp_path / "b.wav"
    signal = noise(1, seconds=10)
    signal[-1] = np.nan if damage is None else 0.0
    content = encode(signal, ".wav", subtype="FLOAT")
    bad.write_bytes(damage(content) if damage else content)
    rows = run_batch((job(tmp_path / "out"), batch(good, bad)))
    assert [(row.status, row.reason) for row in rows] == [("ok", None), ("failed", reason)]
    assert sorted(tree(tmp_path / "out")) == ["a.npy"]
    assert [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".tmp")] == []


def test_channels_that_are_made_a_few_at_a_time_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(audio=AudioOptions(channels="each"), features=FEATURES)
    sources = plant(tmp_path, "a.wav", seconds=0.5, rate_hz=16_000, channels=7)
    made = []
    for at_a_time in (1, 3, 7, 16):
        out = tmp_path / f"out{at_a_time}"
        out.mkdir()
        monkeypatch.setattr(compute, "OUTPUTS_PER_PASS", at_a_time)
        rows = run_batch((Job(out=str(out), config=config, config_id=config.config_id), batch(*sources)))
        assert [row.channel for row in rows] == list(range(7))
        made.append(({row.id: row.crc32 for row in rows}, tree(out)))
    assert len(set(made[0][0].values())) == 7
    assert made[1:] == made[:-1]


@pytest.mark.usefixtures("small_blocks")
def test_no_room_for_what_is_in_the_making_ends_the_run_and_is_no_fault_of_the_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".melcli").write_text("a file where a folder is needed")
    with pytest.raises(StorageError, match=r"^cannot write .*\.melcli: "):
        run_batch((job(out), batch(*plant(tmp_path, "a.wav"))))
    assert tree(out) == {".melcli": b"a file where a folder is needed"}


def test_the_time_of_a_worker_is_told_by_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"")
    sources = plant(tmp_path, "a.wav", seconds=5.0, rate_hz=16_000)
    (tmp_path / "out").mkdir()
    # The clock of CPU time: on a busy machine this process waits for a core between two stages too.
    monkeypatch.setattr("melcli.stopwatch.time.perf_counter", time.process_time)
    gc.collect()
    gc.disable()  # after thousands of tests, a collection takes longer than the batch
    try:
        began_s = time.process_time()
        outcome = process_batch.run_batch((job(tmp_path / "out"), batch(*sources, bad)))
        took_s = time.process_time() - began_s
    finally:
        gc.enable()
    assert set(outcome.seconds) == set(STAGES)
    assert min(outcome.seconds.values()) > 0.0
    assert 0.5 * took_s < sum(outcome.seconds.values()) <= took_s
    assert outcome.cpu_s > 0.0
    assert [isinstance(row, Row) for row in outcome.rows] == [False, True]


def test_each_stage_of_each_item_is_told_in_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laps: list[str] = []

    class Listening(Stopwatch):
        def lap(self, stage: str) -> None:
            if laps[-1:] != [stage]:
                laps.append(stage)

    monkeypatch.setattr("melcli.run.process_batch.Stopwatch", Listening)
    monkeypatch.setattr("melcli.run.compute.postprocess", lambda batch, options: laps.append("postprocess"))
    sources = plant(tmp_path, "a.wav", "b.wav", seconds=1.0)
    (tmp_path / "out").mkdir()
    process_batch.run_batch((job(tmp_path / "out"), batch(*sources)))
    half = len(laps) // 2
    assert laps[:half] == laps[half : 2 * half]  # two items of the same length
    # Decoding is told a second time when the file has ended; only then there is a block of frames.
    audio = ["decode", "resample", "decode", "resample"]
    assert laps[:half] == ["other", *audio, "fft", "mel", "log", "postprocess", "log", "other", "write"]
    assert laps[2 * half :] == ["other"]  # the rows, once all is stored


@pytest.mark.parametrize("channels", ["mix", "each"])
def test_audio_is_counted_while_a_file_is_processed_and_once_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: Any
) -> None:
    told: list[float] = []

    class Listening(Watchdog):
        def advance(self, audio_s: float) -> None:
            told.append(audio_s)

    monkeypatch.setattr(extract_item, "watchdog", Listening())
    monkeypatch.setattr(compute, "OUTPUTS_PER_PASS", 1)  # so that the file is read once for each channel
    one = batch(*plant(tmp_path, "a.wav", seconds=40.0, channels=2))
    run_batch((job(tmp_path / "out", audio=AudioOptions(channels=channels)), one))
    assert len([audio_s for audio_s in told if audio_s]) > 1  # block by block
    assert sum(told) == pytest.approx(40.0, abs=0.01)


def test_a_sample_is_timed_and_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"")
    task = job(tmp_path / "out"), batch(bad, *plant(tmp_path, "a.wav", seconds=1.0))
    timed = time_sample(task)
    assert timed.audio_s == pytest.approx(1.0, abs=0.01)
    assert timed.elapsed_s > 0
    monkeypatch.setattr(sample_time, "SAMPLE_S", 0.0)
    plant(tmp_path, "a.wav", seconds=120.0)
    assert 0 < time_sample(task).audio_s < 120.0  # it does not go on to the end of a long file
    assert not (tmp_path / "out").exists()
