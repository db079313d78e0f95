"""Messages between the driver and a worker: whole, in order, and never a wait in the driver."""

from __future__ import annotations

import operator
import pickle
import socket
from collections.abc import Iterator

import pytest

from melcli.run.engines.channel import HEADER, Answer, Call, Channel, MalformedMessage, Progress, Ready, WorkerEnd, pack


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """The driver's channel, and the worker's end as a bare socket."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    yield channel, theirs
    channel.close()
    theirs.close()


def encoded(message: object) -> bytes:
    data = pickle.dumps(message)
    return HEADER.pack(len(data)) + data


def test_a_call_is_done_by_who_takes_it() -> None:
    assert Call(3, pack(operator.neg, 5)).run() == -5


def test_messages_come_whole_and_in_order_however_they_are_cut(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    messages = [Ready(), Progress(1, 2.5), Answer(1, {"a": b"x" * 1000}), Answer(2, None, None, True)]
    data = b"".join(map(encoded, messages))
    received = []
    for start in range(0, len(data), 7):
        theirs.sendall(data[start : start + 7])
        received += channel.receive()
    assert received == messages
    assert channel.receive() == []


def test_what_was_sent_before_the_end_is_received_first(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    channel.send(Call(1, b""))  # unread, so that the system reports a reset rather than an end
    theirs.sendall(encoded(Ready()) + encoded(Answer(1, "done")) + b"half")
    theirs.close()
    assert channel.receive() == [Ready(), Answer(1, "done")]
    with pytest.raises(EOFError):
        channel.receive()


@pytest.mark.parametrize("data", [b"\x80\x05garbage", b"", b"cno_such_module\nthing\n.", pickle.dumps(Ready())[:-3]])
def test_what_cannot_be_unpickled_is_malformed(ends: tuple[Channel, socket.socket], data: bytes) -> None:
    channel, theirs = ends
    theirs.sendall(HEADER.pack(len(data)) + data)
    with pytest.raises(MalformedMessage):
        channel.receive()


def test_a_call_that_the_worker_does_not_read_is_sent_as_far_as_the_socket_takes_it(
    ends: tuple[Channel, socket.socket],
) -> None:
    channel, theirs = ends
    channel.send(Call(1, b"x" * 5_000_000))
    assert channel.has_unsent
    received = 0
    while channel.has_unsent:
        received += len(theirs.recv(1 << 20))
        channel.send()
    theirs.setblocking(False)
    while True:
        try:
            received += len(theirs.recv(1 << 20))
        except BlockingIOError:
            break
    assert received == len(encoded(Call(1, b"x" * 5_000_000)))


def test_the_worker_takes_calls_until_the_driver_ends() -> None:
    ours, theirs = socket.socketpair()
    channel, end = Channel(ours), WorkerEnd(theirs.detach())
    for number in (1, 2):
        channel.send(Call(number, pack(operator.neg, number)))
    channel.close()
    assert [(call.number, call.run()) for call in end.calls()] == [(1, -1), (2, -2)]
    end._end.close()
