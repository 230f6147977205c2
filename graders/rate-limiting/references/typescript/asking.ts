// What a request asks for, and the order in which bad ones are refused.

import type { Request } from "./http_plumbing.ts";
import type { Policy } from "./policies.ts";

const CLIENT = /^[\x21-\x7e]{1,128}$/;
const COST = /^[1-9][0-9]{0,3}$/;
const MOST = 1000;

/** A request that may be decided. */
export type Asked = {
  policy: Policy;
  client: string;
  cost: number;
};

/** A request that is refused before any quota is looked at. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, title: string) {
    super(title);
    this.status = status;
  }
}

/** What `request` asks of the policy `name`. */
export function read(request: Request, name: string, policies: Map<string, Policy>): Asked {
  const policy = policies.get(name);
  if (policy === undefined) {
    throw new Refusal(404, "unknown policy");
  }
  const client = request.header("X-Client-Id");
  if (client === undefined || !CLIENT.test(client)) {
    throw new Refusal(400, "missing or invalid client id");
  }
  const cost = readCost(request.query.get("cost") ?? "1");
  if (cost > policy.capacity) {
    throw new Refusal(422, "this could never be admitted");
  }
  return { policy, client, cost };
}

/** The cost units of a request. */
function readCost(text: string): number {
  if (!COST.test(text) || Number(text) > MOST) {
    throw new Refusal(400, "invalid cost");
  }
  return Number(text);
}
