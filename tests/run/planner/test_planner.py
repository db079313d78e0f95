"""Calls of the file system that another process makes: with the results that this one gets."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import ConfigError, MelcliError, NameClash, TimeUp, WorkersFailing
from melcli.run.planner import planner as module
from melcli.run.planner import process
from melcli.run.planner.planner import Planner
from melcli.scratch import Scratch
from melcli.sources.file_calls import FileCalls, Files, result_of
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.sources.item_values import Values, item_values
from melcli.sources.items import Item
from melcli.sources.options import SourceOptions
from tests.elapsed import Stopwatch, deadline_in
from tests.test_layers import SLOW


@pytest.fixture
def warned() -> list[str]:
    """Return the warnings so far."""
    return []


@pytest.fixture
def planner(sources: Path, warned: list[str]) -> Iterator[Planner]:
    """Return a planner that was started in the folder of `sources`, and end it."""
    with Planner(warned.append) as made:
        yield made


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move into a folder with all kinds of inputs."""
    monkeypatch.chdir(tmp_path)
    names = [b"in/a.wav", b"in/b/c.flac", b"in/b/\xff\n.wav", b"in/a.m4a", b"in/notes.txt", b"in/.hidden", b"x/d.wav"]
    for name in names:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        Path(os.fsdecode(name)).write_bytes(name)
    os.symlink("../x", "in/link")
    os.symlink("nowhere", "in/broken.wav")
    return tmp_path


def look(files: Files, inputs: tuple[str, ...] = ("in",), listed: tuple[str, ...] = ("x/d.wav", "gone.wav")) -> Any:
    """Return all that a search finds."""
    with Scratch() as scratch:
        found: Found = find_items(
            inputs, scratch=scratch, options=SourceOptions(), listed=listed, out="out", files=files
        )
        return tuple(found.items), found.account, dict(found.unreadable), dict(found.other), found.hidden


def test_it_finds_what_this_process_finds(planner: Planner, sources: Path) -> None:
    found = look(planner)
    assert found == look(FileCalls())
    assert len(found[0]) == 7
    assert look(planner) == found  # another search begins again


def test_it_raises_what_this_process_raises(planner: Planner, sources: Path) -> None:
    (sources / "x" / "a.flac").touch()
    cases: list[tuple[tuple[str, ...], tuple[str, ...], type[MelcliError]]] = [
        (("nowhere",), (), ConfigError),
        (("in",), (".\0",), ConfigError),
        (("in", "x"), (), NameClash),
    ]
    for inputs, listed, kind in cases:
        told = []
        for files in (planner, FileCalls()):
            with pytest.raises(kind) as raised:
                look(files, inputs, listed)
            told.append(str(raised.value))
        assert told[0] == told[1]


def values(item_id: str, source: str) -> Values:
    return item_values(Item(item_id, source, 0, 0))


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "name, argument",
    [
        ("hash", "in/a.wav"),
        ("hash", "in"),
        ("hash", "nowhere"),
        ("any_within", (".", ["in/b", "nowhere"])),
        ("any_within", ("x", ["in/b", "in/link"])),
        ("any_within", ("x", ["in/b", "nowhere"])),
        ("sizes", ("in/", b"a.wav\0nowhere\0b/\xff\n.wav")),
        ("real_paths", ["in/link/d.wav", "nowhere", "in/b/\udcff\n.wav"]),
        ("look_at", [values("a", "in/a.wav"), values("b", "nowhere"), values("c", "in"), values("d", "\0")]),
        ("look_at", [values(f"{number}", "in/a.wav" * 100) for number in range(512)]),  # more than a pipe takes
    ],
)
def test_other_calls(planner: Planner, sources: Path, name: Any, argument: Any) -> None:
    assert result_of(planner, name, argument) == result_of(FileCalls(), name, argument)


def test_time_that_is_up_ends_a_call(planner: Planner, sources: Path) -> None:
    os.kill(pid_of(planner), signal.SIGSTOP)
    planner.until_s = deadline_in(0.2)
    watch = Stopwatch()
    with pytest.raises(TimeUp):
        look(planner)
    assert watch.quiet_s < 2.0
    planner.close()
    with pytest.raises(ValueError, match="closed"):
        look(planner)


@pytest.mark.full
def test_silence_is_told_once(
    planner: Planner, sources: Path, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WARN_AFTER_S", 0.1)
    monkeypatch.setattr(module, "POLL_INTERVAL_S", 0.05)
    result_of(planner, "hash", "in/a.wav")
    os.kill(pid_of(planner), signal.SIGSTOP)
    planner.until_s = deadline_in(0.5)
    with pytest.raises(TimeUp):
        result_of(planner, "hash", "in/b")
    assert warned == ["the search for inputs has made no progress for 0 s at in/a.wav"]


def test_a_killed_process_has_a_successor(planner: Planner, sources: Path) -> None:
    """It takes up the search, with the result of one that nothing disturbs."""

    class Killed:
        def parts(self, name: Any, argument: Any = None) -> Iterator[Any]:
            if name in {"walk", "account"}:
                os.kill(pid_of(planner), signal.SIGKILL)
            return planner.parts(name, argument)

    assert look(Killed()) == look(FileCalls())
    assert look(Killed()) == look(FileCalls())
    with pytest.raises(WorkersFailing, match=r"was killed by SIGKILL at .*; OUT is as it was"):
        look(Killed())


def test_calls_that_are_begun_give_their_own_results(planner: Planner, sources: Path) -> None:
    """In any order, among other calls, and from a successor."""
    names = [b"a.wav", b"nowhere", b"b/c.flac", b"a.m4a"]
    first, second, third, fourth = (planner.begin("sizes", ("in/", name)) for name in names)
    assert result_of(planner, "hash", "nowhere") is None
    assert (third(), first(), second(), fourth()) == ([11], [8], [-1], [8])
    again = planner.begin("sizes", ("in/", b"a.wav"))
    os.kill(pid_of(planner), signal.SIGKILL)
    assert planner.begin("sizes", ("in/", b"nowhere"))() == [-1]
    assert again() == [8]


@pytest.mark.full
def test_an_error_of_ours_is_no_kill(warned: list[str], sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAIN", "import sys; sys.exit('no such thing')  # {driver} {path_file}")
    with Planner(warned.append) as planner, pytest.raises(RuntimeError, match="ended with 1: no such thing"):
        look(planner)


def test_without_another_process_this_one_looks(
    warned: list[str], sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> object:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "PlanningProcess", refuse)
    with Planner(warned.append) as planner:
        assert look(planner) == look(FileCalls())


@pytest.mark.full
def test_it_imports_little_and_nothing_from_the_working_folder(
    planner: Planner, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("heapq", "marshal", "melcli", "ctypes"):
        Path(f"{name}.py").write_text("raise SystemExit(3)")
    slow = {*SLOW, "melcli.options", "dataclasses", "json", "yaml", "click"}
    tell = f"import melcli.run.planner.server; found = set({sorted(slow)!r}) & sys.modules.keys(); assert not found"
    monkeypatch.setattr(process, "MAIN", f"{tell}{process.MAIN}")
    with Planner(lambda warning: None) as other:
        assert look(other) == look(FileCalls())


@pytest.mark.full
def test_its_memory_does_not_grow(planner: Planner, sources: Path) -> None:
    """A flat folder of 60,000 files takes as much as one of 3."""
    look(planner)
    before = resident_bytes(pid_of(planner))
    Path("many").mkdir()
    for number in range(60_000):
        os.link("in/a.wav", f"many/{number}.wav") if number % 1000 else Path(f"many/{number}.wav").touch()
    found = look(planner, ("many",))
    assert len(found[0]) == 60_002
    assert resident_bytes(pid_of(planner)) < before + 3_000_000


def pid_of(planner: Planner) -> int:
    assert planner._process is not None
    return planner._process.pid


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
