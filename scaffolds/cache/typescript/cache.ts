// The heart of it: what is answered from the store, what is forwarded, and who waits for whom.

import { NotImplemented, type Request, type Response } from "./http_plumbing.ts";

/** Where the origin is, how long it may take, and how many answers may be stored. */
export type Surroundings = { originHost: string; originPort: number; originTimeoutMs: number; capacity: number };

/** Stands before the origin. */
export class Cache {
  surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
  }

  /**
   * The answer to anything that is not for the service itself.
   *
   * TODO: begin with a proxy that stores nothing (`lab spec CA-1`, `lab spec CA-2`): `ask` in asking.ts asks the origin, and
   * says by `NoAnswer`, `TooLate` and `CutShort` what went wrong (`lab spec CA-3`). Then keep answers by request.target
   * (`lab spec CA-8`). Wherever you await something, other requests go on.
   */
  async answer(request: Request): Promise<Response> {
    throw new NotImplemented("Cache.answer() in cache.ts");
  }
}
