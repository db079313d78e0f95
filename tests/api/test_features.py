"""`melcli.features`: the bytes of the command, from a file or an array."""

from __future__ import annotations

import os
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import melcli
from melcli.config.named_configs import named_configs
from melcli.errors import AudioError, ConfigError
from tests.elapsed import run
from tests.mel.pieces import set_sizes
from tests.run.corpus import encode, noise, plant
from tests.tiers import full_but

SAMPLES = Path(__file__).resolve().parents[2] / "sample_audio"
ENGLISH = SAMPLES / "speech" / "english.flac"
LIGHT: dict[str, Any] = {"sampling_rate": 8000, "fft_length": 512, "sequence_stride": 256, "num_mel_bins": 20}


def command(source: Path, config: melcli.Config, out: Path) -> dict[str, np.ndarray]:
    """Return what the command stores for a source, made in one process, as a worker does."""
    from melcli.run.batching import Batch
    from melcli.run.job import Job
    from melcli.run.process_batch import run_batch
    from melcli.sources.items import Item

    out.mkdir()
    items = (Item.from_stat("a", str(source), source.stat()),)
    run_batch((Job(out=str(out), config=config, config_id=config.config_id), Batch(items=items)))
    return {path.stem: np.load(path) for path in sorted(out.glob("*.npy"))}


def same(array: np.ndarray, other: np.ndarray) -> bool:
    return (array.dtype, array.shape, array.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("name", full_but(named_configs(), "whisper", "kaldi_mfcc", "hifigan"))
def test_the_bytes_are_those_of_the_command(name: str, tmp_path: Path) -> None:
    source = SAMPLES / "music" / "church_bell.flac"  # 44.1 kHz, stereo
    config = melcli.load_config(name)
    (stored,) = command(source, config, tmp_path / "out").values()
    assert same(melcli.features(source, config=name), stored)
    samples, rate_hz = soundfile.read(source, dtype=config.features.compute_dtype)
    assert same(melcli.features(samples, rate_hz, config), stored)


@pytest.mark.parametrize("keys", [{}, {"dtype": "float16"}, {"time_major": True, "mean": "bin", "std": "all"}], ids=str)
@pytest.mark.parametrize("channels", ["each", "mix", 1])
def test_so_they_are_when_most_of_it_is_on_the_disk(
    keys: dict[str, Any], channels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sizes(monkeypatch, 16, 20 * 64)
    monkeypatch.setattr("melcli.run.compute.OUTPUTS_PER_PASS", 2)
    (source,) = plant(tmp_path, "a.wav", seconds=20.0, channels=3, rate_hz=11_025)
    config = melcli.load_config("keras", **LIGHT, channels=channels, **keys)
    stored = [*command(source, config, tmp_path / "out").values()]
    monkeypatch.setattr("melcli.run.compute.MAX_BYTES_IN_MEMORY", 0)
    samples, rate_hz = soundfile.read(source, dtype="float32")
    for features in (melcli.features(str(source), config=config), melcli.features(samples, rate_hz, config)):
        assert len(stored) == (3 if channels == "each" else 1)
        for ours, theirs in zip(features if channels == "each" else [features], stored, strict=True):
            assert same(ours, theirs)


@pytest.mark.full
def test_the_threads_of_blas_change_no_byte() -> None:
    """A worker has one thread, and the process that calls has as many as there are processors."""
    program = (
        "import hashlib, melcli, numpy as np\n"
        "samples = np.random.default_rng(0).standard_normal(3_000_000) / 10\n"
        "for name in ('kaldi_mfcc', 'librosa_mfcc', 'whisper_unpadded', 'keras_music'):\n"
        "    print(hashlib.sha256(melcli.features(samples, 16_000, name).tobytes()).hexdigest())\n"
    )
    said = {
        run([sys.executable, "-c", program], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": threads}).stdout
        for threads in ("1", "2", "4")
    }
    assert len(said) == 1


def test_melcli_yaml_of_an_out_is_a_config(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, "a.wav", seconds=1.0)
    report = melcli.extract(source, tmp_path / "out", config=melcli.load_config("whisper", num_mel_bins=40), jobs=1)
    assert report.exit_code == 0
    features = melcli.features(source, config=tmp_path / "out" / "melcli.yaml")
    assert same(features, melcli.open_features(tmp_path / "out")["a"])


def test_without_a_config_it_is_that_of_the_command() -> None:
    assert same(melcli.features(ENGLISH), melcli.features(ENGLISH, config="keras"))


def test_a_list_is_an_array_and_other_types_are_converted() -> None:
    samples = noise(1, seconds=1.0)[:, 0].astype(np.float32)
    expected = melcli.features(samples, 8000)
    assert same(melcli.features(samples.tolist(), 8000), expected)
    assert same(melcli.features(samples.astype(np.float64), np.int32(8000)), expected)
    assert same(melcli.features(samples[:, np.newaxis], 8000.0), expected)  # type: ignore[arg-type, unused-ignore]
    assert same(melcli.features(np.repeat(samples, 2)[::2], 8000), expected)


@pytest.mark.parametrize(
    "array, sentence",
    [
        (np.zeros(9, np.int16), "an array of int16 must be floating-point, with full scale +-1.0; divide it by 32768"),
        (np.zeros(8000, np.uint8), "an array of uint8 must be floating-point, with full scale +-1.0; convert it"),
        (np.zeros(8000, bool), "an array of bool must be floating-point: samples are real numbers"),
        (np.zeros(8000, complex), "an array of complex128 must be floating-point: samples are real numbers"),
        (["a.wav"], "an array of <U5 must be floating-point: samples are real numbers"),
        (np.zeros((2, 8000)), "an array of shape (2, 8000) has 8,000 channels: it must be (samples, channels), "
         "with 1 to 1,024 channels; transpose it"),
        (np.zeros((8000, 0)), "an array of shape (8000, 0) has 0 channels"),
        (np.zeros((1, 2, 3)), "an array of shape (1, 2, 3) must be (samples,) or (samples, channels)"),
        (np.float64(1.0), "an array of shape () must be (samples,) or (samples, channels)"),
    ],
)  # fmt: skip
def test_an_array_that_is_no_samples_is_refused_in_one_sentence(array: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match="^" + re.escape(sentence)):
        melcli.features(array, 8000)


@pytest.mark.parametrize("rate", [True, 8000.5, np.nan, np.inf, "8000"])
def test_a_rate_that_is_no_integer_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match=r"^sampling_rate=.* must be an integer, in Hz$"):
        melcli.features(np.zeros(8000), rate)


def test_an_array_needs_a_rate_and_a_file_has_its_own() -> None:
    with pytest.raises(ConfigError, match=r"^an array needs its sampling_rate, in Hz; pass"):
        melcli.features(np.zeros(8000))
    with pytest.raises(ConfigError, match=r"english.flac: sampling_rate=8000 is for arrays; a file has its own"):
        melcli.features(ENGLISH, 8000)


@pytest.mark.parametrize(
    "array, rate, reason",
    [
        (np.array([0.0, np.nan] * 8000), 8000, "nonfinite"),
        (np.array([0.0, 1e300] * 8000), 8000, "nonfinite"),
        (np.zeros(0), 8000, "empty"),
        (np.zeros((0, 2)), 8000, "empty"),
        (np.zeros(8000), 0, "bad_rate"),
        (np.zeros(8000), 10_000_000, "bad_rate"),
        (np.zeros(1), 96_000, "too_short"),
    ],
)
def test_samples_that_cannot_become_features_have_the_reason_of_the_manifest(
    array: np.ndarray, rate: int, reason: str
) -> None:
    with pytest.raises(AudioError) as refusal:
        melcli.features(array, rate)
    assert refusal.value.reason == reason


def test_the_error_for_a_file_names_it(tmp_path: Path) -> None:
    whole = encode(noise(1), ".wav")
    (tmp_path / "cut.wav").write_bytes(whole[:-100])
    for name, reason in (("cut.wav", "truncated"), ("none.wav", "vanished")):
        with pytest.raises(AudioError, match=name) as refusal:
            melcli.features(tmp_path / name)
        assert refusal.value.reason == reason


def test_a_full_folder_for_what_does_not_fit_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    set_sizes(monkeypatch, 16, 64)
    monkeypatch.setattr("melcli.run.compute.MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc/none")
    with pytest.raises(melcli.StorageError, match="/proc/none"):
        melcli.features(ENGLISH)


def test_a_long_file_takes_the_memory_of_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond them as much for six minutes as for one and a half."""
    monkeypatch.setattr("melcli.run.compute.MAX_BYTES_IN_MEMORY", 100_000)
    monkeypatch.setattr("melcli.mel.blocks.CHUNK_VALUES", 2**14)
    config = melcli.load_config("keras", **LIGHT)
    melcli.features(ENGLISH, config=config)  # imports

    def peak_beyond(seconds: float) -> int:
        (source,) = plant(tmp_path, f"{seconds}.wav", seconds=seconds)
        tracemalloc.start()
        features = melcli.features(source, config=config)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert features.nbytes > seconds * 2000
        return peak - features.nbytes

    assert peak_beyond(360.0) < 1.2 * peak_beyond(90.0)
