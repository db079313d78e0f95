"""Every call that touches OUT fails once: the N-th write, fsync, rename, open, close, mkdir, unlink and ftruncate.

FAULTS.md: "EIO at the N-th write, fsync, rename, close, mkdir"; with ENOSPC "disk full, in the array, in the journal,
in a shard"; a few of EDQUOT, EROFS, EMFILE and EACCES, also from the N-th call on.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pytest

from tests.cli.shell import Ended, start
from tests.faults.failing_calls import KINDS, FailingCalls, check_flushes, compiled
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_fault, check_after_rerun
from tests.store.rows import rows_of
from tests.tiers import full_but

Command = Callable[..., Ended]

MOST_CALLS = 500  # of a kind that a run makes; a sweep has to come to its end before
MUST_BE_TOLD = {"write", "fsync", "rename", "truncate"}  # a run that ends well though one failed would lie

# 128 kB of features for a second of sound, of which a shard of a megabyte holds eight.
MANY_NUMBERS = tuple(
    part
    for setting in (
        *("sampling_rate=8000", "fft_length=128", "sequence_stride=32", "num_mel_bins=64"),
        *("dtype=float64", "shard_mb=1"),
    )
    for part in ("-s", setting)
)


@dataclass(frozen=True)
class Layout:
    """A corpus, how it is stored, and which calls only that makes."""

    seconds: dict[str, float]
    arguments: tuple[str, ...]
    undisturbed: dict[str, bytes]
    source: Path


SHORT = {"a.wav": 0.1, "b.flac": 0.1, "sub/c.wav": 0.1, "sub/d.wav": 0.1}
LAYOUTS: dict[str, tuple[dict[str, float], tuple[str, ...]]] = {
    "npy": (SHORT, LIGHT),
    "hdf5": (SHORT, (*LIGHT, "-f", "hdf5")),
    "large_shard": ({"a.wav": 0.1, "long.wav": 9.0}, (*MANY_NUMBERS, "-f", "hdf5")),  # is built on the disk
    "spool": ({"a.wav": 0.1, "long.wav": 131.0}, MANY_NUMBERS),  # over 16 MB: features wait in a file without a name
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def failing(library: Path, tmp_path: Path) -> FailingCalls:
    return FailingCalls(library, tmp_path)


@pytest.fixture(params=full_but(LAYOUTS, "hdf5"))
def layout(request: pytest.FixtureRequest, tmp_path: Path, melcli: Command) -> Layout:
    return planted(request.param, tmp_path, melcli)


def planted(name: str, folder: Path, melcli: Command) -> Layout:
    seconds, arguments = LAYOUTS[name]
    for sound, length in seconds.items():
        plant(folder / "in", sound, seconds=length)
    assert melcli("extract", folder / "in", *arguments, "-o", folder / "undisturbed").code == 0
    return Layout(seconds, arguments, tree(folder / "undisturbed"), folder / "in")


@dataclass(frozen=True)
class Place:
    """Which call fails, and how."""

    kind: str
    at: int
    error: int
    on: bool = False


def strike(failing: FailingCalls, layout: Layout, out: Path, place: Place, melcli: Command) -> bool:
    """Let one call of a run fail, hold what is left against the oracle, complete it; tell whether it was hit."""
    shutil.rmtree(out, ignore_errors=True)
    environment = failing.environment(out, place.kind, place.at, error=place.error, on=place.on)
    run = start("extract", layout.source, *layout.arguments, "-j", "1", out=out, env=environment)
    ended = run.end()
    calls = failing.calls()
    hits = [call for call in calls if call.error]
    about = f"{place.kind} {place.at} {errno.errorcode[place.error]}{' on' if place.on else ''}: {ended}"
    try:
        check_after_fault(out, said=ended.err, session=run.process.pid)
        check_flushes(calls)
        check_told(ended, out, place, hit=bool(hits))
        blamed = [row.id for row in rows_of(out) if row.status == "failed"]
        assert blamed == [], "an input is blamed for what OUT does"
        if ended.code == 0:
            check_after_rerun(out, layout.undisturbed)
        again = melcli("extract", layout.source, *layout.arguments, "-o", out)
        assert again.code == 0, again
        check_after_rerun(out, layout.undisturbed, said=again.err)
    except AssertionError as error:
        raise AssertionError(f"{about} hit {[(call.path, call.target) for call in hits]}\n{error}") from error
    return bool(hits)


def check_told(ended: Ended, out: Path, place: Place, *, hit: bool) -> None:
    """Hold what a run said against the table of exit codes: one sentence with a path, and no input is blamed."""
    assert "Traceback" not in ended.err
    assert "failed:" not in ended.err
    if not hit:
        assert ended.code == 0
        return
    assert ended.code == 6 or (ended.code == 0 and place.kind not in MUST_BE_TOLD)
    if ended.code == 6:
        told = [line for line in ended.err.splitlines() if line.startswith("melcli: error: cannot ")]
        assert len(told) == 1, "one sentence says it"
        assert str(out) in told[0] or re.search(r"features-\d+\.h5", told[0])


@loop(quick=1, soak=MOST_CALLS)
def test_every_call_fails(
    rounds: int, seed: int, tally: Tally, failing: FailingCalls, layout: Layout, tmp_path: Path, melcli: Command
) -> None:
    """The N-th call that touches OUT fails, for every N, with EIO and with ENOSPC."""
    out = tmp_path / "out"
    if rounds < MOST_CALLS:
        for place in islice(random_places(calls_of(failing, layout, out), seed, [errno.EIO, errno.ENOSPC]), rounds):
            with tally.round():
                strike(failing, layout, out, place, melcli)
        return
    for kind in KINDS:
        hits = 0
        for error in (errno.EIO, errno.ENOSPC):
            for at in range(1, MOST_CALLS):
                hit = True
                with tally.round():
                    hit = strike(failing, layout, out, Place(kind, at, error), melcli)
                if not hit:
                    break
                hits += 1
        tally.note(f"{kind} {hits}")


@pytest.mark.full
@loop(quick=1, soak=40)
def test_calls_fail_otherwise(
    rounds: int, seed: int, tally: Tally, failing: FailingCalls, layout: Layout, tmp_path: Path, melcli: Command
) -> None:
    """A call fails with EDQUOT, EROFS, EMFILE or EACCES, once or from then on."""
    out = tmp_path / "out"
    errors = [errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EACCES]
    for number, place in enumerate(islice(random_places(calls_of(failing, layout, out), seed, errors), rounds)):
        with tally.round():
            strike(failing, layout, out, replace(place, on=number % 2 == 0), melcli)


def calls_of(failing: FailingCalls, layout: Layout, out: Path) -> dict[str, int]:
    """Return how many calls of each kind a run makes that nothing disturbs."""
    run = start("extract", layout.source, *layout.arguments, "-j", "1", out=out, env=failing.environment(out))
    assert run.end().code == 0
    return failing.counts()


def random_places(counts: Mapping[str, int], seed: int, errors: Sequence[int]) -> Iterator[Place]:
    """Yield places at random; what the bytes go through as often as all others together."""
    chance = random.Random(seed)
    made = [kind for kind in KINDS if counts[kind]]
    while True:
        kind = chance.choice([*made, *sorted(MUST_BE_TOLD.intersection(made))])
        yield Place(kind, chance.randint(1, counts[kind]), chance.choice(errors))


# the library itself

BY_DESCRIPTOR = {
    **dict.fromkeys(["write", "writev", "pwrite64", "pwritev", "pwritev2"], "write"),
    **dict.fromkeys(["fsync", "fdatasync", "syncfs"], "fsync"),
    "ftruncate": "truncate",
    "close": "close",
}
BY_NAME = {
    **dict.fromkeys(["open", "openat", "openat2", "creat"], "open"),
    **dict.fromkeys(["rename", "renameat", "renameat2"], "rename"),
    **dict.fromkeys(["mkdir", "mkdirat"], "mkdir"),
    **dict.fromkeys(["unlink", "unlinkat"], "unlink"),
}


def traced(layout: Layout, out: Path, *options: str, env: dict[str, str]) -> Ended:
    """Run melcli under strace."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    command = [sys.executable, "-m", "melcli", "extract", layout.source, *layout.arguments, "-j", "1", "-o", out]
    # The preloaded library is melcli's; compiled modules are not renamed into their place.
    variables = [f"-E{name}={value}" for name, value in {**env, "PYTHONDONTWRITEBYTECODE": "1"}.items()]
    made = subprocess.run(["strace", "-f", *options, *variables, *command], capture_output=True, text=True)
    if "ptrace" in made.stderr:
        pytest.skip(f"strace may not trace: {made.stderr.splitlines()[0]}")
    return Ended(made.returncode, made.stdout, made.stderr)


def seen_by_strace(told: str, out: Path) -> Counter[str]:
    """Count what strace told of calls that touch OUT, by kind."""
    seen: Counter[str] = Counter()
    for line in told.splitlines():
        name, _, rest = re.sub(r"^\d+ +", "", line).partition("(")
        if name in BY_DESCRIPTOR:
            seen[BY_DESCRIPTOR[name]] += re.match(rf"\d+<{re.escape(str(out))}[/>]", rest) is not None
        elif name in BY_NAME:
            seen[BY_NAME[name]] += re.search(rf'"{re.escape(str(out))}["/]', rest) is not None
    return seen


@pytest.mark.full
@pytest.mark.parametrize("name", full_but(["large_shard", "spool"], "spool"))
def test_the_library_sees_what_the_system_sees(
    failing: FailingCalls, tmp_path: Path, melcli: Command, name: str
) -> None:
    layout, out, told = planted(name, tmp_path, melcli), tmp_path / "out", tmp_path / "strace"
    calls = ",".join([*BY_DESCRIPTOR, *BY_NAME])
    ended = traced(layout, out, "-y", "-o", str(told), "-e", f"trace={calls}", env=failing.environment(out))
    assert ended.code == 0, ended
    seen = seen_by_strace(told.read_text(), out)
    assert {kind: seen[kind] for kind in KINDS} == failing.counts()


@pytest.mark.full
@pytest.mark.parametrize("call", ["fsync"])
def test_strace_makes_the_same_of_it(failing: FailingCalls, tmp_path: Path, melcli: Command, call: str) -> None:
    """Of the first call; strace counts in each thread, so that a later one would be another than the library's."""
    layout, out = planted("npy", tmp_path, melcli), tmp_path / "out"
    environment = failing.environment(out, call, 1, error=errno.EIO)
    ended = start("extract", layout.source, *layout.arguments, "-j", "1", out=out, env=environment).end()
    assert any(call.error for call in failing.calls())
    shutil.rmtree(out)
    options = ["-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when=1"]
    assert traced(layout, out, *options, env={}) == ended
    assert ended.code == 6
    check_after_fault(out)
