"""Records in one shard. A version begins at the shard's clock, in microseconds, when its key's lock is held."""

from __future__ import annotations

import json
from typing import Any

from asking import Condition, Refusal
from ring import slot_of
from shard import Connection


async def lock(connection: Connection, key: str) -> None:
    """Alone with the key, and one of many with its slot, until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock_shared(1, $1), pg_advisory_xact_lock(2, hashtext($2))", slot_of(key), key
    )


async def read(connection: Connection, keys: list[str]) -> dict[str, dict[str, Any]]:
    """Those that are there, as they are shown."""
    rows = await connection.fetch("SELECT key, value::text, version FROM public.records WHERE key = ANY($1)", keys)
    return {row["key"]: _shown(row) for row in rows}


async def page(connection: Connection, prefix: bytes, after: str | None, limit: int) -> list[dict[str, Any]]:
    """The first after a key."""
    rows = await connection.fetch(
        "SELECT key, value::text, version FROM public.records WHERE key >= $1"
        " AND substring(convert_to(key, 'UTF8') FROM 1 FOR $2) = $3 AND ($4::text IS NULL OR key > $4)"
        " ORDER BY key LIMIT $5",
        prefix.decode(errors="ignore"), len(prefix), prefix, after, limit,
    )  # fmt: skip
    return [_shown(row) for row in rows]


def _shown(row: Any) -> dict[str, Any]:
    return {"key": row["key"], "value": json.loads(row["value"]), "version": row["version"]}


async def put(connection: Connection, key: str, value: Any, condition: Condition) -> tuple[int, int]:
    """The status, and the version."""
    await lock(connection, key)
    text = json.dumps(value)
    if condition.absent:
        made = await connection.fetchval(
            "INSERT INTO public.records VALUES ($1, $2::jsonb, public.microseconds()) ON CONFLICT DO NOTHING RETURNING version",
            key, text,
        )  # fmt: skip
        if made is None:
            raise Refusal(412, "it is there")
        return 201, made
    made = await connection.fetchval(
        "UPDATE public.records SET value = $2::jsonb, version = version + 1"
        " WHERE key = $1 AND ($3::bigint IS NULL OR version = $3) RETURNING version",
        key, text, condition.version,
    )  # fmt: skip
    if made is not None:
        return 200, made
    if condition.version is not None:
        raise Refusal(412, "it has another version, or is not there")
    return 201, await connection.fetchval(
        "INSERT INTO public.records VALUES ($1, $2::jsonb, public.microseconds()) RETURNING version", key, text
    )


async def delete(connection: Connection, key: str, condition: Condition) -> None:
    """Away with it."""
    await lock(connection, key)
    found = await read(connection, [key])
    if not found:
        raise Refusal(404, "it is not there")
    if condition.version is not None and found[key]["version"] != condition.version:
        raise Refusal(412, "it has another version")
    await connection.execute("DELETE FROM public.records WHERE key = $1", key)


async def set_value(connection: Connection, key: str, value: Any) -> None:
    """One version on."""
    await connection.execute(
        "UPDATE public.records SET value = $2::jsonb, version = version + 1 WHERE key = $1", key, json.dumps(value)
    )
