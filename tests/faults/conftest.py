"""Fixtures of all loops: the seed, the tally, and the page that is written from them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import page
from tests.faults.loops import Quick, Tally, entry_of, fault_name
from tests.faults.work import Corpus, PartsCorpus
from tests.run.corpus import LIGHT

LOOPS: pytest.StashKey[dict[str, dict[str, Any]]] = pytest.StashKey()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The value of ``--seed``: another seed gives another sequence of faults."""
    number = request.config.getoption("--seed")
    assert isinstance(number, int)
    return number


@pytest.fixture
def tally(seed: int) -> Tally:
    """Counts of the loop; a test with violations fails."""
    return Tally(seed)


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Work for two workers, in several batches and shards: half a second of it; in the default tier a quarter."""
    whole = request.config.getoption("--all") or "soak" in request.config.getoption("markexpr")
    return Corpus(tmp_path_factory.mktemp("corpus"), files=64 if whole else 32)


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PartsCorpus:
    """The same work in parts of a few recordings."""
    whole = request.config.getoption("--all") or "soak" in request.config.getoption("markexpr")
    return PartsCorpus(tmp_path_factory.mktemp("parts"), files=64 if whole else 32)


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A small corpus, so that a run is mostly its start."""
    return Corpus(tmp_path_factory.mktemp("light"), files=16, settings=(*LIGHT, "-j", "2"))


@pytest.fixture
def temporary() -> Iterator[Path]:
    """An empty folder for TMPDIR with a short name, since sockets in it cannot have long paths; /tmp would work too."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set the number of rounds of each loop, by ``--rounds`` or by the tier."""
    rounds = config.getoption("--rounds")
    for item in items:
        parameters = _parameters(item) if isinstance(item, pytest.Function) else {}
        if "rounds" not in parameters:
            continue
        if rounds is not None:
            parameters["rounds"] = rounds
        elif isinstance(quick := parameters["rounds"], Quick):
            parameters["rounds"] = quick.all if config.getoption("--all") else quick.default


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Fail a loop with violations, and record its counts."""
    tally = pyfuncitem.funcargs.get("tally")
    if not isinstance(tally, Tally):
        return (yield)
    try:
        result = yield
    except (Exception, pytest.fail.Exception) as error:  # the loop ended early
        if not tally.violations:
            tally.violated(error, where=f"after round {tally.rounds - 1}")
        _keep(pyfuncitem, tally)
        raise
    _keep(pyfuncitem, tally)
    if tally.violations:
        pytest.fail(tally.account(), pytrace=False)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the figures of complete loops into docs/, except those that were shortened or skipped.

    A worker of pytest-xdist writes nothing.  It may run loops with ``-m full``; ``-m soak`` is refused earlier.
    """
    if hasattr(session.config, "workerinput"):
        return
    loops = session.config.stash.get(LOOPS, {})
    if loops and session.config.getoption("--rounds") is None:
        page.record(loops, page.DOCS)


def _keep(item: pytest.Function, tally: Tally) -> None:
    if item.get_closest_marker("soak") is not None:
        name = fault_name(item.function, _parameters(item))
        item.config.stash.setdefault(LOOPS, {})[name] = entry_of(tally)


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}
