"""The worker pool: one thread sends calls, collects answers, and replaces crashed workers.

Other pools do not survive crashes.  `multiprocessing.Pool` hangs when a worker is killed, and `concurrent.futures`
fails all calls in flight.  pebble's workers share one pipe under one lock.  A forkserver is one more process that can
be killed, and leaves named sockets in the temporary folder.  Here each worker is a child of the driver with its own
socket, and one thread owns all state.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from melcli.run.engines.channel import Advanced, Answer, Call, MalformedMessage, Progress, Ready
from melcli.run.engines.contract import Advance, BatchLost
from melcli.run.engines.launcher import DRIVER_SIGNALS, EXIT_POLL_S, EXIT_TIMEOUT_S, Launcher
from melcli.run.engines.oom import count_oom_kills
from melcli.run.engines.pool_worker import NO_ADVANCE, PendingCall, PoolWorker, WorkerState
from melcli.run.engines.process import WorkerProcess
from melcli.run.engines.wake_pipe import WakePipe
from melcli.run.engines.worker_starter import WorkerStarter
from melcli.run.watchdog import MAX_TIMEOUT_S

__all__ = ["WorkerPool"]

MAX_STOPPED_S = 5.0  # that a worker may be stopped (SIGSTOP) while its driver runs
STOPPED_POLL_S = 1.0
GRACE_S = 2.0  # after the kernel's alarm in the worker, which comes first unless the worker is stopped
MAX_OVERSLEEP_S = 1.0  # a longer oversleep means that the driver was stopped, and its workers with it


class WorkerPool:
    """Worker processes, controlled by the thread that calls `run`; `Launcher` has a thread that starts them.

    Parameters
    ----------
    workers : int
        Number of workers.
    folder : str or None
        Folder of the unnamed files for the workers' standard error; None for the temporary folder.
    imports : tuple of str
        Modules that a worker imports before it is ready.
    max_memory_bytes : int or None
        Limit of each worker's anonymous memory, in bytes.

    Attributes
    ----------
    launcher : Launcher
        Starts the processes.  The caller starts it before `run`, and `run` closes it.
    starter : WorkerStarter
        Decides when to start a worker.
    idle_deaths : SimpleQueue of BatchLost
        Workers that ended without a call, and not on purpose.
    ready : Future
        Done when the first worker is ready; failed when none can be started.
    """

    def __init__(
        self, workers: int, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None
    ) -> None:
        self.ready: Future[None] = Future()
        self.idle_deaths: SimpleQueue[BatchLost] = SimpleQueue()
        self._wake_pipe = WakePipe()
        self.launcher = Launcher(
            lambda: WorkerProcess(folder=folder, imports=imports, max_memory_bytes=max_memory_bytes),
            self._wake_pipe.wake,
        )
        self.starter = WorkerStarter(workers, self.launcher, on_give_up=self._fail_waiting)
        self._submitted: SimpleQueue[PendingCall] = SimpleQueue()
        self._queue: deque[PendingCall] = deque()
        self._workers: list[PoolWorker] = []
        self._call_numbers = count(1)
        self._is_stopping = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_pipe, selectors.EVENT_READ)

    # Methods for any thread.

    def submit(self, call: PendingCall) -> None:
        """Queue a call."""
        self._submitted.put(call)
        self._wake_pipe.wake()

    def limit_workers(self, workers: int) -> None:
        """Keep at most this number of workers from now on."""
        self.starter.max_workers = min(self.starter.max_workers, workers)
        self._wake_pipe.wake()

    def stop(self) -> None:
        """Make `run` kill the workers and return."""
        self._is_stopping = True
        self._wake_pipe.wake()

    @property
    def in_progress(self) -> Advance:
        """The sum over all calls that workers process at the moment."""
        advances = [worker.advance for worker in [*self._workers] if worker.call is not None]
        return Advance(sum(one.num_items for one in advances), sum(one.audio_s for one in advances))

    def close(self) -> None:
        """Close threads and descriptors; `run` does so at its end."""
        self.launcher.close()
        self._selector.close()
        self._wake_pipe.close()

    # Methods for the thread that calls `run`.

    def run(self) -> None:
        """Process calls until `stop` is called."""
        signal.pthread_sigmask(signal.SIG_BLOCK, DRIVER_SIGNALS)  # the main thread handles them
        try:
            while not self._is_stopping:
                self._take_submitted()
                self._take_launched()
                self.starter.check_launch(self._workers)
                self.starter.start_next(self._workers)
                self._retire_workers()
                self._dispatch()
                self._wait()
                self._check_deadlines()
                self._reap()
        finally:
            self._shut_down()
            self.close()

    def _take_submitted(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._queue.append(self._submitted.get_nowait())
                self.starter.resume()

    def _take_launched(self) -> None:
        worker = self.starter.take_launched(self._workers)
        if worker is not None:
            self._workers.append(worker)
            self._selector.register(worker.process.channel, selectors.EVENT_READ, worker)

    def _workers_in(self, *states: WorkerState) -> list[PoolWorker]:
        return [worker for worker in self._workers if worker.state in states]

    def _fail_waiting(self, error: Exception) -> None:
        """Fail all queued calls."""
        if not self.ready.done():
            self.ready.set_exception(error)
        while self._queue:
            self._queue.popleft().future.set_exception(error)

    # End of workers.

    def _retire_workers(self) -> None:
        """End surplus idle workers: first those with a ready successor, then any.

        A successor stays while its predecessor is busy with its last call.
        """
        ready = self._workers_in(WorkerState.IDLE, WorkerState.BUSY)
        max_workers = self.starter.max_workers
        num_surplus = len(ready) - max_workers
        num_surplus_fresh = sum(not worker.needs_replacement for worker in ready) - max_workers
        for worker in sorted(self._workers_in(WorkerState.IDLE), key=lambda worker: not worker.needs_replacement):
            if num_surplus <= 0 or not (worker.needs_replacement or num_surplus_fresh > 0):
                return
            num_surplus -= 1
            num_surplus_fresh -= not worker.needs_replacement
            worker.is_retired = True
            worker.kill()
            self._await_exit(worker)

    def _await_exit(self, worker: PoolWorker) -> None:
        if worker.state is not WorkerState.ENDING:
            self._selector.unregister(worker.process.channel)
            worker.state = WorkerState.ENDING
            worker.deadline_s = time.monotonic() + EXIT_TIMEOUT_S

    def _reap(self) -> None:
        for worker in self._workers_in(WorkerState.ENDING):
            if worker.process.has_ended():
                self._remove(worker)
            elif time.monotonic() < worker.deadline_s:
                continue
            elif worker.is_killed:  # SIGKILL has no effect while the process waits for a dead disk
                self._remove(worker)
            else:  # the worker has closed its connection and still runs
                worker.kill()
                worker.deadline_s += EXIT_TIMEOUT_S

    def _remove(self, worker: PoolWorker) -> None:
        """Remove a worker that has ended, and report the loss of its call."""
        self._workers.remove(worker)
        loss = worker.loss()
        worker.process.close()
        if worker.is_retired:
            return
        call, worker.call = worker.call, None
        if call is not None:
            call.future.set_exception(loss)
            return
        self.idle_deaths.put(loss)
        if not worker.num_answers:  # a worker that ends soon after it is ready counts as a failed start
            self.starter.worker_failed(worker, loss, self._workers)

    # Calls.

    def _dispatch(self) -> None:
        idle = sorted(self._workers_in(WorkerState.IDLE), key=lambda worker: worker.needs_replacement)
        for worker in idle:
            if not self._queue:
                return
            worker.call = self._queue.popleft()
            worker.call_number = next(self._call_numbers)
            worker.state = WorkerState.BUSY
            worker.deadline_s = time.monotonic() + worker.call.timeout_s
            worker.step_deadline_s = float("inf")
            worker.advance = NO_ADVANCE
            worker.oom_kills = count_oom_kills()
            self._send(worker, Call(worker.call_number, worker.call.task))

    def _send(self, worker: PoolWorker, call: Call | None = None) -> None:
        channel = worker.process.channel
        try:
            channel.send(call)
        except OSError:
            self._await_exit(worker)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.has_unsent else 0)
        self._selector.modify(channel, events, worker)

    def _wait(self) -> None:
        """Wait for messages, another thread or the next deadline, and process the messages."""
        started_s = time.monotonic()
        until_s = min(self._deadlines(), default=None)
        timeout_s = None if until_s is None else min(max(0.0, until_s - started_s), MAX_TIMEOUT_S)
        for key, events in self._selector.select(timeout_s):
            if key.data is None:
                self._wake_pipe.drain()
            elif events & selectors.EVENT_READ:
                self._receive(key.data)
            else:
                self._send(key.data)
        overslept_s = 0.0 if timeout_s is None else time.monotonic() - started_s - timeout_s
        if overslept_s > MAX_OVERSLEEP_S:
            for worker in self._workers:
                worker.postpone(overslept_s)

    def _deadlines(self) -> Iterator[float]:
        """Yield the times at which to check again, by `time.monotonic`."""
        for worker in self._workers:
            if worker.state is not WorkerState.IDLE:
                yield min(worker.deadline_s, worker.step_deadline_s)
                yield time.monotonic() + STOPPED_POLL_S
            if worker.state is WorkerState.ENDING:
                yield time.monotonic() + EXIT_POLL_S
        yield from self.starter.deadlines()

    def _receive(self, worker: PoolWorker) -> None:
        try:
            for message in worker.process.channel.receive():
                self._process_message(worker, message)
        except EOFError:
            self._await_exit(worker)
        except MalformedMessage:
            worker.kill()
            self._await_exit(worker)

    def _process_message(self, worker: PoolWorker, message: Any) -> None:
        """Process one message.

        Raises
        ------
        MalformedMessage
            The worker cannot send this message in its state.
        """
        number = getattr(message, "number", 0)
        if isinstance(message, Ready) and worker.state is WorkerState.STARTING:
            worker.state = WorkerState.IDLE
            if not self.ready.done():
                self.ready.set_result(None)
        elif worker.state is not WorkerState.BUSY or number != worker.call_number:
            raise MalformedMessage
        elif isinstance(message, Progress):
            worker.step_deadline_s = time.monotonic() + message.allowed_s + GRACE_S
        elif isinstance(message, Advanced):
            worker.advance = Advance(message.num_items, message.audio_s)
        elif isinstance(message, Answer) and worker.call is not None:
            future, worker.call = worker.call.future, None
            worker.state = WorkerState.IDLE
            worker.needs_replacement |= message.needs_replacement
            worker.num_answers += 1
            if worker.num_answers == 1:  # later answers say nothing about starts
                self.starter.succeeded()
            if message.error is None:
                future.set_result(message.result)
            else:
                future.set_exception(message.error)
        else:
            raise MalformedMessage

    def _check_deadlines(self) -> None:
        for worker in self._workers_in(WorkerState.STARTING, WorkerState.BUSY):
            is_overdue = time.monotonic() >= min(worker.deadline_s, worker.step_deadline_s)
            if is_overdue or self._is_stopped_too_long(worker):
                worker.is_overdue = is_overdue
                worker.kill()
                self._await_exit(worker)

    def _is_stopped_too_long(self, worker: PoolWorker) -> bool:
        """Return whether the worker alone was stopped, so that it need not run until its deadline."""
        if not worker.process.is_stopped():
            worker.stopped_since_s = None
            return False
        now_s = time.monotonic()
        if worker.stopped_since_s is None:
            worker.stopped_since_s = now_s
        return now_s - worker.stopped_since_s >= MAX_STOPPED_S

    def _shut_down(self) -> None:
        """Kill all workers, wait until they have ended, and fail the remaining calls."""
        self.launcher.close()
        self.starter.kill_launching(self._workers)
        for worker in self._workers:
            worker.process.kill()
        deadline_s = time.monotonic() + EXIT_TIMEOUT_S
        while self._workers:
            for worker in [*self._workers]:
                if worker.process.has_ended() or time.monotonic() >= deadline_s:
                    self._workers.remove(worker)
                    worker.process.close()
                    if worker.call is not None:
                        worker.call.future.set_exception(BatchLost("the engine was stopped"))
            time.sleep(EXIT_POLL_S if self._workers else 0)
        self.launcher.join(2 * EXIT_TIMEOUT_S)
        self._take_submitted()
        self._fail_waiting(BatchLost("the engine was stopped"))
