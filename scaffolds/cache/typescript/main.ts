// Your cache: begin here.
//
// `node main.ts` starts it; `lab test` tests it; README.md says what it must do.
//
// Node 24 runs TypeScript as it is: it takes the types away and looks at nothing else. So there is no build step, and
// - imports name the file as it is on disk: "./cache.ts";
// - what is only a type is imported as one: `import { type Request } from ...`;
// - what would need code to be made is an error: no `enum`, no `namespace`, no `constructor(private x)`;
// - wrong types are shown by your editor (tsconfig.json is for it), not when the program runs.
// Plain JavaScript is as welcome: name your files .js, and say so in `run` of solution.toml.

import { Cache } from "./cache.ts";
import { asJson, NotImplemented, serve, type Request, type Response } from "./http_plumbing.ts";

const origin = new URL(process.env.ORIGIN_URL ?? "http://127.0.0.1:8001");
const cache = new Cache({
  originHost: origin.hostname,
  originPort: Number(origin.port || "80"),
  originTimeoutMs: Number(process.env.ORIGIN_TIMEOUT_MS ?? "2000"),
  capacity: Number(process.env.CACHE_MAX_ENTRIES ?? "1000"),
});

/** Find what answers a request. */
async function answer(request: Request): Promise<Response> {
  if (request.method === "GET" && request.target === "/healthz") {
    return asJson(200, { status: "ok" });
  }
  if (request.method === "GET" && request.target === "/stats") {
    throw new NotImplemented("GET /stats in main.ts: `lab spec CA-31`");
  }
  if (request.method === "PURGE") {
    throw new NotImplemented("PURGE in main.ts: `lab spec CA-23`");
  }
  return cache.answer(request);
}

serve(answer);
