"""The room that a run will take: held against what runs really write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.errors import StorageError
from melcli.mel.options import FeatureOptions
from melcli.run import estimate as estimates
from melcli.run.batching import Batch, planned_shard
from melcli.run.engines.contract import BatchLost
from melcli.run.estimate import Estimate
from melcli.run.job import Job, MeasuredItem
from melcli.run.process_batch import run_batch
from melcli.run.to_do import ToDo
from melcli.scratch import Scratch
from melcli.sources.inputs import find_items
from melcli.sources.items import Item
from melcli.sources.options import SourceOptions
from melcli.store.options import OutputOptions
from tests.run.corpus import RATE_HZ, encode, noise, plant
from tests.run.engines.inline import InlineEngine
from tests.tiers import full_but

SAMPLES = Path(__file__).parents[2] / "sample_audio"
LIGHT = FeatureOptions(sampling_rate=RATE_HZ, fft_length=512, sequence_stride=64, num_mel_bins=80)


class Listed:
    """An engine whose workers read from a list: seconds by id; counts what it was asked."""

    workers = 2

    def __init__(self, seconds: Callable[[Item], float], num_outputs: int = 1) -> None:
        self.asked: list[str] = []
        self._seconds = seconds
        self._num_outputs = num_outputs

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        future: Future[Any] = Future()
        if argument is None:  # asked whether it can work at all
            future.set_result({})
            return future
        (item,) = argument[1].items
        self.asked.append(item.id)
        try:
            future.set_result([MeasuredItem(item.id, self._seconds(item), self._num_outputs)])
        except BatchLost as error:
            future.set_exception(error)
        return future


def items_in(folder: Path) -> tuple[Item, ...]:
    with Scratch() as scratch:
        return tuple(find_items([str(folder)], scratch=scratch, options=SourceOptions()).items)


def expected_space(job: Job, items: Sequence[Item], engine: Any) -> Estimate:
    with Scratch() as scratch:
        return estimates.expected_space(job, ToDo(items, scratch), engine)


def made_up(sizes: dict[str, int]) -> list[Item]:
    return [Item(os.path.splitext(name)[0], f"in/{name}", size, 1) for name, size in sorted(sizes.items())]


def job_for(out: Path, config: Config) -> Job:
    return Job(out=str(out), config=config, config_id=config.config_id)


def written(out: Path, config: Config, items: tuple[Item, ...]) -> int:
    """Extract for real, and return what the features take on the disk."""
    (out / ".melcli").mkdir(parents=True)
    run_batch((job_for(out, config), Batch(items=items)))
    return sum(path.stat().st_blocks * 512 for path in out.rglob("*.npy"))


def mixture(folder: Path, seed: int) -> None:
    """Plant 150 sounds of several kinds, rates and lengths; every fifth is silent, which FLAC packs a thousandfold."""
    random = np.random.default_rng(seed)
    for number in range(150):
        seconds = float(np.clip(random.lognormal(-0.5, 0.8), 0.05, 10))
        rate_hz = int(random.choice([8_000, 16_000, 44_100]))
        signal = noise(number, seconds=seconds, rate_hz=rate_hz) * float(random.uniform(0.01, 1) * (number % 5 > 0))
        extension = str(random.choice([".wav", ".flac", ".mp3", ".ogg"]))
        folder.mkdir(exist_ok=True)
        (folder / f"{number:03}{extension}").write_bytes(encode(signal, extension, rate_hz=rate_hz))


# Against what is really written


@pytest.mark.parametrize("channels", ["mix", "each"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_few_files_are_known_exactly(tmp_path: Path, channels: Any, dtype: Any) -> None:
    config = Config(audio=AudioOptions(channels=channels), features=LIGHT, output=OutputOptions(dtype=dtype))
    items = items_in(SAMPLES)
    estimate = expected_space(job_for(tmp_path / "out", config), items, InlineEngine(1))
    assert (estimate.num_items, estimate.num_sampled) == (len(items), len(items))
    assert estimate.expected_bytes == pytest.approx(written(tmp_path / "out", config, items), rel=0.01)


@pytest.mark.parametrize("extension", full_but([".wav", ".flac", ".ogg"], ".flac"))
def test_many_files_of_one_kind(tmp_path: Path, extension: str) -> None:
    lengths = np.random.default_rng(1).lognormal(-1, 0.7, 150)
    for number, seconds in enumerate(lengths):
        plant(tmp_path / "in", f"{number}{extension}", seconds=float(seconds))
    items, config = items_in(tmp_path / "in"), Config(features=LIGHT)
    estimate = expected_space(job_for(tmp_path / "out", config), items, InlineEngine(1))
    assert estimate.num_sampled <= 64
    assert estimate.audio_s == pytest.approx(sum(soundfile.info(item.source).duration for item in items), rel=0.05)
    assert estimate.expected_bytes == pytest.approx(written(tmp_path / "out", config, items), rel=0.05)


@pytest.mark.full
@pytest.mark.parametrize("seed", full_but(range(2), 0))
def test_a_mixture(tmp_path: Path, seed: int) -> None:
    mixture(tmp_path / "in", seed)
    items, config = items_in(tmp_path / "in"), Config(features=LIGHT)
    estimate = expected_space(job_for(tmp_path / "out", config), items, InlineEngine(1))
    assert estimate.num_sampled <= 64 + 4 * 8
    assert estimate.expected_bytes == pytest.approx(written(tmp_path / "out", config, items), rel=0.25)


def test_shards_take_no_more(tmp_path: Path) -> None:
    plant(tmp_path / "in", *[f"{number}.wav" for number in range(20)], seconds=2)
    items = items_in(tmp_path / "in")
    config = Config(features=LIGHT, output=OutputOptions(format="hdf5"))
    job = job_for(tmp_path / "out", config)
    estimate = expected_space(job, items, InlineEngine(1))
    (tmp_path / "out" / ".melcli").mkdir(parents=True)
    batch = Batch(items=items, shard=planned_shard(0, items))
    run_batch((job, batch))
    size = (tmp_path / "out" / "features-00000.h5").stat().st_size
    assert estimate.compressed
    assert 0.6 * estimate.expected_bytes < size < estimate.expected_bytes


def test_a_fixed_number_of_frames_is_the_same_for_every_file(tmp_path: Path) -> None:
    config = Config(features=FeatureOptions(num_frames=3000, num_mel_bins=80))
    items = made_up({f"{number}.wav": 1000 + number for number in range(500)})
    estimate = expected_space(job_for(tmp_path, config), items, Listed(lambda item: item.size / 32_000))
    assert estimate.expected_bytes == 500 * (3000 * 80 * 4 + 4096 - (3000 * 80 * 4) % 4096)


# The sample


@pytest.mark.full
def test_a_hundred_thousand_items_cost_64_headers_and_a_second(tmp_path: Path) -> None:
    sizes = {f"{number}.{'wav' if number % 3 else 'mp3'}": 10_000 + number for number in range(100_000)}
    items = made_up(sizes)
    engine = Listed(lambda item: item.size / 16_000)
    began_s = time.process_time()
    estimate = expected_space(job_for(tmp_path, Config()), items, engine)
    assert time.process_time() - began_s < 2
    assert 32 < len(engine.asked) <= 64
    assert len(set(engine.asked)) == len(engine.asked) == estimate.num_sampled

    again = Listed(lambda item: item.size / 16_000)
    assert expected_space(job_for(tmp_path, Config()), items, again).expected_bytes == estimate.expected_bytes
    assert again.asked == engine.asked


def test_few_large_items_are_looked_at(tmp_path: Path) -> None:
    """One file holds more than all others, and another number of seconds for each byte."""
    sizes = {f"{number:04}.wav": 32_000 for number in range(1000)} | {"z.wav": 10**9}
    engine = Listed(lambda item: item.size / (32_000 if item.size < 10**9 else 8_000))
    expected = expected_space(job_for(tmp_path, Config(features=LIGHT)), made_up(sizes), engine)
    assert "z" in engine.asked
    frames = (10**9 / 8_000 + 1000) * RATE_HZ / 64
    assert expected.expected_bytes == pytest.approx(frames * 80 * 4, rel=0.05)


def test_files_of_one_size_may_differ(tmp_path: Path) -> None:
    items = made_up({f"{number:04}.wav": 160_000 for number in range(999)})
    engine = Listed(lambda item: 10.0 if int(item.id) % 2 else 1.0)
    estimate = expected_space(job_for(tmp_path, Config(features=LIGHT)), items, engine)
    assert estimate.expected_bytes == pytest.approx(999 * 5.5 * RATE_HZ / 64 * 80 * 4, rel=0.25)


def test_every_kind_is_looked_at(tmp_path: Path) -> None:
    sizes = {f"{number}.wav": 10**6 for number in range(1000)} | {f"x{number}.OGG": 1000 for number in range(9)}
    engine = Listed(lambda item: 1.0)
    expected_space(job_for(tmp_path, Config()), made_up(sizes), engine)
    assert len([item_id for item_id in engine.asked if item_id.startswith("x")]) >= 4


def test_what_will_fail_takes_no_room(tmp_path: Path) -> None:
    """A worker dies of every header of one kind, and another cannot be read; where nothing is there nobody looks."""

    def seconds(item: Item) -> float:
        if item.source.endswith(".mp3"):
            raise BatchLost("died")
        return 0.0 if item.source.endswith(".au") else 1.0

    sizes = {f"m{number}.mp3": 5000 for number in range(100)} | {f"a{number}.au": 5000 for number in range(100)}
    engine = Listed(seconds)
    few = expected_space(job_for(tmp_path, Config()), made_up({"w.wav": 5000}), engine)
    all_ = expected_space(job_for(tmp_path, Config()), made_up({"w.wav": 5000, "none.wav": -1, **sizes}), engine)
    assert all_.expected_bytes == few.expected_bytes > 0
    assert "none" not in engine.asked


def test_nothing_to_do(tmp_path: Path) -> None:
    estimate = expected_space(job_for(tmp_path, Config()), [], Listed(lambda item: 1.0))
    assert (estimate.expected_bytes, estimate.num_sampled, estimate.fits) == (0, 0, True)


def test_a_file_system_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "statvfs", refuse)
    with pytest.raises(StorageError, match="/out: Stale file handle"):
        expected_space(job_for(tmp_path / "out", Config()), [], Listed(lambda item: 1.0))


@pytest.mark.full
def test_a_dry_run_has_workers_of_its_own_and_writes_nothing(tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav", "b.wav")
    out = tmp_path / "not" / "there"
    with Scratch() as scratch:
        to_do = ToDo(items_in(tmp_path / "in"), scratch)
        estimate = estimates.expected_space_alone(Config(features=LIGHT), to_do, out=str(out), workers=2)
    assert estimate.num_sampled == 2
    assert estimate.expected_bytes > 0
    assert not out.parent.exists()


# In words


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({}, "the features need about 1.50 GB (estimated from 64 of 9,000 headers); 2.00 GB are free"),
        (
            {"compressed": True},
            "the features need at most about 1.50 GB (estimated from 64 of 9,000 headers); 2.00 GB are free",
        ),
        (
            {"free_bytes": 1_400_000_000},
            "the features need about 1.50 GB (estimated from 64 of 9,000 headers); only 1.40 GB are free",
        ),
    ],
)
def test_the_sentence(changes: dict[str, Any], sentence: str) -> None:
    known = {"num_items": 9000, "num_sampled": 64, "expected_bytes": 1_500_000_000, "free_bytes": 2_000_000_000}
    estimate = Estimate(**(known | changes))
    assert estimate.sentence() == sentence
    assert estimate.fits == ("only" not in sentence)
