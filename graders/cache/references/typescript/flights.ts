// Forwards under way: who may wait for which, and which were overtaken by a change.

import { type Request, type Response } from "./http_plumbing.ts";
import { type Entry } from "./store.ts";

/**
 * What a forward led to: an answer for whoever asked `alone`; a failure, or an answer that may be stored, both of which
 * others may share; or a stored answer, as it was validated or may be used in spite of a failure.
 */
export type Outcome =
  | { kind: "alone"; response: Response }
  | { kind: "failed"; response: Response }
  | { kind: "fetched"; response: Response; isStored: boolean }
  | { kind: "reused"; entry: Entry };

/** A forward under way. `key`: what a request must be equal in to join it. `isVoid`: its target was changed meanwhile. */
export type Flight = { key?: string; isVoid: boolean; outcome?: Promise<Outcome> };

/** All of them, by target. */
export class Flights {
  #byTarget = new Map<string, Set<Flight>>();

  /** One that may be joined. */
  find(target: string, key: string): Flight | undefined {
    return [...(this.#byTarget.get(target) ?? [])].find((flight) => flight.key === key && !flight.isVoid);
  }

  /** Begin one. `settle` is given it, and runs until it is over. */
  begin(target: string, key: string | undefined, settle: (flight: Flight) => Promise<Outcome>): Promise<Outcome> {
    const flight: Flight = { key, isVoid: false };
    const mine = this.#byTarget.get(target) ?? new Set();
    this.#byTarget.set(target, mine.add(flight));
    flight.outcome = settle(flight).finally(() => {
      mine.delete(flight);
      if (mine.size === 0) {
        this.#byTarget.delete(target);
      }
    });
    return flight.outcome;
  }

  /** CA-24: what is under way for a target is stored no more, and joined by nobody. */
  voidAll(target: string): void {
    this.#byTarget.get(target)?.forEach((flight) => (flight.isVoid = true));
  }
}

/** Requests for one target with equal keys have equal fields. */
export function keyOf(request: Request): string {
  const lines = request.fields.map(([name, value]) => [name.toLowerCase(), value]);
  return JSON.stringify(lines.sort(([one], [other]) => (one < other ? -1 : Number(one > other))));
}
