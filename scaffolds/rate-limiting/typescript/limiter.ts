// The heart of it: may this client have `cost` more units now?

import { NotImplemented } from "./http_plumbing.ts";

/** One entry of POLICIES. */
export type Policy = {
  algorithm: string;
  limit: number;
  window_ms: number;
};

/** Decides. `policies` is what POLICIES says, by the policies' names. */
export class Limiter {
  policies: Map<string, Policy>;

  constructor(policies: Map<string, Policy>) {
    this.policies = policies;
  }

  /**
   * Whether the request is admitted.
   *
   * TODO: a fixed window (`lab spec RL-12`). Think of this: performance.now() never jumps, Date.now() does; each pair of
   * policy and client has a state of its own; other requests run whenever you `await`, but never in between.
   */
  decide(policy: string, client: string, cost: number): boolean {
    throw new NotImplemented("Limiter.decide() in limiter.ts");
  }
}
