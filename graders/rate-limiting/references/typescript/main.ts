// The reference rate limiter: plain code on the scaffold's own HTTP layer.

import { admitted, denied } from "./answers.ts";
import { read, Refusal } from "./asking.ts";
import { problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Limiter } from "./limiter.ts";
import { parse } from "./policies.ts";

const policies = parse(process.env.POLICIES ?? "{}");
const limiter = new Limiter();

/** Find what answers a request. */
function route(request: Request): Response {
  if (request.path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (request.path.startsWith("/resource/")) {
    return resource(request, request.path.slice("/resource/".length));
  }
  return problem(404, "unknown path");
}

/** `GET /resource/{policy}`. */
function resource(request: Request, name: string): Response {
  try {
    const asked = read(request, name, policies);
    const decision = limiter.decide(asked.policy, asked.client, asked.cost);
    return decision.isAdmitted ? admitted(asked, decision) : denied(asked, decision);
  } catch (refusal) {
    if (refusal instanceof Refusal) {
      return problem(refusal.status, refusal.message);
    }
    throw refusal;
  }
}

serve(route);
