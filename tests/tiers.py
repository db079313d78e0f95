"""The two tiers of the tests: by default, and with ``--all``.

docs/contributing.md has the rules.  The marker ``full`` marks a test, or one of its parameters, that runs only with
``--all``.  With the marker ``few(n)``, only the first ``n`` combinations of a test's parameters run by default;
`full_but` chooses them by their values.  By default, `examples` lets Hypothesis run a quarter of its examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import settings

__all__ = ["deselect_full", "examples", "full_but", "load_profile", "refuse_parallel_soaks"]

ALL_EXAMPLES = 100  # the default of Hypothesis
DEFAULT_EXAMPLES = 25


def load_profile(config: pytest.Config) -> None:
    """Set the number of examples; must be called before any test module is imported.

    Examples are the same in every run, so that a failure is caused by the change under test; ``--hypothesis-seed``
    draws others.
    """
    number = ALL_EXAMPLES if config.getoption("--all") else DEFAULT_EXAMPLES
    same = config.getoption("hypothesis_seed") is None
    # The first call imports scipy and may take a second, which is not the fault of the code under test.
    settings.register_profile("melcli", deadline=None, max_examples=number, derandomize=same)
    settings.load_profile("melcli")


def refuse_parallel_soaks(config: pytest.Config) -> None:
    """Refuse ``-m soak`` with pytest-xdist's ``-n``: one process records the figures of all loops at its end."""
    chosen = config.getoption("markexpr").replace("not soak", "")
    if "soak" in chosen and config.getoption("dist", "no") != "no":
        raise pytest.UsageError("-m soak records its figures in docs/faults.json: run it without -n")


def examples(number: int) -> int:
    """Return ``number`` with ``--all``; otherwise the share of it that the default profile runs."""
    assert settings.default is not None
    return max(1, number * settings.default.max_examples // ALL_EXAMPLES)


def full_but(values: Iterable[Any], *kept: Any, unpack: bool = False) -> list[Any]:
    """Return the values of a parameter, with those that are not ``kept`` marked ``full``.

    Parameters
    ----------
    values : iterable
        Values, or `pytest.param` of one value.
    *kept
        Values that run by default; each must be in ``values``.
    unpack : bool
        Whether each value is a tuple of several arguments.
    """
    found = list(values)
    missing = [one for one in kept if one not in map(_value, found)]
    if not kept:
        raise ValueError("keep at least one parameter in the default tier")
    if missing:
        raise ValueError(f"not among the values of the parameter: {missing}")
    return [one if _value(one) in kept else _as_full(one, unpack) for one in found]


def deselect_full(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that run only with ``--all``, by the markers ``full`` and ``few``, unless it is given.

    Soaks are selected by ``-m soak``.  A test that the command line names with ``::`` runs with all its parameters.
    """
    if config.getoption("--all"):
        return
    named = [str(argument).replace("\\", "/") for argument in config.invocation_params.args if "::" in str(argument)]
    left_out = [item for item in _of_the_full_tier(items) if not _is_named(item, named)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        dropped = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in dropped]


def _of_the_full_tier(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the items marked ``full``, and the items after the first ``n`` others of each test marked ``few(n)``."""
    kept: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("soak") is not None:
            continue
        few = item.get_closest_marker("few")
        test = item.nodeid.partition("[")[0]
        if item.get_closest_marker("full") is not None or (few is not None and kept[test] >= few.args[0]):
            yield item
        else:
            kept[test] += 1


def _is_named(item: pytest.Item, named: Sequence[str]) -> bool:
    names = [argument.split("::", 1)[1] for argument in named if _file_of(argument) in str(item.path)]
    own = item.nodeid.split("::", 1)[1]
    return any(own == name or own.startswith((f"{name}[", f"{name}::")) for name in names)


def _file_of(argument: str) -> str:
    return argument.split("::", 1)[0].removeprefix("./")


def _value(one: Any) -> Any:
    if not hasattr(one, "marks"):
        return one
    return one.values[0] if len(one.values) == 1 else one.values


def _as_full(one: Any, unpack: bool) -> Any:
    if hasattr(one, "marks"):
        return pytest.param(*one.values, id=one.id, marks=[*one.marks, pytest.mark.full])
    return pytest.param(*(one if unpack else (one,)), marks=pytest.mark.full)
