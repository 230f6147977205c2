// The heart of it: which shard has a key, and a connection to it, whatever fails.

import { NotImplemented } from "./http_plumbing.ts";

/** The shards of the first start, id to where it is; where to keep later ones; how long a shard may take. */
export type Surroundings = { folder: string; first: Record<string, string>; patienceMs: number };

/** The shards by their ids. */
export class Shards {
  surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
  }

  /**
   * The id of the key's shard.
   *
   * TODO: begin with one shard; then a function of the key and the set of ids alone (`lab spec SD-22`). Think of this from
   * the first line on: another shard will join, and few keys may move then (`lab spec SD-24`).
   */
  of(key: string): string {
    throw new NotImplemented("Shards.of() in shards.ts");
  }

  /**
   * A connection to a shard.
   *
   * TODO: `new pg.Client({ connectionString })` makes one, and pg is installed: `import pg from "pg"`. Think of this from
   * the first line on: many requests go on at once, and a shard takes 30 connections of you; it may be down when you
   * start, and silent at any moment, while others must be served (`lab spec SD-25`, `lab spec SD-26`); the table must be
   * made by you (`lab spec SD-2`).
   */
  async connection(shard: string): Promise<unknown> {
    throw new NotImplemented("Shards.connection() in shards.ts");
  }
}
