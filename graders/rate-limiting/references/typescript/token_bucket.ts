// A bucket into which tokens trickle.
//
// `limit` tokens per window are `limit` parts per microsecond when a token is cut into as many parts as the window has
// microseconds. So the level is a whole number of parts, at most 10,000 * 86,400,000,000, which a number holds exactly.

import type { Decision } from "./decision.ts";
import type { Policy } from "./policies.ts";

/** One pair's bucket. */
export class TokenBucket {
  readonly policy: Policy;
  level: number;
  seenAt: number;

  constructor(policy: Policy, now: number) {
    this.policy = policy;
    this.level = this.full;
    this.seenAt = now;
  }

  /** Admit `cost` units now, or not at all. */
  decide(cost: number, now: number): Decision {
    this.refill(now);
    const token = this.policy.windowUs;
    const isAdmitted = this.level >= cost * token;
    if (isAdmitted) {
      this.level -= cost * token;
    }
    const remaining = Math.floor(this.level / token);
    const waitUs = isAdmitted ? 0 : this.reaches(cost * token);
    return { isAdmitted, remaining, waitUs, growsUs: this.reaches((remaining + 1) * token) };
  }

  /** What has trickled in since the bucket was last seen. */
  refill(now: number): void {
    this.level = Math.min(this.full, this.level + (now - this.seenAt) * this.policy.limit);
    this.seenAt = now;
  }

  /** How long the bucket takes from here to `level`. */
  reaches(level: number): number {
    return Math.ceil((level - this.level) / this.policy.limit);
  }

  /** The level of a full bucket. */
  get full(): number {
    return this.policy.burst * this.policy.windowUs;
  }

  /** When the bucket is full. */
  get idleAt(): number {
    return this.seenAt + this.reaches(this.full);
  }
}
