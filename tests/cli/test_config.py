"""``melcli config``: every command of the group."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.config.named_configs import config_labels, named_configs
from melcli.config.resolve import resolve_config
from melcli.config.schema import schema
from tests.cli.shell import Ended, run_alone
from tests.elapsed import fail_after
from tests.run.invariants import check_printed

Command = Callable[..., Ended]


def test_list_names_every_config_with_a_line_on_it(melcli: Command) -> None:
    ended = melcli("config", "list")
    assert (ended.code, ended.err) == (0, "")
    lines = {line.split()[0]: line for line in ended.out.splitlines() if re.match(r"  \S", line)}
    assert list(lines) == list(named_configs())
    assert {"keras", "keras_speech", "keras_music"} <= set(lines)
    assert all(len(line.split()) > 2 for line in lines.values())


def test_list_marks_what_is_unverified(melcli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    unverified = {name for name, path in named_configs().items() if config_labels(path).unverified}
    lines = melcli("config", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    marked, name = set(), ""
    for line in lines:
        name = line[2:].split()[0] if re.match(r"  \S", line) else name
        if line.endswith("(unverified)"):
            marked.add(name)
    assert marked == unverified
    families = [line.removesuffix(":") for line in lines if not line.startswith(" ")]
    assert families == sorted({path.parent.name for path in named_configs().values()})
    names = [line[2:].split()[0] for line in lines if re.match(r"  \S", line)]
    assert names == list(named_configs())


@pytest.mark.parametrize("words", ["large v3", "large-v3", "Large_V3"])
def test_list_is_searched(melcli: Command, words: str) -> None:
    ended = melcli("config", "list", "--search", words)
    assert (ended.code, ended.err) == (0, "")
    family, found, *more = ended.out.splitlines()
    assert family == "asr:"
    assert found.startswith("  whisper_128  Whisper's log-mel spectrogram with 128 filters")
    assert "Also known as large-v3, whisper-large-v3, large-v3-turbo, " in " ".join(line.strip() for line in more)


def test_a_search_without_aliases_has_one_line_for_each_config(melcli: Command) -> None:
    ended = melcli("config", "list", "--search", "spectral.py")
    assert [line.split()[0] for line in ended.out.splitlines() if re.match(r"  \S", line)] == [
        "librosa", "librosa_mfcc", "librosa_power", "librosa_power_to_db_max",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words, said",
    [
        ("whispr", "melcli: error: no config matches 'whispr'\nhint: did you mean 'whisper'?\n"),
        ("\x1b[2J", "melcli: error: no config matches '\\x1b[2J'\nhint: 'melcli config list' lists all configs\n"),
    ],
)
def test_a_search_that_finds_nothing_ends_with_5(melcli: Command, words: str, said: str) -> None:
    assert melcli("config", "list", "--search", words) == Ended(5, "", said)


def test_show_explains_in_comments(melcli: Command) -> None:
    ended = melcli("config", "show", "large-v3")
    comments = [line for line in ended.out.splitlines() if line.startswith("#")]
    schema_line, *comments = comments
    assert schema_line.startswith("# yaml-language-server: $schema=file:///")
    assert comments[0].startswith("# whisper_128: Whisper's log-mel spectrogram")
    assert comments[1].startswith("# Equals: openai-whisper 20250625, ")
    assert "# levels  log10(max(x, 1e-10)), no more than 80 dB below the loudest" in comments
    assert "#   mel = np.log10(mel.clip(1e-10))" in comments
    assert "#   mel = torch.log10(mel.clip(1e-10))" in comments
    assert comments[-1] == f"# config_id {resolve_config('whisper_128').config_id}"


def test_show_escapes_what_a_terminal_would_obey(melcli: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad\x07.yaml"
    bad.write_text("base: librosa\n")
    ended = melcli("config", "show", bad)
    assert ended.code == 0
    check_printed(ended.out)


def test_diff_prints_the_keys_that_differ_and_nothing_else(melcli: Command) -> None:
    lines = "features.max_freq: 8000.0 -> null\nfeatures.mag_eps:  1e-09  -> 1e-06\n"
    assert melcli("config", "diff", "hifi-gan", "vits") == Ended(4, lines, "")


@pytest.mark.parametrize("other", ["hifigan", "matcha", "./mine.yaml"])
def test_diff_prints_nothing_where_nothing_differs(
    melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    (tmp_path / "mine.yaml").write_text("base: tacotron2\nfeatures: {padding: same, mag_eps: 1e-9}\n")
    monkeypatch.chdir(tmp_path)
    assert melcli("config", "diff", "hifigan", other) == Ended(0, "", "")


def test_diff_takes_no_settings_from_outside(melcli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELCLI_FEATURES_TOP_DB", "60")
    assert melcli("config", "diff", "keras", "keras").code == 0


def test_diff_for_programs(melcli: Command) -> None:
    ended = melcli("config", "diff", "hifigan", "vits", "--json")
    assert (ended.code, json.loads(ended.out)) == (
        4,
        {"features.max_freq": [8000.0, None], "features.mag_eps": [1e-9, 1e-6]},
    )
    same = melcli("config", "diff", "hifigan", "matcha", "--json")
    assert (same.code, json.loads(same.out)) == (0, {})


def test_diff_refuses_what_is_no_config(melcli: Command) -> None:
    ended = melcli("config", "diff", "hifigan", "clap")
    assert (ended.code, ended.out) == (2, "")
    assert (
        ended.err == "melcli: error: no config is called 'clap'\nhint: did you mean 'clap_fused' or 'clap_unfused'?\n"
    )


def test_show_prints_every_value_and_where_it_was_set(
    melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("base: keras_speech\nfeatures:\n  num_mel_bins: 64\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELCLI_FEATURES_TOP_DB", "60")
    ended = melcli("config", "show", "./mine.yaml", "-s", "output.dtype=float16")
    assert (ended.code, ended.err) == (0, "")
    shown = {line.split(":")[0].strip(): line.split() for line in ended.out.splitlines() if "  #" in line}
    assert shown["num_mel_bins"][1:] == ["64", "#", "mine.yaml:3"]
    assert shown["top_db"][1:] == ["60.0", "#", "MELCLI_FEATURES_TOP_DB"]
    assert shown["dtype"][1:] == ["float16", "#", "--set", "output.dtype=float16"]
    assert shown["sequence_stride"][1:3] == ["160", "#"]
    assert shown["sequence_stride"][3].startswith("configs/libraries/keras_speech.yaml:")
    assert shown["compute_dtype"][1:] == ["float32", "#", "default"]
    expected = resolve_config("keras").plain()
    assert set(shown) == {key for section in expected.values() for key in section}


@pytest.mark.few(8)
@pytest.mark.parametrize("name", list(named_configs()))
def test_what_show_prints_is_that_config(melcli: Command, tmp_path: Path, name: str) -> None:
    ended = melcli("config", "show", name)
    (tmp_path / "saved.yaml").write_text(ended.out)
    config_id = resolve_config(name).config_id
    assert resolve_config(str(tmp_path / "saved.yaml")).config_id == config_id
    assert f"# config_id {config_id}" in ended.out


def test_check_names_empty_filters_and_refuses_nothing(melcli: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad\x07.yaml"
    bad.write_text("base: keras\nfeatures: {fft_length: 400}\n")
    ended = melcli("config", "check", bad, "keras", "ast")
    assert ended.code == 0
    assert ended.out.count(": ok, config_id ") == 3
    own, named = ended.err.splitlines()
    assert own.startswith(f"{tmp_path}/bad\\x07.yaml: warning: filters 2, 7 and 16 of 128 are empty: no bin is ")
    assert named.startswith("ast: note: as in the original of ast, filter 3 of 128 is empty: ")


def test_show_names_empty_filters_and_stays_a_config(melcli: Command, tmp_path: Path) -> None:
    ended = melcli("config", "show", "keras", "-s", "fft_length=400")
    assert (ended.code, ended.err) == (0, "")
    assert "\n# warning: filters 2, 7 and 16 of 128 are empty: " in ended.out
    (tmp_path / "saved.yaml").write_text(ended.out)
    assert resolve_config(str(tmp_path / "saved.yaml")).features.fft_length == 400


def test_check_looks_at_all_and_ends_with_2_if_one_is_refused(melcli: Command, tmp_path: Path) -> None:
    good, bad, gone = (str(tmp_path / f"{name}.yaml") for name in ("good", "bad\x07", "gone"))
    Path(good).write_text("features: {num_mel_bins: 64}\n")
    Path(bad).write_text("features:\n  num_mel_bin: 64\n")
    fine = melcli("config", "check", good, "keras")
    assert fine.code == 0
    assert fine.out.count(": ok, config_id ") == 2
    mixed = melcli("config", "check", bad, gone, good)
    assert mixed.code == 2
    assert f"{good}: ok, config_id " in mixed.out
    assert "bad\\x07.yaml:2: features: unknown key 'num_mel_bin'\nhint: did you mean 'num_mel_bins'?" in mixed.err
    assert "gone.yaml: cannot be read: No such file or directory" in mixed.err
    check_printed(mixed.out + mixed.err)


# a file that is named, and no config


def test_a_variable_that_names_a_file_of_others_shows_nothing_of_it(melcli, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "shadow").write_text("root:$6$pr1vate:19000:0:99999:7:::\n")
    monkeypatch.setenv("MELCLI_CONFIG", str(tmp_path / "shadow"))
    ended = melcli("extract", tmp_path / "in", "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"melcli: error: MELCLI_CONFIG={tmp_path}/shadow:1: not a config: a key is a word, such as 'features'\n"
    )


def test_the_variable_is_named_only_if_the_config_comes_from_it(melcli, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.setenv("MELCLI_CONFIG", "kers")
    arguments = ("extract", tmp_path / "in", "-o", tmp_path / "out")
    assert melcli(*arguments).err.startswith("melcli: error: MELCLI_CONFIG=kers: no config is called 'kers'\n")
    assert melcli(*arguments, "-c", "keres").err.startswith("melcli: error: no config is called 'keres'\n")


def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(melcli, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    pipe = tmp_path / "pipe.yaml"
    with fail_after(20.0):
        for arguments in (["extract", tmp_path, "-c", pipe, "-o", tmp_path / "out"], ["config", "show", pipe]):
            ended = melcli(*arguments)
            assert ended.code == 2
            assert ended.err == f"melcli: error: {pipe}: cannot be read: it is a named pipe, not a regular file\n"


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_config_from_standard_input(name):
    """From a pipe, and from a pipe whose writer is gone."""
    reader, writer = os.pipe()
    os.write(writer, b"features: {num_mel_bins: 33}\n")
    os.close(writer)
    ended = run_alone("config", "show", name, stdin=reader)
    os.close(reader)
    assert ended.code == 0, ended.err
    assert "  num_mel_bins: 33" in ended.out


def test_a_config_from_standard_input_that_is_closed():
    ended = run_alone("config", "show", "/dev/stdin", before="import os, sys; os.close(0); sys.stdin = None")
    assert ended.code == 2
    assert ended.err == "melcli: error: /dev/stdin: cannot be read: standard input is closed\n"


def test_the_schema_is_printed_as_json(melcli: Command) -> None:
    assert json.loads(melcli("config", "schema").out) == schema()


def test_init_writes_a_new_file_and_replaces_none(melcli: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    ended = melcli("config", "init", "whisper", "-o", path)
    assert (ended.code, ended.out, ended.err) == (0, "", f"wrote {path}\n")
    assert path.read_text(encoding="utf-8") == melcli("config", "init", "whisper").out
    assert resolve_config(str(path)) == resolve_config("whisper")
    path.write_text("mine", encoding="utf-8")
    refused = melcli("config", "init", "-o", path)
    assert (refused.code, refused.err) == (2, f"melcli: error: {path} exists\nhint: name a new file with -o\n")
    assert path.read_text(encoding="utf-8") == "mine"
    assert melcli("config", "init", "-o", tmp_path / "no" / "a.yaml").code == 2
