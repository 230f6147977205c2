"""The forwarder must not be seen: the same bytes, with it and without it, make the same transcripts."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.docker.harness import PROGRAMS, READY, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.docker.harness import Launcher

    Plan = Callable[[socket.socket], bytes]

ENDS = b"<end>"
"""A close and a reset look alike: in Docker a check must not tell them apart."""


def _rest(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            data += more
    return data + ENDS


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def _fragments(connection: socket.socket) -> bytes:
    """One byte at a time, each answered before the next is sent."""
    seen = b""
    for number in range(40):
        connection.sendall(bytes([65 + number]))
        seen += _exactly(connection, 1)
    return seen


def _much(connection: socket.socket) -> bytes:
    """A megabyte, echoed in order."""
    data = bytes(range(256)) * 4096
    seen = b""
    for start in range(0, len(data), 32768):
        connection.sendall(data[start : start + 32768])
        seen += _exactly(connection, 32768)
    return seen


def _client_half_closes(connection: socket.socket) -> bytes:
    """The service still answers after our last byte."""
    connection.sendall(b"abc")
    seen = _exactly(connection, 3)
    connection.shutdown(socket.SHUT_WR)
    return seen + _rest(connection)


def _service_half_closes(connection: socket.socket) -> bytes:
    """We can still send after the service's last byte."""
    connection.sendall(b"!half")
    seen = _rest(connection)
    connection.sendall(b"more")
    return seen


def _service_closes(connection: socket.socket) -> bytes:
    connection.sendall(b"!close")
    return _rest(connection)


def _service_resets(connection: socket.socket) -> bytes:
    connection.sendall(b"!reset")
    return _rest(connection)


def _client_resets(connection: socket.socket) -> bytes:
    connection.sendall(b"abc")
    seen = _exactly(connection, 3)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return seen


def _slow_answer(connection: socket.socket) -> bytes:
    connection.sendall(b"!slow")
    return _exactly(connection, len(b" ".join(b"%d" % n for n in range(20))) + 1)


def _silence(connection: socket.socket) -> bytes:
    """Fifteen seconds without a byte end nothing."""
    connection.sendall(b"before")
    seen = _exactly(connection, 6)
    time.sleep(15)
    connection.sendall(b"after")
    return seen + _exactly(connection, 5)


PLANS: tuple[Plan, ...] = (
    _fragments,
    _much,
    _client_half_closes,
    _service_half_closes,
    _service_closes,
    _service_resets,
    _client_resets,
    _slow_answer,
    _silence,
)


@pytest.fixture
def direct() -> Iterator[tuple[str, int]]:
    """The echo service without any container."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"HOST": "127.0.0.1", "PORT": str(port), "PATH": os.defpath}
    process = subprocess.Popen([sys.executable, str(PROGRAMS / "echo.py")], env=environment)

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_for(answers)
    yield "127.0.0.1", port
    process.kill()
    process.wait()


def _address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def _transcript(address: tuple[str, int], plan: Plan) -> bytes:
    with socket.create_connection(address, 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plan(connection)


def test_transcripts_are_the_same_with_and_without_it(launch: Launcher, direct: tuple[str, int]) -> None:
    """Fragments, much data, half-closes, closes and resets by either side, slowness and silence pass through unchanged."""
    service = launch("echo")
    service.wait_ready(READY)
    through = _address(service.url)
    with ThreadPoolExecutor(2 * len(PLANS)) as pool:
        without = [pool.submit(_transcript, direct, plan) for plan in PLANS]
        with_it = [pool.submit(_transcript, through, plan) for plan in PLANS]
    assert [future.result() for future in with_it] == [future.result() for future in without]
    assert service.epitaph() is None


def test_five_hundred_idle_connections_are_kept(launch: Launcher) -> None:
    """Each of them still answers after all of them were opened."""
    service = launch("echo")
    service.wait_ready(READY)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(_address(service.url), 30)) for _ in range(500)]
        time.sleep(0.5)
        for number, connection in enumerate(idle):
            connection.sendall(b"%03d" % number)
        assert [_exactly(connection, 3) for connection in idle] == [b"%03d" % number for number in range(500)]


def test_a_dead_service_is_closed_at_once(launch: Launcher) -> None:
    """A connection to a killed service ends without a byte; it does not hang."""
    service = launch("echo")
    service.wait_ready(READY)
    service.kill()
    with socket.create_connection(_address(service.url), 30) as connection:
        assert _rest(connection) == ENDS
