// Transfers by two-phase commit. What becomes of one is written once, in the table of verdicts of one of its shards. The
// router writes "commit" when both sides are prepared, whoever finds a transaction that nobody works on writes "roll
// back", and the first word stands.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Gone, Refusal, Unavailable } from "./asking.js";
import { slotOf } from "./topology.js";

const AT_ONCE = 6; // each has a connection to two shards
const QUEUE_MS = 1200; // beyond a shard's patience
const WORK_MS = 500;
const PREFIX = "pay";

export class Transfers {
  #topology;
  #patience;
  #active = new Set();
  #running = 0;
  #waiting = [];

  constructor(topology, patience) {
    this.#topology = topology;
    this.#patience = patience;
  }

  /** Both or neither. */
  async transfer({ from, to, amount }) {
    const queueUntil = performance.now() + this.#patience + QUEUE_MS;
    await this.#turn(queueUntil);
    try {
      const until = queueUntil + WORK_MS;
      await this.#topology.settled(async (holder) => {
        const [one, other] = [holder(from), holder(to)];
        if (one === other) {
          await one.use((ask) => inOne(ask, from, to, amount), until);
        } else {
          await this.#overTwo(new Map([[from, one], [to, other]]), from, to, amount, until);
        }
      }, until);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Wait for one of a few places, in the order of coming. */
  async #turn(until) {
    while (this.#running >= AT_ONCE) {
      const left = until - performance.now();
      if (left <= 0) throw new Unavailable("(busy)");
      let wake;
      const called = new Promise((resolve) => this.#waiting.push((wake = resolve)));
      await Promise.race([called, sleep(left)]);
      this.#waiting = this.#waiting.filter((each) => each !== wake);
    }
    this.#running += 1;
  }

  async #overTwo(homes, from, to, amount, until) {
    // In one order, so that no two wait for each other's connections.
    const [first, second] = [...homes.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
    const name = `${PREFIX}:${randomUUID()}:${first.id}`;
    this.#active.add(name);
    try {
      await first.use(async (askFirst) => {
        await second.use(async (askSecond) => {
          const asks = [askFirst, askSecond];
          for (const ask of asks) await ask("BEGIN");
          await change((key) => (homes.get(key) === first ? askFirst : askSecond), from, to, amount);
          await Promise.all(asks.map((ask) => ask(`PREPARE TRANSACTION '${name}'`)));
          if (!(await verdict(askFirst, name, true))) throw new Unavailable("(given up by another)");
          await Promise.all(asks.map((ask) => ask(`COMMIT PREPARED '${name}'`)));
        }, until);
      }, until);
    } finally {
      this.#active.delete(name);
    }
  }

  // --- what a router, or a shard, left behind ----------------------------------------------------------------------

  /** For ever: what nobody works on is ended. */
  async keepResolving() {
    for (;;) {
      await sleep(700);
      await Promise.all([...this.#topology.view.shards.values()].map((shard) => this.#resolve(shard).catch(ignore)));
    }
  }

  async #resolve(shard) {
    const active = new Set(this.#active);
    const names = await shard.use(inDoubt);
    for (const name of names) {
      if (active.has(name) || this.#active.has(name)) continue;
      await this.#end(shard, name).catch(ignore); // somebody else may be just at it; else there is the next round
    }
  }

  async #end(shard, name) {
    const judge = this.#topology.view.shards.get(name.split(":")[2]);
    const isCommit = await judge.use((ask) => verdict(ask, name, false));
    await shard.use((ask) => ask(`${isCommit ? "COMMIT" : "ROLLBACK"} PREPARED '${name}'`));
  }

  /** Whether a shard that is to leave has still to be asked what became of a transaction. */
  async isJudgeOfAny(id) {
    const all = await Promise.all([...this.#topology.view.shards.values()].map((shard) => shard.use(inDoubt)));
    return [...all.flat(), ...this.#active].some((name) => name.split(":")[2] === id);
  }
}

function ignore(error) {
  if (!(error instanceof Unavailable)) console.error(error);
}

async function inDoubt(ask) {
  const rows = await ask(
    "SELECT gid FROM pg_prepared_xacts WHERE starts_with(gid, $1) AND database = current_database()",
    [`${PREFIX}:`],
  );
  return rows.map(({ gid }) => gid);
}

/** Write it if nothing is written yet; what is written. */
async function verdict(ask, name, isCommit) {
  await ask("INSERT INTO public.verdicts VALUES ($1, $2) ON CONFLICT DO NOTHING", [name, isCommit]);
  const [written] = await ask("SELECT is_commit FROM public.verdicts WHERE name = $1", [name]);
  return written.is_commit;
}

async function inOne(ask, from, to, amount) {
  await ask("BEGIN");
  await change(() => ask, from, to, amount);
  await ask("COMMIT");
}

/** Enter both, the smaller key first; then look, and then write. */
async function change(asking, from, to, amount) {
  const keys = [from, to].sort();
  for (const key of keys) {
    const [{ gone }] = await asking(key)("SELECT public.enter($1) AS gone", [key]);
    if (gone !== null) throw new Gone(slotOf(key), gone);
  }
  const balances = new Map();
  for (const key of keys) {
    const [record] = await asking(key)("SELECT value FROM public.records WHERE key = $1", [key]);
    balances.set(key, record?.value?.balance);
    if (record === undefined) throw new Refusal(404, "a record is absent");
  }
  for (const balance of balances.values()) {
    if (!Number.isInteger(balance)) throw new Refusal(422, "a value has no whole balance");
  }
  if (balances.get(from) < amount) throw new Refusal(409, "the balance would fall below 0");
  for (const [key, by] of [[from, -amount], [to, amount]]) {
    await asking(key)(
      "UPDATE public.records SET value = jsonb_set(value, '{balance}', to_jsonb($2::bigint)), version = version + 1" +
        " WHERE key = $1",
      [key, balances.get(key) + by],
    );
  }
}
