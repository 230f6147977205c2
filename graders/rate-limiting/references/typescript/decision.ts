// What a limiter decides. Time is counted in whole microseconds everywhere, so that nothing is lost by rounding.

import type { Policy } from "./policies.ts";

/** What was decided, and what the client may plan with. */
export type Decision = {
  isAdmitted: boolean;
  remaining: number;
  /** Microseconds until this same request would be admitted; 0 when it was. */
  waitUs: number;
  /** Microseconds until more is left than now. */
  growsUs: number;
};

/** What is known of one pair. Moments are microseconds. */
export type State = {
  /** Admit `cost` units now, or not at all. */
  decide(cost: number, now: number): Decision;
  /** When the state equals that of a pair never seen, if nothing else comes. */
  readonly idleAt: number;
};

/** Decides, here or elsewhere. */
export type Limiter = {
  decide(policy: Policy, client: string, cost: number): Decision | Promise<Decision>;
  /** How many pairs this process holds state for. */
  readonly tracked: number;
};
