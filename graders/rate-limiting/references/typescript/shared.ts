// State in Redis, shared by all replicas: each decision is one script, which Redis runs alone and by its own clock.

import { readFileSync } from "node:fs";
import type { Decision } from "./decision.ts";
import type { Policy } from "./policies.ts";
import { type Redis, Script } from "./redis_client.ts";

const SCRIPTS = {
  "fixed-window": script("fixed_window.lua"),
  "sliding-window": script("sliding_window.lua"),
  "token-bucket": script("token_bucket.lua"),
};

/** Decides in Redis. */
export class Shared {
  readonly redis: Redis;
  /** All state is in Redis. */
  readonly tracked = 0;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  /** Admit `cost` units now, or not at all. Throws when nothing was decided, or nobody knows. */
  async decide(policy: Policy, client: string, cost: number): Promise<Decision> {
    const key = `${policy.name}:${client}`; // no policy has a colon in its name
    const words = [policy.limit, policy.windowUs, cost, policy.burst];
    const reply = await this.redis.run(SCRIPTS[policy.algorithm], key, ...words);
    const [admitted, remaining, waitUs, growsUs] = reply as number[];
    return { isAdmitted: admitted === 1, remaining, waitUs, growsUs };
  }
}

function script(file: string): Script {
  return new Script(readFileSync(new URL(file, import.meta.url), "utf8"));
}
