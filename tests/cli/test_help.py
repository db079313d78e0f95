"""Help at every level, versions, and what starting costs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.version import __version__
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant

Command = Callable[..., Ended]
LEVELS = [
    (),
    *((name,) for name in ("extract", "status", "verify", "prune", "config", "compare", "identify", "doctor")),
    *(("config", name) for name in ("list", "show", "diff", "check")),
]
GROUPS: list[tuple[str, ...]] = [(), ("config",)]


@pytest.mark.parametrize("level", LEVELS, ids=" ".join)
@pytest.mark.parametrize("columns", [80, 100])
def test_help_at_every_level(
    melcli: Command, monkeypatch: pytest.MonkeyPatch, level: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    short, long = melcli(*level, "-h"), melcli(*level, "--help")
    assert (short.code, short.err) == (0, "")
    assert short == long
    assert short.out.startswith("Usage: ")
    assert [line for line in short.out.splitlines() if len(line) > columns] == []
    assert "..." not in short.out.partition("Commands:")[2]  # a first line that is too long


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_a_group_alone_prints_its_help(melcli: Command, group: tuple[str, ...]) -> None:
    alone = melcli(*group)
    assert (alone.out + alone.err).rstrip() == melcli(*group, "--help").out.rstrip()


@pytest.mark.parametrize("level", [(), ("extract",), ("config",)], ids=" ".join)
def test_help_gives_examples_on_lines_of_their_own(melcli: Command, level: tuple[str, ...]) -> None:
    examples = re.findall(r"^ +(?:find .*\| )?melcli \w+.*$", melcli(*level, "-h").out, re.MULTILINE)
    assert len(examples) >= 2


def test_every_option_of_extract_is_explained_in_a_group(melcli: Command) -> None:
    listed = melcli("extract", "-h").out.partition("\nInput:\n")[2]
    *groups, other = re.split(r"^[A-Z]\w+:\n", listed, flags=re.MULTILINE)
    assert len(groups) == 8
    assert re.findall(r"^  (-.*?)  ", other, re.MULTILINE) == ["-h, --help"]
    options = [option for group in groups for option in re.split(r"^  (?=-)", group, flags=re.MULTILINE)[1:]]
    assert len(options) >= 20
    for option in options:
        assert re.search(r"^-.*?(?:  |\n {10,})\S", option), option


def test_the_help_of_extract_tells_the_exit_codes(melcli: Command) -> None:
    told = melcli("extract", "-h").out
    for code in ("0", "2", "3", "5", "6", "7", "75", "129", "130", "143"):
        assert re.search(rf"\b{code}\b", told)


def test_the_version(melcli: Command) -> None:
    ended = melcli("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"melcli {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["extrakt"], "no such command 'extrakt'\nhint: did you mean 'extract'?"),
        (["--nonsense"], "no such option"),
        (["extract", "--overwright", "in", "-o", "out"], "--overwrite"),
        (["extract", "in"], "missing option '-o' / '--out'"),
        (["extract", "-o", "out"], "no INPUT\nhint: name files or folders, or use --table FILE or --files-from FILE"),
        (["extract", "in", "-o", "out", "-f", "mp3"], "'npy', 'hdf5'"),
        (["config", "check"], "missing argument"),
    ],
)
def test_what_is_misused_is_named(melcli: Command, arguments: list[str], words: str) -> None:
    ended = melcli(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def imported_by(*arguments: str) -> set[str]:
    """Run melcli and tell which packages it imported."""
    code = (
        "import sys\nfrom melcli.cli import main\n"
        "try:\n    main()\nfinally:\n    print({name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    imported: set[str] = set(re.findall(r"'(\w+)'", process.stderr.splitlines()[-1]))
    assert "click" in imported
    return imported


HEAVY = {"numpy", "scipy", "h5py", "soundfile", "soxr", "tqdm", "multiprocessing", "threadpoolctl"}


@pytest.mark.parametrize("arguments", [["--help"], ["extract", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_that_is_slow(arguments: list[str]) -> None:
    assert imported_by(*arguments) & {*HEAVY, "yaml", "filelock"} == set()


def test_nothing_to_do_imports_nothing_that_is_slow(melcli: Command, tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav")
    arguments = ["extract", str(tmp_path / "in"), *LIGHT, "-o", str(tmp_path / "out")]
    assert melcli(*arguments).code == 0
    assert imported_by(*arguments) & HEAVY == set()
