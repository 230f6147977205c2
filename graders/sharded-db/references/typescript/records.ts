// Records in one shard's tables. Whoever writes a key holds its lock, so that looking and writing are one step.
//
// `records` has what is there; `graves` how far the versions went of what was deleted. A key that is in neither was never
// there. Values stay the JSON text that the shard gave: JavaScript's numbers could not hold all of them.

import { Refusal, type Condition } from "./asking.ts";
import { type Connection, type Row } from "./shard.ts";

/** What a key holds; `json` is the value as text. */
export type Record = { key: string; json: string; version: number };

/** What a shard knows of some keys: their records, and those of which it has a record or a grave. */
export type Known = { records: Map<string, Record>; keys: Set<string> };

const COLUMNS = "key, value::text AS json, version";

/** A record as it is answered. */
export function shown({ key, json, version }: Record): string {
  return `{"key": ${JSON.stringify(key)}, "value": ${json}, "version": ${version}}`;
}

/** The record of a key. */
export async function read(connection: Connection, key: string): Promise<Record | undefined> {
  const { rows } = await connection.query(`SELECT ${COLUMNS} FROM public.records WHERE key = $1`, [key]);
  return rows.map(record)[0];
}

/** Records and graves in one look. */
export async function look(connection: Connection, keys: string[]): Promise<Known> {
  const { rows } = await connection.query(
    `SELECT ${COLUMNS} FROM public.records WHERE key = ANY($1)
     UNION ALL SELECT key, NULL, version FROM public.graves WHERE key = ANY($1)`,
    [keys],
  );
  const there = rows.filter((row) => row.json !== null).map(record);
  return { records: new Map(there.map((found) => [found.key, found])), keys: new Set(rows.map((row) => row.key)) };
}

/** The first records after a key, in the order of their bytes (the collation is C). */
export async function readPage(connection: Connection, prefix: Buffer, after: string | null, limit: number): Promise<Record[]> {
  // A prefix may end amid a character: only what is whole can be compared with keys.
  const head = new TextDecoder().decode(prefix, { stream: true }).replaceAll("\ufffd", "");
  const { rows } = await connection.query(
    `SELECT ${COLUMNS} FROM public.records WHERE key >= $1
     AND substring(convert_to(key, 'UTF8') FROM 1 FOR $2) = $3 AND ($4::text IS NULL OR key > $4)
     ORDER BY key LIMIT $5`,
    [head, prefix.length, prefix, after, limit],
  );
  return rows.map(record);
}

function record(row: Row): Record {
  return { key: row.key, json: row.json, version: Number(row.version) };
}

/** Until the end of the transaction nobody else writes the keys. The next statement sees what was written before. */
export async function lock(connection: Connection, ...keys: string[]): Promise<void> {
  const statement = "SELECT pg_advisory_xact_lock(hashtextextended(key, 7)) FROM unnest($1::text[]) AS key";
  await connection.query(statement, [[...keys].sort()]);
}

/** Write it; the status, and the version. */
export async function put(
  connection: Connection,
  key: string,
  json: string,
  condition: Condition,
): Promise<{ status: number; version: number }> {
  await lock(connection, key);
  const before = await read(connection, key);
  if (condition.absent && before !== undefined) {
    throw new Refusal(412, "the record is present");
  }
  if (condition.version !== undefined && before?.version !== condition.version) {
    throw new Refusal(412, "the record has another version");
  }
  if (before !== undefined) {
    const update = "UPDATE public.records SET value = $2::jsonb, version = version + 1 WHERE key = $1";
    await connection.query(update, [key, json]);
    return { status: 200, version: before.version + 1 };
  }
  const { rows } = await connection.query("SELECT version FROM public.graves WHERE key = $1", [key]);
  const version = Math.max(Number(rows[0]?.version ?? 0) + 1, Date.now());
  await connection.query("INSERT INTO public.records VALUES ($1, $2::jsonb, $3)", [key, json, version]);
  return { status: 201, version };
}

/** Delete it, and note how far its versions went; whether it was there. */
export async function remove(connection: Connection, key: string, condition: Condition): Promise<boolean> {
  await lock(connection, key);
  const before = await read(connection, key);
  if (before === undefined) {
    return false;
  }
  if (condition.version !== undefined && before.version !== condition.version) {
    throw new Refusal(412, "the record has another version");
  }
  await connection.query(
    "INSERT INTO public.graves VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET version = excluded.version",
    [key, before.version],
  );
  await connection.query("DELETE FROM public.records WHERE key = $1", [key]);
  return true;
}
