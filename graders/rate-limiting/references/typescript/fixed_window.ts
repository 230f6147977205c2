// A fixed window, opened by the first request that is admitted.

import type { Decision } from "./decision.ts";
import type { Policy } from "./policies.ts";

/** One pair's window. */
export class FixedWindow {
  readonly policy: Policy;
  openedAt: number;
  used = 0;

  constructor(policy: Policy, now: number) {
    this.policy = policy;
    this.openedAt = now;
  }

  /** Admit `cost` units now, or not at all. A denied request finds a window that is open, and leaves it so. */
  decide(cost: number, now: number): Decision {
    if (now >= this.idleAt) {
      this.openedAt = now;
      this.used = 0;
    }
    const isAdmitted = this.used + cost <= this.policy.limit;
    if (isAdmitted) {
      this.used += cost;
    }
    const left = this.idleAt - now;
    return { isAdmitted, remaining: this.policy.limit - this.used, waitUs: isAdmitted ? 0 : left, growsUs: left };
  }

  /** When the window is over. */
  get idleAt(): number {
    return this.openedAt + this.policy.windowUs;
  }
}
