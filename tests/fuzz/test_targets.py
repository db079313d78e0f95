"""The kept corpus, every input of it, and some hundred changes to it, through every target."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import hdf5_process, targets
from tests.fuzz.__main__ import _Watched
from tests.fuzz.edits import TELLING, Edit, changed, random_edits
from tests.fuzz.finds import OPEN, signature
from tests.fuzz.kept import CORPUS, corpus_of, minimal, name_of
from tests.fuzz.memory import MOST_MB, over_limit
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, overwritten, true_journal
from tests.store.rows import make_row
from tests.tiers import examples

MOST_KEPT_BYTES = 300_000
EXAMPLES = 25  # for each target

EDITS = st.lists(
    st.builds(
        Edit,
        place=st.floats(0, 1),
        goes=st.sampled_from((0, 1, 4, 100, -1)),
        comes=st.sampled_from(TELLING) | st.binary(max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def broken(target: str, data: bytes) -> set[str]:
    """Return the signature of what a target raises, if it raises."""
    try:
        TARGETS[target](data)
    except Exception as error:  # noqa: BLE001  whatever it is, it is a find
        return {signature(error)}
    return set()


# the corpus


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_kept_breaks_no_promise_but_those_that_are_known(target):
    kept = corpus_of(target)
    assert kept, f"run: python -m tests.fuzz {target} --keep"
    finds = {name: broken(target, data) for name, data in kept.items()}
    open_finds = set(OPEN.get(target, ()))
    assert {name: found for name, found in finds.items() if found - open_finds} == {}
    mended = open_finds - set().union(*finds.values())
    assert not mended, f"take out of tests/fuzz/finds.py: {mended}"


@pytest.mark.parametrize("target", TARGETS)
def test_changes_to_what_was_kept_break_no_promise(target):
    inputs = [data for _, data in sorted(corpus_of(target).items())]

    @settings(
        max_examples=examples(EXAMPLES), derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )  # the same ones every time: what chance finds belongs into a run of the fuzzer, not into CI
    @given(st.sampled_from(inputs), EDITS)
    def read(data: bytes, edits: list[Edit]) -> None:
        assert broken(target, changed(data, edits)) <= set(OPEN.get(target, ()))

    read()


def test_the_corpus_stays_small_and_is_named_by_its_content():
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} == set(TARGETS)
    kept = {(target, name): data for target in TARGETS for name, data in corpus_of(target).items()}
    assert sum(map(len, kept.values())) < MOST_KEPT_BYTES
    assert [name for (_, name), data in kept.items() if name != name_of(data)] == []


@pytest.mark.few(2)
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_seeds_that_are_read_or_known_to_break_it(target):
    assert set().union(*(broken(target, data) for data in seeds(target))) <= set(OPEN.get(target, ()))


# the fuzzer


def test_edits_replace_insert_and_cut():
    assert changed(b"abcdef", [Edit(0.5, 1, b"XY")]) == b"abcXYef"
    assert changed(b"abcdef", [Edit(0.0, 0, b"X"), Edit(1.0, 0, b"Y")]) == b"XabcdefY"
    assert changed(b"abcdef", [Edit(0.5, -1, b"")]) == b"abc"


def test_a_seed_gives_the_same_edits():
    def made(seed: int) -> list[list[Edit]]:
        chance = random.Random(seed)
        return [random_edits(chance, [b"other"]) for _ in range(50)]

    assert made(1) == made(1) != made(2)


@pytest.mark.parametrize("program", seeds("journal_damage"))
def test_the_damage_to_the_journal_is_damage(program):
    """Otherwise the target would only ever see a whole journal."""
    whole, rows = true_journal()
    assert whole.count(b"\n") == len(rows) > 10
    assert overwritten(whole, program) != whole
    assert overwritten(whole, program[:3]) == whole


def test_a_row_that_nobody_wrote_is_a_find(monkeypatch):
    monkeypatch.setattr("melcli.store.journal._intact_lines", lambda lines: ((0, line) for line in lines))
    forged = b'{"crc32":"00000000","rows":[%b],"shards":[]}\n' % make_row("forged").to_json().encode()
    end = len(true_journal()[0]).to_bytes(2, "big")
    steps = [end + bytes([0, len(forged[at : at + 250])]) + forged[at : at + 250] for at in range(0, len(forged), 250)]
    at_the_end = [(len(true_journal()[0]) + 250 * n).to_bytes(2, "big") + step[2:] for n, step in enumerate(steps)]
    assert broken("journal_damage", b"".join(at_the_end))


def test_inputs_that_add_nothing_are_not_kept():
    chosen, num_arcs = minimal("names", [b"a", b"aa", b"a/\x1b", b"b/\x1b"])
    assert chosen == [b"a", b"a/\x1b"]
    assert num_arcs > 5


@pytest.fixture
def watched(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, list[Path]]]:
    """Return a function that runs a target over inputs; it returns what was told, and the inputs that were kept."""

    def run(target: Callable[[bytes], None], *inputs: bytes) -> tuple[str, list[Path]]:
        fuzzed = _Watched(target, tmp_path / "work")
        for data in inputs:
            fuzzed(data)
        fuzzed.close()
        return capfd.readouterr().err, sorted(tmp_path.glob("work-find-*"))

    return run


def test_a_find_is_told_once_and_kept(watched):
    def target(data: bytes) -> None:
        if data:
            raise IndexError(data)

    said, kept = watched(target, b"", b"a", b"b")
    assert said.count("FIND IndexError") == 1
    assert [path.read_bytes() for path in kept] == [b"a"]


def test_a_slow_input_is_a_find(watched, monkeypatch):
    monkeypatch.setattr("tests.fuzz.__main__.SLOW_S", -1.0)
    said, kept = watched(lambda data: None, b"a")
    assert said.startswith("FIND slow: ")
    assert [path.read_bytes() for path in kept] == [b"a"]


def test_an_input_that_takes_much_memory_is_a_find_once(watched, monkeypatch):
    peaks_mb = iter([90, 600, 600, 601, 601, 601, 601, 700])  # before and after each input
    monkeypatch.setattr("tests.fuzz.__main__.peak_mb", lambda: next(peaks_mb))
    monkeypatch.setattr("tests.fuzz.memory.peak_mb", lambda: next(peaks_mb))
    said, kept = watched(lambda data: None, b"a", b"b", b"c", b"d")
    assert said.count("FIND") == 1
    assert said.startswith("FIND memory: ")
    assert [path.read_bytes() for path in kept] == [b"b"]


@pytest.mark.full
def test_memory_that_is_given_back_was_taken():
    code = (
        "from tests.fuzz.memory import MOST_MB, over_limit, peak_mb\n"
        "before_mb = peak_mb()\n"
        "assert not over_limit(before_mb)\n"
        "bytearray(b'x') * (MOST_MB * 2**20)\n"
        "assert over_limit(before_mb)\n"
        "assert not over_limit(peak_mb())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CORPUS.parents[2])


def test_memory_of_the_process_that_reads_hdf5_is_watched(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_bytes(b"no HDF5")
    monkeypatch.setattr(hdf5_process, "over_limit", lambda before_mb: True)
    assert hdf5_process._watched(str(path)) == f"reading took the process over {MOST_MB} MB"
    monkeypatch.setattr(hdf5_process, "over_limit", over_limit)
    assert hdf5_process._watched(str(path)) == ""


def test_all_texts_name_the_same_memory():
    for text in ((CORPUS / "README.md").read_text(), targets.__doc__):
        assert re.findall(r"\d+ [MG]B", text) == [f"{MOST_MB} MB"]


@pytest.mark.full
def test_a_run_with_a_find_ends_with_1(tmp_path):
    code = (
        "import sys\n"
        "from tests.fuzz import __main__, targets\n"
        "targets.TARGETS['names'] = lambda data: 1 / 0\n"
        "sys.argv = ['fuzz', 'names', '--seconds', '1', '--work', sys.argv[1]]\n"
        "__main__.main()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CORPUS.parents[2])
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("FIND ZeroDivisionError") == 1


@pytest.mark.full
def test_the_command_fuzzes(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "names", "--seconds", "1", "--work", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CORPUS.parents[2])
    assert done.returncode == 0, done.stderr
    assert "FIND" not in done.stderr
    assert "number_of_executed_units" in done.stderr or "inputs by the seeded mutator" in done.stderr
