"""When a start is tried again, when it is given up, and what is said then."""

from __future__ import annotations

import errno

import pytest

from melcli.errors import StorageError, WorkersFailing
from melcli.run.engines import start_retries
from melcli.run.engines.start_retries import KILLED_FOR_MEMORY, MAX_ATTEMPTS, StartRetries


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_retries.time, "monotonic", lambda: 100.0)


def failed(times: int, how: str = "ended with SIGKILL", *, num_working: int = 0, **options: object) -> StartRetries:
    found = StartRetries()
    for _ in range(times):
        found.failed(how, num_working=num_working, **options)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    "num_working, expected", [(0, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]), (1, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2])]
)
def test_pauses_grow_and_are_bounded(num_working: int, expected: list[float]) -> None:
    found, pauses = StartRetries(), []
    for _ in range(50):
        found.failed("ended with SIGKILL", num_working=num_working)
        pauses.append(round(found.next_s - 100.0, 3))
    assert pauses[:6] == expected
    assert pauses[-1] == (60.0 if num_working else 2.0)


def test_a_success_makes_good_what_failed_before() -> None:
    found = failed(MAX_ATTEMPTS)
    assert found.should_give_up
    found.succeeded()
    assert (found.should_give_up, found.next_s, found.warning(1, 2)) == (False, 0.0, "")


@pytest.mark.parametrize(
    "found, hopeless",
    [
        (failed(4), False),
        (failed(5), True),
        (failed(50, num_working=1), False),
        (failed(2, slow=True), True),
        (failed(1, limit=errno.EAGAIN), False),
    ],
)
def test_when_it_is_given_up(found: StartRetries, hopeless: bool) -> None:
    assert found.should_give_up == hopeless


@pytest.mark.parametrize(
    "found, words",
    [
        (failed(2, num_working=1), ""),
        (failed(3, num_working=1), "only 1 of 4 workers run: the last one ended with SIGKILL; `melcli doctor` checks"),
        (failed(1, limit=errno.EMFILE), "only 1 of 4 workers run: Too many open files; allow more open files"),
        (
            failed(1, "ended with exit code 1: RuntimeError: can't start new thread"),
            "only 1 of 4 workers run: Resource",
        ),
        (
            failed(1, KILLED_FOR_MEMORY, limit=errno.ENOMEM),
            "workers run: the last one was killed by the system because",
        ),
    ],
)
def test_why_fewer_workers_run(found: StartRetries, words: str) -> None:
    problem = found.warning(1, 4)
    assert words in problem
    assert bool(words) == bool(problem)


@pytest.mark.parametrize(
    "found, error, words",
    [
        (failed(5), WorkersFailing, r"\(5 attempts\): the last one ended with SIGKILL; `melcli doctor`"),
        (
            failed(5, "ended with exit code 1: ImportError: no"),
            WorkersFailing,
            "ended with exit code 1: ImportError: no;",
        ),
        (failed(2, slow=True), WorkersFailing, "was not ready after 120 s"),
        (failed(5, limit=errno.EAGAIN), StorageError, "Resource temporarily unavailable; allow more processes"),
        (failed(5, limit=errno.EMFILE), StorageError, "Too many open files; allow more open files"),
        (failed(5, limit=errno.ENOMEM), StorageError, "Cannot allocate memory; allow more memory"),
        (
            failed(5, KILLED_FOR_MEMORY, limit=errno.ENOMEM),
            WorkersFailing,
            "killed by the system because memory ran out",
        ),
    ],
)
def test_what_was_observed_is_told(found: StartRetries, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        raise found.error()
