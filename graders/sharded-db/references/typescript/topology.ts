// Which shards there are, and, while records move, which there were.
//
// It is kept in a file below DATA_DIR from the first change on; the file is written before anything moves, so that a
// router that was killed knows what it was about.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { Refusal } from "./asking.ts";
import { place } from "./placement.ts";
import { Shard } from "./shard.ts";

type Shards = Map<string, Shard>;

/** What this process knows of a move: which keys have their new place for certain, and how many records moved. */
export type Move = { settled: Set<string>; moved: number };

/** The shards that keys come from and those that they go to, by id; the same ones while nothing moves. */
export class View {
  old: Shards;
  next: Shards;
  move: Move | null;

  constructor(old: Shards, next: Shards, move: Move | null = null) {
    [this.old, this.next, this.move] = [old, next, move];
  }

  /** Where a key belongs. */
  home(key: string): Shard {
    return this.next.get(place(key, this.next.keys()))!;
  }

  /** Where it was before the move. */
  former(key: string): Shard {
    return this.old.get(place(key, this.old.keys()))!;
  }

  /** Whether nothing of the key can be anywhere but at home. */
  isSettled(key: string): boolean {
    return this.move === null || this.move.settled.has(key) || this.home(key) === this.former(key);
  }

  /** All of them. */
  shards(): Shards {
    return new Map([...this.old, ...this.next]);
  }

  /** Those that records go away from; none while nothing moves. */
  givers(): Shard[] {
    const leaving = [...this.old.values()].filter((shard) => !this.next.has(shard.name));
    return this.move === null ? [] : leaving.length > 0 ? leaving : [...this.old.values()];
  }

  /** All others. */
  takers(): Shard[] {
    const givers = this.givers();
    return [...this.shards().values()].filter((shard) => !givers.includes(shard));
  }

  /** As `GET /shards` shows them. */
  statuses(): { id: string; status: string }[] {
    return [...this.shards().values()]
      .map((shard) => ({ id: shard.name, status: this.#status(shard) }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  #status(shard: Shard): string {
    return shard.isDown ? "down" : !this.old.has(shard.name) ? "joining" : !this.next.has(shard.name) ? "draining" : "up";
  }
}

/** The view now. Whoever has one asks afterwards whether it is still `view`. */
export class Topology {
  view: View;
  /** Called when a move begins. */
  onMove: () => void = () => {};
  #file: string;
  #patience: number;
  #lastMoved: number;

  /** `first`: the shards of the first start, id to where it is. */
  constructor(folder: string, first: Record<string, string>, patience: number) {
    this.#file = join(folder, "topology.json");
    this.#patience = patience;
    const kept = existsSync(this.#file)
      ? JSON.parse(readFileSync(this.#file, "utf8"))
      : { old: first, next: first, moved: 0 };
    const shards = new Map<string, Shard>();
    for (const [name, dsn] of Object.entries<string>({ ...kept.old, ...kept.next })) {
      shards.set(name, new Shard(name, dsn, patience));
    }
    const some = (part: object): Shards => new Map(Object.keys(part).map((name) => [name, shards.get(name)!]));
    const isMoving = Object.keys(kept.old).sort().join() !== Object.keys(kept.next).sort().join();
    this.#lastMoved = kept.moved;
    this.view = new View(some(kept.old), some(kept.next), isMoving ? { settled: new Set(), moved: kept.moved } : null);
  }

  /** 409 if a shard of this id cannot join now. */
  refuseToJoin(name: string): void {
    if (this.view.move !== null || this.view.next.has(name)) {
      throw new Refusal(409, "a move is under way, or the id is known");
    }
  }

  /** Begin the move to a further shard. */
  join(name: string, dsn: string): void {
    this.refuseToJoin(name);
    this.#begin(new Map([...this.view.next, [name, new Shard(name, dsn, this.#patience)]]));
  }

  /** Begin the move away from a shard. */
  drain(name: string): void {
    if (!this.view.shards().has(name)) {
      throw new Refusal(404, "no such shard");
    }
    if (this.view.move !== null || this.view.next.size === 1) {
      throw new Refusal(409, "a move is under way, or it is the last shard");
    }
    this.#begin(new Map([...this.view.next].filter(([other]) => other !== name)));
  }

  #begin(next: Shards): void {
    const view = new View(this.view.next, next, { settled: new Set(), moved: 0 });
    this.keep(view);
    this.view = view;
    this.onMove();
  }

  /** All that had to move has. */
  end(): void {
    const ended = this.view;
    const view = new View(ended.next, ended.next);
    this.#lastMoved = ended.move?.moved ?? 0;
    this.keep(view);
    this.view = view;
    for (const [name, shard] of ended.old) {
      if (!ended.next.has(name)) {
        shard.leave();
      }
    }
  }

  /** How many records the current or last move has moved. */
  moved(): number {
    return this.view.move?.moved ?? this.#lastMoved;
  }

  /** Write it down. */
  keep(view: View): void {
    const written = (part: Shards) => Object.fromEntries([...part].map(([name, shard]) => [name, shard.dsn]));
    const kept = { old: written(view.old), next: written(view.next), moved: view.move?.moved ?? this.#lastMoved };
    mkdirSync(dirname(this.#file), { recursive: true });
    const draft = openSync(`${this.#file}.new`, "w");
    writeSync(draft, JSON.stringify(kept));
    fsyncSync(draft);
    closeSync(draft);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
