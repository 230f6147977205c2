// How records come to another shard while they are read and written.
//
// While records move, a key that has a record or a grave in its new shard is at home there, and what is left of it in the
// old one counts for nothing; else the old one has the truth. Nobody but `carry` writes such a key in its old shard. Who
// wants to write a key carries it home first; all others are carried one after the other.
//
// A router that was killed leaves nothing but the two shards' tables, and they say enough.

import { Busy, KeyLocks } from "./keylocks.ts";
import * as records from "./records.ts";
import { Unavailable, type Connection, type Shard } from "./shard.ts";
import { type Topology, type View } from "./topology.ts";

const CHUNK = 20;
const PAGE = 500;
const AGAIN_AFTER_MS = 200;

/** Brings keys home, all of them and when they are asked for. */
export class Moves {
  #topology: Topology;
  #locks = new KeyLocks();

  constructor(topology: Topology) {
    this.#topology = topology;
    topology.onMove = () => void this.#run();
    if (topology.view.move !== null) {
      void this.#run();
    }
  }

  /** Do `work` while these keys are held and at home. Throws `Unavailable`. */
  async atHome<T>(keys: string[], deadline: number, queueUntil: number, work: (view: View) => Promise<T>): Promise<T> {
    const look = () => {
      const down = keys.map((key) => this.#topology.view.home(key)).find((shard) => shard.isDown);
      if (down !== undefined) {
        throw new Unavailable(down.name);
      }
    };
    try {
      return await this.#locks.hold(keys, queueUntil, look, async () => {
        const { view } = this.#topology; // read under the locks: see #goOver
        for (const key of keys) {
          if (!view.isSettled(key)) {
            await carry(view, view.former(key), view.home(key), [key], deadline);
          }
        }
        return work(view);
      });
    } catch (error) {
      throw error instanceof Busy ? new Unavailable("(busy)") : error;
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        await this.#goOver(this.#topology.view);
        this.#topology.end();
        return;
      } catch (error) {
        if (!(error instanceof Unavailable || error instanceof Busy)) {
          console.error(error);
        }
        await pause(AGAIN_AFTER_MS);
      }
    }
  }

  /** Carry all that is not at home. When it returns, nothing is left. */
  async #goOver(view: View): Promise<void> {
    // Who began before the move may still write to the old place: in this process under a lock of the key; in a
    // transaction that a router gave up, or that is prepared, until that ends.
    await this.#locks.waitForHolders();
    await Promise.all([...view.shards().values()].map(waitForTransactions));
    for (const source of view.givers()) {
      for await (const page of pages(source)) {
        for (const target of view.takers()) {
          const strays = page.filter((key) => view.home(key) === target);
          for (let at = 0; at < strays.length; at += CHUNK) {
            await this.#carryAll(view, source, target, strays.slice(at, at + CHUNK));
          }
        }
        this.#topology.keep(view);
      }
    }
  }

  async #carryAll(view: View, source: Shard, target: Shard, keys: string[]): Promise<void> {
    await this.#locks.hold(keys, performance.now() + 5000, () => {}, async () => {
      const left = await carry(view, source, target, keys);
      if (left.length > 0) {
        await source.transaction((connection) => clear(connection, left));
      }
    });
  }
}

/**
 * Bring keys home, of which the caller holds the locks; those that were there already, and may have left something.
 *
 * Throws `Unavailable`; then each key is where it was, or at home.
 */
function carry(view: View, source: Shard, target: Shard, keys: string[], deadline = Infinity): Promise<string[]> {
  return target.use(async (there) => {
    await there.query("BEGIN");
    await records.lock(there, ...keys);
    const known = (await records.look(there, keys)).keys;
    const missing = keys.filter((key) => !known.has(key));
    if (missing.length === 0) {
      settle(view, keys, 0);
      return keys;
    }
    await source.transaction(async (here) => {
      await records.lock(here, ...missing); // waits for what a router that was killed has sent
      const count = await copy(here, there, missing);
      await there.query("COMMIT");
      settle(view, keys, count); // readers learn it before the old one is gone
      await clear(here, missing);
    }, deadline);
    return keys.filter((key) => known.has(key));
  }, deadline);
}

function settle(view: View, keys: string[], count: number): void {
  if (view.move !== null) {
    view.move.moved += count;
    for (const key of keys) {
      view.move.settled.add(key);
    }
  }
}

/** Records and graves; how many records. */
async function copy(here: Connection, there: Connection, keys: string[]): Promise<number> {
  const select = "SELECT key, value::text AS json, version FROM public.records WHERE key = ANY($1)";
  const { rows } = await here.query(select, [keys]);
  const graves = await here.query("SELECT key, version FROM public.graves WHERE key = ANY($1)", [keys]);
  for (const { key, json, version } of rows) {
    await there.query("INSERT INTO public.records VALUES ($1, $2::jsonb, $3)", [key, json, version]);
  }
  for (const { key, version } of graves.rows) {
    await there.query("INSERT INTO public.graves VALUES ($1, $2)", [key, version]);
  }
  return rows.length;
}

async function clear(connection: Connection, keys: string[]): Promise<void> {
  for (const table of ["records", "graves"]) {
    await connection.query(`DELETE FROM public.${table} WHERE key = ANY($1)`, [keys]);
  }
}

/** All keys of a shard, in order. */
async function* pages(shard: Shard): AsyncGenerator<string[]> {
  const select = `SELECT key FROM public.records WHERE key > $1
    UNION SELECT key FROM public.graves WHERE key > $1 ORDER BY key LIMIT $2`;
  for (let after = ""; ; ) {
    const { rows } = await shard.use((connection) => connection.query(select, [after, PAGE]));
    if (rows.length === 0) {
      return;
    }
    yield rows.map((row) => row.key);
    after = rows.at(-1)!.key;
  }
}

/** Until all transactions that write there now have ended. */
async function waitForTransactions(shard: Shard): Promise<void> {
  const ask = async (edge: string): Promise<bigint> => {
    const select = `SELECT pg_snapshot_${edge}(pg_current_snapshot())::text AS edge`;
    return BigInt((await shard.use((connection) => connection.query(select))).rows[0].edge);
  };
  for (const now = await ask("xmax"); (await ask("xmin")) < now; ) {
    await pause(20);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
