"""Every named config from the command line, on a sentence of sample_audio: it gives the features that it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.mel.options import FeatureOptions
from tests.cli.shell import Ended
from tests.run.corpus import rows

Command = Callable[..., Ended]

SENTENCE = Path(__file__).parents[2] / "sample_audio" / "speech" / "german.wav"


def frames_of(num_samples: int, options: FeatureOptions) -> int:
    """Count frames by the table of docs and README, apart from the code that does it."""
    length = options.num_samples or num_samples
    length += options.pad_end - (options.preemphasis > 0 and options.preemphasis_mode == "signal_valid")
    n, window, stride = options.fft_length, options.window_length, options.sequence_stride
    counts = {
        "center": 1 + (length + 2 * (n // 2) - n) // stride,
        "same": 1 + (length + 2 * ((n - stride) // 2) - n) // stride,
        "valid": 1 + (length - window) // stride,
        "kaldi": (length + stride // 2) // stride,
    }
    if isinstance(options.padding, tuple):
        frames = 1 + (sum(options.padding) + length - window) // stride
    else:
        frames = counts[options.padding]
    return options.num_frames or frames - options.drop_last


@pytest.mark.few(8)
@pytest.mark.parametrize("name", named_configs())
def test_it_runs_and_gives_what_it_says(melcli: Command, tmp_path: Path, name: str) -> None:
    ended = melcli("extract", SENTENCE, "-o", tmp_path, "-c", name, "-q")
    assert (ended.code, ended.out) == (0, ""), ended.err
    row = rows(tmp_path)["german"]
    options = resolve_config(name).features
    mel = np.load(tmp_path / "german.npy", allow_pickle=False)
    features, frames = (mel.T if options.time_major else mel).shape
    assert features == row["num_features"] == (options.num_ceps or options.num_mel_bins)
    assert frames == row["num_frames"] == frames_of(row["num_samples"], options)
    assert mel.dtype == np.float32
    assert np.isfinite(mel).all()
    assert np.ptp(mel) > 0
    assert row["config_id"] == resolve_config(name).config_id


def test_by_another_name_nothing_is_new(melcli: Command, tmp_path: Path) -> None:
    assert melcli("extract", SENTENCE, "-o", tmp_path, "-c", "whisper_unpadded", "-q").code == 0
    again = melcli("extract", SENTENCE, "-o", tmp_path, "-c", "Whisper-No-Padding")
    assert again.code == 0
    assert again.last_line.startswith("1 ok (1 unchanged)")
