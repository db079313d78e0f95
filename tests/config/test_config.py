"""The identity of a config, and the text that it is written as."""

import json
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.config.resolve import resolve_config
from melcli.mel.options import FeatureOptions
from melcli.store.options import OutputOptions
from tests.tiers import examples

# identity


def test_the_identity_is_16_hex_digits_of_the_values():
    assert re.fullmatch(r"[0-9a-f]{16}", Config().config_id)
    assert Config().config_id == resolve_config().config_id


@pytest.mark.parametrize("name, config_id", [("keras", "9ffb011193afebf8"), ("whisper", "cbe16c56a0aade4a")])
def test_the_identity_stays_when_keys_are_added(name, config_id):
    """OUTs of earlier releases are still valid: only another NUMERICS_VERSION may change these digits."""
    assert resolve_config(name).config_id == config_id


OTHER = {
    "audio.channels": "each",
    "audio.resampler": "polyphase",
    "audio.truncated": "keep",
    "audio.opus_rate": 48000,
    "audio.chunk_s": 10.0,
    "audio.chunk_hop_s": 5.0,
    "audio.chunk_last": "pad",
    "audio.decoder": "ffmpeg",
    "audio.stream": 1,
    "features.fft_length": 4096,
    "features.sequence_stride": 256,
    "features.sequence_length": 400,
    "features.window": "hamming",
    "features.sampling_rate": 16_001,
    "features.num_mel_bins": 80,
    "features.min_freq": 0.0,
    "features.max_freq": 7600.0,
    "features.power_to_db": False,
    "features.top_db": None,
    "features.mag_exp": 1.0,
    "features.min_power": 1e-9,
    "features.ref_power": 2.0,
    "features.input_scale": 32768.0,
    "features.num_samples": 480_000,
    "features.pad_end": 160,
    "features.preemphasis": 0.97,
    "features.preemphasis_mode": "frame",
    "features.padding": "same",
    "features.pad_mode": "constant",
    "features.drop_last": True,
    "features.remove_dc_offset": True,
    "features.window_periodic": False,
    "features.mag_floor": 1e-10,
    "features.mag_eps": 1e-9,
    "features.mel_scale": "slaney",
    "features.mel_norm": "slaney",
    "features.mel_triangles": "hz",
    "features.log": "ln",
    "features.log_offset": 0.01,
    "features.num_frames": 1024,
    "features.mean": "bin",
    "features.std": 4.0,
    "features.std_ddof": 0,
    "features.std_eps": 1e-5,
    "features.clip": [-4.0, 4.0],
    "features.time_major": True,
    "features.num_ceps": 13,
    "features.cepstral_lifter": 22.0,
    "features.cepstral_norm": "none",
    "features.use_energy": True,
    "features.compute_dtype": "float64",
    "output.dtype": "float16",
}
NEEDED = {
    "audio.chunk_hop_s": {"audio.chunk_s": 20.0},
    "audio.chunk_last": {"audio.chunk_s": 20.0},
    "features.log": {"features.power_to_db": False},
    "features.use_energy": {"features.num_ceps": 13},
}
WITHOUT_MEANING = {"output.format": "hdf5", "output.shard_mb": 32}


def test_every_key_is_known_to_change_the_numbers_or_not_to():
    assert {*OTHER, *WITHOUT_MEANING} == set(resolve_config().origins)


@pytest.mark.parametrize("key", OTHER)
def test_the_identity_changes_with_what_changes_numbers(key):
    needed = NEEDED.get(key, {})
    before, changed = resolve_config(flags=needed), resolve_config(flags={**needed, key: OTHER[key]})
    assert changed.config_id != before.config_id
    assert changed != before


def test_no_two_changes_give_one_identity():
    identities = {resolve_config(flags={**NEEDED.get(key, {}), key: value}).config_id for key, value in OTHER.items()}
    assert len(identities) == len(OTHER)


@pytest.mark.parametrize("key", WITHOUT_MEANING)
def test_the_identity_does_not_change_with_what_does_not(key):
    changed = resolve_config(flags={key: WITHOUT_MEANING[key]})
    assert changed.config_id == Config().config_id
    assert changed != Config()


def test_the_identity_changes_with_the_version_of_the_numbers(monkeypatch):
    before = Config().config_id
    monkeypatch.setattr("melcli.config.config.NUMERICS_VERSION", 10**6)
    assert Config().config_id != before


@pytest.mark.parametrize("text", ["20", "20.0", "2e1", "+20", "0x14", "020"])
def test_a_number_is_the_same_however_it_is_written(text):
    config = resolve_config(sets=[f"min_freq={text}"])
    assert config == Config()
    assert config.config_id == Config().config_id


def test_where_a_value_was_set_is_no_difference(write):
    write("features: {num_mel_bins: 128, window: 'hann'}\n")
    assert resolve_config("my.yaml") == Config()
    assert hash(resolve_config("my.yaml").features) == hash(FeatureOptions())


def test_differences_are_named_with_both_values():
    mine = resolve_config(sets=["window=null", "channels=each", "min_power=1e-9", "shard_mb=1", "format=hdf5"])
    assert mine.differences(Config()) == [
        "channels: OUT mix, now each",
        "window: OUT hann, now null",
        "min_power: OUT 1.0e-10, now 1.0e-09",
        "format: OUT npy, now hdf5",
    ]
    assert Config().differences(resolve_config()) == []


# written and read again

counts = st.integers(1, 2**24)
audio = st.builds(
    AudioOptions,
    channels=st.sampled_from(["mix", "each"]) | st.integers(0, 1000),
    resampler=st.sampled_from(["soxr_vhq", "soxr_hq", "soxr_mq", "polyphase"]),
)
features = st.integers(2, 64).flatmap(
    lambda length: st.builds(
        FeatureOptions,
        fft_length=st.just(length),
        sequence_stride=counts,
        sequence_length=st.none() | st.just(length),
        window=st.sampled_from(["hann", "hamming", None])
        | st.lists(st.floats(-1e38, 1e38), min_size=length, max_size=length).map(tuple),
        sampling_rate=st.integers(1000, 400_000),
        num_mel_bins=st.integers(1, 4096),
        min_freq=st.floats(0, 400),
        max_freq=st.none() | st.floats(401, 1e300),
        power_to_db=st.booleans(),
        top_db=st.none() | st.floats(0, 1e38),
        mag_exp=st.floats(min_value=1e-38, max_value=1e38),
        min_power=st.floats(1e-37, 1e38),
        ref_power=st.floats(-1e38, 1e38) | st.just("max"),
        compute_dtype=st.sampled_from(["float32", "float64"]),
    )
)
output = st.builds(
    OutputOptions,
    format=st.sampled_from(["npy", "hdf5"]),
    dtype=st.sampled_from(["float32", "float16", "float64"]),
    shard_mb=st.integers(1, 10**9),
)
configs = st.builds(Config, audio=audio, features=features, output=output)
notes = st.dictionaries(
    st.text(string.ascii_lowercase, min_size=1),
    st.text(st.characters(min_codepoint=32, max_codepoint=126))
    | st.sampled_from(["1e-10", "null", "it's", "a: b", "#"]),
    max_size=4,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("written") / "melcli.yaml"


@given(config=configs, made_by=notes, show_origins=st.booleans())
@settings(max_examples=examples(100))
def test_what_is_written_reads_back_as_the_same_config(scratch, config, made_by, show_origins):
    scratch.write_text(config.to_yaml(made_by, show_origins=show_origins))
    again = resolve_config(str(scratch))
    assert again == config
    assert again.config_id == config.config_id
    assert again.to_yaml() == config.to_yaml()


def test_what_is_written_is_to_be_read_by_people(write):
    made_by = {"config_id": "0123456789abcdef", "melcli": "0.1.0", "libsndfile": "libsndfile-1.2.2", "nothing": "null"}
    write("output: {dtype: float16}\n")
    lines = resolve_config("my.yaml", sets=["fft_length=2", "window=[0, 0.5]"]).to_yaml(made_by).splitlines()
    assert lines[:3] == ["audio:", "  channels: mix", "  resampler: soxr_hq"]
    assert lines[3:5] == ["  truncated: fail", "  opus_rate: header"]
    assert lines[8:10] == ["  decoder: auto", "  stream: 0"]
    assert lines[10:12] == ["features:", "  fft_length: 2"]
    assert "  window: [0.0, 0.5]" in lines
    assert "  max_freq: null" in lines
    assert "  power_to_db: true" in lines
    assert "  min_power: 1.0e-10" in lines
    assert lines[-8:-5] == ["  format: npy", "  dtype: float16", "  shard_mb: 64"]
    assert lines[-5:] == [
        "made_by:",
        "  config_id: '0123456789abcdef'",
        "  melcli: '0.1.0'",
        "  libsndfile: libsndfile-1.2.2",
        "  nothing: 'null'",
    ]


def test_origins_stand_behind_the_values(write):
    write("output:\n  dtype: float16\n", "new\nline.yaml")
    shown = resolve_config("new\nline.yaml", sets=["top_db=null"]).to_yaml(show_origins=True)
    assert re.search(r"^  dtype: float16 +# new\\x0aline\.yaml:2$", shown, re.MULTILINE)
    assert re.search(r"^  top_db: null +# --set top_db=null$", shown, re.MULTILINE)
    assert re.search(r"^  channels: mix +# default$", shown, re.MULTILINE)
    assert resolve_config(write(shown)).output.dtype == "float16"


@pytest.mark.parametrize("text", ["made_by: 7\n", "made_by: {features: 1, x: [1]}\n", "made_by:\n"])
def test_what_is_said_of_the_making_means_nothing(write, text):
    assert resolve_config(write(text)) == Config()


def test_values_are_plain_enough_for_json():
    config = resolve_config(sets=["fft_length=2", "window=[0, 1]"])
    plain = json.loads(json.dumps(config.plain(), allow_nan=False))
    assert plain == config.plain()
    assert list(plain) == ["audio", "features", "output"]
    assert plain["features"]["window"] == [0.0, 1.0]
