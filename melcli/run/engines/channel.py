"""Messages between driver and worker over a socket pair.

The driver's end never blocks, so that a worker that is stopped in the middle of a message delays no other.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from melcli.errors import MelcliError

__all__ = ["Advanced", "Answer", "Call", "Channel", "Malformed", "Message", "Progress", "Ready", "WorkerEnd", "pack"]

HEADER = struct.Struct("!Q")
READ_BYTES = 1 << 18
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # a program that uses melcli may not ignore SIGPIPE
# What `pickle.loads` raises for bytes that a process with damaged memory may send.
_MALFORMED = (
    *(pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError),
    *(TypeError, ValueError),
)


class Malformed(Exception):
    """The other end has sent what is no message."""


class Call(NamedTuple):
    """What a worker is asked to do; messages about it carry the same number.

    Attributes
    ----------
    number : int
        Each call of a run has another one.
    task : bytes
        A function and its argument, as `pack` has made them.
    """

    number: int
    task: bytes

    def do(self) -> Any:
        """Call the function."""
        function, argument = pickle.loads(self.task)  # noqa: S301  from our own process
        return function(argument)


def pack(function: Callable[[Any], Any], argument: Any) -> bytes:
    """Make the task of a `Call`."""
    return pickle.dumps((function, argument), protocol=pickle.HIGHEST_PROTOCOL)


class Ready(NamedTuple):
    """The worker has imported what it needs."""


class Progress(NamedTuple):
    """The worker begins a step of a call that may take ``allowed_s`` seconds."""

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
        That of the call.
    result : object
        What the function returned.
    error : MelcliError or None
        What it raised on purpose.  Any other exception ends the process, with its traceback on standard error.
    is_worn : bool
        The process has done so much, or grown so large, that another one should replace it.
    """

    number: int
    result: Any = None
    error: MelcliError | None = None
    is_worn: bool = False


Message = Ready | Progress | Advanced | Answer


class Channel:
    """The driver's end."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._received = _Received()
        self._unsent = bytearray()

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._end.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether a part of a call waits until the worker reads."""
        return bool(self._unsent)

    def send(self, call: Call | None = None) -> None:
        """Send a call, after what is still unsent, as far as the socket takes it.

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
            The worker has closed its end, and all that it sent before was received.
        Malformed
            It has sent something else.
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
                    return messages  # the end is found again by the next call
                raise EOFError
            messages += self._received.add(data)

    def close(self) -> None:
        """Close the connection; the worker ends when it finds out."""
        self._end.close()


class WorkerEnd:
    """The worker's end; it blocks."""

    def __init__(self, descriptor: int) -> None:
        self._end = socket.socket(fileno=descriptor)
        self._received = _Received()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._end.fileno()

    def send(self, message: Message) -> None:
        """Send a message."""
        self._end.sendall(_encode(message))

    def calls(self) -> Iterator[Call]:
        """Yield calls until the driver closes the connection."""
        while data := self._end.recv(READ_BYTES):
            yield from self._received.add(data)


class _Received:
    """Cuts what was received into messages."""

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
                yield pickle.loads(message)  # noqa: S301  from our own process, over an unnamed socket
            except _MALFORMED as error:
                raise Malformed(f"a message of {size} bytes cannot be read: {error!r}") from error


def _encode(message: Call | Message) -> bytes:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data
