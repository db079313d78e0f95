"""The plan of shards that a killed run leaves: the same command follows it, any other command plans its own."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from melcli.run.batching import Batch
from melcli.scratch import Scratch
from melcli.store.history import read_history
from melcli.store.journal import Journal
from tests.cli.shell import Ended
from tests.run.corpus import plant, tree
from tests.run.engines.inline import InlineEngine
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished

Command = Callable[..., Ended]

# 128 kB of features for a second of sound: two of the sounds fill a shard of a megabyte.
FEATURES = ("sampling_rate=8000", "fft_length=128", "sequence_stride=32", "num_mel_bins=64", "dtype=float64")
NAMES = [f"{letter}.wav" for letter in "abcdef"]
OTHERS = {"size": ("-s", "shard_mb=64"), "config": ("-s", "num_mel_bins=32", "--overwrite")}


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in melcli catches it."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    plant(tmp_path / "in", *NAMES, seconds=3.6)
    return tmp_path / "in"


@pytest.fixture
def extract(melcli: Command, source: Path) -> Command:
    """Return a function that runs extract with shards of a megabyte, unless it is given another size."""

    def run(out: Path, *more: str) -> Ended:
        settings = [part for setting in (*FEATURES, "shard_mb=1") for part in ("-s", setting)]
        return melcli("extract", source, *settings, "-f", "hdf5", *more, "-j", "1", "-o", out)

    return run


@pytest.fixture
def kill(extract: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that kills such a run when it has made so many shards."""

    def run(out: Path, *more: str, after: int) -> None:
        made: list[Batch] = []

        def die(argument: Any) -> None:
            if isinstance(argument, tuple) and isinstance(argument[1], Batch) and argument[1].shard is not None:
                if len(made) == after:
                    raise Killed
                made.append(argument[1])

        with monkeypatch.context() as patch:
            patch.setattr("melcli.run.engines.local.LocalEngine", partial(InlineEngine, before=die))
            patch.setattr("melcli.run.execute.merge_journal", lambda *_, **__: None)
            patch.setattr("melcli.run.isolation.TASKS_PER_WORKER", 1)  # so that a shard has its row before the next
            with pytest.raises(Killed):
                extract(out, *more)
        check_after_fault(out)

    return run


def shards(out: Path) -> list[str]:
    return sorted(path.name for path in out.glob("*.h5"))


@pytest.mark.parametrize("after", [0, 2])
def test_the_same_command_cuts_alike(extract: Command, kill: Callable[..., None], tmp_path: Path, after: int) -> None:
    extract(tmp_path / "undisturbed")
    kill(tmp_path / "out", after=after)
    assert extract(tmp_path / "out").code == 0
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"))


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_before_any_row_another_command_plans_its_own_shards(
    extract: Command, kill: Callable[..., None], tmp_path: Path, other: tuple[str, ...]
) -> None:
    extract(tmp_path / "undisturbed", *other)
    kill(tmp_path / "out", after=0)
    ended = extract(tmp_path / "out", *other)
    assert (ended.code, "no row lists" in ended.err) == (0, False)
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"))


def test_a_config_that_nothing_was_made_with_can_be_changed_without_overwrite(
    extract: Command, kill: Callable[..., None], tmp_path: Path
) -> None:
    extract(tmp_path / "undisturbed", "-s", "top_db=40")
    kill(tmp_path / "out", after=0)
    kill(tmp_path / "out", "-s", "top_db=40", after=0)
    assert extract(tmp_path / "out", "-s", "top_db=40").code == 0
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"))


@pytest.mark.few(1)
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_shards_that_were_made_stay_valid_and_the_rest_is_planned_anew(
    extract: Command, kill: Callable[..., None], tmp_path: Path, other: tuple[str, ...]
) -> None:
    kill(tmp_path / "out", after=1)
    made = {name: (tmp_path / "out" / name).read_bytes() for name in shards(tmp_path / "out")}
    assert len(made) == 1
    assert extract(tmp_path / "out", *other).code == 0
    check_finished(tmp_path / "out")
    if "--overwrite" not in other:
        assert len(shards(tmp_path / "out")) == 2
        assert {name: (tmp_path / "out" / name).read_bytes() for name in made} == made


def test_a_plan_that_was_dropped_is_not_followed_later_over_shards_of_another(
    extract: Command, kill: Callable[..., None], tmp_path: Path
) -> None:
    """Both plans have a shard 1: of (e, f) and, in the plan that is followed, of (c, d)."""
    out = tmp_path / "out"
    kill(out, "-s", "shard_mb=2", after=0)
    kill(out, after=2)
    before = {name: (out / name).read_bytes() for name in shards(out)}
    assert list(before) == ["features-00000.h5", "features-00001.h5"]
    assert extract(out, "-s", "shard_mb=2").code == 0
    check_finished(out)
    assert {name: (out / name).read_bytes() for name in before} == before


def test_a_file_of_a_dropped_plan_is_replaced_or_named(
    extract: Command, kill: Callable[..., None], tmp_path: Path
) -> None:
    """A kill between a shard's rename and its row leaves a file that no row lists."""
    out = tmp_path / "out"
    kill(out, after=0)
    extract(tmp_path / "undisturbed", *OTHERS["size"])
    for number in (0, 1, 2):
        (out / f"features-{number:05d}.h5").write_bytes(b"of the run that was killed")
    ended = extract(out, *OTHERS["size"])
    assert ended.code == 0
    assert (
        "warning: no row lists features-00001.h5 and 1 more: "
        "an interrupted run planned it with another config or shard_mb\n"
    ) in ended.err
    for number in (1, 2):
        (out / f"features-{number:05d}.h5").unlink()
    check_after_rerun(out, tree(tmp_path / "undisturbed"))


def plan_of_an_earlier_version(out: Path) -> None:
    """Take the fields that earlier versions do not write out of the plan."""
    path = out / ".melcli" / "journal.jsonl"
    lines = []
    for line in path.read_text().splitlines():
        plain = json.loads(line)
        for shard in plain["shards"]:
            del shard["config_id"], shard["shard_mb"]
        rest = json.dumps({"rows": plain["rows"], "shards": plain["shards"]}, separators=(",", ":"))[1:]
        lines.append(f'{{"crc32":"{zlib.crc32(rest.encode()):08x}",{rest}\n')
    path.write_text("".join(lines))


@pytest.mark.few(1)
@pytest.mark.parametrize("after", [0, 1])
def test_a_plan_of_an_earlier_version_is_dropped_and_its_rows_are_valid(
    extract: Command, kill: Callable[..., None], tmp_path: Path, after: int
) -> None:
    out = tmp_path / "out"
    extract(tmp_path / "undisturbed")
    kill(out, after=after)
    plan_of_an_earlier_version(out)
    made = {name: (out / name).stat().st_ino for name in shards(out)}
    assert extract(out).code == 0
    check_finished(out)
    assert {name: (out / name).stat().st_ino for name in made} == made
    if after == 0:
        check_after_rerun(out, tree(tmp_path / "undisturbed"))


def test_shards_that_were_made_are_not_made_again_when_the_plan_is_kept(
    extract: Command, kill: Callable[..., None], melcli: Command, source: Path, tmp_path: Path
) -> None:
    """The rows move to the manifest, so that the journal no longer says which of the planned shards were made."""
    out = tmp_path / "out"
    extract(tmp_path / "undisturbed")
    kill(out, after=2)
    (out / "failures.jsonl").write_bytes(b"not the failed rows")
    (out / "manifest.jsonl").touch()
    assert melcli("verify", out, "--repair").code == 4
    made = {name: (out / name).stat().st_ino for name in shards(out)}
    assert extract(out).code == 0
    assert {name: (out / name).stat().st_ino for name in made} == made
    check_after_rerun(out, tree(tmp_path / "undisturbed"))


def test_a_plan_never_takes_the_number_of_a_shard_that_a_row_describes(
    extract: Command, kill: Callable[..., None], tmp_path: Path, scratch: Scratch
) -> None:
    """Whoever wrote the journal: the plan of the shards that are left, under the number of the one that was made."""
    out = tmp_path / "out"
    kill(out, after=1)
    history = read_history(str(out), scratch)
    (number,) = history.numbers_in_use()
    before = (out / f"features-{number:05d}.h5").read_bytes()
    history.write_manifest()
    path = out / ".melcli" / "journal.jsonl"
    path.unlink()
    forged = [
        type(shard)(**{**{name: getattr(shard, name) for name in shard.__slots__}, "number": number})
        for shard in history.unmade()
    ]
    with Journal(str(out)) as journal:
        journal.add(shards=forged)
    assert extract(out).code == 0
    check_finished(out)
    # Its rows count as older than the plan, so they may be made again, but never under rows of other items.
    assert (out / f"features-{number:05d}.h5").read_bytes() == before or len(shards(out)) > 1


def test_numbers_are_counted_on_below_one_that_was_tampered_with(
    extract: Command, source: Path, tmp_path: Path
) -> None:
    """A name holds 12 digits: the shard after 999,999,999,999 would never be found again."""
    out = tmp_path / "out"
    extract(out)
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    orphan = lines[0].replace('"id":"a"', '"id":"0"').replace("features-00000.h5", "features-999999999999.h5")
    manifest.write_text("".join([orphan, *lines]))
    plant(source, "new.wav", seconds=3.6)
    assert extract(out).code == 0
    assert shards(out)[-1] == f"features-{len(shards(out)) - 1:05d}.h5"
    assert "7 ok (7 unchanged)" in extract(out).last_line
