// Your router: begin here.
//
// `node main.ts` starts it; `lab test` tests it; README.md says what it must do.
//
// Node 24 runs TypeScript as it is: it takes the types away and looks at nothing else. So there is no build step, and
// - imports name the file as it is on disk: "./shards.ts";
// - what is only a type is imported as one: `import { type Request } from ...`;
// - what would need code to be made is an error: no `enum`, no `namespace`, no `constructor(private x)`;
// - wrong types are shown by your editor (tsconfig.json is for it), not when the program runs.
// Plain JavaScript is as welcome: name your files .js, and say so in `run` of solution.toml.

import { NotImplemented, problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Shards } from "./shards.ts";

const shards = new Shards({
  folder: process.env.DATA_DIR ?? ".",
  first: JSON.parse(process.env.SHARDS ?? "{}"),
  patienceMs: Number(process.env.SHARD_TIMEOUT_MS ?? "500"),
});

/** Find what answers a request. */
async function route(request: Request): Promise<Response> {
  const { method, path } = request;
  if (path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (path.startsWith("/records/")) {
    return record(request, path.slice("/records/".length));
  }
  if (path.startsWith("/shards/locate/")) {
    return locate(path.slice("/shards/locate/".length));
  }
  if (path === "/shards" || path.startsWith("/shards/")) {
    return topology(request);
  }
  switch (`${method} ${path}`) {
    case "GET /records":
      return scan(request);
    case "POST /records:batchGet":
      return batch(request);
    case "GET /rebalance":
      return rebalance();
    case "POST /transfers":
      return transfer(request);
  }
  return problem(404, "unknown path");
}

/**
 * `GET`, `PUT` and `DELETE /records/{key}`.
 *
 * TODO: decode the key once and refuse what is none (`lab spec SD-4`); put, get and delete it in its shard
 * (`lab spec SD-5`, `lab spec SD-6`, `lab spec SD-7`); then versions and conditions, request.fields("If-Match")
 * (`lab spec SD-16`, `lab spec SD-17`).
 */
async function record(request: Request, encoded: string): Promise<Response> {
  throw new NotImplemented("record() in main.ts");
}

/** `GET /shards/locate/{key}`. TODO: `lab spec SD-11`, `lab spec SD-22`. */
function locate(encoded: string): Response {
  throw new NotImplemented("locate() in main.ts");
}

/** `POST /records:batchGet`. TODO: `lab spec SD-8`, `lab spec SD-20`. */
async function batch(request: Request): Promise<Response> {
  throw new NotImplemented("batch() in main.ts");
}

/** `GET /records?prefix=P&limit=L&cursor=C`. TODO: `lab spec SD-9`, `lab spec SD-21`. */
async function scan(request: Request): Promise<Response> {
  throw new NotImplemented("scan() in main.ts");
}

/** `GET` and `POST /shards`, `DELETE /shards/{id}`. TODO: `lab spec SD-10`, `lab spec SD-12`, `lab spec SD-13`. */
async function topology(request: Request): Promise<Response> {
  throw new NotImplemented("topology() in main.ts");
}

/** `GET /rebalance`. TODO: `lab spec SD-14`, `lab spec SD-28`. */
function rebalance(): Response {
  throw new NotImplemented("rebalance() in main.ts");
}

/** `POST /transfers`. TODO: `lab spec SD-15`, `lab spec SD-30` and those after it. */
async function transfer(request: Request): Promise<Response> {
  throw new NotImplemented("transfer() in main.ts");
}

serve(route);
