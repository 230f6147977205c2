"""Windows of load: a closed loop, or an open schedule that all users share.

Closed: every user asks again as soon as it is answered; that measures capacity, and says nothing about latency (a frozen
service is asked less, so its worst moments are missed). Open: request n is due at t0 + n / rate, whoever sends it, and
its latency counts from when it was *due*; measured against arithmetic this is right within a few per cent.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.loadtest.connection import Connection
    from labrunner.loadtest.exchange import Request

PATIENCE = 2.0
"""Seconds after which a request without an answer is given up: its outcome is unknown."""
GRACE = 1.0
"""Seconds after the end of an open schedule in which late requests are still sent."""
LEAD = 0.01
_TICK = 0.01


class Asking(Protocol):
    """A user, as a window sees it."""

    def connection(self, side: str, address: tuple[str, int]) -> Connection:
        """Its connection to a side."""

    def ask(self, connection: Connection, request: Request, due: float = 0.0, was_waiting: bool = False) -> None:
        """Send one request and wait for its answer."""


class Window(Protocol):
    """A time in which users ask."""

    def drive(self, user: Asking) -> None:
        """What one user does in it."""

    def leave(self) -> None:
        """That user is through."""


class Driver:
    """Lets the users into one window after another.

    Attributes:
        connections: of all users, watched for answers that do not come.
        stall: seconds; the longest that this process was not scheduled in the last window.
        share: of a core that this process used or waited for in the last window.
        cpu: seconds that it used.
    """

    def __init__(self, users: int) -> None:
        self.connections: list[Connection] = []
        self.stall = self.share = self.cpu = 0.0
        self._users = users
        self._gate = Event()
        self._window: Window | None = None
        self._waiting = 0
        gevent.spawn(self._watch)

    def enter(self) -> Window:
        """Wait for the next window."""
        gate = self._gate
        self._waiting += 1
        gate.wait()
        self._waiting -= 1
        assert self._window is not None
        return self._window

    def gather(self) -> None:
        """Wait until every user waits at the gate."""
        while self._waiting < self._users:
            gevent.sleep(0.001)

    def run(self, window: Closed | Scheduled) -> None:
        """One window, from its opening until the last user has left."""
        self.gather()
        self.stall, before, began = 0.0, _strain(), time.monotonic()
        gate, self._gate, self._window = self._gate, Event(), window
        window.open(self._users)
        gate.set()
        window.is_over.wait()
        after = _strain()
        self.cpu = after[0] - before[0]
        self.share = (sum(after) - sum(before)) / (time.monotonic() - began)

    def _watch(self) -> None:
        while True:
            due = time.monotonic() + _TICK
            gevent.sleep(_TICK)
            now = time.monotonic()
            self.stall = max(self.stall, now - due)
            for connection in self.connections:
                if connection.since and now - connection.since > PATIENCE:
                    connection.give_up()


def _strain() -> tuple[float, float]:
    """Seconds of CPU time that this process used, and seconds for which it was ready but not scheduled (Linux)."""
    times = os.times()
    try:
        waited = int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        waited = 0.0
    return times.user + times.system, waited


class _Counted:
    """A window that knows when its last user has left."""

    def __init__(self) -> None:
        self.is_over = Event()
        self._left = 0

    def open(self, users: int) -> None:
        """It begins, with so many users."""
        self._left = users

    def leave(self) -> None:
        """One user is through."""
        self._left -= 1
        if not self._left:
            self.is_over.set()


class Closed(_Counted):
    """A closed loop.

    Attributes:
        began, ended: monotonic; when users might begin to ask, and when no more.
    """

    def __init__(self, side: str, address: tuple[str, int], plan: Iterator[Request], seconds: float) -> None:
        super().__init__()
        self._side = side
        self._address = address
        self._plan = plan
        self._seconds = seconds
        self._is_open = True
        self.began = self.ended = 0.0

    def open(self, users: int) -> None:
        """It begins."""
        super().open(users)
        self.began = time.monotonic()
        gevent.spawn_later(self._seconds, self._close)

    def _close(self) -> None:
        self._is_open = False
        self.ended = time.monotonic()

    def drive(self, user: Asking) -> None:
        """Ask until the window closes."""
        connection = user.connection(self._side, self._address)
        plan, ask = self._plan, user.ask
        while self._is_open:
            ask(connection, next(plan))


class Scheduled(_Counted):
    """An open schedule.

    Attributes:
        began: monotonic; when the first request is due.
        total: how many are due.
    """

    def __init__(
        self, side: str, address: tuple[str, int], plan: Iterator[Request], seconds: float, rate: float
    ) -> None:
        super().__init__()
        self._side = side
        self._address = address
        self._plan = plan
        self._rate = rate
        self._numbers = itertools.count()
        self._seconds = seconds
        self.began = 0.0
        self.total = int(seconds * rate)

    def open(self, users: int) -> None:
        """It begins, a moment from now."""
        super().open(users)
        self.began = time.monotonic() + LEAD

    def drive(self, user: Asking) -> None:
        """Take the next request that is due, wait for its moment, send it; until none is left."""
        connection = user.connection(self._side, self._address)
        last = self.began + self._seconds + GRACE
        while (number := next(self._numbers)) < self.total:
            due = self.began + number / self._rate
            now = time.monotonic()
            if now > last:
                return
            if due > now:
                gevent.sleep(due - now)
            user.ask(connection, next(self._plan), due, was_waiting=due > now)
