"""The client that speaks bytes, against real sockets; its reader of answers beside h11, the second opinion."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import h11
import pytest

from labrunner.checks import Broken, Connection, Exceeded, Failed, message, raw_request
from labrunner.checks.replay import again
from labrunner.rules import transcript

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SHORT = 0.3


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Starts a server that treats one connection after another as told; returns its URL."""
    listeners: list[socket.socket] = []

    def start(treat: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                with accepted:
                    treat(accepted)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


def test_what_is_sent_in_pieces_arrives_whole_and_in_order(serve: Any) -> None:
    """A request cut anywhere is the same request."""
    seen: list[bytes] = []

    def treat(accepted: socket.socket) -> None:
        data = b""
        while not data.endswith(b"end"):
            data += accepted.recv(100)
        seen.append(data)
        accepted.sendall(GOOD)

    with Connection(serve(treat)) as connection:
        reply = connection.send(b"GET / HT", b"TP/1.1\r\n", b"end", gap=0.01).read()
    assert (reply.status, reply.content, seen) == (200, b"hi", [b"GET / HTTP/1.1\r\nend"])
    assert [piece.data for piece in reply.exchange.transcript if piece.is_sent] == [b"GET / HT", b"TP/1.1\r\n", b"end"]


def test_pipelined_answers_are_read_one_by_one(serve: Any) -> None:
    """What is left of a read is the next answer."""

    def treat(accepted: socket.socket) -> None:
        accepted.recv(100)
        accepted.sendall(GOOD + b"HTTP/1.1 204 No Content\r\n\r\n" + GOOD[:-1])
        accepted.sendall(GOOD[-1:])

    with Connection(serve(treat)) as connection:
        connection.send(b"x")
        assert [connection.read().status for _ in range(3)] == [200, 204, 200]


@pytest.mark.parametrize(
    "sent, verdict",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", Broken),
        (b"HTTP/1.1 200 OK\r\nContent-", Broken),
        (b"", Broken),
        (b"hello\r\n\r\n", Failed),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Failed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", Failed),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Failed),
        (b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n", Failed),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Failed),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Failed),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhixx0\r\n\r\n", Failed),
    ],
)
def test_a_broken_answer_ends_the_check(serve: Any, sent: bytes, verdict: type[Exception]) -> None:
    """No check goes on with half an answer, or with what is none."""

    def treat(accepted: socket.socket) -> None:
        accepted.recv(100)
        accepted.sendall(sent)

    with Connection(serve(treat)) as connection, pytest.raises(verdict):
        connection.send(b"x").read()


def test_silence_is_a_deadline_with_the_transcript(serve: Any) -> None:
    """An answer that does not come is no failure by itself, and what was sent is shown."""
    go = threading.Event()
    with Connection(serve(lambda accepted: go.wait(5) and None)) as connection:
        with pytest.raises(Exceeded) as raised:
            connection.send(raw_request("/")).read(deadline=SHORT)
        go.set()
    shown = transcript.lines(raised.value.failure.exchanges[-1].transcript)
    assert shown[0] == "> GET / HTTP/1.1\\r\\n"


def test_the_end_is_seen_and_what_comes_instead_of_it_is_told(serve: Any) -> None:
    """`end` waits for the end, and fails for further bytes."""
    url = serve(lambda accepted: accepted.sendall(GOOD + b"more"))
    with Connection(url) as connection:
        connection.read()
        with pytest.raises(Failed, match="further bytes"):
            connection.end(within=2, why="")
    with Connection(serve(lambda accepted: accepted.sendall(GOOD))) as connection:
        connection.read()
        assert connection.end(within=2, why="") <= time.monotonic()


ANSWERS = [
    GOOD,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=y\r\nyou\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\n\r\n",
]


@pytest.mark.parametrize("data", ANSWERS)
def test_the_reader_agrees_with_h11(data: bytes) -> None:
    """What it takes, h11 takes, with the same status, fields and body, and not one byte earlier."""
    head = message.read_head(data)
    assert head is not None
    body = message.read_body(head, "GET", data[head.length :], has_ended=False)
    assert body is not None
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    first = client.next_event()
    assert isinstance(first, h11.Response | h11.InformationalResponse)
    assert first.status_code == head.status
    assert [(name.lower(), value) for name, value in head.fields] == [
        (name.decode(), value.decode()) for name, value in first.headers
    ]
    content = b""
    while isinstance(event := client.next_event(), h11.Data):
        content += event.data
    assert content == body.content
    for cut in range(len(data)):
        part = message.read_head(data[:cut])
        assert part is None or message.read_body(part, "GET", data[part.length : cut], has_ended=False) is None


def test_a_replay_sends_the_same_pieces_again(serve: Any) -> None:
    """What the server gets the second time is what it got the first time."""
    seen: list[bytes] = []

    def treat(accepted: socket.socket) -> None:
        accepted.settimeout(2)
        data = b""
        while b"\r\n\r\n" not in data:
            data += accepted.recv(100)
        seen.append(data)
        accepted.sendall(GOOD)

    url = serve(treat)
    with Connection(url) as connection:
        reply = connection.send(b"GET / HTTP/1.1\r\n", b"Host: x\r\n\r\n", gap=0.01).read()
    after = again(url, reply.exchange)
    assert seen[0] == seen[1]
    assert b"".join(piece.data for piece in after.transcript if not piece.is_sent) == GOOD
