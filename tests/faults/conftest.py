"""What all loops share: the seed, the tally, and the page that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import page
from tests.faults.loops import Tally, entry_of, fault_name
from tests.faults.work import Corpus, make_corpus

LOOPS: pytest.StashKey[dict[str, dict[str, Any]]] = pytest.StashKey()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """That of ``--seed``: another seed is another sequence of faults."""
    number = request.config.getoption("--seed")
    assert isinstance(number, int)
    return number


@pytest.fixture
def tally(seed: int) -> Tally:
    """What the loop counts; a test with violations fails."""
    return Tally(seed)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Half a second of work for two workers, in several batches and shards."""
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take as many rounds as ``--rounds`` says."""
    rounds = config.getoption("--rounds")
    for item in items:
        if rounds is not None and isinstance(item, pytest.Function) and "rounds" in _parameters(item):
            item.callspec.params["rounds"] = rounds


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Fail a loop that had violations, and keep what it counted."""
    tally = pyfuncitem.funcargs.get("tally")
    if not isinstance(tally, Tally):
        return (yield)
    try:
        result = yield
    except (Exception, pytest.fail.Exception) as error:  # it ended the loop too early
        if not tally.violations:
            tally.violated(error, where=f"after round {tally.rounds - 1}")
        _keep(pyfuncitem, tally)
        raise
    _keep(pyfuncitem, tally)
    if tally.violations:
        pytest.fail(tally.account(), pytrace=False)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the figures of whole loops into docs/, though not of one that was shortened or skipped."""
    loops = session.config.stash.get(LOOPS, {})
    if loops and session.config.getoption("--rounds") is None:
        page.record(loops, page.DOCS)


def _keep(item: pytest.Function, tally: Tally) -> None:
    if item.get_closest_marker("soak") is not None:
        name = fault_name(item.function, _parameters(item))
        item.config.stash.setdefault(LOOPS, {})[name] = entry_of(tally)


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}
