"""Configs that somebody made to do harm: exit 2, one line, about a second and bounded memory.

Holds the row "hostile YAML" of the faults: tags, alias bombs, 100 MB, deep nesting, NaN, 1e400.  Each is read by a
process of its own that may not have more than 256 MB of addresses.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from tests.cli.shell import Ended, run_alone
from tests.elapsed import Stopwatch
from tests.tiers import full_but

MOST_BYTES = 256 * 2**20  # of addresses; reading the default config takes 40 MB
MOST_CPU_S = 2.0  # the slowest took 1.0 s, Python's start included, on a quiet machine; others are not counted
LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MOST_BYTES}, {MOST_BYTES}))"

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: [*a, *a, *a]}}\n" for n in range(1000))

CONFIGS = {
    "a Python object": "base: !!python/object/apply:os.system ['touch harmed']\n",
    "a tag on a number": "features:\n  fft_length: !!int 512\n",
    "a tag of its own": "!melcli\nfeatures: {}\n",
    "a billion laughs": LAUGHS,
    "merge keys": MERGES,
    "a circle of aliases": "features: &f\n  window: *f\n",
    "nested lists": "features:\n  window: " + "[" * 100_000,
    "nested mappings": "{a: " * 50_000,
    "nested by indentation": "".join(" " * depth + "a:\n" for depth in range(800)),
    "nested keys": "? " * 100_000,
    "not a number": "features:\n  min_freq: .nan\n",
    "not a number in a list": "features:\n  sequence_length: 2\n  window: [1.0, .NaN]\n",
    "infinite": "features:\n  max_freq: -.inf\n",
    "beyond all numbers": "features:\n  min_freq: 1e400\n",
    "beyond all numbers, negative": "features:\n  mag_eps: -1e400\n",
    "beyond all integers": "features:\n  fft_length: " + "9" * 300_000 + "\n",
    "a large exponent": "features:\n  fft_length: 1e999999999999\n",
    "a hexadecimal number without end": "features:\n  fft_length: 0x" + "f" * 300_000 + "\n",
    "numbers without end": "features:\n  window: [" + "1, " * 130_000 + "1]\n",
    "keys without end": "features: {" + "a," * 190_000 + "}\n",
    "a key without end": "features:\n  ? " + "f" * 390_000 + "\n  : 1\n",
    "a word without end": "features:\n  window: " + "h" * 390_000 + "\n",
    "a base without end": "base: " + "h" * 390_000 + "\n",
    "a line in many lines": "a\n" * 190_000,
    "directives": "%a b\n" * 75_000,
    "quotes": "a: '" + "\n" * 390_000,
    "a key for each line": "".join(f"a{number}: 1\n" for number in range(40_000)),
    "NUL": "features:\n  fft_length: 5\0\n",
    "control characters": "features:\n  \x1b[2J: 1\n",
    "a text direction": "features:\n  \u202efft_length: 1\n",
}

# One of each kind; the others run with --all.
DEFAULT = (
    *("a Python object", "a billion laughs", "nested lists", "not a number", "beyond all numbers"),
    *("NUL", "control characters"),
)


def checked(path: Path) -> Ended:
    """Run ``config check`` under limits, and hold it to the promise."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    watch = Stopwatch()
    ended = run_alone("config", "check", path, before=LIMITED, cwd=path.parent)
    quiet_s = watch.quiet_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S
    assert quiet_s < 15, "it waited for something"
    assert ended.code == 2, ended
    assert ended.out == ""
    line, *hints = ended.err.splitlines()
    assert len(hints) <= 1
    assert all(said.isprintable() for said in (line, *hints))
    assert len(line) < 10_000  # it may show a word of the config's, which has 4096 letters at most
    return ended


@pytest.mark.few(2)
@pytest.mark.parametrize("name", full_but(CONFIGS, *DEFAULT))
def test_a_hostile_config_is_refused(tmp_path, name):
    path = tmp_path / "hostile.yaml"
    path.write_text(CONFIGS[name], encoding="utf-8")
    assert checked(path).err.startswith(f"melcli: error: {path}")
    assert os.listdir(tmp_path) == ["hostile.yaml"]


@pytest.mark.full
@pytest.mark.parametrize("filled", [True, False], ids=["of text", "of zeros"])
def test_a_config_of_100_mb_is_not_read(tmp_path, filled):
    path = tmp_path / "hostile.yaml"
    with open(path, "wb") as file:
        if filled:
            for _ in range(100):
                file.write(b"a: 1\n" * 200_000)
        file.truncate(100_000_000)
    assert checked(path).err.startswith(f"melcli: error: {path}: ")


@pytest.mark.few(2)
@pytest.mark.parametrize("base", ["/dev/zero", "/dev/stdin", "pipe.yaml", ".", "hostile.yaml", "../" * 2000 + "a.yaml"])
def test_a_base_that_is_no_plain_file_is_refused(tmp_path, base):
    os.mkfifo(tmp_path / "pipe.yaml")  # opening it would wait for somebody to write
    path = tmp_path / "hostile.yaml"
    path.write_text(f"base: {base}\n" if base != "." else "base: ./\n", encoding="utf-8")
    checked(path)


def test_a_base_is_found_through_no_more_than_eight_others(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"base: ./{number + 1}.yaml\n", encoding="utf-8")
    assert "levels deep" in checked(tmp_path / "0.yaml").err


def test_extract_refuses_it_before_any_work(tmp_path):
    path = tmp_path / "hostile.yaml"
    path.write_text(LAUGHS, encoding="utf-8")
    (tmp_path / "in").mkdir()
    ended = run_alone("extract", tmp_path / "in", "-c", path, out=tmp_path / "out")
    assert ended.code == 2
    assert not (tmp_path / "out").exists()
