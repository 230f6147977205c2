"""Bursts over raw sockets, against servers that answer in every way that HTTP allows, and in some that it does not."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from labrunner.checks import Answer, Ask, Broken, Exceeded, Failed, Service, burst, flood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
TO_THE_END = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok"


class NoBench:
    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError(action)


@contextmanager
def serving(answer: Callable[[bytes], bytes], *, ends: bool = False) -> Iterator[Service]:
    """A server that reads one request at a time, each connection in a thread; `ends` closes after an answer."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve(connection: socket.socket) -> None:
        with connection:
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    data = connection.recv(65536)
                    if not data:
                        return
                    rest += data
                head, _, rest = rest.partition(b"\r\n\r\n")
                connection.sendall(answer(head))
                if ends:
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield Service(NoBench(), "service", f"http://127.0.0.1:{listener.getsockname()[1]}", {})
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _bodies(answers: list[Answer]) -> set[bytes]:
    return {answer.body for answer in answers}


@pytest.mark.parametrize("form, ends", [(OK, False), (CHUNKED, False), (CLOSING, True), (TO_THE_END, True)])
def test_every_form_of_answer_is_read(form: bytes, ends: bool) -> None:
    """Sized, chunked, on a connection that ends: each request has its answer, on fresh connections where needed."""
    with serving(lambda head: form, ends=ends) as service:
        answers = burst(service, [Ask(f"/{number}") for number in range(60)], connections=20)
    assert len(answers) == 60
    assert _bodies(answers) == {b"ok"}
    assert {answer.status for answer in answers} == {200}
    assert [answer.exchange.target for answer in answers] == [f"/{number}" for number in range(60)]
    assert all(answer.sent <= answer.answered for answer in answers)


def test_requests_overlap() -> None:
    """All of them are under way at once: a server that answers only when the last has come is no deadlock."""
    count = 200
    together = threading.Barrier(count, timeout=60)

    def answer(head: bytes) -> bytes:
        together.wait()
        return OK

    with serving(answer) as service:
        answers = burst(service, [Ask("/")] * count, connections=count)
    assert max(one.sent for one in answers) <= min(one.answered for one in answers)


def test_fields_go_with_the_request() -> None:
    """What a check sends, and the run's profile beside it."""
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return OK

    with serving(answer) as service:
        burst(service, [Ask("/resource/a?cost=2", {"X-Client-Id": "~!me"})])
    assert heads[0].startswith(b"GET /resource/a?cost=2 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Client-Id: ~!me" in heads[0]
    assert b"\r\nUser-Agent: lab\r\n" in heads[0]


def test_silence_is_a_deadline() -> None:
    """An answer that does not come ends the try, not the check."""
    over = threading.Event()

    def answer(head: bytes) -> bytes:
        over.wait(60)
        return OK

    with serving(answer) as service, pytest.raises(Exceeded) as caught:
        burst(service, [Ask("/")] * 3, deadline=0.3)
    over.set()
    assert caught.value.deadline == 0.3
    assert "3 of 3" in caught.value.failure.got


def test_a_connection_that_ends_without_an_answer_counts_as_a_deadline_does() -> None:
    """A correct server may end a connection that was idle: not one byte came."""
    with serving(lambda head: b"", ends=True) as service, pytest.raises(Broken) as caught:
        burst(service, [Ask("/")] * 3)
    assert caught.value.deadline > 0


@pytest.mark.parametrize("form", [OK[:-1], b"HELLO\r\n\r\n"])
def test_what_is_no_complete_answer_convicts(form: bytes) -> None:
    """Cut short, or no HTTP at all."""
    with serving(lambda head: form, ends=True) as service, pytest.raises(Broken) as caught:
        burst(service, [Ask("/")] * 3)
    assert caught.value.deadline == 0


def test_nobody_listens() -> None:
    """Refused connections are the service's, and are judged as broken ones."""
    with serving(lambda head: OK) as service:
        pass
    with pytest.raises(Broken):
        burst(service, [Ask("/")])


def test_a_flood_shows_the_answer_that_is_wrong() -> None:
    """Thousands of answers matter only by their status."""
    wrong = OK.replace(b"200 OK", b"429 Too Many Requests")
    with serving(lambda head: wrong if b"/77 " in head else OK) as service:
        flood(service, [Ask(f"/{number}") for number in range(70)], 200, "")
        with pytest.raises(Failed) as caught:
            flood(service, [Ask(f"/{number}") for number in range(100)], 200, "")
    assert caught.value.failure.exchanges[-1].target == "/77"
