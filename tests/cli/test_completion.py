"""Completion in a shell, through Click's own protocol."""

from __future__ import annotations

import pytest
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from melcli.cli.root import melcli
from tests.cli.shell import run_alone


def completions(*words: str, shell: type[ShellComplete] = ZshComplete) -> list[CompletionItem]:
    """Complete the last word."""
    *given, incomplete = words
    return shell(melcli, {}, "melcli", "_MELCLI_COMPLETE").get_completions(list(given), incomplete)


def values(*words: str) -> list[str]:
    return [item.value for item in completions(*words)]


@pytest.mark.parametrize(
    "command",
    [
        ("extract", "in", "-c"),
        ("extract", "--config"),
        ("status", "out", "-c"),
        ("config", "show"),
        ("config", "check", "keras"),
        ("config", "diff", "keras"),
        ("config", "init"),
    ],
    ids=" ".join,
)
def test_config_names(command: tuple[str, ...]) -> None:
    assert {"hifigan", "hifigan_v1"} < set(values(*command, "hifig"))
    assert {"whisper", "whisper_128", "whisper-large-v3"} < set(values(*command, "whis"))
    named = values(*command, "")
    assert len(named) == len(set(named)) >= 60
    assert "whisper-large-v3" not in named  # an alias only once it has begun


def test_a_config_is_described_and_a_path_is_left_to_the_shell() -> None:
    item, *_ = completions("extract", "-c", "hifig")
    assert item.value == "hifigan"
    assert item.help is not None
    assert item.help.startswith("HiFi-GAN")
    for path in ("./mi", "configs/mi", "mine.y"):
        (item,) = completions("extract", "-c", path)
        assert (item.type, item.value) == ("file", path)


@pytest.mark.parametrize(
    "incomplete, found",
    [
        ("num_m", ["num_mel_bins="]),
        ("features.num_m", ["features.num_mel_bins="]),
        ("output.", ["output.format=", "output.dtype=", "output.shard_mb="]),
        ("window=h", ["window=hann", "window=hamming"]),
        ("features.window=n", ["features.window=null"]),
        ("audio.window=n", []),
        ("power_to_db=", ["power_to_db=true", "power_to_db=false"]),
        ("channels=", ["channels=mix", "channels=each"]),
        ("num_mel_bins=", []),
        ("zzz", []),
    ],
)
@pytest.mark.parametrize("command", [("extract", "in", "-s"), ("config", "show", "-s"), ("status", "out", "--set")])
def test_keys_and_their_words(command: tuple[str, ...], incomplete: str, found: list[str]) -> None:
    assert values(*command, incomplete) == found


def test_commands_and_options() -> None:
    assert values("ex") == ["extract"]
    assert "--max-duration" in values("extract", "--max")
    assert values("extract", "-f", "h") == ["hdf5"]


@pytest.mark.parametrize(
    "shell, words", [(BashComplete, "complete -o nosort"), (ZshComplete, "#compdef melcli"), (FishComplete, "complete")]
)
def test_the_script_of_a_shell(shell: type[ShellComplete], words: str) -> None:
    ended = run_alone(env={"_MELCLI_COMPLETE": f"{shell.name}_source"}, before="import sys; sys.argv[0] = 'melcli'")
    assert (ended.code, ended.err) == (0, "")
    assert words in ended.out


def test_the_answer_to_a_shell() -> None:
    asked = {"_MELCLI_COMPLETE": "zsh_complete", "COMP_WORDS": "melcli extract -s window=h", "COMP_CWORD": "3"}
    ended = run_alone(env=asked, before="import sys; sys.argv[0] = 'melcli'")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "plain\nwindow=hann\n_\nplain\nwindow=hamming\n_\n"
