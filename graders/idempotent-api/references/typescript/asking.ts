// What a request asks for, and the order in which bad ones are refused.

import { type Request } from "./http_plumbing.ts";

const BEARER = /^bearer ([A-Za-z0-9_-]{1,64})$/i;
const BARE_KEY = /^[\x21\x23-\x7e]{1,255}$/;
const QUOTED_KEY = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;
const ACCOUNT = /^[\x20-\x7e]{1,64}$/;
const CURRENCIES = ["EUR", "USD", "INR"];
const MEMBERS = 3;
const MOST = 10 ** 12;
const LONGEST_KEY = 255;

/** A payment that is asked for. `payload` is equal for equal payloads, however they were written. */
export type Asked = {
  tenant: string;
  key: string;
  amount: number;
  currency: string;
  account: string;
  payload: string;
};

/** A request that is refused before anything is looked up. */
export class Refusal extends Error {
  status: number;
  headers: Record<string, string>;

  constructor(status: number, title: string, headers: Record<string, string> = {}) {
    super(title);
    this.status = status;
    this.headers = headers;
  }
}

/** Whose request it is. */
export function readTenant(request: Request): string {
  const lines = request.fields("Authorization");
  const found = lines.length === 1 ? BEARER.exec(lines[0]) : null;
  if (found === null) {
    throw new Refusal(401, "who are you?", { "WWW-Authenticate": "Bearer" });
  }
  return found[1];
}

/** What `tenant` asks for. */
export function readPayment(request: Request, tenant: string): Asked {
  const key = readKey(request.fields("Idempotency-Key"));
  const told = readObject(request.body);
  const { amount, currency, account } = told;
  if (typeof amount !== "number" || !Number.isInteger(amount) || amount < 1 || amount > MOST) {
    throw new Refusal(400, "invalid amount");
  }
  if (typeof currency !== "string" || !CURRENCIES.includes(currency)) {
    throw new Refusal(400, "invalid currency");
  }
  if (typeof account !== "string" || !ACCOUNT.test(account)) {
    throw new Refusal(400, "invalid account");
  }
  if (Object.keys(told).length !== MEMBERS) {
    throw new Refusal(400, "the body has amount, currency and account, and no more");
  }
  return { tenant, key, amount, currency, account, payload: JSON.stringify([amount, currency, account]) };
}

/** A JSON object in UTF-8. */
function readObject(body: Buffer): Record<string, unknown> {
  let told: unknown;
  try {
    told = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
  if (typeof told !== "object" || told === null || Array.isArray(told)) {
    throw new Refusal(400, "the body is an object");
  }
  return told as Record<string, unknown>;
}

/** The key, a structured-field string or bare. */
function readKey(lines: string[]): string {
  if (lines.length !== 1) {
    throw new Refusal(400, "one Idempotency-Key is needed");
  }
  if (BARE_KEY.test(lines[0])) {
    return lines[0];
  }
  const key = QUOTED_KEY.exec(lines[0])?.[1].replace(/\\(["\\])/g, "$1") ?? "";
  if (key === "" || key.length > LONGEST_KEY) {
    throw new Refusal(400, "invalid Idempotency-Key");
  }
  return key;
}
