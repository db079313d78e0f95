"""Every exit code of the table, from processes as a shell starts them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.cli.shell import Ended, closed_pipe, full_disk, run_alone, start
from tests.run.corpus import LIGHT, plant, rows, tree
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished, check_printed
from tests.tiers import full_but

Command = Callable[..., Ended]

# A long FFT for every few samples: about 20 ms for each second of audio.
HEAVY = ("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=4")
# A limit on the size of files acts like a full disk, also for root; Python ignores its signal.
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))"


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two good files."""
    plant(tmp_path / "in", "a.wav", "sub/b.flac")
    return tmp_path / "in"


@pytest.fixture
def bad(sounds: Path) -> Path:
    """Two good files and two bad ones."""
    (sounds / "x.wav").write_bytes(b"")
    (sounds / "y.wav").write_text("not audio at all")
    return sounds


def extract(source: Path, out: Path, *arguments: Any, **options: Any) -> Ended:
    ended = run_alone("extract", source, *LIGHT, *arguments, out=out, **options)
    check_printed(ended.err)
    return ended


def test_0_and_nothing_on_standard_output(sounds: Path, tmp_path: Path) -> None:
    ended = extract(sounds, tmp_path / "out")
    assert (ended.code, ended.out) == (0, "")
    assert ended.last_line.startswith("2 ok  0 failed  0.5 s of audio  ")
    assert ended.last_line.endswith(f"  -> {tmp_path / 'out'}/manifest.jsonl")
    check_finished(tmp_path / "out")

    assert extract(sounds, tmp_path / "out").last_line.startswith("2 ok (2 unchanged)  0 failed  ")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--no-such-option"], "no such option"),
        (["--n-mels", "80"], "hint: it is a key of the config: write -s num_mel_bins=VALUE\n"),
        (["-s", "num_mel_bin=80"], "did you mean 'num_mel_bins'?"),
    ],
)
def test_2_from_a_process(sounds: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    ended = extract(sounds, tmp_path / "out", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-s", "min_freq=9000"], "min_freq=9000 must be in [0, 4000)"),
        (["-c", "keras_speach"], "did you mean 'keras_speech'?"),
        (["-j", "0"], "0 must be 1 or more"),
        (["--max-failures", "many"], "'many' must be a number of inputs, or a percentage"),
        (["--max-failures", "-1"], "'-1' must be 0 or more"),
        (["no such folder"], "INPUT no such folder cannot be read: No such file or directory"),
        (["--files-from", "no such list"], "no such list: the list cannot be read: No such file or directory"),
        (["--include", "a//b"], "include='a//b' must be names between single slashes"),
    ],
)
def test_2_for_usage_and_config_before_any_work(
    melcli: Command, sounds: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = melcli("extract", sounds, *LIGHT, *arguments, "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert not (tmp_path / "out").exists()


def test_2_for_a_name_clash(sounds: Path, tmp_path: Path) -> None:
    plant(sounds, "a.flac")
    ended = extract(sounds, tmp_path / "out")
    assert ended.code == 2
    assert f"{sounds / 'a.flac'} and {sounds / 'a.wav'} would share the name 'a' under OUT" in ended.err
    assert not (tmp_path / "out").exists()


def test_2_for_an_out_of_another_config(melcli: Command, sounds: Path, tmp_path: Path) -> None:
    melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out")
    before = tree(tmp_path / "out")
    ended = extract(sounds, tmp_path / "out", "-s", "num_mel_bins=30", "-f", "hdf5")
    assert ended.code == 2
    assert "\n  num_mel_bins: OUT 20, now 30\n" in ended.err
    assert "\n  format: OUT npy, now hdf5\n" in ended.err
    assert "fft_length" not in ended.err
    assert "--overwrite" in ended.err
    assert tree(tmp_path / "out") == before


def test_3_when_some_inputs_failed_also_the_next_time(bad: Path, tmp_path: Path) -> None:
    ended = extract(bad, tmp_path / "out")
    assert ended.code == 3
    assert f"failed: {bad}/x.wav: the file has 0 bytes [empty]" in ended.err
    assert ended.last_line.startswith("2 ok  2 failed  ")
    check_finished(tmp_path / "out")
    again = extract(bad, tmp_path / "out", "-q")
    assert (again.code, again.err) == (3, "")


def test_5_when_nothing_matched(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "README.txt").write_text("no audio here")
    ended = extract(tmp_path / "in", tmp_path / "out")
    assert (ended.code, ended.out) == (5, "")
    problem, hint = ended.err.splitlines()
    assert problem == "melcli: error: no audio file matched; skipped 1: 1 other (.txt 1)"
    assert hint == "hint: melcli reads audio files; -h lists the formats, and --include selects other names"
    assert not (tmp_path / "out").exists()


def test_0_when_nothing_matched_and_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ended = extract(tmp_path / "in", tmp_path / "out", "--allow-empty")
    assert ended.code == 0
    assert ended.last_line.endswith("/manifest.jsonl")
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == b""  # what the last line names is there


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_6_when_out_is_no_folder(sounds: Path, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = extract(sounds, tmp_path / "file" / below)
    assert (ended.code, ended.out) == (6, "")
    assert ended.err.startswith("melcli: error: cannot write ")
    assert "Traceback" not in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_6_when_out_is_read_only(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    assert extract(sounds, tmp_path / "out").code == 6


@pytest.mark.few(1)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_6_when_the_disk_is_full_and_the_next_run_completes_it(melcli: Command, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "out"
    plant(tmp_path / "in", *[f"{name}.wav" for name in "abcdefgh"])
    plant(tmp_path / "in", "long.wav", seconds=4.0)
    assert melcli("extract", tmp_path / "in", *LIGHT, "-f", format_, "-o", tmp_path / "undisturbed").code == 0
    ended = extract(tmp_path / "in", out, "-f", format_, before=SMALL_FILES)
    assert ended.code == 6
    assert "File too large" in ended.err
    assert "Traceback" not in ended.err
    assert "failed:" not in ended.err  # no input is to blame
    assert list(out.rglob("*.tmp")) == []
    check_after_fault(out)
    again = melcli("extract", tmp_path / "in", *LIGHT, "-f", format_, "-o", out)
    assert again.code == 0
    check_after_rerun(out, tree(tmp_path / "undisturbed"), said=again.err)


@pytest.mark.full
def test_7_when_more_failed_than_allowed(bad: Path, tmp_path: Path) -> None:
    ended = extract(bad, tmp_path / "out", "-j", "1", "--max-failures", "1")
    assert ended.code == 7
    assert "melcli: stopped (too many failures); finished work is kept; run the same command to resume" in ended.err
    check_after_fault(tmp_path / "out")


@pytest.mark.parametrize(
    "limit, code",
    [
        (["--fail-fast"], 7),
        (["--max-failures", "0"], 7),
        (["--max-failures", "1"], 7),
        (["--max-failures", "49%"], 7),
        (["--max-failures", "2"], 3),
        (["--max-failures", "50%"], 3),
    ],
)
def test_3_or_7_by_how_many_failures_are_allowed(
    melcli: Command, bad: Path, tmp_path: Path, limit: list[str], code: int
) -> None:
    assert melcli("extract", bad, *LIGHT, *limit, "-o", tmp_path / "out").code == code


@pytest.mark.full
def test_7_when_no_worker_can_start(sounds: Path, tmp_path: Path) -> None:
    """Every worker ends as soon as it begins; the run says so soon, and the inputs are not to blame."""
    broken = tmp_path / "broken"
    broken.mkdir()
    # The parent may import it, and nobody else.
    (broken / "sitecustomize.py").write_text(
        "import os, sys\nif any('engines.worker' in part for part in sys.orig_argv):\n    os._exit(1)\n"
    )
    ended = extract(sounds, tmp_path / "out", env={"PYTHONPATH": str(broken)})
    assert ended.code == 7
    assert "Traceback" not in ended.err
    assert "failed:" not in ended.err


@pytest.mark.full
def test_7_when_numpy_is_broken(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "numpy").mkdir(parents=True)
    (tmp_path / "broken" / "numpy" / "__init__.py").write_text("raise ImportError('numpy is broken')")
    ended = extract(sounds, tmp_path / "out", env={"PYTHONPATH": str(tmp_path / "broken")})
    assert ended.code == 7
    assert "failed:" not in ended.err


def test_75_when_another_melcli_holds_out(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".melcli").mkdir(parents=True)
    with FileLock(out / ".melcli" / "lock"):
        ended = extract(sounds, out)
    assert (ended.code, ended.out) == (75, "")
    assert ended.err == f"melcli: error: another melcli holds {out}\nhint: wait for it or choose another OUT\n"
    assert tree(out) == {}
    assert extract(sounds, out).code == 0


@pytest.mark.full
def test_75_from_a_second_run_while_the_first_one_works(tmp_path: Path) -> None:
    out = tmp_path / "out"
    plant(tmp_path / "in", *[f"{number:03}.wav" for number in range(20)], seconds=2.0)
    first = start("extract", tmp_path / "in", *HEAVY, "-j", "1", out=out)
    first.wait_for_rows(1)
    os.killpg(first.process.pid, signal.SIGSTOP)  # or on a busy machine it may end before the second one has begun
    try:
        second = extract(tmp_path / "in", out, *HEAVY)
    finally:
        os.killpg(first.process.pid, signal.SIGCONT)
    assert second.code == 75
    ended = first.end()
    assert ended.code == 0
    assert len(rows(out)) == 20
    check_finished(out)


@pytest.mark.full
@pytest.mark.parametrize("arguments", full_but([["-nv"], ["--json"]], ["--json"]))
@pytest.mark.parametrize("target", full_but([closed_pipe, full_disk], closed_pipe))
def test_not_1_when_standard_output_takes_nothing(
    sounds: Path, tmp_path: Path, target: Callable[[], int], arguments: list[str]
) -> None:
    """As in ``melcli extract -nv ... | head -1``: 1 is for bugs of ours."""
    output = target()
    try:
        ended = extract(sounds, tmp_path / "out", *arguments, stdout=output)
    finally:
        os.close(output)
    assert "bug" not in ended.err
    assert ended.code != 1


@pytest.mark.full
def test_names_that_the_terminal_cannot_show_are_no_bug(tmp_path: Path) -> None:
    plant(tmp_path / "in", "\N{GREEK CAPITAL LETTER OMEGA}.wav")
    ended = extract(tmp_path / "in", tmp_path / "out", "-nv", env={"PYTHONIOENCODING": "latin-1"})
    assert ended.code == 0
    assert ended.out == "+ \\u03a9\n"
