"""One shard: its connections, each use of which has a deadline, and whether it is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
from asking import Refusal

MOST = 12
SCHEMA = """
CREATE TABLE IF NOT EXISTS public.records (key text PRIMARY KEY, value jsonb NOT NULL, version bigint NOT NULL);
CREATE OR REPLACE FUNCTION public.slot_of(key text) RETURNS int LANGUAGE sql IMMUTABLE
  RETURN ('x' || substr(md5(key), 1, 4))::bit(16)::int % 1024;
CREATE OR REPLACE FUNCTION public.microseconds() RETURNS bigint LANGUAGE sql VOLATILE
  RETURN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
CREATE INDEX IF NOT EXISTS records_by_slot ON public.records (public.slot_of(key));
CREATE TABLE IF NOT EXISTS public.arrived (move text, slot int, records int NOT NULL, PRIMARY KEY (move, slot));
"""
GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock was not to be had in time
    asyncpg.InsufficientResourcesError,
)
Connection = asyncpg.Connection


class Unavailable(Exception):
    """It did not answer in time. What was asked may have been done."""


def now() -> float:
    """The loop's clock, in which deadlines are."""
    return asyncio.get_running_loop().time()


class Shard:
    """Args: its id, where it is, and how many seconds one use may take. Needs a running loop."""

    def __init__(self, name: str, dsn: str, patience: float) -> None:
        self.name = name
        self.dsn = dsn
        self.is_down = False
        self._patience = patience
        self._permits = asyncio.Semaphore(MOST)
        self._idle: list[Connection] = []
        self._has_schema = False
        self._answered = 0.0
        self._prober = asyncio.create_task(self._probe())

    @contextlib.asynccontextmanager
    async def use(self, deadline: float = float("inf")) -> AsyncIterator[Connection]:
        """A connection; a transaction left open on it is rolled back. Raises `Unavailable`."""
        if self.is_down:
            raise Unavailable(self.name)
        async with self._connection(min(now() + self._patience, deadline)) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def transaction(self, deadline: float = float("inf")) -> AsyncIterator[Connection]:
        """The same, with a transaction that is committed at the end."""
        async with self.use(deadline) as connection:
            await connection.execute("BEGIN")
            yield connection
            await connection.execute("COMMIT")

    def leave(self) -> None:
        """It is none of ours any more."""
        self._prober.cancel()
        self._throw_away()

    @contextlib.asynccontextmanager
    async def _connection(self, deadline: float) -> AsyncIterator[Connection]:
        began = now()
        connection: Connection | None = None
        try:
            async with asyncio.timeout_at(deadline), self._permits:
                connection = await self._take(deadline)
                is_fine = False
                try:
                    yield connection
                    is_fine = True
                except Refusal:
                    is_fine = True
                    raise
                finally:
                    if is_fine and connection.is_in_transaction():
                        await connection.execute("ROLLBACK")
                    if is_fine:
                        self._idle.append(connection)
                        self._answered = now()
                    else:
                        connection.terminate()
        except TimeoutError:
            # Who waited for as long as it may take takes it for down, until it answers a probe.
            self.is_down = self.is_down or (connection is not None and now() - began >= self._patience)
            raise Unavailable(self.name) from None
        except GONE as error:
            raise Unavailable(self.name) from error

    async def _take(self, deadline: float) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        patience = int(self._patience * 1000)
        connection = await asyncpg.connect(
            self.dsn,
            timeout=max(deadline - now(), 0.01),
            server_settings={
                "lock_timeout": str(patience * 4 // 5),
                "idle_in_transaction_session_timeout": str(patience + 2000),
            },
        )
        if not self._has_schema:
            try:
                await _make_schema(connection)
            except BaseException:
                connection.terminate()
                raise
            self._has_schema = True
        return connection

    async def _probe(self) -> None:
        patience = min(max(self._patience, 0.5), 1.5)
        while True:
            began = now()
            try:
                async with self._connection(began + patience) as connection:
                    await connection.execute("SELECT 1")
                self.is_down = False
            except Unavailable:
                self.is_down = self._answered < began
                self._throw_away()
            for _ in range(5):
                await asyncio.sleep(0.1)
                if self.is_down:
                    break

    def _throw_away(self) -> None:
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()


async def _make_schema(connection: Connection) -> None:
    """Once. CREATE INDEX waits for whoever writes the table, so also for the prepared transactions that a router left."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(1)")
        if await connection.fetchval("SELECT to_regclass('public.arrived') IS NULL"):
            await connection.execute(SCHEMA)
