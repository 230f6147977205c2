// An accepted solution in another style: Express, plain JavaScript, a journal, callers that wait for one another.

import { randomUUID } from "node:crypto";
import { join } from "node:path";

import express from "express";

import { Book } from "./book.js";
import { Ledger } from "./ledger.js";

const { DATA_DIR, LEDGER_URL, LEDGER_TIMEOUT_MS = "500", KEY_TTL_MS = "86400000", PORT, HOST } = process.env;
const book = new Book(join(DATA_DIR, "journal"), Number(KEY_TTL_MS));
const ledger = new Ledger(LEDGER_URL, Number(LEDGER_TIMEOUT_MS));
const working = new Map(); // by key: its payload, and the promise of what comes of it

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.raw({ type: () => true }));

app.get("/healthz", (_, response) => response.json({ status: "ok" }));
app.get("/stats", (_, response) => response.json({ keys: book.keys.size }));
app.post("/payments", findTenant, findKey, findPayment, pay);
app.get("/payments", findTenant, list);
app.get("/payments/:id", findTenant, show);
app.use((_, response) => problem(response, 404, "unknown path"));

function problem(response, status, title) {
  response.status(status).type("application/problem+json").send(JSON.stringify({ title, status }));
}

function findTenant(request, response, next) {
  const tenant = /^bearer ([\w-]{1,64})$/i.exec(request.get("Authorization") ?? "")?.[1];
  if (!tenant) return problem(response.set("WWW-Authenticate", "Bearer"), 401, "who are you?");
  response.locals.tenant = tenant;
  next();
}

function findKey(request, response, next) {
  const lines = request.headersDistinct["idempotency-key"] ?? [];
  const text = lines.length === 1 ? lines[0] : "";
  const quoted = /^"((?:[!#-[\]-~]|\\["\\])*)"$/.exec(text)?.[1].replace(/\\(.)/g, "$1");
  const key = quoted ?? (text.includes('"') ? "" : text);
  if (!/^[!-~]{1,255}$/.test(key)) return problem(response, 400, "invalid Idempotency-Key");
  response.locals.name = `${response.locals.tenant} ${key}`;
  next();
}

function findPayment(request, response, next) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(request.body);
    const told = JSON.parse(text);
    const { amount, currency, account } = told;
    const isGood =
      Object.keys(told).length === 3 &&
      Number.isInteger(amount) && amount >= 1 && amount <= 1e12 &&
      typeof currency === "string" && /^(EUR|USD|INR)$/.test(currency) &&
      typeof account === "string" && /^[ -~]{1,64}$/.test(account);
    if (!isGood) return problem(response, 400, "invalid payment");
    response.locals.asked = { amount, currency, account };
    next();
  } catch {
    problem(response, 400, "the body is not JSON");
  }
}

/** Whoever comes while a key is worked on waits for what comes of it. */
async function pay(_, response) {
  const { tenant, name, asked } = response.locals;
  const payload = JSON.stringify(asked);
  let turn = working.get(name);
  const isFirst = turn === undefined;
  if (isFirst) {
    turn = { payload, done: work(tenant, name, payload, asked).finally(() => working.delete(name)) };
    working.set(name, turn);
  }
  if (turn.payload !== payload) return problem(response.set("Retry-After", "1"), 409, "the key is in use");
  const { outcome, isReplay } = await turn.done;
  switch (outcome) {
    case "other":
      return problem(response, 422, "the key stands for another payment");
    case "unavailable":
      return problem(response.set("Retry-After", "1"), 503, "the ledger does not answer now");
    case "unknown":
      return problem(response, 504, "nobody knows yet; try again");
  }
  const { status, location, body } = outcome;
  if (location) response.set("Location", location);
  if (isReplay || !isFirst) response.set("Idempotent-Replayed", "true");
  response.status(status).type(status === 201 ? "application/json" : "application/problem+json").send(body);
}

/** One at a time for each key. */
async function work(tenant, name, payload, asked) {
  const entry = book.find(name);
  if (entry && entry.payload !== payload) return { outcome: "other" };
  if (entry?.finish) return { outcome: entry.finish, isReplay: true };
  if (entry) {
    const charges = await ledger.close(entry.reference);
    if (!charges) return { outcome: "unknown" };
    if (charges.length) return { outcome: finish(tenant, name, payload, asked, charges[0].charge_id) };
  }
  const reference = randomUUID();
  book.note({ name, entry: { payload, reference } });
  const became = await ledger.charge({ reference, ...asked });
  if (became === "unavailable") book.note({ name });
  if (became === "unavailable" || became === "unknown") return { outcome: became };
  return { outcome: finish(tenant, name, payload, asked, became.charge) };
}

/** One line for the key's answer and the payment: both are true, or neither. Without a charge it was declined. */
function finish(tenant, name, payload, asked, charge) {
  const at = Date.now();
  if (charge === undefined) {
    const declined = { status: 402, body: JSON.stringify({ title: "declined", status: 402 }), at };
    book.note({ name, entry: { payload, finish: declined } });
    return declined;
  }
  const id = randomUUID();
  const body = JSON.stringify({ id, ...asked, charge_id: charge, status: "succeeded" });
  const paid = { status: 201, location: `/payments/${id}`, body, at };
  book.note({ name, entry: { payload, finish: paid }, payment: { tenant, id, account: asked.account, body } });
  return paid;
}

function show(request, response) {
  const { tenant } = response.locals;
  const found = (book.payments.get(tenant) ?? []).find(({ id }) => id === request.params.id);
  if (!found) return problem(response, 404, "no such payment");
  response.type("application/json").send(found.body);
}

function list(request, response) {
  const { limit = "20", cursor, account } = request.query;
  const before = cursor === undefined ? Infinity : Number(/^p([1-9]\d{0,14})$/.exec(cursor)?.[1] ?? "NaN");
  if (!/^([1-9]\d?|100)$/.test(limit)) return problem(response, 400, "invalid limit");
  if (Number.isNaN(before)) return problem(response, 400, "invalid cursor");
  const paid = (book.payments.get(response.locals.tenant) ?? [])
    .filter((payment) => payment.number < before && (account === undefined || payment.account === account))
    .reverse();
  const page = paid.slice(0, Number(limit));
  const next = paid.length > page.length ? `p${page.at(-1).number}` : null;
  response.json({ items: page.map(({ body }) => JSON.parse(body)), next });
}

setInterval(() => book.tidy(), 500).unref();
const server = app.listen(Number(PORT), HOST);

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 50);
  // To Node, a connection that never sent a byte is not idle.
  setTimeout(() => server.closeAllConnections(), 3_000);
});
