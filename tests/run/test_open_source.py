"""Parts of a recording and chunks: the bytes of the same samples in a file of their own."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.audio import recording
from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.mel.options import FeatureOptions
from melcli.run import process_batch
from melcli.run.batching import Batch, planned_shard
from melcli.run.job import Job
from melcli.run.limits import Limits
from melcli.sources.bounds import Bounds
from melcli.sources.items import Item
from melcli.store.options import OutputOptions
from melcli.store.rows import Row, row_of
from tests.audio.sounds import decode, music, write
from tests.run.corpus import tree
from tests.tiers import examples

RATE_HZ = 8_000
SAMPLES = 30_011
FORMATS = ["a.wav", "a.flac", "a.aiff", "a.w64", "a.ogg", "a.opus", "a.mp3"]
FEATURES = FeatureOptions(sampling_rate=RATE_HZ, fft_length=512, sequence_stride=256, num_mel_bins=20)
# What a row says of the signal, and not of the file that contains it.
SIGNAL_FIELDS = (
    *("status", "reason", "channel", "num_samples", "num_frames", "valid_frames", "num_features", "duration", "dtype"),
    *("crc32", "min", "max", "mean", "peak", "rms_db", "clipped_fraction", "dc_offset", "flags"),
    *("source_sampling_rate", "source_channels"),
)


def sound(path: Path, channels: int) -> Path:
    signal = music(SAMPLES, channels, RATE_HZ)
    if path.suffix == ".opus":
        return write(path.with_name("opus.ogg"), signal, RATE_HZ, "OPUS").rename(path)
    return write(path, signal, RATE_HZ)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Path]:
    found = {}
    for channels in (1, 2):
        folder = tmp_path_factory.mktemp(f"sounds{channels}")
        found |= {(name, channels): sound(folder / name, channels) for name in FORMATS}
    return found


def job(out: Path, *, audio: AudioOptions | None = None, rate_hz: int = RATE_HZ, **more: Any) -> Job:
    output = OutputOptions(dtype=more.pop("dtype", "float32"), format=more.pop("format_", "npy"))
    config = Config(audio=audio or AudioOptions(), features=replace(FEATURES, sampling_rate=rate_hz), output=output)
    return Job(out=str(out), config=config, config_id=config.config_id, **more)


def run(task: Job, items: Sequence[Item]) -> list[Row]:
    """Run a batch, and return its rows sorted by id."""
    os.makedirs(task.out, exist_ok=True)
    shard = planned_shard(0, items) if task.config.output.format == "hdf5" else None
    rows = process_batch.run_batch((task, Batch(items=tuple(items), shard=shard))).rows
    return sorted(
        (row if isinstance(row, Row) else row_of(json.loads(row.text)) for row in rows), key=lambda row: row.id
    )


def part(item_id: str, path: Path, start_s: float | None = None, end_s: float | None = None, **more: Any) -> Item:
    bounds = Bounds(start_s=start_s, end_s=end_s, **more)
    return Item.from_stat(item_id, str(path), path.stat())._replace(bounds=bounds.to_json())


def cut(path: Path, folder: Path, name: str, first: int, end: int | None, dtype: Any) -> Item:
    """Write samples, decoded by melcli, into a file of their own, and return it as an item."""
    whole, file = decode(path, dtype)
    alone = folder / f"{name}.wav"
    soundfile.write(alone, whole[first:end], file.sampling_rate, "DOUBLE" if dtype == "float64" else "FLOAT")
    return Item.from_stat(name, str(alone), alone.stat())


def about(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name, None) for name in SIGNAL_FIELDS}


CASES = [
    *[(name, channels, "mix", RATE_HZ, "float32") for name in FORMATS for channels in (1, 2)],
    *[(name, 2, channels, 11_025, "float32") for name in ("a.flac", "a.mp3") for channels in ("mix", "each", 1)],
    *[("a.flac", 2, "each", RATE_HZ, "float64"), ("a.ogg", 1, "mix", 5_000, "float64")],
]


@pytest.mark.few(1)
@pytest.mark.parametrize("sizes", [(32_768, 32_000_000, 5.0), (700, 0, 0.0), (700, 6_000, 0.3)])
@pytest.mark.parametrize(("name", "num_channels", "channels", "rate_hz", "dtype"), CASES)
def test_parts_equal_files_cut_beforehand(
    sounds: dict[tuple[str, int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    num_channels: int,
    channels: Any,
    rate_hz: int,
    dtype: Any,
    sizes: tuple[int, int, float],
) -> None:
    path = sounds[name, num_channels]
    whole, _ = decode(path)
    monkeypatch.setattr("melcli.audio.decode.BLOCK_SAMPLES", sizes[0])
    monkeypatch.setattr(recording, "MAX_KEPT_BYTES", sizes[1])
    monkeypatch.setattr(recording, "MIN_SEEK_S", sizes[2])
    chance = random.Random(f"{name} {channels} {rate_hz} {sizes}")
    edges = [(0, None), (len(whole) - 2000, len(whole)), (4000, 20_000), (5000, 6000), (4000, 4600), (29_000, None)]
    for _ in range(4):
        first = chance.randrange(len(whole) - 1000)
        edges.append((first, chance.randrange(first + 600, len(whole))))
    source_rate = decode(path)[1].sampling_rate
    parts = [
        part(f"p{number}", path, first / source_rate, None if end is None else end / source_rate)
        for number, (first, end) in enumerate(edges)
    ]
    chance.shuffle(parts)
    audio = AudioOptions(channels=channels)
    task = job(tmp_path / "out", audio=audio, rate_hz=rate_hz, dtype=dtype)
    files = [cut(path, tmp_path, f"p{number}", *edge, dtype) for number, edge in enumerate(edges)]
    rows, expected = run(task, parts), run(replace(task, out=str(tmp_path / "cut")), files)
    assert [row.id for row in rows] == [row.id for row in expected]
    assert list(map(about, rows)) == list(map(about, expected))
    assert tree(tmp_path / "out") == tree(tmp_path / "cut")


def test_division_into_batches_does_not_matter(sounds: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    for name in ("a.flac", "a.ogg"):
        path = sounds[name, 1]
        parts = [part(f"{name}/p{number:02}", path, number * 0.3, number * 0.3 + 0.7) for number in range(10)]
        together, alone = job(tmp_path / "out"), job(tmp_path / "alone")
        rows = run(together, parts[::-1])
        assert [row for one in parts for row in run(alone, [one])] == rows
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_shard_is_in_the_order_of_its_items(sounds: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    flac, mp3 = sounds["a.flac", 1], sounds["a.mp3", 1]
    parts = [part("a", flac, 2.0, 3.0), part("b", mp3, 0.5, 1.0), part("c", flac, 0.0, 1.0), part("d", mp3, 0.1, 2.0)]
    rows = run(job(tmp_path / "out", format_="hdf5"), parts)
    starts = [getattr(row, "start", None) for row in rows]
    assert starts == sorted(starts)
    with h5py.File(tmp_path / "out" / "features-00000.h5") as shard:
        assert shard["ids"].asstr()[:].tolist() == ["a", "b", "c", "d"]


def test_recording_without_samples_is_empty(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        path = write(tmp_path / name, music(0), RATE_HZ)
        rows = run(job(tmp_path / "out"), [part("p", path, 0.0, 1.0), part("q", path, 1.0, 2.0), part("r", path)])
        assert [row.reason for row in rows] == ["empty"] * 3


def test_source_channel_selects_one(sounds: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    path = sounds["a.flac", 2]
    audio = AudioOptions(channels="each")
    each = {row.id: row for row in run(job(tmp_path / "each", audio=audio), [part("a", path)])}
    parts = [part("l", path, source_channel=0), part("r", path, 0.0, 5.0, source_channel=1)]
    left, right = run(job(tmp_path / "out", audio=audio), parts)
    assert (left.id, left.channel, right.id, right.channel) == ("l", None, "r", None)
    assert about(left) == about(each["a.ch0"]) | {"channel": None}
    assert right.reason == "too_short"  # 3.75 s, more than the overshoot that is allowed
    (missing,) = run(job(tmp_path / "out2", audio=audio), [part("x", path, 0.0, 1.0, source_channel=2)])
    assert (missing.status, missing.reason) == ("failed", "unsupported_format")


@pytest.mark.parametrize(("rounding", "first", "end"), [(None, 1, 12_346), ("truncate", 0, 12_345)])
def test_seconds_become_samples(
    sounds: dict[tuple[str, int], Path], tmp_path: Path, rounding: Any, first: int, end: int
) -> None:
    path = sounds["a.flac", 1]
    (row,) = run(job(tmp_path / "o"), [part("p", path, 0.6 / RATE_HZ, 12_345.6 / RATE_HZ, rounding=rounding)])
    (alone,) = run(job(tmp_path / "o"), [cut(path, tmp_path, "p", first, end, "float32")])
    assert about(row) == about(alone)


# Chunks.


def expected_chunks(
    num_samples: int, chunk: int, hop: int, last: str, rate_hz: int = RATE_HZ
) -> list[tuple[int, int, int]]:
    """Return first sample, the one after the last, and the padding of each chunk: until one reaches the end."""
    found = []
    start = 0
    while True:
        stop = min(start + chunk, num_samples)
        is_short = start + chunk > num_samples
        if not (is_short and last == "drop"):
            found.append((start, stop, start + chunk - stop if last == "pad" else 0))
        if start + chunk >= num_samples:
            return found
        start += hop


@settings(max_examples=examples(120), deadline=None)
@given(
    name=st.sampled_from(["a.flac", "a.mp3", "a.wav"]),
    first=st.sampled_from([0, 1234]),
    length=st.one_of(st.none(), st.sampled_from([1600, 8000, 16_000, 15_999, 16_001]), st.integers(300, 28_000)),
    chunk=st.sampled_from([1600, 4000, 8000, 16_000, 40_000]),
    hop=st.sampled_from([1.0, 0.5, 0.3]),
    last=st.sampled_from(["keep", "pad", "drop"]),
    sizes=st.sampled_from([(32_768, 32_000_000), (700, 6_000)]),
)
def test_chunks_equal_files_cut_beforehand(
    sounds: dict[tuple[str, int], Path],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    first: int,
    length: int | None,
    chunk: int,
    hop: float,
    last: Any,
    sizes: tuple[int, int],
) -> None:
    path, folder = sounds[name, 1], tmp_path_factory.mktemp("chunks")
    whole, _ = decode(path)
    end = len(whole) if length is None else min(first + length, len(whole))
    whole = whole[first:end]
    hop_samples = round(chunk * hop)
    wanted = expected_chunks(len(whole), chunk, hop_samples, last)
    audio = AudioOptions(chunk_s=chunk / RATE_HZ, chunk_hop_s=hop_samples / RATE_HZ, chunk_last=last)
    item = part("a", path, first / RATE_HZ, None if length is None else end / RATE_HZ)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("melcli.audio.decode.BLOCK_SAMPLES", sizes[0])
        patched.setattr(recording, "MAX_KEPT_BYTES", sizes[1])
        rows = run(job(folder / "out", audio=audio), [item])
    if not wanted:
        (row,) = rows
        assert (row.id, row.status, row.reason) == ("a", "failed", "too_short")
        return
    assert [(row.id, row.chunk, row.num_chunks) for row in rows] == [
        (f"a.{number:05d}", number, len(wanted)) for number in range(len(wanted))
    ]
    assert [row.chunk_start_s for row in rows] == [(first + start) / RATE_HZ for start, _, _ in wanted]
    files = []
    for number, (start, stop, padding) in enumerate(wanted):
        alone = folder / f"{number}.wav"
        soundfile.write(alone, np.pad(whole[start:stop], ((0, padding), (0, 0))), RATE_HZ, "FLOAT")
        files.append(Item.from_stat(f"a.{number:05d}", str(alone), alone.stat()))
    expected = run(job(folder / "cut"), files)
    crcs = [(row.crc32, row.num_frames, row.duration) for row in rows if row.status == "ok"]
    assert crcs == [(row.crc32, row.num_frames, row.duration) for row in expected if row.status == "ok"]


def test_chunks_of_each_channel(sounds: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    path = sounds["a.mp3", 2]
    rows = run(job(tmp_path / "out", audio=AudioOptions(channels="each", chunk_s=2.0)), [part("a", path)])
    assert [row.id for row in rows] == ["a.00000.ch0", "a.00000.ch1", "a.00001.ch0", "a.00001.ch1"]
    assert {row.item_id for row in rows} == {"a"}
    halves = [
        cut(path, tmp_path, f"a.{number:05d}", number * 16_000, (number + 1) * 16_000, "float32") for number in (0, 1)
    ]
    expected = run(job(tmp_path / "cut", audio=AudioOptions(channels="each")), halves)
    assert [row.crc32 for row in rows if row.status == "ok"] == [row.crc32 for row in expected if row.status == "ok"]


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
@pytest.mark.parametrize("last", ["keep", "drop"])
def test_segment_that_ends_far_after_the_recording_has_no_chunks(
    sounds: dict[tuple[str, int], Path], tmp_path: Path, name: str, last: Any
) -> None:
    """The same for each format, although only some tell their length beforehand."""
    num_samples = len(decode(sounds[name, 1])[0])
    for chunk_s in (1.0, 2.0, 3.0, 6.0):
        audio = AudioOptions(chunk_s=chunk_s, chunk_last=last)
        for over_s, reason in ((0.4, None), (0.5, "too_short"), (7.0, "too_short")):
            item = part("a", sounds[name, 1], 0.0, num_samples / RATE_HZ + over_s)
            rows = run(job(tmp_path / "out", audio=audio), [item])
            expected = "too_short" if last == "drop" and chunk_s == 6.0 else reason
            assert {row.reason for row in rows} == {expected}, (chunk_s, over_s)


@pytest.mark.parametrize("min_duration_s", [1.1, 3.7513, 3.7515])
@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_min_duration_is_that_of_the_whole_input(
    sounds: dict[tuple[str, int], Path], tmp_path: Path, name: str, min_duration_s: float
) -> None:
    """A duration of exactly the minimum is long enough, with and without chunks."""
    limits = Limits(min_duration_s=min_duration_s)
    num_samples = round(1.1 * RATE_HZ) if min_duration_s == 1.1 else SAMPLES
    items = [part("a", sounds["a.flac", 1], 0.0, num_samples / RATE_HZ)]
    (plain,) = run(job(tmp_path / "a", limits=limits), items)
    chunked = run(job(tmp_path / "b", limits=limits, audio=AudioOptions(chunk_s=0.5)), items)
    assert {row.reason for row in chunked} == {plain.reason}
    assert (plain.reason is None) == (num_samples / RATE_HZ >= min_duration_s)


def test_max_duration_is_that_of_the_whole_input(sounds: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    for name in ("a.flac", "a.mp3"):
        task = job(tmp_path / "o", limits=Limits(max_duration_s=2.0), audio=AudioOptions(chunk_s=0.5))
        (row,) = run(task, [part("a", sounds[name, 1])])
        assert row.reason == "too_long"
        assert len(run(task, [part("a", sounds[name, 1], 0.5, 2.5)])) == 4
        assert not tree(tmp_path / "o").keys() - {f"a.{number:05d}.npy" for number in range(4)}


# Damage.


def damaged(path: Path, folder: Path, at: float) -> Path:
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + 400] = bytes(byte ^ 0xA5 for byte in data[start : start + 400])
    copy = folder / f"damaged{path.suffix}"
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_damage_costs_its_parts(sounds: dict[tuple[str, int], Path], tmp_path: Path, name: str, format_: Any) -> None:
    bad, good = damaged(sounds[name, 1], tmp_path, 0.6), sounds["a.wav", 1]
    parts = [part(f"b{number}", bad, number * 0.9, number * 0.9 + 0.8) for number in range(4)]
    items = [part("a", good, 0.1, 0.5), *parts, part("c", good, 0.2, 0.9)]
    rows = run(job(tmp_path / "out", format_=format_), items)
    found = {row.id: row.status for row in rows}
    assert list(found) == ["a", "b0", "b1", "b2", "b3", "c"]
    assert (found["a"], found["c"], found["b2"]) == ("ok", "ok", "failed")
    if name == "a.flac":
        assert (found["b0"], found["b1"], found["b3"]) == ("ok", "ok", "ok")
    else:
        assert {found[f"b{number}"] for number in range(4)} == {"failed"}
    for row in rows:
        if row.status == "failed":
            assert row.reason in {"unreadable", "truncated"}
            assert str(bad) in row.message
    if format_ == "npy":
        assert tree(tmp_path / "out").keys() == {f"{row.id}.npy" for row in rows if row.status == "ok"}


@pytest.mark.parametrize("name", ["a.flac", "a.ogg"])
def test_damage_costs_all_chunks_of_an_input(sounds: dict[tuple[str, int], Path], tmp_path: Path, name: str) -> None:
    bad = damaged(sounds[name, 1], tmp_path, 0.6)
    audio = AudioOptions(channels="each", chunk_s=0.5)
    (row,) = run(job(tmp_path / "out", audio=audio), [part("a", bad)])
    assert (row.id, row.status, row.channel, row.chunk) == ("a", "failed", None, None)
    assert tree(tmp_path / "out") == {}
