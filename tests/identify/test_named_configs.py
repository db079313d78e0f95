"""Features of every named config are told by its name, and what is said of them can be saved and used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melcli.config.resolve import resolve_config
from melcli.identify.report import lines
from melcli.identify.search import identify
from tests.identify.sounds import KNOWN, made
from tests.tiers import full_but

# One of each large family, and whoever has a twin; the others run with --all.
DEFAULT = ("keras", "librosa", "torchaudio", "kaldi_mfcc", "nemo", "whisper_unpadded", "hifigan", "matcha")
TWINS = {"matcha": "hifigan"}  # of the very same keys; the first is told


@pytest.mark.parametrize("config", full_but(KNOWN, *DEFAULT))
def test_a_named_config_is_found_and_its_config_can_be_used(clip: Path, tmp_path: Path, config: str) -> None:
    features = made(clip, KNOWN[config])
    found = identify(str(clip), features, known=KNOWN)

    assert (found.certainty, found.channels) == ("exact", "mix")
    assert (found.answers[0].base, dict(found.answers[0].changed)) == (TWINS.get(config, config), {})

    (tmp_path / "found.yaml").write_text("\n".join(lines(found, ["a"], ["b"])))
    options = resolve_config(str(tmp_path / "found.yaml")).features
    assert options == KNOWN[found.answers[0].base]
    np.testing.assert_array_equal(made(clip, options), features)
