"""Where two configs differ, and how that is written."""

import pytest

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.explain.difference import in_lines


@pytest.mark.few(10)
@pytest.mark.parametrize("name", named_configs())
def test_a_config_does_not_differ_from_itself(name):
    assert resolve_config(name).differing_values(resolve_config(name)) == {}
    assert in_lines({}) == []


def test_every_section_is_looked_at():
    other = resolve_config("keras", sets=["channels=each", "num_mel_bins=64", "shard_mb=1"])
    assert resolve_config("keras").differing_values(other) == {
        "audio.channels": ("mix", "each"),
        "features.num_mel_bins": (128, 64),
        "output.shard_mb": (64, 1),
    }


def test_the_second_config_stands_behind_the_arrow():
    vits, hifigan = resolve_config("vits"), resolve_config("hifigan")
    assert in_lines(hifigan.differing_values(vits)) == [
        "features.max_freq: 8000.0 -> null",
        "features.mag_eps:  1e-09  -> 1e-06",
    ]
    assert vits.differing_values(hifigan) == {
        key: (theirs, ours) for key, (ours, theirs) in hifigan.differing_values(vits).items()
    }


@pytest.mark.parametrize(
    "setting, line",
    [
        ("padding=[160, 0]", "features.padding: center -> [160, 0]"),
        ("window=null", "features.window: hann -> null"),
        ("power_to_db=false", "features.power_to_db: true -> false"),
        ("ref_power=max", "features.ref_power: 1.0 -> max"),
        ("clip=[-4, 4]", "features.clip: null -> [-4.0, 4.0]"),
    ],
)
def test_values_are_written_as_a_config_has_them(setting, line):
    changed = resolve_config("keras", sets=[setting])
    assert in_lines(resolve_config("keras").differing_values(changed)) == [line]
