"""One shard: its connections, and whether it is there.

A shard that is paused answers nothing, and no driver notices. So every use of a connection has a deadline: when it has
passed, the connection is shut down from outside, and whoever waits on it gets an error. Connections are made by threads
of their own, for whose patience nobody waits.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import psycopg

MOST = 24
"""Connections to one shard; the contract allows 30."""
PROBE_EVERY = 0.5
SCHEMA = """
CREATE TABLE IF NOT EXISTS public.records (key text PRIMARY KEY, value jsonb NOT NULL, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.graves (key text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.decisions (name text PRIMARY KEY);
"""
Connection = psycopg.Connection[tuple[object, ...]]


class Unavailable(Exception):
    """The shard did not answer in time, or the connection broke. What was asked may have been done."""


class Shard:
    """Args: its id, where it is, and how many seconds one use may take."""

    def __init__(self, name: str, dsn: str, patience: float) -> None:
        self.name = name
        self.dsn = dsn
        self.is_down = False
        self._patience = patience
        self._idle: list[Connection] = []
        self._busy: dict[Connection, float] = {}
        self._making = 0
        self._changed = threading.Condition()
        self._has_schema = False
        for work in (self._watch, self._probe):
            threading.Thread(target=work, daemon=True).start()

    @contextlib.contextmanager
    def use(self) -> Iterator[Connection]:
        """A transaction, committed at the end. Raises `Unavailable`."""
        if self.is_down:
            raise Unavailable(self.name)
        with self._transaction() as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        deadline = time.monotonic() + self._patience
        connection = self._take(deadline)
        try:
            yield connection
            connection.commit()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
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
            if not connection.closed:
                connection.rollback()
        with self._changed:
            self._busy.pop(connection, None)
            if connection.closed:
                connection.close()
            else:
                self._idle.append(connection)
            self._changed.notify()

    def _make(self) -> None:
        made: Connection | None = None
        try:
            made = psycopg.connect(self.dsn, connect_timeout=2)
            if not self._has_schema:
                # Two routers may begin at once, and CREATE TABLE IF NOT EXISTS is no lock.
                made.execute("SELECT pg_advisory_xact_lock(1)")
                made.execute(SCHEMA)
                made.commit()
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
        """Shut down what is over its deadline."""
        while True:
            time.sleep(0.02)
            now = time.monotonic()
            with self._changed:
                late = [connection for connection, deadline in self._busy.items() if deadline < now]
                for connection in late:
                    self._busy[connection] = float("inf")
                    with contextlib.suppress(OSError, psycopg.Error):
                        _shut_down(connection)

    def _probe(self) -> None:
        """Whether it is there; what waits in the pool is thrown away when it is not."""
        while True:
            try:
                with self._transaction() as connection:
                    connection.execute("SELECT 1")
                self.is_down = False
            except Unavailable:
                self.is_down = True
                with self._changed:
                    idle, self._idle = self._idle, []
                for connection in idle:
                    with contextlib.suppress(OSError, psycopg.Error):
                        _shut_down(connection)
                        connection.close()
            time.sleep(PROBE_EVERY)


def _shut_down(connection: Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as doubled:
        doubled.shutdown(socket.SHUT_RDWR)
