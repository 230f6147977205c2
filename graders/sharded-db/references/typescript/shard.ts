// One shard: its connections, and whether it is there.
//
// A shard that is paused answers nothing, and no driver notices. So every use of a connection has a deadline: when it has
// passed, the connection is destroyed, and whoever waits on it gets an error.
//
// What was sent to a shard that was silent may be carried out much later. So no message both decides and commits: a
// COMMIT is sent only when all before it was answered, and so under the locks of what it wrote.

import pg from "pg";
import { Refusal } from "./asking.ts";

const MOST = 12; // connections; the contract allows 30, and some that we gave up may be there still
const PROBE_EVERY_MS = 500;
const PROBE_WHILE_DOWN_MS = 100;
const LEAST_PROBE_MS = 500;
const LONGEST_PROBE_MS = 1500;
const CONNECT_WITHIN_MS = 2000;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS public.records (key text PRIMARY KEY, value jsonb NOT NULL, version bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS public.graves (key text PRIMARY KEY, version bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS public.decisions (name text PRIMARY KEY)`;

/** A row of a result. */
export type Row = Record<string, any>;

/** What we use of a connection. */
export type Connection = {
  query: (text: string, values?: unknown[]) => Promise<{ rows: Row[] }>;
  connect: () => Promise<void>;
  on: (event: string, listener: () => void) => void;
  getTransactionStatus: () => string | null;
  connection: { stream: { destroy: () => void; destroyed: boolean } };
};

/** The shard did not answer in time, or the connection broke. What was asked may have been done. */
export class Unavailable extends Error {}

type Waiter = { resolve: (connection: Connection) => void; timer: NodeJS.Timeout };

/** One shard. */
export class Shard {
  name: string;
  dsn: string;
  isDown = false;
  #patience: number;
  #idle: Connection[] = [];
  #waiters: Waiter[] = [];
  #count = 0;
  #hasSchema = false;
  #hasLeft = false;
  #answered = -Infinity;
  #look: () => void = () => {};

  /** `patience`: how many milliseconds one use may take. */
  constructor(name: string, dsn: string, patience: number) {
    this.name = name;
    this.dsn = dsn;
    this.#patience = patience;
    void this.#probe();
  }

  /** A connection on which each statement is a transaction. Throws `Unavailable`. */
  async use<T>(work: (connection: Connection) => Promise<T>, deadline = Infinity): Promise<T> {
    if (this.isDown) {
      throw new Unavailable(this.name);
    }
    return this.#with(work, Math.min(performance.now() + this.#patience, deadline));
  }

  /** A transaction, committed at the end. Throws `Unavailable`. */
  async transaction<T>(work: (connection: Connection) => Promise<T>, deadline = Infinity): Promise<T> {
    return this.use(async (connection) => {
      await connection.query("BEGIN");
      const result = await work(connection);
      await connection.query("COMMIT");
      return result;
    }, deadline);
  }

  /** It is none of ours any more. */
  leave(): void {
    this.#hasLeft = true;
    this.#throwAway();
  }

  async #with<T>(work: (connection: Connection) => Promise<T>, deadline: number): Promise<T> {
    const connection = await this.#take(deadline);
    // Whoever is so late is taken for down until it answers a probe.
    const timer = setTimeout(() => {
      this.isDown = true;
      connection.connection.stream.destroy();
      this.#look();
    }, Math.max(deadline - performance.now(), 0));
    try {
      const result = await work(connection);
      this.#answered = performance.now();
      return result;
    } catch (error) {
      throw isBroken(error) ? new Unavailable(this.name) : error;
    } finally {
      if (connection.getTransactionStatus() !== "I") {
        await connection.query("ROLLBACK").catch(() => connection.connection.stream.destroy());
      }
      clearTimeout(timer);
      this.#giveBack(connection);
    }
  }

  #take(deadline: number): Promise<Connection> {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (!connection.connection.stream.destroyed) {
        return Promise.resolve(connection);
      }
      this.#count -= 1;
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new Unavailable(this.name));
      }, Math.max(deadline - performance.now(), 0));
      const waiter = { resolve, timer };
      this.#waiters.push(waiter);
      this.#makeIfWanted();
    });
  }

  #giveBack(connection: Connection): void {
    if (connection.connection.stream.destroyed || this.#hasLeft) {
      connection.connection.stream.destroy();
      this.#count -= 1;
      this.#makeIfWanted();
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#idle.push(connection);
    } else {
      clearTimeout(waiter.timer);
      waiter.resolve(connection);
    }
  }

  #makeIfWanted(): void {
    if (this.#waiters.length > 0 && this.#count < MOST) {
      this.#count += 1;
      this.#make().then(
        (connection) => this.#giveBack(connection),
        () => {
          this.#count -= 1;
          setTimeout(() => this.#makeIfWanted(), 50);
        },
      );
    }
  }

  async #make(): Promise<Connection> {
    const made = new pg.Client({
      connectionString: this.dsn,
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      // A lock is waited for a little less long than an answer. A transaction of ours whose end gets lost ends itself.
      lock_timeout: Math.floor(this.#patience * 0.8),
      idle_in_transaction_session_timeout: this.#patience + 2000,
    }) as unknown as Connection;
    made.on("error", () => made.connection.stream.destroy());
    const timer = setTimeout(() => made.connection.stream.destroy(), 2 * CONNECT_WITHIN_MS);
    try {
      await made.connect();
      if (!this.#hasSchema) {
        // Two routers may begin at once, and CREATE TABLE IF NOT EXISTS is no lock.
        await made.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${SCHEMA}; COMMIT`);
        this.#hasSchema = true;
      }
      return made;
    } catch (error) {
      made.connection.stream.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether it is there; what waits in the pool is thrown away when it is not. */
  async #probe(): Promise<void> {
    const patience = Math.min(Math.max(this.#patience, LEAST_PROBE_MS), LONGEST_PROBE_MS);
    while (!this.#hasLeft) {
      const asked = new Promise<void>((resolve) => (this.#look = resolve));
      const began = performance.now();
      try {
        await this.#with((connection) => connection.query("SELECT 1"), began + patience);
        this.isDown = false;
      } catch {
        this.isDown = this.#answered < began; // else it is only busy
        this.#throwAway();
      }
      const pause = new Promise((resolve) => setTimeout(resolve, this.isDown ? PROBE_WHILE_DOWN_MS : PROBE_EVERY_MS));
      await (this.isDown ? pause : Promise.race([pause, asked]));
    }
  }

  #throwAway(): void {
    this.#count -= this.#idle.length;
    for (const connection of this.#idle.splice(0)) {
      connection.connection.stream.destroy();
    }
  }
}

/** Whether an error means that the shard is not to be had: any but what we, the statement or its values are to blame for. */
function isBroken(error: unknown): boolean {
  const { code } = error as { code?: string };
  const isOurs = error instanceof Refusal || error instanceof Unavailable || error instanceof TypeError;
  return !isOurs && !/^(22|23|42)/.test(code ?? "");
}
