"""From files, bases, the environment, --set and flags to one config that knows where each value came from."""

import dataclasses
import os
import re
from pathlib import Path

import pytest

from melcli.config import resolve
from melcli.config.config import SECTIONS, Config
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError
from melcli.mel.options import FeatureOptions
from melcli.options import key_types
from melcli.store.options import OutputOptions
from tests.elapsed import fail_after

LINE = "; write a line such as '  fft_length: VALUE' below 'features:'"
FORMAT_LINE = "; write a line such as '  format: VALUE' below 'output:'"
LISTED = "'melcli config show' lists all keys"

AUDIO_KEYS = "channels, resampler, truncated, opus_rate, chunk_s, chunk_hop_s, chunk_last, decoder, stream"


def refusal(*arguments, **keywords):
    with pytest.raises(ConfigError) as raised:
        resolve_config(*arguments, **keywords)
    return str(raised.value)


# precedence


def test_the_defaults_are_keras():
    assert resolve_config() == Config()
    assert resolve_config().origins["features.num_mel_bins"] == "configs/libraries/keras.yaml:12"
    assert resolve_config().origins["features.compute_dtype"] == "default"


LAYERS = ["base", "file", "environment", "set", "flag"]


@pytest.mark.parametrize("layers", [LAYERS[:count] for count in range(len(LAYERS) + 1)], ids=len)
def test_the_later_wins(write, layers):
    setting = "\noutput:\n  shard_mb: {}\n"
    write(setting.format(2) if "base" in layers else "", "base.yaml")
    write("base: base.yaml" + (setting.format(3) if "file" in layers else ""))
    config = resolve_config(
        "my.yaml",
        environ={"MELCLI_OUTPUT_SHARD_MB": "4"} if "environment" in layers else {},
        sets=["shard_mb=99", "output.shard_mb=5"] if "set" in layers else [],
        flags={"output.shard_mb": 6} if "flag" in layers else {},
    )
    origins = ["default", "base.yaml:3", "my.yaml:3", "MELCLI_OUTPUT_SHARD_MB", "--set output.shard_mb=5", "--shard-mb"]
    assert config.output.shard_mb == [64, 2, 3, 4, 5, 6][len(layers)]
    assert config.origins["output.shard_mb"] == origins[len(layers)]


def test_every_key_has_an_origin(write):
    write("audio: {channels: 1}\n")
    origins = resolve_config("my.yaml", sets=["dtype=float16"]).origins
    assert list(origins) == [f"{section}.{key}" for section, cls in SECTIONS.items() for key in key_types(cls)]
    assert {key: origin for key, origin in origins.items() if origin != "default"} == {
        "audio.channels": "my.yaml:1",
        "output.dtype": "--set dtype=float16",
    }


# files and bases


def test_an_empty_file_is_the_defaults(write):
    assert resolve_config(write("")) == resolve_config(write("# nothing\n", "b.yaml")) == Config()


def test_a_byte_order_mark_is_passed_over(write):
    assert resolve_config(write(b"\xef\xbb\xbfoutput: {dtype: float64}\n")).output.dtype == "float64"


def test_a_base_is_found_by_name_and_beside_the_file(write):
    write("base: ./below/b.yaml\nfeatures: {num_mel_bins: 41}\n")
    write("base: ../c.yml\nfeatures: {num_mel_bins: 42, fft_length: 1000}\n", "below/b.yaml")
    write("base: keras_speech\nfeatures: {fft_length: 2000, top_db: null}\n", "c.yml")
    config = resolve_config("my.yaml")
    features = config.features
    assert (features.num_mel_bins, features.fft_length, features.top_db) == (41, 1000, None)
    assert features.sequence_stride == 160
    assert config.origins["features.num_mel_bins"] == "my.yaml:2"
    assert config.origins["features.fft_length"] == "below/b.yaml:2"
    assert config.origins["features.top_db"] == "below/../c.yml:2"
    assert config.origins["features.sequence_stride"].startswith("configs/libraries/keras_speech.yaml:")


def test_a_base_is_not_looked_for_in_the_working_folder(write, tmp_path):
    write("base: b.yaml\n", "below/a.yaml")
    write("", "b.yaml")
    assert refusal("below/a.yaml").startswith("below/b.yaml: cannot be read: No such file or directory")


@pytest.mark.parametrize(
    "chain",
    [{"my": "my"}, {"my": "b", "b": "my"}, {"my": "b", "b": "c", "c": "b"}],
    ids=["of one", "of two", "that the first is not in"],
)
def test_a_circle_is_refused(write, chain):
    for name, base in chain.items():
        write(f"base: ./{base}.yaml\n", f"{name}.yaml")
    names = " -> ".join(f"{name}.yaml" for name in [*chain, list(chain.values())[-1]])
    circle = f"{list(chain.values())[-1]}.yaml: base goes in a circle or more than 8 levels deep: {names}"
    assert refusal("my.yaml") == circle


def test_a_circle_through_a_link_is_refused(write):
    write("base: link.yaml\n")
    os.symlink("my.yaml", "link.yaml")
    assert refusal("my.yaml").endswith("base goes in a circle or more than 8 levels deep: my.yaml -> link.yaml")


def test_eight_levels_are_allowed_and_nine_are_not(write):
    for level in range(9):
        write(f"base: {level + 1}.yaml\n", f"{level}.yaml")
    write("audio: {channels: 3}\n", "9.yaml")
    assert resolve_config("1.yaml").audio.channels == 3
    assert refusal("0.yaml").startswith(
        "9.yaml: base goes in a circle or more than 8 levels deep: 0.yaml -> 1.yaml -> "
    )


def test_two_ways_to_one_base_are_no_circle(write):
    write("base: keras\n", "b.yaml")
    write("base: b.yaml\n")
    assert resolve_config("my.yaml") == Config()


@pytest.mark.parametrize(
    "text, said",
    [
        ("base: kerras\n", "my.yaml:1: no config is called 'kerras'; did you mean 'keras'?"),
        ("\nbase: [keras]\n", "my.yaml:2: base=['keras'] must be a config's name or file"),
        ("base: 7\n", "my.yaml:1: base=7 must be a config's name or file"),
        ("base: null\n", "my.yaml:1: base=None must be a config's name or file"),
    ],
)
def test_a_base_that_is_none_is_refused(write, text, said):
    assert refusal(write(text)) == said


@pytest.mark.parametrize(
    "base, said",
    [
        ("gone.yaml", "gone.yaml: cannot be read: No such file or directory"),
        ("./", ".: cannot be read: it is a directory, not a regular file"),
    ],
)
def test_a_base_that_cannot_be_read_is_refused(write, base, said):
    assert refusal(write(f"base: {base}\n")).endswith(said)


@pytest.mark.parametrize("base", ["\\0.yaml", "\\ud800.yaml", "a/\\0", "loop.yaml"])
def test_a_base_that_no_file_system_knows_is_refused(write, tmp_path, base):
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "cannot be read" in refusal(write(f'base: "{base}"\n'))


@pytest.mark.parametrize(
    "name, said",
    [
        ("gone.yaml", "gone.yaml: cannot be read: No such file or directory"),
        ("./", ".: cannot be read: it is a directory, not a regular file"),
        ("my.yaml/x.yaml", "my.yaml/x.yaml: cannot be read: Not a directory"),
        ("n" * 300 + ".yaml", "n" * 300 + ".yaml: cannot be read: File name too long"),
        ("new\nline.yaml", "new\\x0aline.yaml: cannot be read: No such file or directory"),
        ("kerass", "no config is called 'kerass'; did you mean 'keras'?"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(write, name, said):
    write("")
    assert refusal(name) == said


def test_a_link_to_itself_is_refused(write):
    write("")
    os.symlink("loop.yaml", "loop.yaml")
    assert refusal("loop.yaml") == "loop.yaml: cannot be read: Too many levels of symbolic links"


@pytest.mark.parametrize("content", [b"audio: {channels: \xe9}\n", "audio: {}".encode("utf-16"), b"\x80"])
def test_what_is_not_utf_8_is_refused(write, content):
    assert refusal(write(content)) == "my.yaml: cannot be read: not UTF-8"


def test_what_is_too_large_is_refused(write):
    assert refusal(write("#" * 1_000_000)) == "my.yaml: 400001 characters; a config holds at most 400000"


# keys


@pytest.mark.parametrize(
    "text, said",
    [
        ("features:\n  num_mels: 80\n", "my.yaml:2: features: unknown key 'num_mels'; did you mean 'num_mel_bins'?"),
        (
            "audio: {dtype: float16}\n",
            f"my.yaml:1: audio: unknown key 'dtype'; known are {AUDIO_KEYS}",
        ),
        ("feature: {num_mel_bins: 80}\n", "my.yaml:1: unknown key 'feature'; did you mean 'features'?"),
        ("\nfeature:\n", "my.yaml:2: unknown key 'feature'; did you mean 'features'?"),
        ("num_mel_bins: 80\n", "my.yaml:1: unknown key 'num_mel_bins'; did you mean 'features.num_mel_bins'?"),
        ("feature: {}\n", "my.yaml:1: unknown key 'feature'; did you mean 'features'?"),
        ("audio: {}\nfeature: {}\n", "my.yaml:2: unknown key 'feature'; did you mean 'features'?"),
        ("xyz: 80\n", "my.yaml:1: unknown key 'xyz'; known are base, audio, features, output"),
        (
            "features: 80\n",
            "my.yaml:1: features must be a mapping of keys to values" + LINE,
        ),
        (
            "features: [num_mel_bins]\n",
            "my.yaml:1: features must be a mapping of keys to values" + LINE,
        ),
        (
            "audio: {}\noutput: null\n",
            "my.yaml:2: output must be a mapping of keys to values" + FORMAT_LINE,
        ),
        (
            "features: {'a\\b': 1}\n",
            r"my.yaml:1: features: unknown key 'a\\b'; " + LISTED,
        ),
        ("features: {<<: {min_freq: 1}}\n", "my.yaml:1: a value is a number, a word, null or a list, not a mapping"),
        (
            "features: {<<: 1}\n",
            "my.yaml:1: features: unknown key '<<'; " + LISTED,
        ),
        (
            "features:\n  min_freq: 1\n\noutput: {}\nfeatures:\n  min_freq: 2\n",
            "my.yaml:5: key 'features' stands twice, first in line 1",
        ),
    ],
)
def test_unknown_and_duplicate_keys_are_refused_with_file_line_and_nearest_key(write, text, said):
    assert refusal(write(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "features.num_mel_bins: 80\n",
        "features.num_mel_bins: {}\n",
        "features: {num_mel_bins: 80}\nfeatures.num_mel_bins: 40\n",
    ],
)
def test_a_key_with_a_dot_is_unknown_in_a_file(write, text):
    """Otherwise a key could stand twice and nobody would be told."""
    assert re.match(r"my\.yaml:[12]: unknown key 'features\.num_mel_bins'; ", refusal(write(text)))


def test_a_base_that_is_a_mapping_is_refused_as_a_base(write):
    assert refusal(write("base: {name: keras}\n")) == "my.yaml:1: base must be a config's name or file, not a mapping"
    assert refusal(write("base: {}\n")) == "my.yaml:1: base must be a config's name or file, not a mapping"


def test_a_mistake_in_a_base_is_told_of_the_base(write):
    write("base: b.yaml\n")
    write("\n\nfeatures: {min_freq: '20'}\n", "b.yaml")
    assert refusal("my.yaml") == "b.yaml:3: features: min_freq='20' must be a number; write 20.0"


# values

WINDOWS = "'hann', 'hamming', 'povey', 'blackman', a list of numbers or null"


@pytest.mark.parametrize(
    "setting, said",
    [
        ("num_mel_bins: '80'", "my.yaml:2: features: num_mel_bins='80' must be an integer; write 80"),
        ("num_mel_bins: 80.0", "my.yaml:2: features: num_mel_bins=80.0 must be an integer; write 80"),
        ("num_mel_bins: true", "my.yaml:2: features: num_mel_bins=true must be an integer"),
        ("num_mel_bins: null", "my.yaml:2: features: num_mel_bins=null must be an integer"),
        ("num_mel_bins: [80]", "my.yaml:2: features: num_mel_bins=[80] must be an integer"),
        ("num_mel_bins: 1_000", "my.yaml:2: features: num_mel_bins='1_000' must be an integer"),
        ("power_to_db: no", "my.yaml:2: features: power_to_db='no' must be true or false; write false"),
        ("min_freq: .inf", "my.yaml:2: features: min_freq=inf must be finite"),
        ("min_freq: -.inf", "my.yaml:2: features: min_freq=-inf must be finite"),
        ("min_freq: .nan", "my.yaml:2: features: min_freq=nan must be finite"),
        ("min_freq: 1e999", "my.yaml:2: features: min_freq=inf must be finite"),
        ("max_freq: .inf", "my.yaml:2: features: max_freq=inf must be finite"),
        ("window: hanning", f"my.yaml:2: features: window='hanning' must be {WINDOWS}; write hann"),
        ("window: [1, a]", f"my.yaml:2: features: window=[1, 'a'] must be {WINDOWS}"),
        (
            "window: [1, 2]",
            "my.yaml:2: features: window holds 2 numbers, but fft_length is 2048 (fft_length: default)",
        ),
        ("fft_length: 1", "my.yaml:2: features: fft_length=1 must be in [2, 131072]"),
        ("mag_exp: 0", "my.yaml:2: features: mag_exp=0 must be above 0"),
        (
            "min_freq: 9000",
            "my.yaml:2: features: min_freq=9000 must be in [0, 8000), below int(sampling_rate / 2) "
            "at sampling_rate=16000 (sampling_rate: default)",
        ),
        (
            "max_freq: 10",
            "my.yaml:2: features: max_freq=10 must be above min_freq=20 (min_freq: default)",
        ),
    ],
)
def test_wrong_values_are_refused_with_file_line_value_and_rule(write, setting, said):
    assert refusal(write(f"features:\n  {setting}\n")) == said


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "1e999"])
def test_a_window_of_numbers_that_are_not_finite_is_refused(number):
    said = refusal(sets=["fft_length=2", f"window=[1, {number}]"])
    assert said.startswith(f"--set window=[1, {number}]: window")
    assert said.endswith("must be finite")


@pytest.mark.parametrize(
    "key, value",
    [
        ("min_freq", "9" * 400),  # an int may stand for a float, but this one has none
        ("window", "[0, " + "9" * 400 + "]"),
        ("sampling_rate", "9" * 400),
        ("sampling_rate", "0x" + "f" * 5000),
        ("window", "0x" + "f" * 5000),
        ("window", "9" * 5000),
    ],
    ids=["float", "floats", "int", "hex", "hex that cannot be shown", "digits that cannot be read"],
)
def test_numbers_beyond_all_measure_are_refused(write, key, value):
    assert refusal(write(f"features:\n  {key}: {value}\n")).startswith("my.yaml:2: ")


def test_a_refusal_names_where_the_value_was_set(write):
    write("features:\n  sequence_length: 400\n")
    assert refusal("my.yaml", sets=["fft_length=256"]) == (
        "my.yaml:2: features: sequence_length=400 exceeds fft_length=256 (fft_length: --set fft_length=256)"
    )
    assert refusal(environ={"MELCLI_FEATURES_MAG_EXP": "-1"}) == (
        "MELCLI_FEATURES_MAG_EXP: features: mag_exp=-1 must be above 0"
    )
    assert refusal(flags={"output.format": "zarr"}) == ("--format: output: format='zarr' must be 'npy' or 'hdf5'")


def test_a_default_that_is_refused_is_so_where_what_it_does_not_go_with_was_set(write):
    write("features: {sampling_rate: 30}\n")
    assert refusal("my.yaml") == (
        "my.yaml:1: features: min_freq=20 must be in [0, 15), below int(sampling_rate / 2) at sampling_rate=30 "
        "(min_freq: default)"
    )


@pytest.mark.parametrize(
    "name, sets, said",
    [
        (
            "keras",
            ["log=ln"],
            "--set log=ln: log=ln and power_to_db=true are two logarithms "
            "(power_to_db: configs/libraries/keras.yaml:15); set power_to_db to false",
        ),
        (
            "vocos",
            ["power_to_db=true"],
            "configs/tts/vocos.yaml:15: features: log=ln and power_to_db=true are two logarithms "
            "(power_to_db: --set power_to_db=true); set power_to_db to false",
        ),
        (
            "kaldi_mfcc",
            ["num_mel_bins=10"],
            "configs/libraries/kaldi_mfcc.yaml:10: features: num_ceps=13 must be in [1, 10], up to num_mel_bins "
            "(num_mel_bins: --set num_mel_bins=10)",
        ),
        (
            "kaldi_mfcc",
            ["log=null"],
            "configs/libraries/kaldi_mfcc.yaml:10: features: num_ceps=13 needs a logarithm "
            "(power_to_db: configs/libraries/kaldi.yaml:19, log: --set log=null); set log, or power_to_db to true",
        ),
        (
            "librosa_mfcc",
            ["mean=[1, 2]"],
            "--set mean=[1, 2]: mean holds 2 numbers, but num_ceps is 20 "
            "(num_ceps: configs/libraries/librosa_mfcc.yaml:8)",
        ),
        (
            "hifigan",
            ["fft_length=200"],
            "configs/tts/hifigan.yaml:9: features: padding=same pads by half of fft_length - sequence_stride, so "
            "sequence_stride=256 must be 200 or less "
            "(fft_length: --set fft_length=200, sequence_stride: configs/tts/tacotron2.yaml:9)",
        ),
    ],
)
def test_of_keys_that_do_not_go_together_each_is_named_with_where_it_was_set(name, sets, said):
    assert refusal(name, sets=sets) == said


def test_a_value_that_is_called_like_a_key_is_no_key():
    assert refusal(sets=["padding=window"]).endswith("or a list of 2 numbers")


# --set


@pytest.mark.parametrize(
    "text, section, key, value",
    [
        ("num_mel_bins=80", "features", "num_mel_bins", 80),
        ("features.num_mel_bins=80", "features", "num_mel_bins", 80),
        ("min_power=1e-10", "features", "min_power", 1e-10),
        ("max_freq= 7600 ", "features", "max_freq", 7600.0),
        ("max_freq=null", "features", "max_freq", None),
        ("max_freq=", "features", "max_freq", None),
        ("power_to_db=false", "features", "power_to_db", False),
        ("window=hamming", "features", "window", "hamming"),
        ('window="hamming"', "features", "window", "hamming"),
        ("channels=each", "audio", "channels", "each"),
        ("channels=0", "audio", "channels", 0),
        ("dtype=float16", "output", "dtype", "float16"),
        ("format=hdf5", "output", "format", "hdf5"),
    ],
)
def test_sets_are_read_as_a_file_would_be(text, section, key, value):
    config = resolve_config(sets=[text])
    found = getattr(getattr(config, section), key)
    assert found == value
    assert type(found) is type(value)
    assert config.origins[f"{section}.{key}"] == f"--set {text}"


def test_a_set_may_hold_a_list():
    assert resolve_config(sets=["fft_length=4", "window=[0, 1, 1e0, .5]"]).features.window == (0.0, 1.0, 1.0, 0.5)


@pytest.mark.parametrize(
    "text, said",
    [
        ("num_mel_bins", "must be KEY=VALUE; write -s num_mel_bins=VALUE"),
        ("", "must be KEY=VALUE"),
        ("hop_length=160", "unknown key 'hop_length'; did you mean 'sequence_stride'?"),
        ("frame_shift=10", "unknown key 'frame_shift'; did you mean 'sequence_stride' (in samples)?"),
        ("num_mels=80", "unknown key 'num_mels'; did you mean 'num_mel_bins'?"),
        ("resample=soxr_hq", "unknown key 'resample'; did you mean 'resampler'?"),
        ("features.num_mels=80", "features: unknown key 'num_mels'; did you mean 'num_mel_bins'?"),
        ("output.num_mel_bins=80", "output: unknown key 'num_mel_bins'; known are format, dtype, shard_mb"),
        ("mel.num_mel_bins=80", "unknown key 'mel'; known are base, audio, features, output"),
        ("features.window.x=1", "features: unknown key 'window.x'; did you mean 'window'?"),
        ("features.=1", f"features: unknown key ''; {LISTED}"),
        (".x=1", "unknown key ''; known are base, audio, features, output"),
        ("=80", f"unknown key ''; {LISTED}"),
        ("base=keras", f"unknown key 'base'; {LISTED}"),
        ("num_mel_bins=eighty", "num_mel_bins='eighty' must be an integer"),
        ("num_mel_bins==80", "num_mel_bins='=80' must be an integer"),
        ("window=a: b", ":1: a value is a number, a word, null or a list, not a mapping"),
    ],
)
def test_bad_sets_are_refused_in_a_sentence(text, said):
    colon = "" if said.startswith(":") else ": "
    assert refusal(sets=[text]) == f"--set {text}{colon}{said}"


def test_bad_sets_are_printed_without_control_characters():
    assert refusal(sets=["\x1b[2J\udcff"]) == "--set \\x1b[2J\\xff: must be KEY=VALUE"
    assert refusal(sets=["\x1b=1"]).startswith("--set \\x1b=1: unknown key '\\x1b'; 'melcli config show' ")


def test_a_key_of_two_sections_needs_its_section(monkeypatch):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Twin:
        dtype: str = "x"

    monkeypatch.setattr(resolve, "SECTIONS", {"audio": Twin, "features": FeatureOptions, "output": OutputOptions})
    assert refusal(sets=["dtype=float16"]) == (
        "--set dtype=float16: unknown key 'dtype'; it is in audio and output; name the section"
    )


# the environment


def test_the_environment_is_read_by_section_and_key():
    environ = {"MELCLI_FEATURES_NUM_MEL_BINS": "80", "MELCLI_AUDIO_CHANNELS": "each", "MELCLI_OUTPUT_DTYPE": "float64"}
    config = resolve_config(environ=environ)
    assert (config.features.num_mel_bins, config.audio.channels, config.output.dtype) == (80, "each", "float64")
    assert config.origins["audio.channels"] == "MELCLI_AUDIO_CHANNELS"


def test_other_variables_mean_nothing():
    environ = {
        "MELCLI_CONFIG": "x",
        "MELCLI_JOBS": "8",
        "FEATURES_TOP_DB": "1",
        "melcli_features_top_db": "1",
        "PATH": "",
    }
    assert resolve_config(environ=environ) == Config()


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("MELCLI_FEATURES_NUM_MELS", "80", "features: unknown key 'num_mels'; did you mean 'num_mel_bins'?"),
        (
            "MELCLI_AUDIO",
            "mix",
            f"audio: unknown key ''; known are {AUDIO_KEYS}",
        ),
        ("MELCLI_OUTPUT_SHARD_MB", "many", "output: shard_mb='many' must be an integer"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(name, value, said):
    assert refusal(environ={name: value}) == f"{name}: {said}"


@pytest.mark.parametrize(
    "text, said",
    [
        ("root:$6$x:::\n", "MELCLI_CONFIG=my.yaml:1: not a config: a key is a word, such as 'features'"),
        ("features: {top_db: high}\n", "MELCLI_CONFIG=my.yaml:1: features: top_db='high' must be a number or null"),
        ("base: ./gone.yaml\n", "MELCLI_CONFIG=./my.yaml: gone.yaml: cannot be read: No such file or directory"),
        (None, "MELCLI_CONFIG=my.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_refusal_names_the_variable_that_names_the_file(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("my.yaml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        resolve_config("./my.yaml", named_by="MELCLI_CONFIG")
    assert str(raised.value) == said


@pytest.mark.parametrize("name, rule", [("kers", "no config is called 'kers'; "), ("s3://b/x.yaml", "config s3://b/x")])
def test_a_refusal_names_the_variable_that_names_no_file(name, rule):
    with pytest.raises(ConfigError) as raised:
        resolve_config(name, named_by="MELCLI_CONFIG")
    assert str(raised.value).startswith(f"MELCLI_CONFIG={name}: {rule}")


# what is no regular file


def test_a_named_pipe_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.yaml")
    with fail_after(20.0):
        assert refusal("pipe.yaml") == "pipe.yaml: cannot be read: it is a named pipe, not a regular file"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_refused(path):
    with fail_after(20.0):
        assert refusal(path) == f"{path}: cannot be read: it is a device, not a regular file"


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
@pytest.mark.parametrize("written", [b"features: {top_db: 7}\n", b""])
def test_a_descriptor_that_is_open_is_read(folder, written):
    reader, writer = os.pipe()
    os.write(writer, written)
    os.close(writer)
    try:
        with fail_after(20.0):
            config = resolve_config(f"{folder}/{reader}")
        os.fstat(reader)  # it is still the caller's
    finally:
        os.close(reader)
    assert config == (resolve_config(sets=["top_db=7"]) if written else Config())


def test_a_named_pipe_that_is_open_is_read_also_if_its_writer_is_gone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "pipe").write_bytes(b"features: {top_db: 7}\n")
    try:
        with fail_after(20.0):
            assert resolve_config(f"/dev/fd/{reader}").features.top_db == 7
    finally:
        os.close(reader)


def test_a_descriptor_that_is_not_open_is_refused():
    assert refusal("/dev/fd/1048000") == "/dev/fd/1048000: cannot be read: No such file or directory"
