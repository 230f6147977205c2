// What a request may ask, and how it is refused.

import { type Request } from "./http_plumbing.ts";

const LONGEST_KEY = 200;
const MOST_KEYS = 500;
const MOST_ITEMS = 1000;
const NEVER = 0; // a version that no record has

/** An answer that ends a request. */
export class Refusal extends Error {
  status: number;

  constructor(status: number, title: string) {
    super(title);
    this.status = status;
  }
}

/** What must be so before the request is carried out: `version` of If-Match; `absent` for If-None-Match: *. */
export type Condition = { version?: number; absent?: boolean };

/** The key in a path, decoded once. */
export function keyOf(encoded: string): string {
  return checked(textOf(decoded(encoded)));
}

/** The key, if it is one. */
export function checked(key: unknown): string {
  if (typeof key !== "string" || !key.isWellFormed()) {
    throw new Refusal(400, "a key is a string of UTF-8");
  }
  const size = Buffer.byteLength(key);
  if (size < 1 || size > LONGEST_KEY || key === "." || key === "..") {
    throw new Refusal(400, "a key has 1 to 200 bytes, and is neither . nor ..");
  }
  if (/[/\p{Cc}]/u.test(key)) {
    throw new Refusal(400, "a key has no / and no control character");
  }
  return key;
}

/** The body as text that is JSON: a shard reads it more exactly than JavaScript's numbers could. */
export function jsonTextOf(body: Buffer): string {
  const text = textOf(body);
  try {
    JSON.parse(text);
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
  return text;
}

/** The members of the body; none when it is no object. */
function membersOf(body: Buffer): Record<string, unknown> {
  const asked: unknown = JSON.parse(jsonTextOf(body));
  return typeof asked === "object" && asked !== null && !Array.isArray(asked) ? (asked as Record<string, unknown>) : {};
}

/** The different keys of a batch. */
export function keysOf(body: Buffer): string[] {
  const { keys } = membersOf(body);
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > MOST_KEYS) {
    throw new Refusal(400, "keys is a list of 1 to 500 keys");
  }
  return [...new Set(keys.map(checked))];
}

/** From, to and amount of a transfer. */
export function transferOf(body: Buffer): { from: string; to: string; amount: number } {
  const { from, to, amount } = membersOf(body);
  if (typeof amount !== "number" || !Number.isInteger(amount) || amount < 1 || from === to) {
    throw new Refusal(400, "an amount is a whole number from 1, and the keys differ");
  }
  return { from: checked(from), to: checked(to), amount };
}

/** Id and place of a shard that is to join. */
export function shardOf(body: Buffer): { id: string; dsn: string } {
  const { id, dsn } = membersOf(body);
  if (typeof id !== "string" || !/^[a-z0-9-]{1,32}$/.test(id) || typeof dsn !== "string") {
    throw new Refusal(400, "a shard has an id of a-z, 0-9 and -, and a dsn");
  }
  return { id, dsn };
}

/** What must be so before the request is carried out. */
export function conditionOf(request: Request): Condition {
  const [match] = request.fields("If-Match");
  if (request.fields("If-None-Match")[0] === "*") {
    return { absent: true };
  }
  return match === undefined ? {} : { version: /^"\d+"$/.test(match) ? Number(match.slice(1, -1)) : NEVER };
}

/** The bytes that keys begin with. */
export function prefixOf(request: Request): Buffer {
  const parameter = request.search.split("&").find((part) => part.startsWith("prefix="));
  return decoded((parameter ?? "prefix=").slice("prefix=".length).replaceAll("+", " "));
}

/** How many items a page has at most. */
export function limitOf(request: Request): number {
  const text = request.query.get("limit") ?? "100";
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > MOST_ITEMS) {
    throw new Refusal(400, "limit is a whole number from 1 to 1000");
  }
  return Number(text);
}

/** The last key of the page before; null for the first page. */
export function afterOf(request: Request): string | null {
  const cursor = request.query.get("cursor");
  if (cursor === null) {
    return null;
  }
  const bytes = Buffer.from(cursor, "base64url");
  const text = textOf(bytes);
  if (bytes.toString("base64url") !== cursor || !text.startsWith("k1:")) {
    throw new Refusal(400, "the cursor is not one of ours");
  }
  return checked(text.slice(3));
}

/** Where the next page begins. */
export function cursorAfter(key: string): string {
  return Buffer.from(`k1:${key}`).toString("base64url");
}

function decoded(encoded: string): Buffer {
  const text = encoded.replaceAll(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
  return Buffer.from(text, "latin1");
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal(400, "that is not UTF-8");
  }
}
