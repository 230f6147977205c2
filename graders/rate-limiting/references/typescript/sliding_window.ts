// A sliding window: the exact one, which remembers when each unit was spent.

import type { Decision } from "./decision.ts";
import type { Policy } from "./policies.ts";

/** So many units, spent at a moment. */
type Spending = { at: number; cost: number };

/** What one pair spent within the last window. */
export class SlidingWindow {
  readonly policy: Policy;
  /** The oldest first, from `first` on: shift() would move thousands. */
  spent: Spending[] = [];
  first = 0;
  used = 0;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** Admit `cost` units now, or not at all. */
  decide(cost: number, now: number): Decision {
    this.forget(now);
    const missing = this.used + cost - this.policy.limit;
    const isAdmitted = missing <= 0;
    if (isAdmitted) {
      this.spent.push({ at: now, cost });
      this.used += cost;
    }
    const waitUs = isAdmitted ? 0 : this.frees(missing) - now;
    return { isAdmitted, remaining: this.policy.limit - this.used, waitUs, growsUs: this.frees(1) - now };
  }

  /** A unit spent at a counts in [a, a + window). */
  forget(now: number): void {
    while (this.first < this.spent.length && now >= this.spent[this.first].at + this.policy.windowUs) {
      this.used -= this.spent[this.first].cost;
      this.first += 1;
    }
    if (this.first * 2 > this.spent.length) {
      this.spent.splice(0, this.first); // now and then, so that each is moved once on the whole
      this.first = 0;
    }
  }

  /** When so many units will have left the window. There are never fewer. */
  frees(units: number): number {
    let last = this.first;
    for (let freed = this.spent[last].cost; freed < units; freed += this.spent[last].cost) {
      last += 1;
    }
    return this.spent[last].at + this.policy.windowUs;
  }

  /** When the last unit leaves the window. */
  get idleAt(): number {
    return this.spent[this.spent.length - 1].at + this.policy.windowUs;
  }
}
