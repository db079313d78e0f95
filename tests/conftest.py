"""Fixtures and options of all tests: no settings from outside, and melcli's command inside this process."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest
from threadpoolctl import threadpool_limits

from melcli.cli import main
from melcli.scratch import Scratch
from tests import tiers
from tests.cli.shell import Ended
from tests.run.engines.inline import InlineEngine

pytest.register_assert_rewrite("tests.run.invariants")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of tests/faults here, because pytest takes options only from the outermost folder."""
    parser.addoption("--all", action="store_true", help="run all tests but the soaks, not only the default tier")
    parser.addoption("--seed", type=int, default=0, help="of the loops of faults; a violation names its own")
    parser.addoption("--rounds", type=int, help="of every loop of faults, which is not written down then")


def pytest_configure(config: pytest.Config) -> None:
    """Set the number of Hypothesis's examples, and refuse soaks in several processes."""
    tiers.refuse_parallel_soaks(config)
    tiers.load_profile(config)


def pytest_report_header(config: pytest.Config) -> str:
    """Show the tier."""
    return "tier: all" if config.getoption("--all") else "tier: default; --all runs the other tests too"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of other tiers."""
    tiers.deselect_full(config, items)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_of_blas() -> Iterator[None]:
    """Compute with one thread, as workers do: several threads spin while they wait for a core that others use.

    On two busy cores seven cases of ``identify`` took 65 s with two threads and 6 s with one.
    """
    import numpy as np  # noqa: F401  both include a library, which must be loaded to be limited
    import scipy.linalg  # noqa: F401

    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    """An empty scratch database."""
    with Scratch() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MELCLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MELCLI_FFMPEG", "")  # no test depends on whether it is installed, except where it says so


@pytest.fixture
def ffmpeg(monkeypatch: pytest.MonkeyPatch) -> str:
    """The ffmpeg that melcli uses: TEST_FFMPEG, or the one on PATH; tests of it are skipped where it is missing."""
    path = os.environ.get("TEST_FFMPEG") or shutil.which("ffmpeg")
    if path is None or shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    monkeypatch.setenv("MELCLI_FFMPEG", path)
    return path


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every run work in this process."""
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", InlineEngine)


@pytest.fixture
def melcli(inline: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs a command line, including its work, in this process: 20 ms instead of 700."""

    def run(*arguments: str | os.PathLike[str], stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["melcli", *[os.fspath(argument) for argument in arguments]])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main sets its own
        for settings_of_process in ("_take_no_signals", "_use_one_thread"):
            monkeypatch.setattr(f"melcli.cli.{settings_of_process}", lambda: None)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return run
