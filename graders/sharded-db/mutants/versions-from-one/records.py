"""Records in one shard's tables. Whoever writes a key holds its lock, so that looking and writing are one step.

`records` has what is there; `graves` how far the versions went of what was deleted. A key that is in neither was never
there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from asking import Condition, Refusal
from psycopg.types.json import Jsonb
from shard import Connection


@dataclass(frozen=True)
class Record:
    """What a key holds."""

    key: str
    value: Any
    version: int

    def shown(self) -> dict[str, object]:
        """As it is answered."""
        return {"key": self.key, "value": self.value, "version": self.version}


@dataclass(frozen=True)
class Known:
    """What a shard knows of some keys: their records, and those of which it has a record or a grave."""

    records: dict[str, Record]
    keys: frozenset[str]


def read(connection: Connection, key: str) -> Record | None:
    """The record of a key."""
    rows = connection.execute("SELECT key, value::text, version FROM public.records WHERE key = %s", (key,))
    found = _records(rows)
    return found[0] if found else None


def look(connection: Connection, keys: Sequence[str]) -> Known:
    """Records and graves in one look."""
    rows = connection.execute(
        "SELECT key, value::text, version FROM public.records WHERE key = ANY(%(keys)s)"
        " UNION ALL SELECT key, NULL, version FROM public.graves WHERE key = ANY(%(keys)s)",
        {"keys": list(keys)},
    ).fetchall()
    there = _records(row for row in rows if row[1] is not None)
    return Known({record.key: record for record in there}, frozenset(str(row[0]) for row in rows))


def read_page(connection: Connection, prefix: bytes, after: str | None, limit: int) -> list[Record]:
    """The first records after a key, in the order of their bytes (the collation is C)."""
    rows = connection.execute(
        "SELECT key, value::text, version FROM public.records WHERE key >= %(head)s"
        " AND substring(convert_to(key, 'UTF8') FROM 1 FOR %(size)s) = %(prefix)s"
        " AND (%(after)s::text IS NULL OR key > %(after)s) ORDER BY key LIMIT %(limit)s",
        {
            "head": prefix.decode(errors="ignore"),
            "size": len(prefix),
            "prefix": prefix,
            "after": after,
            "limit": limit,
        },
    )
    return _records(rows)


def _records(rows: Iterable[tuple[object, ...]]) -> list[Record]:
    return [Record(str(key), json.loads(str(value)), cast("int", version)) for key, value, version in rows]


def lock(connection: Connection, *keys: str) -> None:
    """Until the end of the transaction nobody else writes the keys. The next statement sees what was written before."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(key, 7)) FROM unnest(%s::text[]) AS key", (sorted(keys),)
    )


def put(connection: Connection, key: str, value: Any, condition: Condition) -> tuple[int, int]:
    """Write it; the status, and the version."""
    lock(connection, key)
    before = read(connection, key)
    if condition.absent and before is not None:
        raise Refusal(412, "the record is present")
    if condition.version is not None and (before is None or before.version != condition.version):
        raise Refusal(412, "the record has another version")
    if before is not None:
        update(connection, before, value)
        return 200, before.version + 1
    row = connection.execute("SELECT version FROM public.graves WHERE key = %s", (key,)).fetchone()
    buried = 0 if row is None else cast("int", row[0])
    version = 1 if buried >= 0 else time.time_ns()
    connection.execute("INSERT INTO public.records VALUES (%s, %s, %s)", (key, Jsonb(value), version))
    return 201, version


def update(connection: Connection, before: Record, value: Any) -> None:
    """Write another value, one version on. The key is locked, and `before` was read under the lock."""
    connection.execute(
        "UPDATE public.records SET value = %s, version = %s WHERE key = %s",
        (Jsonb(value), before.version + 1, before.key),
    )


def delete(connection: Connection, key: str, condition: Condition) -> bool:
    """Delete it, and note how far its versions went; whether it was there."""
    lock(connection, key)
    before = read(connection, key)
    if before is None:
        return False
    if condition.version is not None and before.version != condition.version:
        raise Refusal(412, "the record has another version")
    connection.execute(
        "INSERT INTO public.graves VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET version = excluded.version",
        (key, before.version),
    )
    connection.execute("DELETE FROM public.records WHERE key = %s", (key,))
    return True
