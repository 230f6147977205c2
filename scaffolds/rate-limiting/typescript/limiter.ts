// The heart of it: may this client have `cost` more units now?

import { NotImplemented } from "./http_plumbing.ts";

/** One entry of POLICIES (`lab spec RL-2`). */
export type Policy = {
  algorithm: "fixed-window" | "sliding-window" | "token-bucket";
  limit: number;
  window_ms: number;
  burst?: number;
  on_store_failure?: "open" | "closed";
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

  /**
   * For how many pairs of policy and client there is state in this process.
   *
   * TODO, in the stage `memory` (`lab spec RL-17`): forget pairs whose state is that of a pair never seen.
   */
  tracked(): number {
    throw new NotImplemented("Limiter.tracked() in limiter.ts");
  }
}
