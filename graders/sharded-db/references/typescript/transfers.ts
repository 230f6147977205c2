// Transfers over two shards: two-phase commit, decided in one of them.
//
// Both sides are prepared, the one that decides last. The transaction on `from`'s shard, the decider, also notes the
// transfer's name in `public.decisions`, so that committing it *is* the decision; the other side follows. Whoever finds a
// prepared transaction that nobody works on asks the decider: noted is committed, still prepared is rolled back there
// first, and neither means that it was rolled back.

import { randomUUID } from "node:crypto";
import { Refusal } from "./asking.ts";
import { type Moves } from "./moves.ts";
import * as records from "./records.ts";
import { type Record } from "./records.ts";
import { Unavailable, type Connection, type Shard } from "./shard.ts";
import { type Topology } from "./topology.ts";

// Each holds a connection to two shards while it works; half of the pool stays for all others.
const AT_ONCE = 6;
// Beyond a shard's patience: how long a transfer waits for others of the same keys, and what is left for its work.
const QUEUE_FOR_MS = 1200;
const WORK_FOR_MS = 500;
const RESOLVE_EVERY_MS = 1000;
const PREFIX = "lab";
const UNDEFINED_OBJECT = "42704";

/** A transfer that was asked for. */
export type Transfer = { from: string; to: string; amount: number };

/** Carries out transfers, and ends those that were given up. */
export class Transfers {
  #topology: Topology;
  #moves: Moves;
  #patience: number;
  #atWork = 0;
  #waiting: (() => void)[] = [];
  #active = new Set<string>();

  constructor(topology: Topology, moves: Moves, patience: number) {
    this.#topology = topology;
    this.#moves = moves;
    this.#patience = patience;
    setTimeout(() => void this.#resolve(), RESOLVE_EVERY_MS);
  }

  /** Move it, or throw `Refusal` or `Unavailable`. */
  async transfer(wanted: Transfer): Promise<void> {
    const queueUntil = performance.now() + this.#patience + QUEUE_FOR_MS;
    const deadline = queueUntil + WORK_FOR_MS;
    await this.#moves.atHome([wanted.from, wanted.to], deadline, queueUntil, (view) =>
      this.#inTurn(async () => {
        const [decider, other] = [view.home(wanted.from), view.home(wanted.to)];
        if (decider === other) {
          await decider.transaction((connection) => change(connection, connection, wanted), deadline);
        } else {
          await this.#overTwo(decider, other, wanted, deadline);
        }
      }),
    );
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#atWork >= AT_ONCE) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // the turn is handed on
    } else {
      this.#atWork += 1;
    }
    try {
      await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#atWork -= 1;
      } else {
        next();
      }
    }
  }

  async #overTwo(decider: Shard, other: Shard, wanted: Transfer, deadline: number): Promise<void> {
    const name = `${PREFIX}:${randomUUID()}:${decider.name}`;
    this.#active.add(name);
    const work = async (deciding: Connection, following: Connection) => {
      await deciding.query("BEGIN");
      await following.query("BEGIN");
      await change(deciding, following, wanted);
      await deciding.query("INSERT INTO public.decisions VALUES ($1)", [name]);
      await following.query(`PREPARE TRANSACTION '${name}'`);
      await deciding.query(`PREPARE TRANSACTION '${name}'`);
      await end(deciding, decider, "COMMIT", name);
      await end(following, other, "COMMIT", name);
    };
    try {
      // In one order, so that no two wait for each other's connections.
      if (decider.name < other.name) {
        await decider.use((deciding) => other.use((following) => work(deciding, following), deadline), deadline);
      } else {
        await other.use((following) => decider.use((deciding) => work(deciding, following), deadline), deadline);
      }
    } finally {
      this.#active.delete(name);
    }
  }

  /** End what nobody works on: of a router that was killed, or of a shard that was away. */
  async #resolve(): Promise<void> {
    const shards = this.#topology.view.shards();
    for (const shard of shards.values()) {
      try {
        for (const name of await this.#inDoubt(shard)) {
          await endDoubt(shards.get(name.split(":")[2])!, shard, name);
        }
      } catch (error) {
        if (!(error instanceof Unavailable)) {
          console.error(error);
        }
      }
    }
    setTimeout(() => void this.#resolve(), RESOLVE_EVERY_MS);
  }

  async #inDoubt(shard: Shard): Promise<string[]> {
    // Who is working on it is asked first: what ends meanwhile is gone from the list, not from the set.
    const active = new Set(this.#active);
    const select = `SELECT gid FROM pg_prepared_xacts WHERE gid LIKE '${PREFIX}:%' AND database = current_database()
      AND prepared < now() - interval '1 second'`;
    const { rows } = await shard.use((connection) => connection.query(select));
    return rows.map((row) => row.gid).filter((name) => !active.has(name) && !this.#active.has(name));
  }
}

async function endDoubt(decider: Shard, shard: Shard, name: string): Promise<void> {
  if (shard === decider) {
    await shard.use((connection) => end(connection, shard, "ROLLBACK", name));
    return;
  }
  const how = await decider.use(async (connection) => {
    const open = await connection.query("SELECT 1 FROM pg_prepared_xacts WHERE gid = $1", [name]);
    if (open.rows.length > 0) {
      return null; // the decider's turn comes first
    }
    const decided = await connection.query("SELECT 1 FROM public.decisions WHERE name = $1", [name]);
    return decided.rows.length > 0 ? "COMMIT" : "ROLLBACK";
  });
  if (how !== null) {
    await shard.use((connection) => end(connection, shard, how, name));
  }
}

/** Lock both, the smaller key first, whatever the direction; then look, and then write. */
async function change(source: Connection, target: Connection, { from, to, amount }: Transfer): Promise<void> {
  for (const key of [from, to].sort()) {
    await records.lock(key === from ? source : target, key);
  }
  const giver = await records.read(source, from);
  const taker = await records.read(target, to);
  if (giver === undefined || taker === undefined) {
    throw new Refusal(404, "a record is absent");
  }
  const balances = [balance(giver), balance(taker)];
  if (balances[0] < amount) {
    throw new Refusal(409, "the balance would fall below 0");
  }
  const update = `UPDATE public.records SET version = version + 1,
    value = jsonb_set(value, '{balance}', to_jsonb($2::bigint)) WHERE key = $1`;
  await source.query(update, [from, balances[0] - amount]);
  await target.query(update, [to, balances[1] + amount]);
}

function balance(record: Record): number {
  const value = JSON.parse(record.json);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || !Number.isInteger(value.balance)) {
    throw new Refusal(422, "a value has no whole balance");
  }
  return value.balance;
}

async function end(connection: Connection, shard: Shard, how: string, name: string): Promise<void> {
  try {
    await connection.query(`${how} PREPARED '${name}'`);
  } catch (error) {
    // Somebody else ended it; how, this one need not know.
    throw (error as { code?: string }).code === UNDEFINED_OBJECT ? new Unavailable(shard.name) : error;
  }
}
