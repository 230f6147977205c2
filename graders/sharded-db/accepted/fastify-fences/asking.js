// What may be asked, and how it is refused.

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An answer that ends a request. */
export class Refusal extends Error {
  constructor(status, title) {
    super(title);
    this.status = status;
  }
}

/** A shard said that it gave the key's slot away, with so many records. */
export class Gone extends Error {
  constructor(slot, records) {
    super(`slot ${slot} is gone`);
    Object.assign(this, { slot, records });
  }
}

/** The shard did not answer in time. What was asked may have been done. */
export class Unavailable extends Error {}

function check(isGood, title) {
  if (!isGood) throw new Refusal(400, title);
}

/** Percent-decoded once; bytes, which need not be UTF-8. */
function bytesOf(encoded) {
  const parts = encoded.split(/(%[0-9a-f]{2})/i);
  return Buffer.concat(parts.map((part, at) => (at % 2 ? Buffer.from(part.slice(1), "hex") : Buffer.from(part))));
}

function textOf(bytes, title) {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Refusal(400, title);
  }
}

/** The key, if it is one. */
export function checked(key) {
  check(typeof key === "string" && key.isWellFormed(), "a key is a string");
  const size = Buffer.byteLength(key);
  check(size >= 1 && size <= 200 && key !== "." && key !== "..", "a key has 1 to 200 bytes");
  check(!/[/\u0000-\u001f\u007f-\u009f]/.test(key), "a key has no / and no control character");
  return key;
}

/** The key after `before` in a request's path. */
export function keyAfter(before, request) {
  const path = request.raw.url.split("?")[0];
  return checked(textOf(bytesOf(path.slice(before.length)), "the key is not UTF-8"));
}

/** The body's JSON: as text, and what it says. */
export function jsonOf(request) {
  const text = textOf(request.body ?? Buffer.alloc(0), "the body is not UTF-8");
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}

function objectOf(request) {
  const { value } = jsonOf(request);
  check(typeof value === "object" && value !== null, "the body is no object");
  return value;
}

/** The different keys of a batch. */
export function keysOf(request) {
  const { keys } = objectOf(request);
  check(Array.isArray(keys) && keys.length >= 1 && keys.length <= 500, "1 to 500 keys");
  return [...new Set(keys.map(checked))];
}

/** From, to and amount. */
export function transferOf(request) {
  const { from, to, amount } = objectOf(request);
  check(checked(from) !== checked(to), "nobody pays himself");
  check(Number.isInteger(amount) && amount >= 1, "an amount is a whole number from 1");
  return { from, to, amount };
}

/** Id and place of a shard. */
export function shardOf(request) {
  const { id, dsn } = objectOf(request);
  check(typeof id === "string" && /^[a-z0-9-]{1,32}$/.test(id) && typeof dsn === "string", "an id and a dsn");
  return { id, dsn };
}

/** What must be so before: a version, or that nothing is there. */
export function conditionOf(request) {
  const { "if-match": match, "if-none-match": noneMatch } = request.headers;
  if (noneMatch === "*") return { version: null, isAbsent: true };
  if (match === undefined) return { version: null, isAbsent: false };
  return { version: /^"\d{1,15}"$/.test(match) ? Number(match.slice(1, -1)) : -1, isAbsent: false };
}

/** Prefix, limit and the key to begin after. */
export function scanOf(request) {
  const query = request.raw.url.split("?").slice(1).join("?");
  const asked = new Map(
    query.split("&").map((pair) => {
      const [name, ...value] = pair.split("=");
      return [name, bytesOf(value.join("=").replaceAll("+", " "))];
    }),
  );
  const limit = asked.has("limit") ? asked.get("limit").toString() : "100";
  check(/^\d{1,4}$/.test(limit) && limit >= 1 && limit <= 1000, "limit is 1 to 1000");
  const after = asked.has("cursor") ? afterOf(asked.get("cursor").toString()) : null;
  return { prefix: asked.get("prefix") ?? Buffer.alloc(0), limit: Number(limit), after };
}

function afterOf(cursor) {
  const text = textOf(Buffer.from(cursor, "base64url"), "not a cursor");
  check(text.startsWith("next:") && cursorAfter(text.slice(5)) === cursor, "not a cursor");
  return checked(text.slice(5));
}

/** Where the next page begins. */
export function cursorAfter(key) {
  return Buffer.from(`next:${key}`).toString("base64url");
}
