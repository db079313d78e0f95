"""Parts of a recording: the samples of a file that contains only this part, whatever is read before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.audio import recording
from melcli.audio.decode import AudioFile
from melcli.audio.part import Part
from melcli.audio.recording import Recording
from melcli.errors import AudioError
from tests.audio.sounds import decode, flac_claiming, frames_of, music, write
from tests.open_files import num_open_files
from tests.tiers import examples, full_but

RATE_HZ = 8_000
SAMPLES = 30_011
EXACT = ["a.wav", "a.flac", "a.aiff", "a.w64"]
FORMATS = [*EXACT, "a.ogg", "a.opus", "a.mp3", "a.au"]


def sound(path: Path, channels: int = 1) -> Path:
    signal = music(SAMPLES, channels, RATE_HZ)
    if path.suffix == ".opus":
        written = write(path.with_name("opus.ogg"), signal, RATE_HZ, "OPUS")
        return written.rename(path)
    return write(path, signal, RATE_HZ)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    return {name: sound(folder / name, channels=1 + (name in {"a.flac", "a.mp3"})) for name in FORMATS}


def opened(path: Path, dtype: Literal["float32", "float64"] = "float32") -> Recording:
    return Recording(partial(AudioFile, str(path), dtype=dtype))


def samples_of(part: Part) -> np.ndarray:
    blocks = list(part.blocks())
    assert all(block.flags.c_contiguous and block.flags.owndata and len(block) for block in blocks)
    return np.concatenate(blocks)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the block size and the limits of keeping and seeking."""

    def set_sizes(block: int = 1000, kept_bytes: int = 32_000_000, seek_s: float = 5.0) -> None:
        monkeypatch.setattr("melcli.audio.decode.BLOCK_SAMPLES", block)
        monkeypatch.setattr(recording, "MAX_KEPT_BYTES", kept_bytes)
        monkeypatch.setattr(recording, "MIN_SEEK_S", seek_s)

    return set_sizes


EDGES = st.one_of(st.integers(0, SAMPLES - 1), st.sampled_from([0, 1, 999, 1000, 4096, SAMPLES - 1]))


@st.composite
def some_parts(draw: st.DrawFn) -> list[tuple[int, int | None]]:
    """Draw parts in any order: overlapping, nested, one sample long, up to the end, and without an end."""

    def one() -> tuple[int, int | None]:
        first = draw(EDGES)
        longest = SAMPLES - first
        length = draw(st.one_of(st.none(), st.just(1), st.integers(1, min(3000, longest)), st.integers(1, longest)))
        return first, None if length is None else first + length

    parts = [one() for _ in range(draw(st.integers(1, 6)))]
    return sorted(parts, key=lambda part: part[0]) if draw(st.booleans()) else parts


SIZES = list(itertools.product([700, 32_768], [0, 5_000, 32_000_000], [0.0, 0.05, 5.0]))


@pytest.mark.parametrize("dtype", full_but(["float32", "float64"], "float32"))
@pytest.mark.parametrize("name", FORMATS)
def test_parts_are_slices_of_the_whole(
    sounds: dict[str, Path], name: str, dtype: Literal["float32", "float64"]
) -> None:
    whole, _ = decode(sounds[name], dtype)

    @settings(max_examples=examples(120), deadline=None)
    @given(parts=some_parts(), sizes=st.sampled_from(SIZES))
    def check(parts: list[tuple[int, int | None]], sizes: tuple[int, int, float]) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("melcli.audio.decode.BLOCK_SAMPLES", sizes[0])
            patched.setattr(recording, "MAX_KEPT_BYTES", sizes[1])
            patched.setattr(recording, "MIN_SEEK_S", sizes[2])
            with opened(sounds[name], dtype) as source:
                for first, end in parts:
                    end = None if end is None else min(end, len(whole))
                    if first < len(whole) and (end is None or end > first):
                        assert np.array_equal(samples_of(Part(source, first, end)), whole[first:end])
                source.check_rest()

    check()


def test_owner_of_a_part_may_change_it(sounds: dict[str, Path]) -> None:
    whole, _ = decode(sounds["a.wav"])
    with opened(sounds["a.wav"]) as source:
        for block in Part(source, 0, 5000).blocks():
            block[:] = 9.0
        assert np.array_equal(samples_of(Part(source, 1000, 4000)), whole[1000:4000])


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a file is opened, and the samples that are decoded."""
    counts = [0, 0]
    real = AudioFile.decoded

    def decoded(self: AudioFile) -> Iterator[np.ndarray]:
        counts[0] += 1
        for block in real(self):
            counts[1] += len(block)
            yield block

    monkeypatch.setattr(AudioFile, "decoded", decoded)
    return counts


@pytest.mark.parametrize("name", FORMATS)
def test_sorted_parts_take_one_pass(
    sounds: dict[str, Path], name: str, small: Callable[..., None], opens: list[int]
) -> None:
    small(block=1000)
    with opened(sounds[name]) as source:
        for first in range(0, 28_000, 700):
            samples_of(Part(source, first, first + 1500))
        source.check_rest()
    assert opens[0] == 1
    assert opens[1] <= SAMPLES + 2000


@pytest.mark.parametrize("name", EXACT)
def test_exact_formats_seek_over_long_gaps(
    sounds: dict[str, Path], name: str, small: Callable[..., None], opens: list[int]
) -> None:
    small(block=500, seek_s=0.5)
    with opened(sounds[name]) as source:
        samples_of(Part(source, 28_000, 28_100))
        samples_of(Part(source, 10, 20))
        source.check_rest()
    assert opens[1] <= 3000


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_what_is_kept_is_bounded(sounds: dict[str, Path], name: str, small: Callable[..., None]) -> None:
    small(block=1000, kept_bytes=20_000)
    with opened(sounds[name]) as source:
        part = Part(source, 0, None)
        largest = 0
        for _ in part.blocks():
            largest = max(largest, sum(block.nbytes for _, block in source._kept))
    assert 0 < largest <= 20_000


# Ends.


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("over_s", [0.1, 0.49])
def test_small_overshoot_is_cut_and_flagged(sounds: dict[str, Path], name: str, over_s: float) -> None:
    whole, _ = decode(sounds[name])
    end = len(whole) + int(over_s * RATE_HZ)
    with opened(sounds[name]) as source:
        part = Part(source, 20_000, end)
        assert np.array_equal(samples_of(part), whole[20_000:])
        assert "overshoot" in part.flags
        exact = Part(source, 20_000, len(whole))
        samples_of(exact)
        assert "overshoot" not in exact.flags


@pytest.mark.parametrize("name", FORMATS)
def test_larger_overshoot_is_too_short(sounds: dict[str, Path], name: str) -> None:
    whole, file = decode(sounds[name])
    with opened(sounds[name]) as source, pytest.raises(AudioError, match="recording ends at") as refused:
        samples_of(Part(source, 20_000, len(whole) + file.sampling_rate // 2))
    assert refused.value.reason == "too_short"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("first", "end"), [(0, None), (0, 10), (5, 20), (60_000, None)])
def test_part_after_the_end_is_too_short(
    sounds: dict[str, Path], name: str, first: int, end: int | None, small: Callable[..., None]
) -> None:
    whole, _ = decode(sounds[name])
    first, end = len(whole) + first, None if end is None else len(whole) + end
    for seek_s in (0.0, 5.0):
        small(seek_s=seek_s)
        with opened(sounds[name]) as source:
            with pytest.raises(AudioError, match="after the end") as refused:
                samples_of(Part(source, first, end))
            assert refused.value.reason == "too_short"
            assert np.array_equal(samples_of(Part(source, 100, 200)), whole[100:200])


def test_part_without_samples_is_too_short(sounds: dict[str, Path]) -> None:
    with opened(sounds["a.wav"]) as source, pytest.raises(AudioError, match="no samples") as refused:
        Part(source, 100, 100)
    assert refused.value.reason == "too_short"


def test_claim_of_a_part_is_at_most_that_of_the_file(sounds: dict[str, Path]) -> None:
    with opened(sounds["a.wav"]) as source:
        assert Part(source, 11, 10**15).claimed_samples == SAMPLES - 11
        assert Part(source, 11, 20).claimed_samples == 9
        assert Part(source, 10**15, None).claimed_samples == 0


# Samples that are not finite, and levels.


def test_only_samples_of_the_part_count(tmp_path: Path) -> None:
    signal = music(SAMPLES, 1, RATE_HZ).astype(np.float32)
    signal[5000] = np.nan
    signal[6000:6002] = 1.0
    path = write(tmp_path / "a.wav", signal, RATE_HZ, "FLOAT")
    with opened(path) as source:
        before = Part(source, 0, 5000)
        assert np.array_equal(samples_of(before), signal[:5000])
        with pytest.raises(AudioError) as refused:
            samples_of(Part(source, 4000, 5001))
        assert refused.value.reason == "nonfinite"
        after = Part(source, 5001, None)
        assert np.array_equal(samples_of(after), signal[5001:])
        assert (before.flags, after.flags) == ((), ("clipped",))
        assert before.levels.peak == pytest.approx(float(np.abs(signal[:5000]).max()))


# Damage.


def damaged(path: Path, at: float) -> Path:
    """Overwrite 64 bytes of a file in a copy; in MP3 the header of a frame, which mpg123 skips without an error."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    if path.suffix == ".mp3":
        start = next(offset for offset in frames_of(bytes(data)) if offset >= start)
    data[start : start + 64] = bytes(byte ^ 0xA5 for byte in data[start : start + 64])
    copy = path.with_name(f"damaged-{at}{path.suffix}")
    copy.write_bytes(data)
    return copy


def outcome(source: Recording, first: int, end: int | None) -> tuple[str, bytes]:
    try:
        return "ok", samples_of(Part(source, first, end)).tobytes()
    except AudioError as error:
        return error.reason, b""


@pytest.mark.parametrize("at", [0.3, 0.5, 0.75])
def test_damage_in_flac_fails_exactly_the_parts_that_contain_it(
    sounds: dict[str, Path], at: float, small: Callable[..., None]
) -> None:
    whole, _ = decode(sounds["a.flac"])
    path = damaged(sounds["a.flac"], at)
    parts = [(first, first + 500) for first in range(0, SAMPLES - 500, 500)]
    expected = {}
    for part in parts:
        with opened(path) as alone:
            expected[part] = outcome(alone, *part)
    reasons = [reason for reason, _ in expected.values()]
    assert reasons[0] == reasons[-1] == "ok"
    assert 1 <= reasons.count("unreadable") <= 12
    assert all(
        data == whole[first:end].tobytes() for (first, end), (reason, data) in expected.items() if reason == "ok"
    )
    for seek_s, order in itertools.product([0.0, 0.2, 5.0], [1, -1]):
        small(seek_s=seek_s)
        with opened(path) as source:
            assert {part: outcome(source, *part) for part in parts[::order]} == expected
            source.check_rest()


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.opus"])
def test_damage_in_other_formats_is_found_after_the_last_part(sounds: dict[str, Path], name: str) -> None:
    path = damaged(sounds[name], 0.7)
    with opened(path) as source:
        samples_of(Part(source, 0, 1000))
        with pytest.raises(AudioError):
            source.check_rest()


def no_memory(*_: object) -> None:
    raise MemoryError


def test_rest_is_checked_after_a_lack_of_memory(
    sounds: dict[str, Path], monkeypatch: pytest.MonkeyPatch, small: Callable[..., None]
) -> None:
    small(block=1000, kept_bytes=20_000)
    path = damaged(sounds["a.mp3"], 0.7)
    with opened(path) as source:
        samples_of(Part(source, 0, 1000))

        with monkeypatch.context() as failing:
            failing.setattr("melcli.audio.decoder.Decoder._read", no_memory)
            with pytest.raises(MemoryError):
                samples_of(Part(source, 20_000, None))
        with pytest.raises(AudioError):
            source.check_rest()


def test_lack_of_memory_does_not_affect_the_next_part(
    sounds: dict[str, Path], monkeypatch: pytest.MonkeyPatch, small: Callable[..., None]
) -> None:
    small(block=1000, kept_bytes=20_000)
    whole, _ = decode(sounds["a.flac"])
    with opened(sounds["a.flac"]) as source:
        samples_of(Part(source, 0, 1000))
        with monkeypatch.context() as failing:
            failing.setattr("melcli.audio.decoder.Decoder._read", no_memory)
            with pytest.raises(MemoryError):
                samples_of(Part(source, 20_000, None))
        assert np.array_equal(samples_of(Part(source, 20_000, None)), whole[20_000:])


@pytest.mark.parametrize("name", ["a.flac", "a.wav", "a.aiff"])
def test_truncated_files_yield_what_they_have_with_keep(
    sounds: dict[str, Path], name: str, small: Callable[..., None]
) -> None:
    data = sounds[name].read_bytes()
    path = sounds[name].with_name(f"cut{sounds[name].suffix}")
    path.write_bytes(data[: int(len(data) * 0.6)])
    with AudioFile(str(path), truncated="keep") as file:
        whole = np.concatenate(list(file.blocks()))
    for seek_s in (0.0, 5.0):
        small(seek_s=seek_s)
        with Recording(partial(AudioFile, str(path), truncated="keep")) as source:
            part = Part(source, 1000, 2000)
            assert np.array_equal(samples_of(part), whole[1000:2000])
            for first in (len(whole) + 500, 29_000):
                reason, _ = outcome(source, first, first + 400)
                assert reason in {"too_short", "truncated"}
            last = Part(source, len(whole) - 100, None)
            assert np.array_equal(samples_of(last), whole[-100:])
            assert "truncated" in last.flags


@pytest.mark.parametrize("claim", [0, 20_000])
def test_wrong_length_in_a_header_is_not_exact(sounds: dict[str, Path], claim: int) -> None:
    """A FLAC file from a pipe has no length: parts are then reached by decoding."""
    path = sounds["a.flac"].with_name(f"claims-{claim}.flac")
    path.write_bytes(flac_claiming(sounds["a.flac"].read_bytes(), claim))
    whole, _ = decode(sounds["a.flac"])
    with opened(path) as source:
        assert source.file.can_seek == bool(claim)
        assert np.array_equal(samples_of(Part(source, 15_000, 16_000)), whole[15_000:16_000])
        assert np.array_equal(samples_of(Part(source, 100, 200)), whole[100:200])


# Opening.


def test_file_is_closed(sounds: dict[str, Path]) -> None:
    before = num_open_files()
    with opened(sounds["a.mp3"]) as source:
        samples_of(Part(source, 1000, 2000))
        samples_of(Part(source, 10, 20))
    assert num_open_files() == before


def test_file_that_vanishes_in_between_is_an_audio_error(tmp_path: Path, small: Callable[..., None]) -> None:
    small(block=1000, kept_bytes=20_000)
    path = sound(tmp_path / "a.mp3")
    with opened(path) as source:
        samples_of(Part(source, 20_000, 21_000))
        path.unlink()
        with pytest.raises(AudioError) as refused:
            samples_of(Part(source, 10, 20))
    assert refused.value.reason == "vanished"
