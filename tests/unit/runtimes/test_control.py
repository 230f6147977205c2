"""The runner's end of a companion's control channel, with a server that answers as it is told."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from labrunner.ports import CannotTell, ControlFailed
from labrunner.runtimes.control import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], Channel]]:
    """A channel to a server that answers one request with those bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(answer: bytes) -> Channel:
            def once() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

            threading.Thread(target=once, daemon=True).start()
            return Channel("token", address=server.getsockname())

        yield serve


def test_what_is_answered_is_returned(answering: Callable[[bytes], Channel]) -> None:
    """JSON, whatever headers come with it, in whichever pieces."""
    body = b'{"a": "\xc3\xa4"}'
    answer = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: %d\r\nDate: y\r\n\r\n%s" % (len(body), body)
    assert answering(answer).ask("GET", "/x", None, 10) == {"a": "ä"}


@pytest.mark.parametrize(
    "answer, says",
    [
        (b"", "its answer broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n12", "its answer broke off"),
        (b"HTTP/1.1 200 OK\r\n\r\n12", "its answer broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "does not answer"),
        (b'HTTP/1.1 404 No\r\nContent-Length: 14\r\n\r\n{"error": "x"}', "/x: x"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", "/x: 500"),
    ],
)
def test_what_is_no_answer_has_failed(answering: Callable[[bytes], Channel], answer: bytes, says: str) -> None:
    """Half of an answer is none, though it might be read as one."""
    with pytest.raises(ControlFailed, match=says):
        answering(answer).ask("GET", "/x", None, 10)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/\0", "/ä"])
def test_a_path_that_is_none_is_not_sent(path: str) -> None:
    """Its author is told; no header is smuggled in."""
    with pytest.raises(ControlFailed, match=r"white space|ascii"):
        Channel("token").ask("GET", path, None, 10)


def test_nobody_there_has_failed() -> None:
    """Refused; and waiting for somebody comes to an end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        channel = Channel("token", address=free.getsockname())
        with pytest.raises(ControlFailed, match="refused"):
            channel.ask("GET", "/x", None, 10)
        assert not channel.wait(time.monotonic() + 0.02)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """The path of a socket whose owner stands still: the kernel connects, and nobody answers."""
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        yield path


def test_a_companion_that_stands_still_is_no_mistake_of_anybodys(silent: Path) -> None:
    """C-24: a try that meets it is undecided; the check is not errored."""
    with pytest.raises(CannotTell, match=r"POST /plan: the companion did not answer for 0\.05 s"):
        Channel("token", silent).ask("POST", "/plan", {}, timeout=0.05)


def test_a_companion_that_is_not_there_is_its_authors_mistake(tmp_path: Path) -> None:
    """Nobody listens, so nobody will answer later either."""
    with pytest.raises(ControlFailed, match="POST /plan: the companion does not answer"):
        Channel("token", tmp_path / "nobody").ask("POST", "/plan", {}, timeout=5.0)
