"""Every named config against the answer of its reference, and what a small mistake in it would do.

The goldens and the measured figures are in tests/golden; docs/parity.md shows them.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from melcli.config.named_configs import named_configs
from melcli.mel.filters import mel_filters
from tests.golden.distances import (
    PRECISIONS,
    UNVERIFIED,
    Difference,
    front_end,
    golden_configs,
    measure,
    read_golden,
    read_measured,
)
from tests.golden.signals import front_end_clip
from tests.tiers import full_but

GOLDEN = Path(__file__).parents[1] / "golden"
# Each family, and each kind of floor, offset and normalization; the others run with --all.
NOTICED_BY_DEFAULT = (
    *("keras", "librosa", "torchaudio_db", "kaldi", "kaldi_mfcc", "speechbrain", "tensorflow", "whisper", "nemo"),
    *("hifigan", "vits", "coqui", "tacotron2", "panns", "vggish"),
)
EXACT = [config for config in golden_configs() if read_golden(config).exact is not None]

# For each slip, the options that change; none where a config has nothing to slip on.
SLIPS = {
    "symmetric or periodic": lambda keys: {"window_periodic": not keys.window_periodic},
    "another window": lambda keys: {"window": "hamming" if keys.window == "hann" else "hann"},
    "slopes on the other axis": lambda keys: {"mel_triangles": "mel" if keys.mel_triangles == "hz" else "hz"},
    "another mel scale": lambda keys: {"mel_scale": "slaney" if keys.mel_scale == "htk" else "htk"},
    "another norm": lambda keys: {"mel_norm": None if keys.mel_norm else "slaney"},
    "lower by 5 Hz": lambda keys: {"min_freq": keys.min_freq + 5.0},
    "upper by 100 Hz": lambda keys: {"max_freq": keys.upper_edge_hz - 100.0},
    "power or magnitude": lambda keys: {"mag_exp": 3.0 - keys.mag_exp},
    "pre-emphasis": lambda keys: {"preemphasis": 0.0 if keys.preemphasis else 0.97},
    "other ends": lambda keys: (
        {"pad_mode": "reflect" if keys.pad_mode == "constant" else "constant"} if keys.padding != "valid" else {}
    ),
    "another floor": lambda keys: {"min_power": 3 * keys.min_power} if meets_its_floor(keys) else {},
    "another offset": lambda keys: {"log_offset": 2 * keys.log_offset} if keys.log_offset else {},
    "another epsilon": lambda keys: {"mag_eps": 2 * keys.mag_eps} if keys.mag_eps else {},
    "another divisor": lambda keys: {"std_ddof": 1 - keys.std_ddof} if keys.std == "bin" else {},
}


def meets_its_floor(keys):
    # Coqui clips above it; VITS's mag_eps keeps silence above it; Keras's default does nothing in most others.
    return keys.min_power != 1e-10 and keys.clip is None and keys.mag_eps < 1e-6


def goes_unnoticed(config, change):
    golden, limit = read_golden(config), read_measured(config, "float32").limit()
    ours = front_end(config, **change)(golden.signal)
    return ours.shape == golden.answer.shape and golden.difference(ours).within(limit)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("config", golden_configs())
def test_equals_its_reference(config, precision):
    difference = measure(config, precision)
    assert difference.within(read_measured(config, precision).limit()), difference


@pytest.mark.parametrize("config", EXACT)
def test_equals_a_reference_in_float64_to_its_rounding(config):
    golden = read_golden(config)
    ours = front_end(config, "float64")(golden.signal)
    assert ours.dtype == np.float64
    assert (np.abs(ours - golden.answer) <= golden.exact).all()


@pytest.mark.few(4)
@pytest.mark.parametrize("config", full_but(golden_configs(), *NOTICED_BY_DEFAULT))
def test_the_comparison_would_notice(config):
    keys = front_end(config).options
    slips = {slip: change for slip, make in SLIPS.items() if (change := make(keys))}
    assert len(slips) >= 9
    assert [slip for slip, change in slips.items() if goes_unnoticed(config, change)] == []


def test_every_named_config_has_a_reference_or_a_reason():
    assert set(golden_configs()) | set(UNVERIFIED) == set(named_configs())
    assert not set(golden_configs()) & set(UNVERIFIED)
    assert all(len(reason) > 20 for reason in UNVERIFIED.values())


@pytest.mark.parametrize("config", golden_configs())
def test_a_golden_says_what_made_it(config):
    golden = read_golden(config)
    assert golden.answer.dtype == np.float32
    assert np.isfinite(golden.answer).all()
    assert set(golden.about) == {
        *("packages", "source", "call", "restated", "made_in", "unit", "samples", "python", "machine")
    }
    assert golden.about["packages"]
    assert golden.about["unit"] in ("dB", "ln", "log10", "linear", "normalised")


def test_a_shape_that_differs_is_no_difference_of_numbers():
    golden = read_golden("whisper_unpadded")
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole message is held below
        golden.difference(golden.answer[:, :-1])
    assert str(refusal.value) == "whisper_unpadded: (80, 75) is not the reference's (80, 76)"


def test_not_a_number_is_not_within_a_limit():
    assert not Difference(float("nan"), 0.0, 0.0).within(Difference(1.0, 1.0, 1.0))


def test_the_clip_holds_what_it_must():
    clip = front_end_clip()
    np.testing.assert_array_equal(clip * 32768, np.round(clip * 32768))
    speech, noise, silence, impulse, chord = np.split(clip, np.cumsum([4480, 2080, 2600, 800]))
    assert 0.2 < np.abs(speech).max() < 1
    assert -81 < 20 * np.log10(np.sqrt(np.mean(noise**2))) < -79
    assert not silence.any()
    assert np.count_nonzero(impulse) == 1
    assert 0.2 < np.abs(chord).max() < 1
    assert len(chord) == 2200


@pytest.mark.parametrize("num_mel_bins", [80, 128])
def test_filters_are_those_that_whisper_stores(num_mel_bins):
    facts = json.loads((GOLDEN / "whisper_filters.json").read_text())["filters"][f"mel_{num_mel_bins}"]
    ours = np.ascontiguousarray(mel_filters(front_end("whisper", num_mel_bins=num_mel_bins).options))
    assert list(ours.shape) == facts["shape"]
    assert str(ours.dtype) == facts["dtype"]
    assert hashlib.sha256(ours.tobytes()).hexdigest() == facts["sha256"]


def test_the_goldens_are_small():
    data = [path for path in GOLDEN.rglob("*") if path.suffix in (".npz", ".json") and path.parent.name != "identify"]
    assert 1_000_000 < sum(path.stat().st_size for path in data) < 3_000_000
