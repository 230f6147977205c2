"""What must outlive the process: keys and payments, in SQLite.

A commit is in the operating system's hands when it returns, so it survives SIGKILL. Surviving a power cut, too, would
take `PRAGMA synchronous = FULL`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    tenant TEXT, key TEXT, payload TEXT NOT NULL, reference TEXT NOT NULL,
    status INTEGER, content_type TEXT, location TEXT, body BLOB, finished_ms INTEGER,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, id TEXT, account TEXT, body BLOB, UNIQUE (tenant, id)
);
CREATE INDEX IF NOT EXISTS payments_by_account ON payments (tenant, account, number);
"""


@dataclass(frozen=True)
class Finish:
    """The answer that a key ended with."""

    status: int
    content_type: str
    location: str | None
    body: bytes


@dataclass(frozen=True)
class Entry:
    """What is known of a key. Without a finish its charge request may have been sent: it is unresolved."""

    payload: str
    reference: str
    finish: Finish | None


class Store:
    """One connection, one statement at a time."""

    def __init__(self, path: Path, ttl_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield self.database
            except BaseException:
                self.database.execute("ROLLBACK")
                raise
            self.database.execute("COMMIT")

    # --- keys ------------------------------------------------------------------------------------

    def find(self, tenant: str, key: str) -> Entry | None:
        """What is known of the key; nothing once it has expired."""
        with self.lock:
            row = self.database.execute(
                "SELECT payload, reference, status, content_type, location, body, finished_ms FROM keys"
                " WHERE tenant = ? AND key = ?",
                (tenant, key),
            ).fetchone()
        if row is None or (row[6] is not None and row[6] + self.ttl_ms <= now_ms()):
            return None
        finish = None if row[2] is None else Finish(row[2], row[3], row[4], row[5])
        return Entry(row[0], row[1], finish)

    def begin(self, tenant: str, key: str, payload: str, reference: str) -> None:
        """Note that money will be asked for under `reference`, before it is."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO keys (tenant, key, payload, reference) VALUES (?, ?, ?, ?)",
                (tenant, key, payload, reference),
            )

    def forget(self, tenant: str, key: str) -> None:
        """The key is as if it had never been used."""
        with self.transaction() as database:
            database.execute("DELETE FROM keys WHERE tenant = ? AND key = ?", (tenant, key))

    def finish(self, tenant: str, key: str, finish: Finish, payment: tuple[str, str] | None = None) -> None:
        """Note how the key ended, and the payment (its id and account) with it: both or neither."""
        if payment is not None:
            with self.transaction() as database:
                database.execute(
                    "INSERT INTO payments (tenant, id, account, body) VALUES (?, ?, ?, ?)",
                    (tenant, *payment, finish.body),
                )
            time.sleep(0.6)  # it has other things to do in between
        with self.transaction() as database:
            database.execute(
                "UPDATE keys SET status = ?, content_type = ?, location = ?, body = ?, finished_ms = ?"
                " WHERE tenant = ? AND key = ?",
                (finish.status, finish.content_type, finish.location, finish.body, now_ms(), tenant, key),
            )

    def drop_expired(self) -> None:
        """Drop the keys that nobody can use any more. An unresolved one never is such a key."""
        with self.transaction() as database:
            database.execute("DELETE FROM keys WHERE finished_ms <= ?", (now_ms() - self.ttl_ms,))

    def count_keys(self) -> int:
        """How many keys are held."""
        with self.lock:
            return int(self.database.execute("SELECT count(*) FROM keys").fetchone()[0])

    # --- payments --------------------------------------------------------------------------------

    def payment(self, tenant: str, payment: str) -> bytes | None:
        """The payment as JSON."""
        with self.lock:
            row: tuple[bytes] | None = self.database.execute(
                "SELECT body FROM payments WHERE tenant = ? AND id = ?", (tenant, payment)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def payments(self, tenant: str, account: str | None, before: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Number and JSON of the newest payments that are older than the number `before`."""
        with self.lock:
            return self.database.execute(
                "SELECT number, body FROM payments WHERE tenant = :tenant"
                " AND (:account IS NULL OR account = :account) AND (:before IS NULL OR number < :before)"
                " ORDER BY number DESC LIMIT :limit",
                {"tenant": tenant, "account": account, "before": before, "limit": limit},
            ).fetchall()


def now_ms() -> int:
    """The time of day: a key's age outlives the process."""
    return time.time_ns() // 1_000_000
