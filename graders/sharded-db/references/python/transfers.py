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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import psycopg
import records
from asking import Condition, Refusal
from records import Record
from shard import Connection, Shard, Unavailable

AT_ONCE = 8
QUEUE_FOR = 1.5
"""Seconds that a transfer waits for others of this router; then 503."""
RESOLVE_EVERY = 1.0
PREFIX = "lab"


class Transfers:
    """Args: the shards by their ids, and which one has a key."""

    def __init__(self, shards: Mapping[str, Shard], shard_of: Callable[[str], Shard]) -> None:
        self._shards = shards
        self._shard_of = shard_of
        self._keys: set[str] = set()
        self._free = threading.Condition()
        self._active: set[str] = set()
        threading.Thread(target=self._resolve, daemon=True).start()

    def transfer(self, source: str, target: str, amount: int) -> None:
        """Move it, or raise `Refusal` or `Unavailable`."""
        with self._alone(source, target):
            if self._shard_of(source) is self._shard_of(target):
                with self._shard_of(source).use() as connection:
                    _change(_look({key: connection for key in (source, target)}), source, target, amount)
            else:
                self._over_two(source, target, amount)

    @contextlib.contextmanager
    def _alone(self, *keys: str) -> Iterator[None]:
        """No other transfer of this router works on these keys; nobody waits for one key while holding another."""

        def is_free() -> bool:
            return not self._keys & set(keys) and len(self._keys) < 2 * AT_ONCE

        with self._free:
            if not self._free.wait_for(is_free, QUEUE_FOR):
                raise Unavailable("(busy)")
            self._keys |= set(keys)
        try:
            yield
        finally:
            with self._free:
                self._keys -= set(keys)
                self._free.notify_all()

    def _over_two(self, source: str, target: str, amount: int) -> None:
        decider, other = self._shard_of(source), self._shard_of(target)
        name = f"{PREFIX}:{uuid.uuid4().hex}:{decider.name}"
        self._active.add(name)
        try:
            with ExitStack() as uses:
                connections = {key: uses.enter_context(self._shard_of(key).use()) for key in sorted((source, target))}
                _change(_look(connections), source, target, amount)
                connections[source].execute("INSERT INTO public.decisions VALUES (%s)", (name,))
                for key in (target, source):
                    connections[key].execute(f"PREPARE TRANSACTION '{name}'")
            for shard in (decider, other):
                _end(shard, "COMMIT", name)
        finally:
            self._active.discard(name)

    def _resolve(self) -> None:
        """End what nobody works on: of a router that was killed, or of a shard that was away."""
        while True:
            time.sleep(RESOLVE_EVERY)
            for shard in list(self._shards.values()):
                for name in self._in_doubt(shard):
                    with contextlib.suppress(Unavailable, psycopg.Error):
                        self._end_doubt(shard, name)

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

    def _end_doubt(self, shard: Shard, name: str) -> None:
        decider = self._shards[name.rsplit(":", 1)[1]]
        if shard is decider:
            _end(shard, "ROLLBACK", name)
            return
        with decider.use() as connection:
            is_open = connection.execute("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", (name,)).fetchone()
        if is_open:
            return  # the decider's turn comes first
        with decider.use() as connection:
            was_decided = connection.execute("SELECT 1 FROM public.decisions WHERE name = %s", (name,)).fetchone()
        _end(shard, "COMMIT" if was_decided else "ROLLBACK", name)


def _look(connections: Mapping[str, Connection]) -> dict[str, tuple[Connection, Record | None]]:
    """Lock both, the smaller key first, whatever the direction; then read."""
    for key in sorted(connections):
        records.lock(connections[key], key)
    return {key: (connection, records.read(connection, key)) for key, connection in connections.items()}


def _change(found: Mapping[str, tuple[Connection, Record | None]], source: str, target: str, amount: int) -> None:
    there = {key: record for key, (_, record) in found.items() if record is not None}
    if len(there) < 2:
        raise Refusal(404, "a record is absent")
    balances = {key: _balance(record) for key, record in there.items()}
    if balances[source] < amount:
        raise Refusal(409, "the balance would fall below 0")
    balances[source] -= amount
    balances[target] += amount
    for key, (connection, _) in found.items():
        records.put(connection, key, {**there[key].value, "balance": balances[key]}, Condition())


def _balance(record: Record) -> int:
    balance = record.value.get("balance") if isinstance(record.value, dict) else None
    if not isinstance(balance, int) or isinstance(balance, bool):
        raise Refusal(422, "a value has no whole balance")
    return balance


def _end(shard: Shard, how: str, name: str) -> None:
    with shard.use() as connection:
        connection.autocommit = True
        try:
            connection.execute(f"{how} PREPARED '{name}'")
        except psycopg.errors.UndefinedObject as error:
            raise Unavailable(shard.name) from error  # another router ended it; how, this one need not know
        finally:
            if not connection.closed:
                connection.autocommit = False
