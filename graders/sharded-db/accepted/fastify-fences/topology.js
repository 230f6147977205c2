// Which shards there are and will be, kept in DATA_DIR; where a key is now, as far as this router has heard.

import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Gone, Refusal, Unavailable } from "./asking.js";
import { SLOTS } from "./schema.js";
import { Shard } from "./shard.js";

/** The same as public.slot_of() in a shard. */
export function slotOf(key) {
  return createHash("md5").update(key).digest().readUInt16BE(0) % SLOTS;
}

/** The shard's id of each slot: the one whose bid is highest. */
function ownersOf(ids) {
  const bid = (id, slot) => createHash("sha256").update(`${slot} of ${id}`).digest("hex");
  return Array.from({ length: SLOTS }, (_, slot) => {
    const bids = ids.map((id) => [bid(id, slot), id]).sort();
    return bids.at(-1)[1];
  });
}

/** What is so from one change to the next. `flipped`: slots that were heard to have moved. */
class View {
  moved = 0;
  flipped = new Set();

  constructor(now, then) {
    this.now = now;
    this.then = then;
    this.isMoving = now !== then;
    this.before = ownersOf([...now.keys()]);
    this.after = this.isMoving ? ownersOf([...then.keys()]) : this.before;
    this.shards = new Map([...now, ...then]);
  }

  /** Where a slot is: whom to ask first. */
  holder(slot) {
    const isThere = this.before[slot] === this.after[slot] || this.flipped.has(slot);
    return this.shards.get(isThere ? this.after[slot] : this.before[slot]);
  }

  /** A shard said that it gave the slot away, with so many records. */
  flip(slot, records) {
    if (!this.isMoving || this.before[slot] === this.after[slot] || this.flipped.has(slot)) return;
    this.flipped.add(slot);
    this.moved += records;
  }

  /** What is to move: from whom, to whom, which slots. */
  toMove() {
    const found = new Map();
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const [from, to] = [this.before[slot], this.after[slot]];
      if (from === to || this.flipped.has(slot)) continue;
      const way = `${from} ${to}`;
      if (!found.has(way)) found.set(way, { from: this.shards.get(from), to: this.shards.get(to), slots: [] });
      found.get(way).slots.push(slot);
    }
    return [...found.values()];
  }
}

export class Topology {
  #file;
  #patience;

  constructor(folder, first, patience) {
    this.#file = join(folder, "topology.json");
    this.#patience = patience;
    const isFirst = !existsSync(this.#file);
    const kept = isFirst ? { now: first, then: null, moved: 0 } : JSON.parse(readFileSync(this.#file, "utf8"));
    const shards = new Map();
    for (const [id, dsn] of Object.entries({ ...kept.now, ...kept.then })) shards.set(id, new Shard(id, dsn, patience));
    const part = (dsns) => new Map(Object.keys(dsns).map((id) => [id, shards.get(id)]));
    const now = part(kept.now);
    this.view = new View(now, kept.then === null ? now : part(kept.then));
    this.view.moved = kept.moved;
  }

  /** 409 when it cannot join. */
  checkJoin(id) {
    if (this.view.isMoving || this.view.now.has(id)) throw new Refusal(409, "the id is known, or a move is under way");
  }

  join(id, dsn) {
    this.checkJoin(id);
    this.#change(new View(this.view.now, new Map([...this.view.now, [id, new Shard(id, dsn, this.#patience)]])));
  }

  drain(id) {
    const { now, isMoving, shards } = this.view;
    if (!shards.has(id)) throw new Refusal(404, "no such shard");
    if (isMoving || now.size === 1) throw new Refusal(409, "it is the last one, or a move is under way");
    this.#change(new View(now, new Map([...now].filter(([other]) => other !== id))));
  }

  /** Nothing is left to move. */
  end() {
    const { now, then, moved } = this.view;
    const view = new View(then, then);
    view.moved = moved;
    this.#change(view);
    for (const [id, shard] of now) if (!then.has(id)) shard.leave();
  }

  /** Written down first. */
  #change(view) {
    const dsns = (shards) => Object.fromEntries([...shards].map(([id, shard]) => [id, shard.dsn]));
    const kept = { now: dsns(view.now), then: view.isMoving ? dsns(view.then) : null, moved: view.moved };
    const draft = openSync(`${this.#file}.draft`, "w");
    writeSync(draft, JSON.stringify(kept));
    fsyncSync(draft);
    closeSync(draft);
    renameSync(`${this.#file}.draft`, this.#file);
    this.view = view;
  }

  statuses() {
    const { now, then, shards } = this.view;
    const status = ({ id, isDown }) => (isDown ? "down" : !now.has(id) ? "joining" : !then.has(id) ? "draining" : "up");
    return [...shards.values()].map((shard) => ({ id: shard.id, status: status(shard) }));
  }

  /** Let `work` act on what is so now; again when a shard says that it is not. */
  async settled(work, until) {
    for (;;) {
      const { view } = this;
      try {
        return await work((key) => view.holder(slotOf(key)));
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        view.flip(error.slot, error.records);
        if (performance.now() > until) throw new Unavailable("(moving)");
        await sleep(1);
      }
    }
  }
}
