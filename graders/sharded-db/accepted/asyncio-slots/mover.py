"""Slots move a few at a time, while everybody waits for some milliseconds.

That a slot has arrived is written in its new shard, in the transaction that brings its records; so the shard knows,
whatever happens to the router.
"""

from __future__ import annotations

import asyncio
import contextlib

from shard import Connection, Shard, Unavailable, now
from topology import Topology

AT_ONCE = 8
WAIT = 0.2
LONGEST = 0.9


async def keep_moving(topology: Topology) -> None:
    """For ever: whatever has to move, does."""
    while True:
        await asyncio.sleep(0.1)
        while topology.move:
            try:
                await _step(topology, topology.move)
            except (Unavailable, TimeoutError):
                await asyncio.sleep(0.2)


async def _step(topology: Topology, move: str) -> None:
    for name in sorted(topology.unknown):
        await _ask_what_arrived(topology, topology.shards[name], move)
    left = topology.to_move()
    if not left:
        await _sweep(topology)
        topology.end()
        return
    (source, target), slots = next(iter(left.items()))
    await asyncio.sleep(0.005)
    if any(topology.shards[name].is_down for name in (source, target)):
        raise Unavailable(source)
    async with topology.world.alone(WAIT):
        await _carry(topology, topology.shards[source], topology.shards[target], slots[:AT_ONCE])


async def _lock_slots(connection: Connection, slots: list[int]) -> None:
    """Whoever wrote there before, and is not heard of any more, has ended."""
    await connection.execute("SET LOCAL lock_timeout = '300ms'")
    await connection.execute("SELECT pg_advisory_xact_lock(1, slot) FROM unnest($1::int[]) AS slot", slots)


async def _ask_what_arrived(topology: Topology, shard: Shard, move: str) -> None:
    coming = [slot for (_, target), slots in topology.to_move().items() if target == shard.name for slot in slots]
    async with shard.use() as connection:
        await connection.execute("BEGIN")
        await _lock_slots(connection, coming)
        rows = await connection.fetch("SELECT slot, records FROM public.arrived WHERE move = $1", move)
    for row in rows:
        if row["slot"] not in topology.flipped:
            topology.flipped.add(row["slot"])
            topology.moved += row["records"]
    topology.unknown.discard(shard.name)


async def _carry(topology: Topology, source: Shard, target: Shard, slots: list[int]) -> None:
    deadline = now() + LONGEST
    async with contextlib.AsyncExitStack() as uses:
        here = await uses.enter_async_context(source.transaction(deadline))
        there = await uses.enter_async_context(target.use(deadline))
        await _lock_slots(here, slots)
        rows = await here.fetch(
            "SELECT key, value::text, version, public.slot_of(key) AS slot FROM public.records"
            " WHERE public.slot_of(key) = ANY($1::int[])",
            slots,
        )
        await there.execute("BEGIN")
        await _lock_slots(there, slots)
        columns = [[row[name] for row in rows] for name in ("key", "value", "version")]
        await there.execute(
            "INSERT INTO public.records SELECT key, value::jsonb, version"
            " FROM unnest($1::text[], $2::text[], $3::bigint[]) AS carried (key, value, version)",
            *columns,
        )
        counts = [sum(row["slot"] == slot for row in rows) for slot in slots]
        await there.execute(
            "INSERT INTO public.arrived SELECT $1, slot, records"
            " FROM unnest($2::int[], $3::int[]) AS carried (slot, records)",
            topology.move, slots, counts,
        )  # fmt: skip
        topology.unknown.add(target.name)  # if no answer comes
        await there.execute("COMMIT")
        topology.unknown.discard(target.name)
        topology.flipped.update(slots)
        topology.moved += len(rows)
        await here.execute("DELETE FROM public.records WHERE public.slot_of(key) = ANY($1::int[])", slots)


async def _sweep(topology: Topology) -> None:
    """What was left in old places, where the second half of a step was lost."""
    for name, shard in list(topology.shards.items()):
        async with shard.use() as connection:
            rows = await connection.fetch("SELECT key FROM public.records")
            strays = [row["key"] for row in rows if topology.owner(row["key"]) != name]
            await connection.execute("DELETE FROM public.records WHERE key = ANY($1)", strays)
            await connection.execute("DELETE FROM public.arrived WHERE move <> $1", topology.move)
