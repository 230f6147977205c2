"""Transfers by two-phase commit, with the decisions in a file of the router's own: what is not there is rolled back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import records
from asking import Refusal
from shard import Connection, Shard, Unavailable, now
from topology import Topology

AT_ONCE = 6
QUEUE_FOR = 1.1


class Transfers:
    """Args: where to keep decisions, the topology, and a shard's patience."""

    def __init__(self, folder: Path, topology: Topology, patience: float) -> None:
        self._topology = topology
        self._patience = patience
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._active: set[str] = set()
        name = folder / "router"
        if not name.exists():
            name.write_text(uuid.uuid4().hex)
        self._router = name.read_text()
        log = folder / "decisions"
        self._decided = set(log.read_text().split("\n")[:-1]) if log.exists() else set()
        self._log = log.open("a")

    async def transfer(self, source: str, target: str, amount: int) -> None:
        """Both or neither."""
        queue_until = now() + self._patience + QUEUE_FOR
        async with contextlib.AsyncExitStack() as held:
            for key in sorted((source, target)):
                await held.enter_async_context(self._alone(key, queue_until))
            try:
                async with asyncio.timeout_at(queue_until):
                    await held.enter_async_context(self._turns)
                    await held.enter_async_context(self._topology.world.shared())
            except TimeoutError:
                raise Unavailable("(busy)") from None
            await self._carry_out(source, target, amount, queue_until + 0.5)

    @contextlib.asynccontextmanager
    async def _alone(self, key: str, until: float) -> AsyncIterator[None]:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = lock, users + 1
        try:
            while True:
                if self._topology.where(key).is_down or now() > until:
                    raise Unavailable("(busy)")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await lock.acquire()
                    break
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = lock, users - 1

    async def _carry_out(self, source: str, target: str, amount: int, deadline: float) -> None:
        homes = {key: self._topology.where(key) for key in (source, target)}
        shards = sorted(set(homes.values()), key=lambda shard: shard.name)
        name = f"slots:{self._router}:{uuid.uuid4().hex}"
        self._active.add(name)
        try:
            async with contextlib.AsyncExitStack() as uses:
                open_ones: dict[Shard, Connection] = {}
                for shard in shards:
                    open_ones[shard] = await uses.enter_async_context(shard.use(deadline))
                    await open_ones[shard].execute("BEGIN")
                await _change({key: open_ones[homes[key]] for key in homes}, source, target, amount)
                if len(shards) == 1:
                    await open_ones[shards[0]].execute("COMMIT")
                    return
                for connection in open_ones.values():
                    await connection.execute(f"PREPARE TRANSACTION '{name}'")
                self._decide(name)
                for connection in open_ones.values():
                    await connection.execute(f"COMMIT PREPARED '{name}'")
        except asyncpg.UndefinedObjectError as error:
            raise Unavailable("(ended by another)") from error
        finally:
            self._active.discard(name)

    def _decide(self, name: str) -> None:
        self._log.write(name + "\n")
        self._log.flush()
        os.fsync(self._log.fileno())
        self._decided.add(name)

    async def keep_resolving(self) -> None:
        """For ever: what nobody works on is ended as it was decided."""
        while True:
            await asyncio.sleep(1)
            for shard in list(self._topology.shards.values()):
                # Busy is one that another session is just ending, such as that of a router that was killed: the next round will do.
                with contextlib.suppress(Unavailable, asyncpg.PostgresError):
                    await self._resolve(shard)

    async def _resolve(self, shard: Shard) -> None:
        async with shard.use() as connection:
            active = set(self._active)
            rows = await connection.fetch(
                "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE $1 AND database = current_database()",
                f"slots:{self._router}:%",
            )
            for (name,) in rows:
                if name not in active and name not in self._active:
                    how = "COMMIT" if name in self._decided else "ROLLBACK"
                    await connection.execute(f"{how} PREPARED '{name}'")


async def _change(connections: dict[str, Connection], source: str, target: str, amount: int) -> None:
    found: dict[str, dict[str, Any]] = {}
    for key in sorted(connections):
        await records.lock(connections[key], key)
    for key, connection in connections.items():
        found |= await records.read(connection, [key])
    if len(found) < len(connections):
        raise Refusal(404, "a record is absent")
    balances = {key: _balance(record["value"]) for key, record in found.items()}
    if balances[source] < amount:
        raise Refusal(409, "the balance would fall below 0")
    balances[source] -= amount
    balances[target] += amount
    for key, connection in connections.items():
        await records.set_value(connection, key, {**found[key]["value"], "balance": balances[key]})


def _balance(value: Any) -> int:
    balance = value.get("balance") if isinstance(value, dict) else None
    if not isinstance(balance, int) or isinstance(balance, bool):
        raise Refusal(422, "a value has no whole balance")
    return balance
