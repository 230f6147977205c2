// Answers to requests that were decided, with their RateLimit fields, and to those that could not be.

import type { Asked } from "./asking.ts";
import type { Decision } from "./decision.ts";
import { problem, type Response } from "./http_plumbing.ts";
import type { Policy } from "./policies.ts";

const MILLISECOND = 1_000;
const SECOND = 1_000_000;

/** 200: the client had what it asked for. */
export function admitted(asked: Asked, decision: Decision): Response {
  const content = { policy: asked.policy.name, client: asked.client, remaining: decision.remaining };
  return { status: 200, content, headers: fields(asked.policy, decision) };
}

/** 429: it may come back after the shortest wait that helps. */
export function denied(asked: Asked, decision: Decision): Response {
  const waitMs = Math.ceil(decision.waitUs / MILLISECOND);
  const headers = { ...fields(asked.policy, decision), "Retry-After": String(Math.ceil(waitMs / 1000)) };
  return problem(429, "too many requests", headers, { retry_after_ms: waitMs });
}

/** The store failed: let everyone in, or no one, as the policy says. */
export function undecided(asked: Asked): Response {
  if (asked.policy.onStoreFailure === "open") {
    const content = { policy: asked.policy.name, client: asked.client };
    return { status: 200, content, headers: { "X-RateLimit-Degraded": "true" } };
  }
  return problem(503, "the store of the limits does not answer", { "Retry-After": "1" });
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-11. */
function fields(policy: Policy, decision: Decision): Record<string, string> {
  const window = Math.ceil(policy.fillsInUs / SECOND);
  const reset = Math.ceil(decision.growsUs / SECOND);
  return {
    "RateLimit-Policy": `"${policy.name}";q=${policy.capacity};w=${window}`,
    RateLimit: `"${policy.name}";r=${decision.remaining};t=${reset}`,
  };
}
