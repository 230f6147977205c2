"""One shard: its connections, and whether it is there.

A shard that is paused answers nothing, and no driver notices. So every use of a connection has a deadline: when it has
passed, the connection is shut down from outside, and whoever waits on it gets an error. Connections are made by threads
of their own, for whose patience nobody waits.

What was sent to a shard that was silent may be carried out much later. So no message both decides and commits: a
COMMIT is sent only when all before it was answered, and so under the locks of what it wrote.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg

MOST = 60
"""Connections to one shard. The contract allows 30, and some that we gave up may be there still."""
PROBE_EVERY = 0.5
LEAST_PROBE, LONGEST_PROBE = 0.5, 1.5
"""Seconds that a probe may take."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS public.records (key text PRIMARY KEY, value jsonb NOT NULL, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.graves (key text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.decisions (name text PRIMARY KEY);
"""
Connection = psycopg.Connection[tuple[object, ...]]
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)


class Unavailable(Exception):
    """The shard did not answer in time, or the connection broke. What was asked may have been done."""


class Shard:
    """Args: its id, where it is, and how many seconds one use may take."""

    def __init__(self, name: str, dsn: str, patience: float) -> None:
        self.name = name
        self.dsn = dsn
        self.is_down = False
        # Who waits for a shard that is down is in nobody's way: each has its own threads.
        self.askers = ThreadPoolExecutor(MOST, thread_name_prefix=name)
        self._patience = patience
        self._idle: list[Connection] = []
        self._busy: dict[Connection, float] = {}
        self._making = 0
        self._changed = threading.Condition()
        self._has_schema = False
        self._answered = 0.0
        self._look = threading.Event()
        self._left = threading.Event()
        for work in (self._watch, self._probe):
            threading.Thread(target=work, daemon=True).start()

    @contextlib.contextmanager
    def use(self, deadline: float | None = None) -> Iterator[Connection]:
        """A connection on which each statement is a transaction. Raises `Unavailable`."""
        if self.is_down:
            raise Unavailable(self.name)
        latest = time.monotonic() + self._patience
        with self._connection(latest if deadline is None else min(latest, deadline)) as connection:
            yield connection

    @contextlib.contextmanager
    def transaction(self, deadline: float | None = None) -> Iterator[Connection]:
        """A transaction, committed at the end. Raises `Unavailable`."""
        with self.use(deadline) as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def leave(self) -> None:
        """It is none of ours any more."""
        self._left.set()
        self._throw_away()

    @contextlib.contextmanager
    def _connection(self, deadline: float) -> Iterator[Connection]:
        connection = self._take(deadline)
        try:
            yield connection
            self._answered = time.monotonic()
        except BROKEN as error:
            raise Unavailable(self.name) from error
        finally:
            self._give_back(connection)

    def _take(self, deadline: float) -> Connection:
        with self._changed:
            while not self._idle:
                if self._making + len(self._busy) < MOST:
                    self._making += 1
                    threading.Thread(target=self._make, daemon=True).start()
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise Unavailable(self.name)
            connection = self._idle.pop()
            self._busy[connection] = deadline
            return connection

    def _give_back(self, connection: Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.rollback()
        with self._changed:
            # Whatever `_watch` has shut down is of no use to anybody, though the driver may not know it yet.
            was_late = self._busy.pop(connection, None) == float("inf")
            if was_late or connection.closed or self._left.is_set():
                connection.close()
            else:
                self._idle.append(connection)
            self._changed.notify()

    def _make(self) -> None:
        made: Connection | None = None
        patience = int(self._patience * 1000)
        # A lock is waited for a little less long than an answer. A transaction of ours whose end gets lost ends itself.
        options = f"-c lock_timeout={patience * 4 // 5} -c idle_in_transaction_session_timeout={patience + 2000}"
        try:
            made = psycopg.connect(self.dsn, connect_timeout=2, autocommit=True, options=options)
            if not self._has_schema:
                # Two routers may begin at once, and CREATE TABLE IF NOT EXISTS is no lock.
                with made.transaction():
                    made.execute("SELECT pg_advisory_xact_lock(1)")
                    made.execute(SCHEMA)
                self._has_schema = True
        except psycopg.Error:
            time.sleep(0.05)
            made = None
        with self._changed:
            self._making -= 1
            if made is not None:
                self._idle.append(made)
            self._changed.notify_all()

    def _watch(self) -> None:
        """Shut down what is over its deadline; whoever is so late is taken for down until it answers a probe."""
        while not self._left.wait(0.02):
            now = time.monotonic()
            with self._changed:
                late = [connection for connection, deadline in self._busy.items() if deadline < now]
                for connection in late:
                    self._busy[connection] = float("inf")
                    _shut_down(connection)
            if late:
                self.is_down = True
                self._look.set()

    def _probe(self) -> None:
        """Whether it is there; what waits in the pool is thrown away when it is not."""
        patience = min(max(self._patience, LEAST_PROBE), LONGEST_PROBE)
        while not self._left.is_set():
            self._look.clear()
            began = time.monotonic()
            try:
                with self._connection(began + patience) as connection:
                    connection.execute("SELECT 1")
                self.is_down = False
            except Unavailable:
                self.is_down = self._answered < began  # else it is only busy
                self._throw_away()
            self._look.wait(0.1 if self.is_down else PROBE_EVERY)

    def _throw_away(self) -> None:
        with self._changed:
            idle, self._idle = self._idle, []
        for connection in idle:
            _shut_down(connection)
            connection.close()


def _shut_down(connection: Connection) -> None:
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as doubled,
    ):
        doubled.shutdown(socket.SHUT_RDWR)
