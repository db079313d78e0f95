"""Messages between driver and worker over a socket pair.

The driver's end never blocks, so that a worker that stops in the middle of a message delays no other worker.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from melcli.errors import MelcliError

__all__ = [
    "Advanced",
    "Answer",
    "Call",
    "Channel",
    "MalformedMessage",
    "Message",
    "Progress",
    "Ready",
    "WorkerEnd",
    "pack",
]

HEADER = struct.Struct("!Q")
READ_BYTES = 1 << 18
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # a program that imports melcli may not ignore SIGPIPE
# The errors of `pickle.loads` for bytes that a process with damaged memory may send.
_UNPICKLING_ERRORS = (
    *(pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError),
    *(TypeError, ValueError),
)


class MalformedMessage(Exception):
    """The other end has sent bytes that are not a message, or an unexpected message."""


class Call(NamedTuple):
    """A call for a worker; messages about it contain the same number.

    Attributes
    ----------
    number : int
        The number of the call, unique in a run.
    task : bytes
        A function and its argument, from `pack`.
    """

    number: int
    task: bytes

    def run(self) -> Any:
        """Call the function."""
        function, argument = pickle.loads(self.task)  # noqa: S301  from melcli's own process
        return function(argument)


def pack(function: Callable[[Any], Any], argument: Any) -> bytes:
    """Return the task of a `Call`."""
    return pickle.dumps((function, argument), protocol=pickle.HIGHEST_PROTOCOL)


class Ready(NamedTuple):
    """The worker has finished its imports and can process calls."""


class Progress(NamedTuple):
    """The worker starts a step of a call that may take ``allowed_s`` seconds."""

    number: int
    allowed_s: float


class Advanced(NamedTuple):
    """How far the worker is with a call: finished items, and seconds of processed audio."""

    number: int
    num_items: int
    audio_s: float


class Answer(NamedTuple):
    """The result of a call.

    Attributes
    ----------
    number : int
        The number of the call.
    result : object
        The result of the function.
    error : MelcliError or None
        The error of the function.  Any other exception ends the process, with its traceback on standard error.
    needs_replacement : bool
        Whether another process should replace this one, after many items or much memory growth.
    """

    number: int
    result: Any = None
    error: MelcliError | None = None
    needs_replacement: bool = False


Message = Ready | Progress | Advanced | Answer


class Channel:
    """The driver's end; it never blocks."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._decoder = _Decoder()
        self._unsent = bytearray()

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._end.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether a part of a call is still unsent because the worker has not read yet."""
        return bool(self._unsent)

    def send(self, call: Call | None = None) -> None:
        """Send unsent bytes and then a call, as far as the socket accepts them.

        Raises
        ------
        OSError
            The worker has closed its end.
        """
        if call is not None:
            self._unsent += _encode(call)
        try:
            while self._unsent:
                del self._unsent[: self._end.send(self._unsent, NO_SIGNAL)]
        except BlockingIOError:
            pass

    def receive(self) -> list[Any]:
        """Return all messages that have arrived completely.

        Raises
        ------
        EOFError
            The worker has closed its end, and all its messages were received.
        MalformedMessage
            The worker has sent bytes that are not a message.
        """
        messages: list[Any] = []
        while True:
            try:
                data = self._end.recv(READ_BYTES)
            except BlockingIOError:
                return messages
            except ConnectionError:
                data = b""
            if not data:
                if messages:
                    return messages  # the next call raises EOFError
                raise EOFError
            messages += self._decoder.add(data)

    def close(self) -> None:
        """Close the connection, which ends the worker."""
        self._end.close()


class WorkerEnd:
    """The worker's end; it blocks."""

    def __init__(self, descriptor: int) -> None:
        self._end = socket.socket(fileno=descriptor)
        self._decoder = _Decoder()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._end.fileno()

    def send(self, message: Message) -> None:
        """Send a message."""
        self._end.sendall(_encode(message))

    def calls(self) -> Iterator[Call]:
        """Yield calls until the driver closes the connection."""
        while data := self._end.recv(READ_BYTES):
            yield from self._decoder.add(data)


class _Decoder:
    """Splits received bytes into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> Iterator[Any]:
        self._data += data
        while len(self._data) >= HEADER.size:
            (size,) = HEADER.unpack_from(self._data)
            end = HEADER.size + size
            if len(self._data) < end:
                return
            message = bytes(self._data[HEADER.size : end])
            del self._data[:end]
            try:
                yield pickle.loads(message)  # noqa: S301  from melcli's own process, over an unnamed socket
            except _UNPICKLING_ERRORS as error:
                raise MalformedMessage(f"a message of {size} bytes cannot be read: {error!r}") from error


def _encode(message: Call | Message) -> bytes:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data
