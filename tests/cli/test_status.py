"""``melcli status``: the plan of extract, told without a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from melcli.store.journal import Journal
from melcli.store.lock import is_locked, lock_output
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows, signs, times
from tests.run.invariants import check_printed

Command = Callable[..., Ended]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    plant(tmp_path / "in", "a.wav", "b.wav", "sub/c.flac", "gone.wav")
    return tmp_path / "in"


@pytest.fixture
def out(melcli: Command, sounds: Path, tmp_path: Path) -> Path:
    """Extract, and then change what there is: one item of each sign."""
    (sounds / "bad.wav").write_bytes(b"not audio")
    assert melcli("extract", sounds, "-o", tmp_path / "out", *LIGHT).code == 3
    (sounds / "gone.wav").unlink()
    plant(sounds, "b.wav", seed=7, seconds=0.5)
    plant(sounds, "new.wav")
    return tmp_path / "out"


PLAN = {"a": "=", "b": "*", "sub/c": "=", "gone": "-", "bad": "!", "new": "+"}
COUNTS = "1 new, 1 stale, 2 done, 1 failed, 1 without an input"


def test_it_is_the_plan_of_extract(melcli: Command, sounds: Path, out: Path) -> None:
    before = times(out)
    ended = melcli("status", out, sounds, "-v")
    assert (ended.code, signs(ended.out)) == (0, PLAN)
    assert ended.out == melcli("extract", sounds, "-o", out, *LIGHT, "-nv").out
    assert ended.last_line == COUNTS
    assert times(out) == before


def test_what_is_done_is_only_counted(melcli: Command, sounds: Path, out: Path) -> None:
    ended = melcli("status", out, sounds)
    assert signs(ended.out) == {item_id: sign for item_id, sign in PLAN.items() if sign != "="}
    assert melcli("status", out, sounds, "-q") == Ended(0, ended.out, "")


def test_without_inputs_the_sources_of_the_rows_are_looked_at(melcli: Command, out: Path) -> None:
    ended = melcli("status", out, "-v")
    assert signs(ended.out) == {"a": "=", "b": "*", "sub/c": "=", "gone": "*", "bad": "!"}
    assert ended.last_line == "0 new, 2 stale, 2 done, 1 failed, 0 without an input"


def test_programs_read_one_object(melcli: Command, sounds: Path, out: Path) -> None:
    found = json.loads(melcli("status", out, sounds, "--json", "--check").out)
    assert {row["id"]: row["sign"] for row in found.pop("plan")} == PLAN
    assert found == {
        "new": 1,
        "stale": 1,
        "done": 2,
        "failed": 1,
        "orphans": 1,
        "other_config": [],
        "unreadable_folders": 0,
        "running": False,
        "interrupted": False,
        "unflushed_after_reboot": False,
        "all_done": False,
        "exit_code": 4,
        "out": str(out),
    }


def test_options_of_extract_change_the_plan(melcli: Command, sounds: Path, out: Path) -> None:
    assert signs(melcli("status", out, sounds, "--retry-failed").out)["bad"] == "*"
    assert signs(melcli("status", out, sounds, "--exclude", "b*", "-v").out) == PLAN | {"b": "-", "bad": "-"}
    assert signs(melcli("status", out, "--checksum", "-v").out)["a"] == "*"  # no hash was written down
    listed = melcli("status", out, "--files-from", write_list(sounds, "a.wav"), "-v")
    assert "1 new" in listed.last_line  # a listed path keeps its folders


def write_list(sounds: Path, *names: str) -> Path:
    path = sounds.parent / "list"
    path.write_text("".join(f"{sounds / name}\n" for name in names))
    return path


@pytest.mark.parametrize("sign", ["+", "*", "!", "-", "="])
def test_check_says_whether_all_is_done(melcli: Command, sounds: Path, out: Path, sign: str) -> None:
    """Orphans do not count."""
    others = [f"{item_id}.*" for item_id, its in PLAN.items() if its not in {sign, "="} and "/" not in item_id]
    excluded = [part for glob in others for part in ("--exclude", glob)]
    assert melcli("status", out, sounds, "--check", *excluded).code == (4 if sign in "+*!" else 0)


@pytest.mark.parametrize("sign", ["+", "*", "!", "-", "="])
def test_check_can_accept_known_failures(melcli: Command, sounds: Path, out: Path, sign: str) -> None:
    others = [f"{item_id}.*" for item_id, its in PLAN.items() if its not in {sign, "="} and "/" not in item_id]
    excluded = [part for glob in others for part in ("--exclude", glob)]
    ended = melcli("status", out, sounds, "--check", "--known-failures-ok", *excluded, "--json")
    assert ended.code == json.loads(ended.out)["exit_code"] == (4 if sign in "+*" else 0)
    assert json.loads(ended.out)["all_done"] is (sign in "-=")


def test_a_failure_that_is_retried_is_not_accepted(melcli: Command, sounds: Path, out: Path) -> None:
    only = ("--include", "bad.wav", "--check", "--known-failures-ok")
    assert melcli("status", out, sounds, *only).code == 0
    assert melcli("status", out, sounds, *only, "--retry-failed").code == 4
    with Journal(str(out)):
        assert melcli("status", out, sounds, *only).code == 4


def test_an_interrupted_run_is_not_done(melcli: Command, sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert melcli("extract", sounds, "-o", out, *LIGHT).code == 0
    assert melcli("status", out, sounds, "--check").code == 0
    with Journal(str(out)):
        ended = melcli("status", out, sounds, "--check")
    assert ended.code == 4
    assert "the last run was interrupted; run the same extract again to resume\n" in ended.err


def test_it_does_not_need_the_lock_and_says_who_has_it(melcli: Command, sounds: Path, out: Path) -> None:
    with FileLock(out / ".melcli" / "lock"):
        ended = melcli("status", out, sounds)
    assert ended.code == 0
    assert "another melcli holds OUT: what it did last may not be counted yet\n" in ended.err


def test_asking_who_holds_out_holds_nothing(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert not is_locked(out)
    assert not os.path.exists(out)
    with lock_output(out):
        assert is_locked(out)
    assert not is_locked(out)
    with lock_output(out):
        pass


def test_names_are_escaped(melcli: Command, tmp_path: Path, sounds: Path, out: Path) -> None:
    plant(sounds, "new\nline\x1b[31m.wav")
    ended = melcli("status", out, sounds)
    check_printed(ended.out + ended.err)
    assert "+ new\\x0aline\\x1b[31m\n" in ended.out


@pytest.mark.parametrize("name", ["nowhere", "empty", "new\nline"])
def test_no_out_is_a_sentence(melcli: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = melcli("status", tmp_path / name)
    assert (ended.code, ended.out) == (2, "")
    assert "hint: name" in ended.err
    check_printed(ended.err)
    assert [*(tmp_path / "empty").iterdir()] == []


def test_another_config_is_refused_as_extract_refuses_it(melcli: Command, sounds: Path, out: Path) -> None:
    ended = melcli("status", out, sounds, "-s", "num_mel_bins=21")
    assert ended.code == 2
    assert "\n  num_mel_bins: OUT 20, now 21\n" in ended.err
    assert melcli("status", out, sounds, "-c", "keras", *LIGHT).code == 0
    assert melcli("status", out, sounds, "-s", "shard_mb=1").code == 0


def test_no_input_is_5_as_for_extract(melcli: Command, tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert melcli("status", out, tmp_path / "empty").code == 5


def test_a_damaged_manifest_says_what_mends_it(melcli: Command, out: Path) -> None:
    with open(out / "manifest.jsonl", "a") as manifest:
        manifest.write("{\n")
    ended = melcli("status", out)
    assert ended.code == 6
    assert f"`melcli verify {out} --repair` removes it" in ended.err
    assert melcli("verify", out, "--repair").code == 4
    assert melcli("status", out).code == 0
    assert "bad" in rows(out)
