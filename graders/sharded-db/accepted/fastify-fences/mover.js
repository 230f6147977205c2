// Slots move a few at a time. A copy counts for nothing until the giver, in one transaction, forgets its records and
// notes that the slot is gone: that is the move, wherever the router dies.

import { setTimeout as sleep } from "node:timers/promises";
import { Unavailable } from "./asking.js";

const AT_ONCE = 6;
const LONGEST_MS = 800; // that writers wait for a step
const LOCK = "SELECT pg_advisory_xact_lock(1, slot) FROM (SELECT unnest($1::int[]) AS slot ORDER BY 1) AS slots";

/** For ever: whatever has to move, does. */
export async function keepMoving(topology, transfers) {
  for (;;) {
    await sleep(50);
    try {
      while (topology.view.isMoving) await step(topology, transfers);
    } catch (error) {
      if (!(error instanceof Unavailable)) console.error(error);
      await sleep(150);
    }
  }
}

async function step(topology, transfers) {
  const { view } = topology;
  const [next] = view.toMove();
  if (next !== undefined) {
    await carry(view, next.from, next.to, next.slots.slice(0, AT_ONCE));
    return;
  }
  for (const id of view.now.keys()) {
    if (!view.then.has(id) && (await transfers.isJudgeOfAny(id))) {
      await sleep(200);
      return;
    }
  }
  topology.end();
}

/** All at once, but for those that went before: in a step that this router, or the one before, heard nothing of. */
async function carry(view, from, to, slots) {
  const until = performance.now() + LONGEST_MS;
  await from.use(async (here) => {
    await here("BEGIN");
    await here("SET LOCAL lock_timeout = '300ms'");
    await here(LOCK, [slots]);
    const gone = await here("SELECT slot, records FROM public.gone WHERE slot = ANY($1::int[])", [slots]);
    for (const { slot, records } of gone) view.flip(slot, records);
    const left = slots.filter((slot) => !view.flipped.has(slot));
    if (left.length === 0) {
      await here("ROLLBACK");
      return;
    }
    const records = await here(
      "SELECT key, value::text AS value, version, public.slot_of(key) AS slot FROM public.records" +
        " WHERE public.slot_of(key) = ANY($1::int[])",
      [left],
    );
    const floors = await here("SELECT slot, version FROM public.floors WHERE slot = ANY($1::int[])", [left]);
    await to.use((there) => copy(there, left, records, floors), until);
    const counts = left.map((slot) => records.filter((record) => record.slot === slot).length);
    await here("DELETE FROM public.records WHERE public.slot_of(key) = ANY($1::int[])", [left]);
    await here("DELETE FROM public.floors WHERE slot = ANY($1::int[])", [left]);
    await here("INSERT INTO public.gone SELECT * FROM unnest($1::int[], $2::int[])", [left, counts]);
    await here("COMMIT");
    for (const [at, slot] of left.entries()) view.flip(slot, counts[at]);
  }, until);
}

/** Whatever was there of an attempt before makes room. */
async function copy(there, slots, records, floors) {
  const column = (rows, name) => rows.map((row) => row[name]);
  await there("BEGIN");
  await there("SET LOCAL lock_timeout = '300ms'");
  await there(LOCK, [slots]);
  await there("DELETE FROM public.records WHERE public.slot_of(key) = ANY($1::int[])", [slots]);
  await there("DELETE FROM public.floors WHERE slot = ANY($1::int[])", [slots]);
  await there("DELETE FROM public.gone WHERE slot = ANY($1::int[])", [slots]);
  await there(
    "INSERT INTO public.records SELECT key, value::jsonb, version" +
      " FROM unnest($1::text[], $2::text[], $3::bigint[]) AS carried (key, value, version)",
    [column(records, "key"), column(records, "value"), column(records, "version")],
  );
  await there("INSERT INTO public.floors SELECT * FROM unnest($1::int[], $2::bigint[])", [
    column(floors, "slot"),
    column(floors, "version"),
  ]);
  await there("COMMIT");
}
