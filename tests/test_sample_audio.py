"""The folder of samples: small, varied, sound, described truly, and made by the script beside it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

FOLDER = Path(__file__).parents[1] / "sample_audio"
ENDINGS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}
FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in ENDINGS)
assert FILES, "no samples: run `python sample_audio/make.py`"

MAX_BYTES = 300_000
TABLE_ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|(?P<cells>.+)\|$", re.MULTILINE)

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return importlib.import_module("make")


def dbfs(value: float) -> float:
    return 20.0 * float(np.log10(max(value, 1e-10)))


def test_the_set_covers_formats_channels_and_rates() -> None:
    headers = [soundfile.info(path) for path in FILES]
    assert {header.format for header in headers} == {"WAV", "FLAC", "OGG", "MP3"}
    assert {header.channels for header in headers} == {1, 2}
    assert {header.samplerate for header in headers} == {8_000, 16_000, 44_100}


def test_the_folder_is_small() -> None:
    caches = {"__pycache__", ".mypy_cache", ".ruff_cache"}
    tracked = [path for path in FOLDER.rglob("*") if path.is_file() and caches.isdisjoint(path.parts)]
    assert set(FILES) < set(tracked)
    assert sum(path.stat().st_size for path in tracked) < MAX_BYTES


def test_no_two_files_would_share_an_output() -> None:
    assert len({path.with_suffix("") for path in FILES}) == len(FILES)


@every_file
def test_the_ending_is_the_format(path: Path) -> None:
    assert soundfile.info(path).format == ENDINGS[path.suffix]


@every_file
def test_it_decodes_to_the_length_in_its_header(path: Path) -> None:
    header = soundfile.info(path)
    signal, rate_hz = soundfile.read(path, always_2d=True)
    assert signal.shape == (header.frames, header.channels)
    assert 1.0 < len(signal) / rate_hz < 7.0


@every_file
def test_it_is_loud_enough_and_does_not_clip(path: Path) -> None:
    signal, _ = soundfile.read(path, always_2d=True)
    assert dbfs(np.abs(signal).max()) == pytest.approx(-3.0, abs=0.5)
    assert all(-30.0 < dbfs(rms) < -10.0 for rms in signal.std(axis=0))


@every_file
def test_it_has_no_offset_and_no_click_at_its_ends(path: Path) -> None:
    signal, _ = soundfile.read(path, always_2d=True)
    assert dbfs(np.abs(signal.mean(axis=0)).max()) < -80.0
    assert dbfs(np.abs(signal[[0, -1]]).max()) < -60.0


@pytest.mark.parametrize("path", [path for path in FILES if soundfile.info(path).channels == 2], ids=lambda p: p.name)
def test_the_two_channels_of_a_stereo_file_differ(path: Path) -> None:
    left, right = soundfile.read(path)[0].T
    assert dbfs((left - right).std()) > -30.0


def test_the_readme_describes_every_file_as_it_is() -> None:
    described, found = {}, {}
    for row in TABLE_ROW.finditer((FOLDER / "README.md").read_text(encoding="utf-8")):
        kind, rate_hz, channels, duration_s, heard = (cell.strip() for cell in row["cells"].split(" | "))
        assert heard
        described[row["path"]] = (kind, int(rate_hz), int(channels), duration_s)
    for path in FILES:
        signal, rate_hz = soundfile.read(path, always_2d=True)
        length, channels = signal.shape
        found[path.relative_to(FOLDER).as_posix()] = (
            ENDINGS[path.suffix],
            rate_hz,
            channels,
            f"{length / rate_hz:.2f}",
        )
    assert described == found


def test_the_script_makes_these_files_and_no_others(make: ModuleType) -> None:
    assert sorted(FOLDER / sample.path for sample in make.SAMPLES) == FILES


def test_the_readme_has_the_rows_that_the_script_prints(make: ModuleType) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in readme if row.startswith("| `")] == [
        make.table_row(FOLDER / sample.path, sample) for sample in make.SAMPLES
    ]


def test_the_bell_is_what_the_script_computes(make: ModuleType) -> None:
    (bell,) = (sample for sample in make.SAMPLES if sample.path == "music/church_bell.flac")
    kept, _ = soundfile.read(FOLDER / bell.path, always_2d=True)
    np.testing.assert_allclose(kept, make.render(bell), rtol=0.0, atol=1.5 / 2**15)  # 16 bits, and the last may differ


@pytest.mark.parametrize("serial", [0, 0x6D656C, 2**32 - 1])
def test_an_ogg_with_another_serial_is_the_same_sound(make: ModuleType, tmp_path: Path, serial: int) -> None:
    original = FOLDER / "speech" / "dialogue.ogg"
    (tmp_path / "renumbered.ogg").write_bytes(make.with_serial(original.read_bytes(), serial))
    np.testing.assert_array_equal(soundfile.read(tmp_path / "renumbered.ogg")[0], soundfile.read(original)[0])


def test_an_ogg_with_its_own_serial_stays_as_it_is(make: ModuleType) -> None:
    original = (FOLDER / "speech" / "dialogue.ogg").read_bytes()
    assert make.with_serial(original, make.OGG_SERIAL) == original
