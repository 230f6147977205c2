"""Transfers over two shards: two-phase commit, decided in one of them.

Both sides are prepared, the one that decides last. The transaction on `from`'s shard, the decider, also notes the transfer's
name in `public.decisions`, so that committing it *is* the decision; the other side follows. Whoever finds a prepared
transaction that nobody works on asks the decider: noted is committed, still prepared is rolled back there first, and
neither means that it was rolled back.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack

import psycopg
import records
from asking import Refusal
from moves import Moves
from records import Record
from shard import Connection, Shard, Unavailable
from topology import Topology

AT_ONCE = 6
"""Each holds a connection to two shards while it works; half of the pool stays for all others."""
QUEUE_FOR, WORK_FOR = 1.2, 0.5
"""Seconds beyond a shard's patience that a transfer waits for others of the same keys, and that are left for its work."""
RESOLVE_EVERY = 1.0
PREFIX = "lab"


class Transfers:
    """Args: the topology, what brings keys home, and how many seconds one use of a shard may take."""

    def __init__(self, topology: Topology, moves: Moves, patience: float) -> None:
        self._topology = topology
        self._moves = moves
        self._patience = patience
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._active: set[str] = set()
        threading.Thread(target=self._resolve, daemon=True).start()

    def transfer(self, source: str, target: str, amount: int) -> None:
        """Move it, or raise `Refusal` or `Unavailable`."""
        queue_until = time.monotonic() + self._patience + QUEUE_FOR
        deadline = queue_until + WORK_FOR
        with self._moves.at_home([source, target], deadline, queue_until) as view:
            if not self._turns.acquire(timeout=max(queue_until - time.monotonic(), 0.1)):
                raise Unavailable("(busy)")
            try:
                decider, other = view.former(source), view.former(target)
                if decider is other:
                    with decider.transaction(deadline) as connection:
                        _change({source: connection, target: connection}, source, target, amount)
                else:
                    self._over_two({source: decider, target: other}, source, target, amount, deadline)
            finally:
                self._turns.release()

    def _over_two(self, homes: dict[str, Shard], source: str, target: str, amount: int, deadline: float) -> None:
        decider, other = homes[source], homes[target]
        name = f"{PREFIX}:{uuid.uuid4().hex}:{decider.name}"
        self._active.add(name)
        try:
            with ExitStack() as uses:
                connections: dict[str, Connection] = {}
                # In one order, so that no two wait for each other's connections.
                for key in sorted(homes, key=lambda key: homes[key].name):
                    connections[key] = uses.enter_context(homes[key].use(deadline))
                    connections[key].execute("BEGIN")
                _change(connections, source, target, amount)
                connections[source].execute("INSERT INTO public.decisions VALUES (%s)", (name,))
                for key in (target, source):
                    connections[key].execute(f"PREPARE TRANSACTION '{name}'")
                for key, shard in ((source, decider), (target, other)):
                    _end(connections[key], shard, "COMMIT", name)
        finally:
            self._active.discard(name)

    def _resolve(self) -> None:
        """End what nobody works on: of a router that was killed, or of a shard that was away."""
        while True:
            time.sleep(RESOLVE_EVERY)
            shards = self._topology.view.shards()
            for shard in shards.values():
                for name in self._in_doubt(shard):
                    with contextlib.suppress(Unavailable, psycopg.Error):
                        self._end_doubt(shards, shard, name)

    def _in_doubt(self, shard: Shard) -> list[str]:
        try:
            with shard.use() as connection:
                # Who is working on it is asked first: what ends meanwhile is gone from the list, not from the set.
                active = set(self._active)
                rows = connection.execute(
                    "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE %s AND database = current_database()"
                    " AND prepared < now() - interval '1 second'",
                    (f"{PREFIX}:%",),
                ).fetchall()
        except (Unavailable, psycopg.Error):
            return []
        return [str(gid) for (gid,) in rows if gid not in active and gid not in self._active]

    def _end_doubt(self, shards: Mapping[str, Shard], shard: Shard, name: str) -> None:
        decider = shards[name.rsplit(":", 1)[1]]
        if shard is decider:
            with shard.use() as connection:
                _end(connection, shard, "ROLLBACK", name)
            return
        with decider.use() as connection:
            if connection.execute("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", (name,)).fetchone():
                return  # the decider's turn comes first
            decided = connection.execute("SELECT 1 FROM public.decisions WHERE name = %s", (name,)).fetchone()
        with shard.use() as connection:
            _end(connection, shard, "COMMIT" if decided else "ROLLBACK", name)


def _change(connections: Mapping[str, Connection], source: str, target: str, amount: int) -> None:
    """Lock both, the smaller key first, whatever the direction; then look, and then write."""
    for key in sorted(connections):
        records.lock(connections[key], key)
    found = {key: records.read(connection, key) for key, connection in connections.items()}
    there = {key: record for key, record in found.items() if record is not None}
    if len(there) < 2:
        raise Refusal(404, "a record is absent")
    balances = {key: _balance(record) for key, record in there.items()}
    if balances[source] < amount:
        raise Refusal(409, "the balance would fall below 0")
    balances[source] -= amount
    balances[target] += amount
    for key, connection in connections.items():
        records.update(connection, there[key], {**there[key].value, "balance": balances[key]})


def _balance(record: Record) -> int:
    balance = record.value.get("balance") if isinstance(record.value, dict) else None
    if not isinstance(balance, int) or isinstance(balance, bool):
        raise Refusal(422, "a value has no whole balance")
    return balance


def _end(connection: Connection, shard: Shard, how: str, name: str) -> None:
    try:
        connection.execute(f"{how} PREPARED '{name}'")
    except psycopg.errors.UndefinedObject as error:
        raise Unavailable(shard.name) from error  # somebody else ended it; how, this one need not know
