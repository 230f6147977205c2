// Which shard has a key: rendezvous hashing. Each shard bids for the key, and the highest bid has it.
//
// A shard that joins wins its share and takes nothing else; one that leaves leaves only what it had.

import { createHash } from "node:crypto";

/** The shard of a key: a function of the key and the set of ids alone. */
export function place(key: string, shards: Iterable<string>): string {
  let best = "";
  let highest = "";
  for (const shard of shards) {
    const bid = `${createHash("sha256").update(`${shard}/${key}`).digest("hex")}/${shard}`;
    if (bid > highest) {
      [best, highest] = [shard, bid];
    }
  }
  return best;
}
