// Your payments API: begin here.
//
// `node main.ts` starts it; `lab test` tests it; README.md says what it must do.
//
// Node 24 runs TypeScript as it is: it takes the types away and looks at nothing else. So there is no build step, and
// - imports name the file as it is on disk: "./payments.ts";
// - what is only a type is imported as one: `import { type Request } from ...`;
// - what would need code to be made is an error: no `enum`, no `namespace`, no `constructor(private x)`;
// - wrong types are shown by your editor (tsconfig.json is for it), not when the program runs.
// Plain JavaScript is as welcome: name your files .js, and say so in `run` of solution.toml.

import { NotImplemented, problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Payments } from "./payments.ts";

const payments = new Payments({
  folder: process.env.DATA_DIR ?? ".",
  ledgerUrl: process.env.LEDGER_URL ?? "",
  ledgerTimeoutMs: Number(process.env.LEDGER_TIMEOUT_MS ?? "500"),
  keyTtlMs: Number(process.env.KEY_TTL_MS ?? "86400000"),
});

/** Find what answers a request. */
async function route(request: Request): Promise<Response> {
  if (request.path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (request.path === "/stats") {
    return stats();
  }
  if (request.path === "/payments") {
    return request.method === "POST" ? create(request) : page(request);
  }
  if (request.path.startsWith("/payments/")) {
    return one(request, request.path.slice("/payments/".length));
  }
  return problem(404, "unknown path");
}

/**
 * `POST /payments`.
 *
 * TODO: read the tenant, request.fields("Authorization"), the key, request.fields("Idempotency-Key"), and the payload,
 * request.body; refuse what the rules refuse (`lab spec IA-5`, `lab spec IA-6`, `lab spec IA-7`); let `payments` charge
 * it; answer 201 with Location (`lab spec IA-9`).
 */
async function create(request: Request): Promise<Response> {
  throw new NotImplemented("create() in main.ts");
}

/** `GET /payments/{id}`. TODO: `lab spec IA-18`. */
function one(request: Request, id: string): Response {
  throw new NotImplemented("one() in main.ts");
}

/** `GET /payments?account=A&limit=L&cursor=C`. TODO: `lab spec IA-19`, `lab spec IA-20`. */
function page(request: Request): Response {
  throw new NotImplemented("page() in main.ts");
}

/** `GET /stats`. TODO: `lab spec IA-24`. */
function stats(): Response {
  throw new NotImplemented("stats() in main.ts");
}

serve(route);
