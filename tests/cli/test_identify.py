"""``melcli identify``, as a user has it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.shell import Ended, run_alone
from tests.identify.sounds import KNOWN, made
from tests.run.corpus import plant
from tests.run.invariants import check_printed

Command = Callable[..., Ended]

SPEECH = Path(__file__).parents[2] / "sample_audio" / "speech"
GERMAN = SPEECH / "german.wav"
CONFIG = "kaldi_80"


@pytest.fixture
def features() -> np.ndarray:
    """Those of a sentence, by a named config."""
    return made(GERMAN, KNOWN[CONFIG])


@pytest.fixture
def stored(tmp_path: Path, features: np.ndarray) -> Path:
    """The same in a file."""
    np.save(tmp_path / "german.npy", features)
    return tmp_path / "german.npy"


@pytest.mark.full
def test_it_prints_a_config_with_comments(melcli: Command, stored: Path) -> None:
    ended = melcli("identify", GERMAN, stored)
    assert (ended.code, ended.err) == (0, "")
    first, second, third, *_ = ended.out.splitlines()
    assert first == f"# {stored} from {GERMAN}"
    assert (second, third) == ("# kaldi_80.", "# It gives these very numbers.")
    assert [line for line in ended.out.splitlines() if not line.startswith("#")] == ["base: kaldi_80"]
    check_printed(ended.out)


@pytest.mark.full
def test_features_are_read_from_wherever_they_stand(melcli: Command, tmp_path: Path, features: np.ndarray) -> None:
    np.savez(tmp_path / "one.npz", any_name=features)
    np.savez(tmp_path / "two.npz", german=features, french=features[:50])
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["speech/german"] = features
    assert melcli("extract", SPEECH, "-c", CONFIG, "-o", tmp_path / "out", "-q").code == 0
    assert melcli("extract", SPEECH, "-c", CONFIG, "-o", tmp_path / "shards", "-f", "hdf5", "-q").code == 0
    places = ["one.npz", "two.npz", "one.h5", "out", "out/german.npy", "shards", "shards/features-00000.h5"]
    for place in places:
        ended = melcli("identify", GERMAN, tmp_path / place, "--top", "1")
        assert (ended.code, ended.out.splitlines()[-1]) == (0, "base: kaldi_80"), place


@pytest.mark.full
def test_what_it_prints_makes_the_same_features_again(melcli: Command, tmp_path: Path) -> None:
    sets = ("-s", "sequence_stride=100", "-s", "num_mel_bins=30", "-s", "min_power=1e-4")
    assert melcli("extract", GERMAN, "-c", "hifigan", "-s", "sampling_rate=8000", "-s", "max_freq=null",
                  "-s", "fft_length=512", *sets, "-o", tmp_path / "a", "-q").code == 0  # fmt: skip

    ended = melcli("identify", GERMAN, tmp_path / "a")
    assert ended.code == 0
    (tmp_path / "found.yaml").write_text(ended.out)
    assert melcli("extract", GERMAN, "-c", tmp_path / "found.yaml", "-o", tmp_path / "b", "-q").code == 0

    one, other = (np.load(tmp_path / out / "german.npy") for out in "ab")
    np.testing.assert_allclose(one, other, atol=1e-5 * np.ptp(one))


@pytest.mark.full
def test_one_channel_is_told_and_extracted_again(melcli: Command, tmp_path: Path) -> None:
    dialogue = SPEECH / "dialogue.ogg"
    sets = ("-c", CONFIG, "-s", "channels=1", "-q")
    assert melcli("extract", dialogue, *sets, "-o", tmp_path / "a").code == 0
    ended = melcli("identify", dialogue, tmp_path / "a")
    assert (ended.code, ended.out.splitlines()[-3:]) == (0, ["base: kaldi_80", "audio:", "  channels: 1"])
    (tmp_path / "found.yaml").write_text(ended.out)
    assert melcli("extract", dialogue, "-c", tmp_path / "found.yaml", "-o", tmp_path / "b", "-q").code == 0
    np.testing.assert_array_equal(*(np.load(tmp_path / out / "dialogue.npy") for out in "ab"))


def test_json_is_one_object(melcli: Command, stored: Path) -> None:
    ended = melcli("identify", GERMAN, stored, "--json", "--top", "2")
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    told = json.loads(ended.out)
    undetermined = {"undetermined", "undetermined_together"}
    assert set(told) == {"certainty", "doubts", "answers", "audio", "other_resampler", *undetermined}
    assert told["certainty"] == "exact"
    assert told["answers"][0]["base"] == "kaldi_80"
    assert len(told["answers"]) == 2
    assert told["answers"][0]["features"] == {}


@pytest.mark.full
def test_several_pairs_are_audio_files_and_then_features(melcli: Command, stored: Path) -> None:
    ended = melcli("identify", GERMAN, GERMAN, stored, stored)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "base: kaldi_80")


def test_paths_that_are_no_pairs_are_refused(melcli: Command, stored: Path) -> None:
    ended = melcli("identify", GERMAN, GERMAN, stored)
    assert (ended.code, ended.out) == (2, "")
    assert (
        ended.err
        == "melcli: error: 3 paths are not pairs\nhint: name audio files, then features for each; or two folders\n"
    )


@pytest.mark.full
def test_10_where_max_time_ends_the_search(melcli: Command, tmp_path: Path, features: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal(features.shape))
    ended = melcli("identify", GERMAN, tmp_path / "a.npy", "--max-time", "0.001s")
    assert ended.code == 10
    assert "stopped after 0.001 s by --max-time" in ended.err


@pytest.mark.full
def test_top_is_how_many_are_shown(melcli: Command, stored: Path) -> None:
    for top in (1, 3):
        ended = melcli("identify", GERMAN, stored, "--top", str(top))
        assert len(re.findall(r"^# \d  ", ended.out, flags=re.MULTILINE)) == top


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["people", "programs"])
def test_4_where_it_is_not_found(melcli: Command, tmp_path: Path, arguments: list[str]) -> None:
    # 600 numbers on either axis are more than any front end has mels, so that nothing is searched.
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((600, 601)))
    ended = melcli("identify", GERMAN, tmp_path / "a.npy", *arguments)
    assert (ended.code, ended.err) == (4, "")
    assert ('"certainty": "none"' if arguments else "# Not found: ") in ended.out


def broken(features: np.ndarray, value: float) -> np.ndarray:
    features[5, 5] = value
    return features


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "change, words",
    [
        (lambda x: np.stack([x, x, x]), r"features of shape \(3, \d+, 80\) must have two axes, mels and frames"),
        (lambda x: x[:1], r"features of shape \(1, 80\) must have 4 mels and 4 frames at least"),
        (lambda x: broken(x, np.nan), r"1 of \d+ features are NaN or infinite"),
        (lambda x: 0 * x, "all features are 0, which any config could have made"),
    ],
    ids=["three axes", "one frame", "NaN", "constant"],
)
def test_2_for_features_that_say_nothing(
    melcli: Command, tmp_path: Path, features: np.ndarray, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    np.save(tmp_path / "a.npy", change(features))
    ended = melcli("identify", GERMAN, tmp_path / "a.npy")
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(f"melcli: error: {re.escape(str(tmp_path / 'a.npy'))}: {words}\n", ended.err)


def test_2_where_nothing_can_be_meant(melcli: Command, tmp_path: Path, features: np.ndarray) -> None:
    np.savez(tmp_path / "two.npz", french=features, english=features)
    (tmp_path / "a.txt").write_text("text")
    for place, words in {
        "two.npz": "two.npz holds 2 arrays, of which 0 are called german\nhint: name a file with one array",
        "a.txt": "a.txt has none of the extensions .npy, .npz, .h5, .hdf5",
        "nothing.npy": "nothing.npy does not exist",
    }.items():
        ended = melcli("identify", GERMAN, tmp_path / place)
        assert (ended.code, ended.out, ended.err) == (2, "", f"melcli: error: {tmp_path / words}\n")


@pytest.mark.full
def test_3_for_audio_that_cannot_be_read(melcli: Command, tmp_path: Path, stored: Path) -> None:
    (tmp_path / "a.wav").write_text("not audio at all")
    (tmp_path / "cut.wav").write_bytes(GERMAN.read_bytes()[:5000])
    for name, reason in {"a.wav": "unsupported_format", "cut.wav": "truncated", "none.wav": "vanished"}.items():
        ended = melcli("identify", tmp_path / name, stored)
        assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1), name
        assert ended.err.startswith(f"melcli: error: {reason}: {tmp_path / name}: ")


def test_5_where_there_are_no_features(melcli: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = melcli("identify", GERMAN, tmp_path / "empty")
    assert (ended.code, ended.out) == (5, "")


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["people", "programs"])
def test_6_for_features_that_are_damaged(melcli: Command, tmp_path: Path, stored: Path, arguments: list[str]) -> None:
    (tmp_path / "a.npy").write_bytes(stored.read_bytes()[:-7])
    ended = melcli("identify", GERMAN, tmp_path / "a.npy", *arguments)
    assert ended.code == 6
    assert ended.err.startswith(f"melcli: error: {tmp_path / 'a.npy'} cannot be read: the header describes shape ")
    assert (json.loads(ended.out)["exit_code"] == 6) if arguments else (ended.out == "")


@pytest.mark.full
def test_names_are_escaped_where_they_are_shown(melcli: Command, tmp_path: Path, features: np.ndarray) -> None:
    audio, stored = tmp_path / "a\x1b[31m\nb.wav", tmp_path / "c\x07\nbase: d.npy"
    audio.write_bytes(GERMAN.read_bytes())
    np.save(stored, features)
    ended = melcli("identify", audio, stored)
    assert ended.code == 0
    assert ended.out.splitlines()[0].endswith(r"c\x07\x0abase: d.npy from " + str(tmp_path) + r"/a\x1b[31m\x0ab.wav")
    check_printed(ended.out)
    plant(tmp_path, "e\nf.wav")
    (tmp_path / "e\nf.wav").write_bytes(b"")
    ended = melcli("identify", tmp_path / "e\nf.wav", stored)
    assert (ended.code, ended.err.count("\n")) == (3, 1)
    check_printed(ended.err)


def test_it_runs_from_a_shell(stored: Path) -> None:
    ended = run_alone("identify", GERMAN, stored, "--top", "1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("\nbase: kaldi_80\n")
