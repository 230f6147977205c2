// The reference rate limiter: plain code on the scaffold's own HTTP layer.

import { admitted, denied, undecided } from "./answers.ts";
import { type Asked, read, Refusal } from "./asking.ts";
import type { Limiter } from "./decision.ts";
import { problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Memory } from "./memory.ts";
import { parse } from "./policies.ts";
import { Redis, Unreachable } from "./redis_client.ts";
import { RedisError } from "./resp.ts";
import { Shared } from "./shared.ts";

const policies = parse(process.env.POLICIES ?? "{}");
const limiter: Limiter = process.env.REDIS_URL ? new Shared(new Redis(process.env.REDIS_URL)) : new Memory();

/** Find what answers a request. */
function route(request: Request): Response | Promise<Response> {
  if (request.path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (request.path === "/stats") {
    return { status: 200, content: { tracked_clients: limiter.tracked } };
  }
  if (request.path.startsWith("/resource/")) {
    return resource(request, request.path.slice("/resource/".length));
  }
  return problem(404, "unknown path");
}

/** `GET /resource/{policy}`. */
async function resource(request: Request, name: string): Promise<Response> {
  try {
    return await decide(read(request, name, policies));
  } catch (refusal) {
    if (refusal instanceof Refusal) {
      return problem(refusal.status, refusal.message);
    }
    throw refusal;
  }
}

async function decide(asked: Asked): Promise<Response> {
  try {
    const decision = await limiter.decide(asked.policy, asked.client, asked.cost);
    return decision.isAdmitted ? admitted(asked, decision) : denied(asked, decision);
  } catch (failure) {
    if (failure instanceof Unreachable || failure instanceof RedisError) {
      return undecided(asked);
    }
    throw failure;
  }
}

serve(route);
