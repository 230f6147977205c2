// What a client is told: stored answers, conditions, and failures.

import { NotAnswered, TooLate } from "./asking.ts";
import { dateOf, joined, seconds, type Directives } from "./directives.ts";
import { without } from "./forwarding.ts";
import { problem, values, type Fields, type Response } from "./http_plumbing.ts";
import { type Entry } from "./store.ts";

const KEPT = ["content-length", "content-encoding", "content-range", "etag"];
const OF_304 = ["etag", "date", "vary", "cache-control", "expires", "content-location", "cache-status"];
const TAG = /(?:W\/)?("[^"]*")/g;

/** Why a stored answer cannot be used (CA-6); "" when it can. */
export function whyNot(entry: Entry, asked: Directives): string {
  const { age } = entry;
  if (age >= entry.lifetime || entry.told.has("no-cache")) {
    return "stale";
  }
  const isTooOld = age > (seconds(asked, "max-age") ?? Infinity);
  const endsTooSoon = entry.lifetime - age < (seconds(asked, "min-fresh") ?? -Infinity);
  return isTooOld || endsTooSoon || asked.has("no-cache") || asked.has("no-store") ? "request" : "";
}

/** A stored answer, or 304 when the client has it (CA-18). */
export function served(fields: Fields, entry: Entry, status: string): Response {
  const { response } = entry;
  const age: [string, string] = ["Age", String(Math.floor(entry.age))];
  if (response.status === 200 && isHeld(fields, response.fields)) {
    const kept = response.fields.filter(([name]) => OF_304.includes(name.toLowerCase()));
    return marked({ status: 304, fields: [...kept, age], body: Buffer.alloc(0) }, status);
  }
  return marked({ ...response, fields: [...response.fields, age] }, status);
}

/** Whether the client's conditions say that it has it (RFC 9110, 13.1). */
function isHeld(asked: Fields, stored: Fields): boolean {
  const tags = joined(asked, "if-none-match");
  if (tags !== undefined) {
    const mine = values(stored, "etag")[0]?.replace(/^W\//, "");
    return tags === "*" || Array.from(tags.matchAll(TAG)).some(([, tag]) => tag === mine);
  }
  const since = dateOf(asked, "if-modified-since");
  const changed = dateOf(stored, "last-modified");
  return since !== undefined && changed !== undefined && changed <= since;
}

/** CA-17: a 304's fields replace the stored ones. */
export function merged(old: Response, told: Response): Response {
  const fields = without(told.fields, KEPT);
  const names = fields.map(([name]) => name.toLowerCase());
  return { ...old, fields: [...without(old.fields, names), ...fields] };
}

/** With `Cache-Status`. */
export function marked(response: Response, status: string): Response {
  return { ...response, fields: [...response.fields, ["Cache-Status", `lab; ${status}`]] };
}

/** CA-3; what is no failure of the origin's is thrown again. */
export function failure(fault: unknown): Response {
  if (fault instanceof TooLate) {
    return problem(504, "the origin is too slow");
  }
  if (fault instanceof NotAnswered) {
    return problem(502, "no whole answer from the origin");
  }
  throw fault;
}
