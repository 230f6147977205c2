// One shard: a pool of connections, a deadline for each use, and somebody who looks whether it is there.

import pg from "pg";
import { Gone, Refusal, Unavailable } from "./asking.js";
import { SCHEMA } from "./schema.js";

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const MOST = 12;
const CONNECT_MS = 2000;
const LOOK_MS = 300;

/** `patience`: milliseconds that one use may take. */
export class Shard {
  #patience;
  #pool;
  #hasSchema = false;
  #hasLeft = false;
  #answered = -Infinity;
  isDown = false;

  constructor(id, dsn, patience) {
    this.id = id;
    this.dsn = dsn;
    this.#patience = patience;
    this.#pool = this.#makePool();
    void this.#watch();
  }

  /**
   * Let `work` ask on a connection of its own; each statement is a transaction unless it begins one. What
   * refuses rolls back.
   * Throws `Unavailable`.
   */
  async use(work, until = Infinity) {
    if (this.isDown) throw new Unavailable(this.id);
    return this.#use(work, Math.min(performance.now() + this.#patience, until));
  }

  /** It is none of ours any more. */
  leave() {
    this.#hasLeft = true;
    this.#pool.end().catch(() => {});
  }

  async #use(work, deadline) {
    const client = await this.#connect(deadline);
    const ask = async (text, values = []) => {
      const left = Math.max(Math.ceil(deadline - performance.now()), 1);
      return (await client.query({ text, values, query_timeout: left })).rows;
    };
    let isSound = false;
    try {
      await this.#makeSchema(ask);
      const found = await work(ask);
      isSound = true;
      this.#answered = performance.now();
      return found;
    } catch (error) {
      const isAnswer = error instanceof Refusal || error instanceof Gone;
      if (isAnswer) isSound = await ask("ROLLBACK").then(() => true, () => false);
      throw this.#meaning(error);
    } finally {
      client.release(!isSound);
      if (!isSound) client.connection.stream.destroy();
    }
  }

  /** What the value or the request is to blame for stays what it is. */
  #meaning(error) {
    const isKnown = [Refusal, Gone, Unavailable, TypeError].some((kind) => error instanceof kind);
    return isKnown || /^22/.test(error.code ?? "") ? error : new Unavailable(this.id, { cause: error });
  }

  async #connect(deadline) {
    const coming = this.#pool.connect();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Unavailable(this.id)), deadline - performance.now());
    });
    try {
      return await Promise.race([coming, late]);
    } catch (error) {
      coming.then((client) => client.release(), () => {});
      throw this.#meaning(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Once: CREATE INDEX waits for whoever writes, also for transactions that a router left prepared. */
  async #makeSchema(ask) {
    if (this.#hasSchema) return;
    await ask("BEGIN");
    await ask("SELECT pg_advisory_xact_lock(3, 0)");
    const [{ is_new: isNew }] = await ask("SELECT to_regclass('public.verdicts') IS NULL AS is_new");
    if (isNew) await ask(SCHEMA);
    await ask("COMMIT");
    this.#hasSchema = true;
  }

  #makePool() {
    const pool = new pg.Pool({
      connectionString: this.dsn,
      max: MOST,
      connectionTimeoutMillis: Math.max(this.#patience, CONNECT_MS),
      idleTimeoutMillis: 0,
      lock_timeout: Math.floor(this.#patience * 0.8),
      idle_in_transaction_session_timeout: this.#patience + 2000,
    });
    pool.on("connect", (client) => client.on("error", () => {}));
    pool.on("error", () => {});
    return pool;
  }

  async #watch() {
    const patience = Math.min(Math.max(this.#patience, 500), 1500);
    while (!this.#hasLeft) {
      const began = performance.now();
      try {
        await this.#use((ask) => ask("SELECT 1"), began + patience);
        this.isDown = false;
      } catch {
        this.isDown = this.#answered < began; // else it is only busy
        if (this.isDown && !this.#hasLeft) {
          this.#pool.end().catch(() => {});
          this.#pool = this.#makePool();
        }
      }
      await new Promise((resolve) => setTimeout(resolve, this.isDown ? LOOK_MS / 3 : LOOK_MS));
    }
  }
}

/** 422 unless there is a shard. */
export async function mustBeReached(dsn) {
  const limits = { connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS };
  const client = new pg.Client({ connectionString: dsn, ...limits });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("SELECT 1");
  } catch {
    throw new Refusal(422, "the shard cannot be reached");
  } finally {
    client.end().catch(() => {});
  }
}
