// The heart of it: one payment per key, whatever happens on the way.

import { NotImplemented } from "./http_plumbing.ts";

/** Where keys and payments are kept, and who moves the money. */
export type Surroundings = { folder: string; ledgerUrl: string; ledgerTimeoutMs: number; keyTtlMs: number };

/** Keeps keys and payments below `folder`, and asks the ledger for the money. */
export class Payments {
  surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
  }

  /**
   * The payment for this key, now or from before.
   *
   * TODO: begin with one charge at the ledger (`lab spec IA-1`), and remember what it led to (`lab spec IA-10`). Think of
   * this from the first line on: wherever you await something, other requests go on; the process may be killed between
   * any two statements; the ledger moves money each time it is asked, and its answer may never come. Node has SQLite on
   * board: `node:sqlite`.
   */
  async pay(tenant: string, key: string, amount: number, currency: string, account: string): Promise<object> {
    throw new NotImplemented("Payments.pay() in payments.ts");
  }
}
