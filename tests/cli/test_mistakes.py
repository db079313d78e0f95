"""Typical mistakes: each is answered with one sentence and one hint, before any work.

docs/guides/mistakes.md shows the answers.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.shell import Ended
from tests.run.corpus import plant

Command = Callable[..., Ended]

DOCS = Path(__file__).parents[2] / "docs" / "guides" / "mistakes.md"

IN_OUT = ("in", "-o", "out")


class Mistake(NamedTuple):
    """What is typed, and the answer."""

    typed: tuple[str, ...]
    problem: str
    hint: str
    code: int = 2
    files: dict[str, str] = {}  # noqa: RUF012  never changed


def set_(text: str, problem: str, hint: str) -> Mistake:
    return Mistake(("extract", *IN_OUT, "-s", text), f"--set {text}: {problem}", hint)


WINDOWS = "'hann', 'hamming', 'povey', 'blackman', a list of numbers or null"
LIST = ("extract", "-o", "out", "--files-from")
MISTAKES = [
    # values
    set_("sampling_rate=44.1k", "sampling_rate='44.1k' must be an integer", "write 44100"),
    set_("sampling_rate=44100.0", "sampling_rate=44100.0 must be an integer", "write 44100"),
    set_("sampling_rate=8k", "sampling_rate='8k' must be an integer", "write 8000"),
    set_("min_freq=20Hz", "min_freq='20Hz' must be a number", "write 20.0"),
    set_("mag_exp=2,0", "mag_exp='2,0' must be a number", "write 2.0"),
    set_("dtype=fp16", "dtype='fp16' must be 'float32', 'float16' or 'float64'", "write float16"),
    set_("window=hanning", f"window='hanning' must be {WINDOWS}", "write hann"),
    set_("power_to_db=yes", "power_to_db='yes' must be true or false", "write true"),
    set_("channels=left", "channels='left' must be 'mix', 'each' or an integer", "write 0, the number of the channel"),
    set_(
        "sequence_length=25ms",
        "sequence_length='25ms' must be an integer or null",
        "it counts samples: multiply the seconds by the sampling rate",
    ),
    set_(
        "num_mel_bins=80,fft_length=512",
        "num_mel_bins='80,fft_length=512' must be an integer",
        "repeat -s for each key",
    ),
    # keys
    set_("num_mel_bins 80", "must be KEY=VALUE", "write -s num_mel_bins=80"),
    set_("hop_length=160", "unknown key 'hop_length'", "did you mean 'sequence_stride'?"),
    Mistake(
        ("extract", *IN_OUT, "--n-mels", "80"),
        "no such option: --n-mels",
        "it is a key of the config: write -s num_mel_bins=VALUE",
    ),
    # configs
    Mistake(("extract", *IN_OUT, "-c", "whispr"), "no config is called 'whispr'", "did you mean 'whisper'?"),
    Mistake(
        ("extract", *IN_OUT, "-c", "x.json"),
        "no config is called 'x.json'",
        "write ./x.json to read that file",
        files={"x.json": "{}"},
    ),
    Mistake(
        ("extract", *IN_OUT, "-c", "a.yaml"),
        "a.yaml:1: unknown key 'num_mel_bins'",
        "did you mean 'features.num_mel_bins'?",
        files={"a.yaml": "num_mel_bins: 80\n"},
    ),
    Mistake(
        ("extract", *IN_OUT, "-c", "a.yaml"),
        "a.yaml:2: features must be a mapping of keys to values",
        "write a line such as '  fft_length: VALUE' below 'features:'",
        files={"a.yaml": "features:\n  num_mel_bins=80\n"},
    ),
    Mistake(
        ("extract", *IN_OUT, "-c", "a.yaml"),
        "a.yaml:2: a tab where YAML takes only spaces",
        "indent with spaces",
        files={"a.yaml": "features:\n\tnum_mel_bins: 80\n"},
    ),
    Mistake(
        ("extract", "in", "-o", "done"),
        "done/melcli.yaml:2: features: unknown key 'num_mel_bin'",
        "undo the edit if it was one, choose another OUT, or use --overwrite",
        files={"done/melcli.yaml": "features:\n  num_mel_bin: 80\n", "done/manifest.jsonl": ""},
    ),
    Mistake(
        ("extract", "in", "-o", "done", "-s", "num_mel_bins=80"),
        "done was made with another config:\n  num_mel_bins: OUT 128, now 80",
        "choose another OUT, or use --overwrite to recompute everything",
        files={"done/melcli.yaml": "", "done/manifest.jsonl": ""},
    ),
    # inputs
    Mistake(
        ("extract", *IN_OUT, "--include", ".wav"),
        "no file matched --include .wav; skipped 1: 1 other (.wav 1)",
        "write --include '*.wav'",
        code=5,
    ),
    Mistake(
        ("extract", "in/*.flac", "-o", "out"),
        "INPUT in/*.flac cannot be read: No such file or directory",
        "no file matches the pattern; write in --include '*.flac'",
    ),
    Mistake(
        ("extract", "inn", "-o", "out"),
        "INPUT inn cannot be read: No such file or directory",
        "a relative path starts at the current folder",
    ),
    Mistake(
        ("extract", "s3://bucket/in", "-o", "out"),
        "INPUT s3://bucket/in is a URL: melcli reads and writes local files only",
        "copy the files from or to a local folder, or mount the storage as a folder",
    ),
    Mistake(
        (*LIST, "a.jsonl"),
        "a.jsonl:1: it is a JSON object, not a path",
        "melcli extract --table a.jsonl ...",
        files={"a.jsonl": '{"audio": "in/a.wav"}\n'},
    ),
    Mistake(
        (*LIST, "a.json"),
        "a.json:1: it is a JSON array, not a path",
        "jq -r '.[]' a.json | melcli extract --files-from - ...",
        files={"a.json": '["in/a.wav"]\n'},
    ),
    Mistake(
        (*LIST, "wav.scp"),
        "wav.scp:1: it is a line of Kaldi's wav.scp, not a path",
        "melcli extract . ...",
        files={"wav.scp": "utt1 /data/a.wav\n"},
    ),
    Mistake(
        (*LIST, "a.csv"),
        "a.csv:1: it is the header of a table, not a path",
        "melcli extract --table a.csv ...",
        files={"a.csv": "id,path\n1,in/a.wav\n"},
    ),
    # tables
    Mistake(
        ("extract", "--table", "a.csv", "-o", "out"),
        "a.csv:1: no column has a usual name of a path; the columns are id, clip",
        "name it with --column path=clip, or make it with --path-template",
        files={"a.csv": "id,clip\n1,a\n"},
    ),
    Mistake(
        ("extract", "--table", "a.csv", "--column", "path=clip", "-o", "out"),
        "a.csv:1: --column path=clip: the table has no column 'clip', but id, clips",
        "did you mean 'clips'?",
        files={"a.csv": "id,clips\n1,a\n"},
    ),
    Mistake(
        ("extract", "--table", "a.csv", "--column", "strat=begin", "-o", "out"),
        "--column strat=begin: 'strat' is too similar to 'start' to be another column",
        "write start=begin, or choose another name",
        files={"a.csv": "path,begin\n"},
    ),
    Mistake(
        ("extract", "--table", "a.txt", "-o", "out"),
        "a.txt: neither its extension nor its first line tells the format of this table",
        "add --table-format csv|tsv|pipe|space|jsonl",
        files={"a.txt": "in/a.wav 1\n"},
    ),
    Mistake(
        ("extract", "--table", "a.csv", "-o", "out"),
        "a.csv:2: start=2 and end=1: a piece ends after its start",
        "if end is a length, add --column duration=end --column end=",
        files={"a.csv": "path,start,end\nin/a.wav,2,1\n"},
    ),
    Mistake(
        ("extract", "data", "-o", "out"),
        "data/wav.scp:1: command='cat a.sph': commands of wav.scp are not run by default",
        "read them, and add --allow-commands if you trust the folder",
        files={"data/wav.scp": "u cat a.sph |\n"},
    ),
    # limits
    Mistake(
        ("extract", *IN_OUT, "--max-duration", "2 hours"),
        "--max-duration: '2 hours' must be a time above 0",
        "write 2h",
    ),
    Mistake(
        ("extract", *IN_OUT, "--max-memory-per-worker", "2G"),
        "--max-memory-per-worker: '2G' must be an integer",
        "write megabytes, such as 2000 for 2 GB",
    ),
    Mistake(
        ("extract", *IN_OUT, "-j", "0"),
        "-j / --jobs: 0 must be 1 or more",
        "leave -j out to use the available processors",
    ),
    # commands and OUT
    Mistake(("extrct", *IN_OUT), "no such command 'extrct'", "did you mean 'extract'?"),
    Mistake(
        ("in", "-o", "out"),
        "no such command 'in'",
        "to extract features, write melcli extract in -o OUT",
    ),
    Mistake(("extract", "-o", "out"), "no INPUT", "name files or folders, or use --table FILE or --files-from FILE"),
    Mistake(
        ("extract", "in", "-o", "/proc/x"),
        "cannot write /proc/x: no folder can be created in /proc",
        "choose an OUT on a disk, and run the same command again: finished work is kept",
        code=6,
    ),
    Mistake(("verify", "inn"), "inn is not a folder", "name the folder that melcli extract wrote"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: " ".join(mistake.typed))
def test_a_mistake_is_answered_with_one_sentence_and_one_hint(
    melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: Mistake
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "in", "a.wav", seconds=0.1)
    for name, content in mistake.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    if mistake.typed[-1] == "/proc/x" and not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc")
    ended = melcli(*mistake.typed)
    assert ended.err == f"melcli: error: {mistake.problem}\nhint: {mistake.hint}\n"
    assert (ended.code, ended.out) == (mistake.code, "")
    assert not (tmp_path / "out").exists()


def test_the_page_shows_every_mistake_with_its_answer() -> None:
    page = DOCS.read_text(encoding="utf-8")
    listed = [
        f"| {code(shlex.join(('melcli', *typed)))} | {code(problem)} | {exit_code} | {code(hint)} |"
        for typed, problem, hint, exit_code, _ in MISTAKES
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == listed
    assert len(listed) >= 30


def code(text: str) -> str:
    """Write text as code in a table of Markdown."""
    return "<br>".join(f"`{line.strip()}`" for line in text.replace("|", "\\|").splitlines())
