// The reference payments API: plain code on the scaffold's own HTTP layer, Node's own SQLite below it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { readPayment, readTenant, Refusal } from "./asking.ts";
import { problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Ledger } from "./ledger.ts";
import { page } from "./listing.ts";
import { Payments } from "./payments.ts";
import { Store } from "./store.ts";

const DROP_EVERY_MS = 1_000;

const folder = process.env.DATA_DIR ?? ".";
mkdirSync(folder, { recursive: true });
const store = new Store(join(folder, "payments.db"), Number(process.env.KEY_TTL_MS ?? "86400000"));
const ledger = new Ledger(process.env.LEDGER_URL ?? "", Number(process.env.LEDGER_TIMEOUT_MS ?? "500"));
const payments = new Payments(store, ledger);

/** Find what answers a request. */
async function route(request: Request): Promise<Response> {
  if (request.path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (request.path === "/stats") {
    return { status: 200, content: { keys: store.countKeys() } };
  }
  try {
    return await ofTenant(request);
  } catch (error) {
    if (error instanceof Refusal) {
      return problem(error.status, error.message, error.headers);
    }
    throw error;
  }
}

/** Whatever needs to know who asks. */
async function ofTenant(request: Request): Promise<Response> {
  if (request.path === "/payments") {
    const tenant = readTenant(request);
    return request.method === "POST" ? payments.pay(readPayment(request, tenant)) : page(request, tenant, store);
  }
  if (request.path.startsWith("/payments/")) {
    return one(readTenant(request), request.path.slice("/payments/".length));
  }
  return problem(404, "unknown path");
}

/** `GET /payments/{id}`. */
function one(tenant: string, id: string): Response {
  const body = store.payment(tenant, id);
  return body === undefined ? problem(404, "no such payment") : { status: 200, content: body };
}

setInterval(() => store.dropExpired(), DROP_EVERY_MS).unref();
serve(route);
