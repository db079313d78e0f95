"""All steps in order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.errors import AudioError, ConfigError
from melcli.identify.search import MAX_EXACT_RESIDUAL, identify
from tests.identify.sounds import KNOWN, RATE_HZ, made, named, speech
from tests.run.corpus import noise
from tests.tiers import full_but

FEATURES = np.random.default_rng(7).standard_normal((40, 20))
# A few of the named configs, which make a search quicker that is not about the others.
FEW = {config: KNOWN[config] for config in ("keras", "librosa", "torchaudio", "kaldi_80", "hifigan")}


def with_value(value: float) -> np.ndarray:
    features = FEATURES.copy()
    features[3, 4] = value
    return features


@pytest.mark.parametrize(
    "features, words",
    [
        (np.float64(3.0), r"features of shape \(\) must have two axes, mels and frames"),
        (FEATURES[0], r"features of shape \(20,\) must have two axes"),
        (np.stack([FEATURES, FEATURES]), r"features of shape \(2, 40, 20\) must have two axes"),
        (FEATURES[:, :1], r"features of shape \(40, 1\) must have 4 mels and 4 frames at least"),
        (FEATURES[:0], r"features of shape \(0, 20\) must have 4 mels and 4 frames at least"),
        (with_value(np.nan), r"1 of 800 features are NaN or infinite"),
        (with_value(-np.inf), r"1 of 800 features are NaN or infinite"),
        (np.full((40, 20), -80.0), r"all features are -80, which any config could have made"),
        (with_value(1e300), r"features beyond 3.40282e\+38 are no mels"),
    ],
)
def test_what_says_nothing_is_refused(clip: Path, features: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        identify(str(clip), features, known=FEW)


def test_audio_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="empty: the file has 0 bytes"):
        identify(str(tmp_path / "a.wav"), FEATURES, known=FEW)


def test_axes_of_one_in_front_are_passed_over(clip: Path) -> None:
    found = identify(str(clip), made(clip, KNOWN["keras"])[np.newaxis, np.newaxis], known=FEW)
    assert (found.certainty, found.answers[0].base) == ("exact", "keras")


@pytest.mark.full
@pytest.mark.parametrize("time_major", full_but([False, True], True))
def test_a_square_is_decided_by_its_numbers(clip: Path, time_major: bool) -> None:
    options = named("kaldi_80", num_mel_bins=37, sequence_stride=320, time_major=time_major)
    features = made(clip, options)
    assert features.shape == (37, 37)

    found = identify(str(clip), features, known=FEW)

    assert found.certainty == "exact"
    assert found.options is not None
    assert (found.options.time_major, found.options.num_mel_bins) == (time_major, 37)


@pytest.mark.full
def test_features_of_another_audio_are_not_found(tmp_path: Path, clip: Path) -> None:
    soundfile.write(tmp_path / "other.wav", noise(3, seconds=0.75, rate_hz=RATE_HZ), RATE_HZ)
    features = made(clip, KNOWN["kaldi_80"])

    found = identify(str(tmp_path / "other.wav"), features, known={"kaldi_80": KNOWN["kaldi_80"]})

    assert found.certainty == "none"


@pytest.mark.full
@pytest.mark.parametrize("channel", full_but([0, 1], 0))
def test_one_channel_of_two_is_found(tmp_path: Path, channel: int) -> None:
    both = np.stack([speech(), speech()[::-1]], axis=1)
    soundfile.write(tmp_path / "both.wav", both, RATE_HZ, subtype="PCM_16")
    options = replace(KNOWN["kaldi_80"], num_mel_bins=40, sequence_stride=200)
    features = made(tmp_path / "both.wav", options, channels=channel)

    found = identify(str(tmp_path / "both.wav"), features, known=FEW)

    assert (found.certainty, found.channels) == ("exact", channel)
    assert found.answers[0].base == "kaldi_80"
    assert dict(found.answers[0].changed) == {"num_mel_bins": 40, "sequence_stride": 200}


def test_answers_are_all_of_the_same_channel(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "both.wav", np.stack([speech(), speech()[::-1]], axis=1), RATE_HZ, subtype="PCM_16")
    found = identify(str(tmp_path / "both.wav"), made(tmp_path / "both.wav", KNOWN["keras"], channels=1), known=FEW)
    assert [answer.base for answer in found.answers].count("keras") == 1


def test_the_mean_of_two_channels_comes_first(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "both.wav", np.stack([speech(), speech()], axis=1), RATE_HZ, subtype="PCM_16")
    features = made(tmp_path / "both.wav", KNOWN["keras"])
    assert identify(str(tmp_path / "both.wav"), features, known=FEW).channels == "mix"


@pytest.mark.parametrize(
    "config, keys", [("kaldi_mfcc", {"num_ceps": 20}), ("librosa_mfcc", {"num_ceps": 13, "time_major": True})]
)
def test_cepstra_of_another_number_are_found(clip: Path, config: str, keys: dict[str, Any]) -> None:
    found = identify(str(clip), made(clip, named(config, **keys)), known=KNOWN)
    assert (found.certainty, found.answers[0].base, dict(found.answers[0].changed)) == ("exact", config, keys)


@pytest.mark.parametrize(
    "change, left",
    [(lambda x: x.astype(np.float16), False), (lambda x: np.round(x).astype(np.int16), True)],
    ids=["float16", "integers"],
)
def test_rounded_features_are_exact_within_their_rounding(clip: Path, change: Any, left: bool) -> None:
    found = identify(str(clip), change(made(clip, KNOWN["keras"])), known=FEW)
    assert (found.certainty, found.answers[0].base, dict(found.answers[0].changed)) == ("exact", "keras", {})
    assert (found.answers[0].difference.maximum > 0) == left  # float16 is compared with float16


def test_answers_are_in_order_different_and_no_more_than_asked_for(clip: Path) -> None:
    features = made(clip, KNOWN["keras_speech"])
    found = identify(str(clip), features, known=KNOWN, top=4)
    assert len(found.answers) == 4
    distances = [answer.difference.relative for answer in found.answers]
    assert distances == sorted(distances)
    assert len({answer.base for answer in found.answers}) > 1
    assert len(identify(str(clip), features, known=KNOWN, top=1).answers) == 1


def test_more_mels_than_any_front_end_has_are_not_searched_for(clip: Path) -> None:
    found = identify(str(clip), np.random.default_rng(1).standard_normal((600, 700)), known=FEW)
    assert (found.certainty, found.answers) == ("none", ())


@pytest.mark.full
def test_silence_is_no_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000), RATE_HZ)
    found = identify(str(tmp_path / "silence.wav"), FEATURES[:, :16], known={"kaldi_80": KNOWN["kaldi_80"]})
    assert found.certainty == "none"


BESIDE_NAMED = {
    "fractional edge": named("librosa", sampling_rate=16_000, fft_length=1024, sequence_stride=256, min_freq=32.7),
    "odd window": named("librosa", sampling_rate=16_000, fft_length=1024, sequence_stride=256, sequence_length=920),
    "log10(1 + x)": replace(
        named("librosa_power", sampling_rate=16_000, sequence_stride=256, num_mel_bins=40),
        log="log10",
        log_offset=1.0,
        min_power=1e-30,
    ),
    "another MFCC": named("librosa_mfcc", sampling_rate=16_000, fft_length=1024, sequence_stride=256, num_mel_bins=64),
}


@pytest.mark.full
@pytest.mark.parametrize("options", BESIDE_NAMED.values(), ids=BESIDE_NAMED)
def test_what_was_not_found_before_is_found(clip: Path, options: Any) -> None:
    found = identify(str(clip), made(clip, options), known=KNOWN)
    assert found.certainty == "exact"
    assert found.options is not None
    np.testing.assert_allclose(made(clip, found.options), made(clip, options), atol=1e-3 * np.ptp(made(clip, options)))


@pytest.mark.full
@pytest.mark.parametrize("amplitude, certainty", [(0.2, "exact"), (0.02, "close")])
def test_what_rounding_leaves_of_features_that_hardly_vary_counts_as_exact(
    tmp_path: Path, amplitude: float, certainty: str
) -> None:
    """Beside 1, float32 rounds faint powers: in case 057 of run 23, the truth itself left more than 6e-5."""
    soundfile.write(tmp_path / "faint.wav", speech() * amplitude, RATE_HZ, subtype="FLOAT")
    keys = {"num_mel_bins": 40, "sampling_rate": RATE_HZ, "sequence_stride": 160, "fft_length": 512, "top_db": None}
    keys |= {"power_to_db": False, "log": "ln", "log_offset": 1.0, "min_power": 1e-30, "mean": "bin", "std": "bin"}
    truth = named("librosa", **keys)
    features = made(tmp_path / "faint.wav", replace(truth, compute_dtype="float64"))
    found = identify(str(tmp_path / "faint.wav"), features.astype(np.float32), known=FEW)
    assert found.answers[0].difference.relative > MAX_EXACT_RESIDUAL
    assert found.certainty == certainty
