// Your rate limiter: begin here.
//
// `node main.ts` starts it; `lab test` tests it; README.md says what it must do.
//
// Node 24 runs TypeScript as it is: it takes the types away and looks at nothing else. So there is no build step, and
// - imports name the file as it is on disk: "./limiter.ts";
// - what is only a type is imported as one: `import { type Request } from ...`;
// - what would need code to be made is an error: no `enum`, no `namespace`, no `constructor(private x)`;
// - wrong types are shown by your editor (tsconfig.json is for it), not when the program runs.
// Plain JavaScript is as welcome: name your files .js, and say so in `run` of solution.toml.

import { NotImplemented, problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Limiter } from "./limiter.ts";

// From the stage `shared` on REDIS_URL may be set, and then state is in Redis: redis_client.ts is for that.
const limiter = new Limiter(new Map(Object.entries(JSON.parse(process.env.POLICIES ?? "{}"))));

/** Find what answers a request. It may be an async function too. */
function route(request: Request): Response {
  if (request.path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (request.path === "/stats") {
    return { status: 200, content: { tracked_clients: limiter.tracked() } };
  }
  if (request.path.startsWith("/resource/")) {
    return resource(request, request.path.slice("/resource/".length));
  }
  return problem(404, "unknown path");
}

/**
 * `GET /resource/{policy}`.
 *
 * TODO: read the client's id, request.header("X-Client-Id"), and the cost, request.query.get("cost"); refuse what the
 * rules refuse (`lab spec RL-5`); ask the limiter; answer 200 or 429 (`lab spec RL-8`, `lab spec RL-9`).
 */
function resource(request: Request, policy: string): Response {
  throw new NotImplemented("resource() in main.ts");
}

serve(route);
