// Fixed windows, one per pair of policy and client, opened by the first request that is admitted.

import type { Policy } from "./policies.ts";

/** An open window. */
type Window = {
  openedAt: number;
  used: number;
};

/** What was decided, and what the client may plan with. */
export type Decision = {
  isAdmitted: boolean;
  remaining: number;
  waitMs: number;
};

/** Decides one request at a time: nothing is awaited in here, so nothing comes between reading and writing. */
export class Limiter {
  readonly windows = new Map<string, Window>();

  /** Admit `cost` units now, or not at all. */
  decide(policy: Policy, client: string, cost: number): Decision {
    const now = performance.now();
    const pair = `${policy.name} ${client}`; // neither has a blank in it
    const window = this.current(policy, pair, now);
    const isAdmitted = window.used + cost <= policy.limit;
    if (isAdmitted) {
      window.used += cost;
      this.windows.set(pair, window);
    }
    return { isAdmitted, remaining: policy.limit - window.used, waitMs: window.openedAt + policy.windowMs - now };
  }

  /** The pair's open window, or one that would open now. */
  private current(policy: Policy, pair: string, now: number): Window {
    const window = this.windows.get(pair);
    if (window === undefined || now >= window.openedAt + policy.windowMs) {
      return { openedAt: now, used: 0 };
    }
    return window;
  }
}
