// The heart of it: one payment per key, whatever happens on the way.

import { randomBytes } from "node:crypto";

import { type Asked } from "./asking.ts";
import { problem, type Response } from "./http_plumbing.ts";
import { type Ledger } from "./ledger.ts";
import { type Finish, type Store } from "./store.ts";

const BUSY = problem(409, "another request is working on this key", { "Retry-After": "1" });
const OTHER = problem(422, "this key was used for another payload");
const UNAVAILABLE = problem(503, "the ledger does not answer now", { "Retry-After": "1" });
const UNRESOLVED = problem(504, "the ledger's answer is unknown; try again");

/** Works on one request of a key at a time. */
export class Payments {
  store: Store;
  ledger: Ledger;
  working = new Set<string>();

  constructor(store: Store, ledger: Ledger) {
    this.store = store;
    this.ledger = ledger;
  }

  /** Answer `POST /payments`. Nothing else runs between looking a key up and taking it: there is no await. */
  async pay(asked: Asked): Promise<Response> {
    const name = JSON.stringify([asked.tenant, asked.key]);
    if (this.working.has(name)) {
      return BUSY;
    }
    this.working.add(name);
    try {
      return await this.work(asked);
    } finally {
      this.working.delete(name);
    }
  }

  /** Nobody else works on this key meanwhile. */
  private async work(asked: Asked): Promise<Response> {
    const entry = this.store.find(asked.tenant, asked.key);
    if (entry === undefined) {
      return this.charge(asked);
    }
    if (entry.payload !== asked.payload) {
      return OTHER;
    }
    return entry.finish === undefined ? this.resolve(asked, entry.reference) : replay(entry.finish);
  }

  /** Find out what became of a charge request whose answer nobody knows. */
  private async resolve(asked: Asked, reference: string): Promise<Response> {
    const charges = await this.ledger.close(reference);
    if (charges === undefined) {
      return UNRESOLVED;
    }
    return charges.length > 0 ? this.succeed(asked, charges[0]) : this.charge(asked);
  }

  /** Ask the ledger, under a reference that is on disk before it is used. */
  private async charge(asked: Asked): Promise<Response> {
    const reference = randomBytes(18).toString("base64url");
    this.store.begin(asked.tenant, asked.key, asked.payload, reference);
    const charged = await this.ledger.charge(reference, asked.amount, asked.currency, asked.account);
    switch (charged.outcome) {
      case "charged":
        return this.succeed(asked, charged.charge);
      case "declined":
        return this.decline(asked);
      case "unavailable":
        this.store.forget(asked.tenant, asked.key);
        return UNAVAILABLE;
      default:
        return UNRESOLVED;
    }
  }

  /** Note the payment and the key's answer together, then answer. */
  private succeed(asked: Asked, charge: string): Response {
    const id = randomBytes(12).toString("base64url");
    const { amount, currency, account } = asked;
    const content = { id, amount, currency, account, charge_id: charge, status: "succeeded" };
    const finish: Finish = {
      status: 201,
      contentType: "application/json",
      location: `/payments/${id}`,
      body: Buffer.from(JSON.stringify(content)),
    };
    this.store.finish(asked.tenant, asked.key, finish, { id, account });
    return answer(finish);
  }

  /** The ledger said no, once and for all. */
  private decline(asked: Asked): Response {
    const refusal = problem(402, "the ledger declined");
    const finish: Finish = {
      status: 402,
      contentType: refusal.contentType ?? "",
      location: null,
      body: Buffer.from(JSON.stringify(refusal.content)),
    };
    this.store.finish(asked.tenant, asked.key, finish);
    return answer(finish);
  }
}

/** The answer that a key ended with. */
function answer(finish: Finish, headers: Record<string, string> = {}): Response {
  const location: Record<string, string> = finish.location === null ? {} : { Location: finish.location };
  const { status, contentType, body } = finish;
  return { status, content: body, headers: { ...location, ...headers }, contentType };
}

/** The same answer again, and said so. */
function replay(finish: Finish): Response {
  return answer(finish, { "Idempotent-Replayed": "true" });
}
