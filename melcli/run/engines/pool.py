"""The worker pool: one thread sends calls, collects answers, and replaces crashed workers.

`multiprocessing.Pool` hangs when a worker is killed, `concurrent.futures` fails all that is in flight, pebble's workers
share one pipe under one lock, and a forkserver is one more process that can be killed, with names of its own in the
temporary folder.  Here each worker is a child of the driver with a socket of its own, and one thread holds all state.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import selectors
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from melcli.run.engines.channel import Advanced, Answer, Call, Malformed, Progress, Ready
from melcli.run.engines.contract import Advance, BatchLost, how_it_ended
from melcli.run.engines.cpus import usable_cpus
from melcli.run.engines.launcher import DRIVER_SIGNALS, EXIT_TICK_S, EXIT_TIMEOUT_S, Launcher
from melcli.run.engines.members import Member, PendingCall, State, add_advances
from melcli.run.engines.oom import oom_kills
from melcli.run.engines.process import WorkerProcess
from melcli.run.engines.starts import KILLED_FOR_MEMORY, Starts
from melcli.run.watchdog import MAX_TIMEOUT_S, last_line

__all__ = ["WorkerPool"]

STOPPED_S = 5.0  # that a worker may be stopped while its driver is not
STOPPED_TICK_S = 1.0
GRACE_S = 2.0  # behind the kernel's alarm in the worker, which comes first unless the worker is stopped
MAX_OVERSLEEP_S = 1.0  # beyond it the driver itself was stopped meanwhile, and so were its workers
LAUNCH_TIMEOUT_S = 30.0  # from the request for a process until it executes the interpreter


class WorkerPool:
    """Worker processes, driven by the thread that calls `run`; another one starts them, see `Launcher`.

    Parameters
    ----------
    workers : int
        Processes that take calls at a time.
    folder : str or None
        Where the workers' standard error goes, into files without names; None: the temporary folder.
    imports : tuple of str
        Modules that a worker imports before it is ready.
    max_memory_bytes : int or None
        Of anonymous memory for each worker.

    Attributes
    ----------
    workers : int
        As the parameter, or fewer since memory ran out.
    start_problem : str
        Why fewer run, where that is so.
    launcher : Launcher
        To be started before `run` is called; it ends with it.
    deaths : SimpleQueue
        Of workers that ended without a call, unasked.
    ready : Future
        Done once the first worker is ready, or none can be started.
    """

    def __init__(
        self, workers: int, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None
    ) -> None:
        self.workers = self._asked = workers
        self.start_problem = ""
        self.ready: Future[None] = Future()
        self.deaths: SimpleQueue[BatchLost] = SimpleQueue()
        self.launcher = Launcher(
            lambda: WorkerProcess(folder=folder, imports=imports, max_memory_bytes=max_memory_bytes), self._wake
        )
        self._launch_deadline_s: float | None = None  # of the process that is being started, if one is
        self._submitted: SimpleQueue[PendingCall] = SimpleQueue()
        self._queue: deque[PendingCall] = deque()
        self._workers: list[Member] = []
        self._numbers = count(1)
        self._starts = Starts()
        self._max_starting = usable_cpus()
        self._stopping = False
        self._has_given_up = False
        self._lock = threading.Lock()  # of the descriptors, which are closed while other threads may write
        self._is_closed = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    # for any thread

    def submit(self, call: PendingCall) -> None:
        """Have a call done."""
        self._submitted.put(call)
        self._wake()

    def limit_workers(self, workers: int) -> None:
        """Let no more than this number of workers live."""
        self.workers = min(self.workers, workers)
        self._wake()

    def stop(self) -> None:
        """Let `run` kill the workers and return."""
        self._stopping = True
        self._wake()

    @property
    def in_progress(self) -> Advance:
        """How far all calls are together that workers have at the moment."""
        return add_advances([*self._workers])

    def close(self) -> None:
        """Give back threads and descriptors; `run` does so at its end."""
        self.launcher.close()
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._selector.close()
                os.close(self._wake_read)
                os.close(self._wake_write)

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):  # it is full, so the thread will wake
            if not self._is_closed:
                os.write(self._wake_write, b"\0")

    # for one thread

    def run(self) -> None:
        """Work until `stop` is called."""
        signal.pthread_sigmask(signal.SIG_BLOCK, DRIVER_SIGNALS)  # the main thread takes them
        try:
            while not self._stopping:
                self._take_submitted()
                self._take_launched()
                self._check_launch()
                self._start_workers()
                self._end_unwanted()
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
                self._has_given_up = False  # whoever submits more may see it tried once more

    def _in(self, *states: State) -> list[Member]:
        return [worker for worker in self._workers if worker.state in states]

    # starting

    def _start_workers(self) -> None:
        """Start what is missing, though no more at a time than there are processors, so that the first is ready soon.

        A worn worker goes on until its successor is ready.
        """
        now_s = time.monotonic()
        if self._launch_deadline_s is not None or self._has_given_up or self._starts.next_s > now_s:
            return
        if sum(map(self._counts, self._workers)) < self.workers and len(self._in(State.STARTING)) < self._max_starting:
            self._launch_deadline_s = now_s + LAUNCH_TIMEOUT_S
            self.launcher.request()

    def _take_launched(self) -> None:
        """Take the process that was asked for."""
        with contextlib.suppress(Empty):
            result = self.launcher.results.get_nowait()
            self._launch_deadline_s = None
            if isinstance(result, OSError):
                self._start_failed(f"failed: {result.strerror or result}", limit=result.errno)
                return
            worker = Member(result, deadline_s=time.monotonic() + self._starts.timeout_s, oom_kills=oom_kills())
            self._workers.append(worker)
            self._selector.register(result.channel, selectors.EVENT_READ, worker)

    def _check_launch(self) -> None:
        """Kill a process that does not come to execute the interpreter, and start no other one until it is gone."""
        if self._launch_deadline_s is None:
            return
        how = f"could not execute {sys.executable} within {LAUNCH_TIMEOUT_S:.0f} s"
        if time.monotonic() >= self._launch_deadline_s:
            self._launch_deadline_s = math.inf
            self.launcher.kill_newborn({worker.process.pid for worker in self._workers})
            self.start_problem = f"the last worker process {how}"
        if math.isinf(self._launch_deadline_s) and not self._workers and not self._has_given_up:
            self._starts.failed(how, num_proven=0)
            self._give_up()

    @staticmethod
    def _counts(worker: Member) -> bool:
        """Tell whether no other one is to be started in its place yet."""
        if worker.state is State.ENDING:  # whether it is a failed start will be known when it has ended
            return not (worker.num_answers or worker.is_unwanted)
        return not worker.is_worn

    def _start_failed(self, how: str, *, limit: int | None = None, slow: bool = False) -> None:
        """Try again a little later, or report that none can be started."""
        ready = self._in(State.IDLE, State.BUSY)
        num_ready = len(ready)
        num_proven = sum(worker.num_answers > 0 for worker in ready)
        self._starts.failed(how, num_proven=num_proven, limit=limit, slow=slow)
        if how == KILLED_FOR_MEMORY:
            self.workers = max(1, num_ready or self.workers // 2)
        if self._starts.met_limit:
            self._max_starting = 1
        if num_ready:
            self.start_problem = self.start_problem or self._starts.problem(num_ready, self._asked)
        elif self._starts.is_hopeless and not len(self._in(State.STARTING)):
            self._give_up()

    def _give_up(self) -> None:
        """Report to whoever waits that no worker can be started."""
        error = self._starts.error()
        self._starts.succeeded()
        self._has_given_up = True
        self._fail_waiting(error)

    def _fail_waiting(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
        while self._queue:
            self._queue.popleft().future.set_exception(error)

    # ending

    def _end_unwanted(self) -> None:
        """End idle workers beyond those that are wanted: worn ones whose successors are ready, then any.

        A successor stays while the worn one is busy with its last call.
        """
        ready = self._in(State.IDLE, State.BUSY)
        num_extra = len(ready) - self.workers
        num_extra_fresh = sum(not worker.is_worn for worker in ready) - self.workers
        for worker in sorted(self._in(State.IDLE), key=lambda worker: not worker.is_worn):
            if num_extra <= 0 or not (worker.is_worn or num_extra_fresh > 0):
                return
            num_extra -= 1
            num_extra_fresh -= not worker.is_worn
            worker.is_unwanted = True
            worker.kill()
            self._await_exit(worker)

    def _await_exit(self, worker: Member) -> None:
        if worker.state is not State.ENDING:
            self._selector.unregister(worker.process.channel)
            worker.state = State.ENDING
            worker.deadline_s = time.monotonic() + EXIT_TIMEOUT_S

    def _reap(self) -> None:
        for worker in self._in(State.ENDING):
            if worker.process.has_ended():
                self._ended(worker)
            elif time.monotonic() < worker.deadline_s:
                continue
            elif worker.is_killed:  # not even that ends it, as while it waits for a dead disk
                self._ended(worker)
            else:  # it has closed its connection and goes on
                worker.kill()
                worker.deadline_s += EXIT_TIMEOUT_S

    def _ended(self, worker: Member) -> None:
        """Forget a worker that has ended, and report the loss of its call."""
        self._workers.remove(worker)
        loss = worker.loss()
        worker.process.close()
        if worker.is_unwanted:
            return
        call, worker.call = worker.call, None
        if call is not None:
            call.future.set_exception(loss)
            return
        self.deaths.put(loss)
        if not worker.num_answers:  # one that dies as soon as it is ready is no better
            exit_code, stderr = worker.process.exit_code, loss.stderr
            how = f"ended with {how_it_ended(exit_code)}" + (f": {last_line(stderr)}" if stderr else "")
            if loss.for_memory:
                self._start_failed(KILLED_FOR_MEMORY, limit=errno.ENOMEM)
            else:
                self._start_failed(how, slow=worker.is_overdue)

    # calls

    def _dispatch(self) -> None:
        idle = sorted(self._in(State.IDLE), key=lambda worker: worker.is_worn)
        for worker in idle:
            if not self._queue:
                return
            call = self._queue.popleft()
            worker.begin(call, next(self._numbers))
            self._send(worker, Call(worker.number, call.task))

    def _send(self, worker: Member, call: Call | None = None) -> None:
        channel = worker.process.channel
        try:
            channel.send(call)
        except OSError:
            self._await_exit(worker)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.has_unsent else 0)
        self._selector.modify(channel, events, worker)

    def _wait(self) -> None:
        """Wait for messages, for what another thread wants, or for the next deadline, and take the messages."""
        began_s = time.monotonic()
        until_s = min(self._deadlines(), default=None)
        timeout_s = None if until_s is None else min(max(0.0, until_s - began_s), MAX_TIMEOUT_S)
        for key, events in self._selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 1 << 16)
            elif events & selectors.EVENT_READ:
                self._receive(key.data)
            else:
                self._send(key.data)
        overslept_s = 0.0 if timeout_s is None else time.monotonic() - began_s - timeout_s
        if overslept_s > MAX_OVERSLEEP_S:
            for worker in self._workers:
                worker.postpone(overslept_s)

    def _deadlines(self) -> Iterator[float]:
        """Yield the times at which something is to be done, by `time.monotonic`."""
        for worker in self._workers:
            if worker.state is not State.IDLE:
                yield min(worker.deadline_s, worker.step_deadline_s)
                yield time.monotonic() + STOPPED_TICK_S
            if worker.state is State.ENDING:
                yield time.monotonic() + EXIT_TICK_S
        if self._starts.next_s > time.monotonic():
            yield self._starts.next_s
        if self._launch_deadline_s is not None:
            yield self._launch_deadline_s

    def _receive(self, worker: Member) -> None:
        try:
            for message in worker.process.channel.receive():
                self._take(worker, message)
        except EOFError:
            self._await_exit(worker)
        except Malformed:
            worker.kill()
            self._await_exit(worker)

    def _take(self, worker: Member, message: Any) -> None:
        """Take one message.

        Raises
        ------
        Malformed
            It is none that the worker could send now.
        """
        number = getattr(message, "number", 0)
        if isinstance(message, Ready) and worker.state is State.STARTING:
            worker.state = State.IDLE
            if not self.ready.done():
                self.ready.set_result(None)
        elif worker.state is not State.BUSY or number != worker.number:
            raise Malformed
        elif isinstance(message, Progress):
            worker.step_deadline_s = time.monotonic() + message.allowed_s + GRACE_S
        elif isinstance(message, Advanced):
            worker.advance = Advance(message.num_items, message.audio_s)
        elif isinstance(message, Answer) and worker.call is not None:
            future, worker.call = worker.call.future, None
            worker.state = State.IDLE
            worker.is_worn |= message.is_worn
            worker.num_answers += 1
            if worker.num_answers == 1:  # those of workers that live long say nothing about starts
                self._starts.succeeded()
                self.start_problem = ""
            if message.error is None:
                future.set_result(message.result)
            else:
                future.set_exception(message.error)
        else:
            raise Malformed

    def _check_deadlines(self) -> None:
        for worker in self._in(State.STARTING, State.BUSY):
            is_overdue = time.monotonic() >= min(worker.deadline_s, worker.step_deadline_s)
            if is_overdue or self._is_stopped_for_long(worker):
                worker.is_overdue = is_overdue
                worker.kill()
                self._await_exit(worker)

    def _is_stopped_for_long(self, worker: Member) -> bool:
        """Tell whether somebody stopped it and not the whole group, so that its deadline need not be waited for."""
        if not worker.process.is_stopped():
            worker.stopped_since_s = None
            return False
        now_s = time.monotonic()
        if worker.stopped_since_s is None:
            worker.stopped_since_s = now_s
        return now_s - worker.stopped_since_s >= STOPPED_S

    def _shut_down(self) -> None:
        """Kill all workers, wait until they have ended, and report that nothing more comes back."""
        self.launcher.close()
        if self._launch_deadline_s is not None:
            self.launcher.kill_newborn({worker.process.pid for worker in self._workers})
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
            time.sleep(EXIT_TICK_S if self._workers else 0)
        self.launcher.join(2 * EXIT_TIMEOUT_S)
        self._take_submitted()
        self._fail_waiting(BatchLost("the engine was stopped"))
