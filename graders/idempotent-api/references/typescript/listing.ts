// `GET /payments`: pages that stay put while payments are added.

import { Refusal } from "./asking.ts";
import { type Request, type Response } from "./http_plumbing.ts";
import { type Store } from "./store.ts";

const LIMIT = /^([1-9][0-9]?|100)$/;
const DEFAULT_LIMIT = "20";

/** One page. A cursor names the last payment of the page before, not how many there were. */
export function page(request: Request, tenant: string, store: Store): Response {
  const limit = readLimit(request.query.get("limit") ?? DEFAULT_LIMIT);
  const cursor = request.query.get("cursor");
  const before = cursor === null ? null : readCursor(cursor);
  const rows = store.payments(tenant, request.query.get("account"), before, limit + 1);
  const items = rows.slice(0, limit).map((row) => JSON.parse(row.body));
  return { status: 200, content: { items, next: rows.length > limit ? writeCursor(rows[limit - 1].number) : null } };
}

/** How many payments a page has at most. */
function readLimit(text: string): number {
  if (!LIMIT.test(text)) {
    throw new Refusal(400, "invalid limit");
  }
  return Number(text);
}

/** Opaque to clients, so that it can change some day. */
function writeCursor(number: number): string {
  return Buffer.from(`before ${number}`).toString("base64url");
}

/** The number that a cursor of ours was made of. */
function readCursor(text: string): number {
  const number = Number(/^before ([0-9]+)$/.exec(Buffer.from(text, "base64url").toString())?.[1] ?? "NaN");
  if (!Number.isSafeInteger(number) || writeCursor(number) !== text) {
    throw new Refusal(400, "invalid cursor");
  }
  return number;
}
