"""The runner's end of the witness: asks it every 50 ms, and remembers how long each answer took."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.05
REMEMBERED = 20_000
"""Answers; about a quarter of an hour."""


class EchoWitness:
    """Satisfies `labrunner.ports.Witness` with a service that answers each byte with one byte.

    Args:
        end: ends that service.
        host: where it listens, or soon will.
        port: as `host`.
    """

    def __init__(self, end: Callable[[], None], host: str, port: int) -> None:
        self._end = end
        self._address = (host, port)
        self._answers: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._due: float | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._thread.start()

    def worst(self, since: float, until: float) -> float:
        with self._lock:
            delays = [back - due for due, back in self._answers if due <= until and back >= since]
            if self._due is not None and self._due <= until:
                delays.append(time.monotonic() - self._due)
        # With not one answer to look at, the witness says nothing good about the machine.
        return max(delays, default=float("inf"))

    def close(self) -> None:
        self._closing.set()
        self._end()
        self._thread.join(1.0)

    def _watch(self) -> None:
        while not self._closing.wait(INTERVAL):
            with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=30) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while not self._closing.is_set() and self._ask(connection):
                    pass

    def _ask(self, connection: socket.socket) -> bool:
        """Ask once, when it is due; a delay counts from then, so that a stall of the runner itself counts too.

        An answer that does not come (the witness is gone, or a port proxy accepted for nobody) stays due until one does.
        """
        with self._lock:
            self._due = self._due or time.monotonic() + INTERVAL
            due = self._due
        if self._closing.wait(INTERVAL):
            return False
        connection.sendall(b"?")
        answer = connection.recv(1)
        if answer:
            with self._lock:
                self._answers.append((due, time.monotonic()))
                self._due = None
        return bool(answer)
