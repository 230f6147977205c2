// State in this process: of the pairs that are not idle, and hardly any other.

import type { Decision, State } from "./decision.ts";
import { FixedWindow } from "./fixed_window.ts";
import type { Policy } from "./policies.ts";
import { SlidingWindow } from "./sliding_window.ts";
import { TokenBucket } from "./token_bucket.ts";

const ALGORITHMS = { "fixed-window": FixedWindow, "sliding-window": SlidingWindow, "token-bucket": TokenBucket };
const SWEEP_MS = 500;

/** Decides one request at a time: nothing is awaited in here, so nothing comes between reading and writing. */
export class Memory {
  readonly states = new Map<string, State>();
  /**
   * Pairs by the sweep that is to look at them, each in one place: no sooner than they can be idle. So a sweep looks at
   * few that are not.
   */
  readonly due = new Map<number, string[]>();
  swept = sweepAt(microseconds());

  constructor() {
    setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Admit `cost` units now, or not at all. */
  decide(policy: Policy, client: string, cost: number): Decision {
    const now = microseconds();
    const pair = `${policy.name} ${client}`; // neither has a blank in it
    const known = this.states.get(pair);
    if (known !== undefined) {
      return known.decide(cost, now);
    }
    const state = new ALGORITHMS[policy.algorithm](policy, now);
    this.states.set(pair, state);
    const decision = state.decide(cost, now); // always admitted: what is more than the capacity was refused before
    this.remember(pair, state);
    return decision;
  }

  /** Look at the pair again when it may be idle. */
  remember(pair: string, state: State): void {
    const sweep = sweepAt(state.idleAt) + 1;
    const pairs = this.due.get(sweep);
    if (pairs === undefined) {
      this.due.set(sweep, [pair]);
    } else {
      pairs.push(pair);
    }
  }

  /** How many pairs there is state for. */
  get tracked(): number {
    return this.states.size;
  }

  /** Drop the pairs that are idle. */
  sweep(): void {
    const now = microseconds();
    for (const last = sweepAt(now); this.swept < last; this.swept += 1) {
      const pairs = this.due.get(this.swept + 1) ?? [];
      this.due.delete(this.swept + 1);
      for (const pair of pairs) {
        this.dropIfIdle(pair, now);
      }
    }
  }

  private dropIfIdle(pair: string, now: number): void {
    const state = this.states.get(pair);
    if (state !== undefined && now < state.idleAt) {
      this.remember(pair, state);
    } else {
      this.states.delete(pair);
    }
  }
}

/** Since some moment. Unlike the time of day, this never jumps. */
function microseconds(): number {
  return Math.floor(performance.now() * 1000);
}

function sweepAt(us: number): number {
  return Math.floor(us / 1000 / SWEEP_MS);
}
