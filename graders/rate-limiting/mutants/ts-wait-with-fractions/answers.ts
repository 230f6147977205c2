// Answers to requests that were decided, with their RateLimit fields.

import type { Asked } from "./asking.ts";
import { problem, type Response } from "./http_plumbing.ts";
import type { Decision } from "./limiter.ts";
import type { Policy } from "./policies.ts";

/** 200: the client had what it asked for. */
export function admitted(asked: Asked, decision: Decision): Response {
  const content = { policy: asked.policy.name, client: asked.client, remaining: decision.remaining };
  return { status: 200, content, headers: fields(asked.policy, decision) };
}

/** 429: it may come back after the shortest wait that helps. */
export function denied(asked: Asked, decision: Decision): Response {
  const waitMs = decision.waitMs;
  const headers = { ...fields(asked.policy, decision), "Retry-After": String(Math.ceil(waitMs / 1000)) };
  return problem(429, "too many requests", headers, { retry_after_ms: waitMs });
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-11. */
function fields(policy: Policy, decision: Decision): Record<string, string> {
  const reset = Math.ceil(decision.waitMs / 1000);
  return {
    "RateLimit-Policy": `"${policy.name}";q=${policy.capacity};w=${policy.windowMs / 1000}`,
    RateLimit: `"${policy.name}";r=${decision.remaining};t=${reset}`,
  };
}
