// The reference cache: plain code on the scaffold's own HTTP layer.

import { Cache } from "./cache.ts";
import { Origin } from "./forwarding.ts";
import { asJson, serve, type Request, type Response } from "./http_plumbing.ts";

const origin = new Origin(process.env.ORIGIN_URL ?? "", Number(process.env.ORIGIN_TIMEOUT_MS ?? "2000"));
const cache = new Cache(origin, Number(process.env.CACHE_MAX_ENTRIES));

/** Find what answers a request. */
function answer(request: Request): Response | Promise<Response> {
  if (request.method === "GET" && request.target === "/healthz") {
    return asJson(200, { status: "ok" });
  }
  if (request.method === "GET" && request.target === "/stats") {
    return cache.stats();
  }
  return request.method === "PURGE" ? cache.purge(request.target) : cache.answer(request);
}

serve(answer);
