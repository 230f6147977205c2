// An accepted solution in another style: Express, plain JavaScript, a Map per policy, ioredis.

import express from "express";
import { Memory, up } from "./states.js";
import { Store } from "./store.js";

const policies = new Map(
  Object.entries(JSON.parse(process.env.POLICIES)).map(([name, table]) => {
    const burst = table.burst ?? table.limit;
    const capacity = table.algorithm === "token-bucket" ? burst : table.limit;
    const seconds = Math.ceil((capacity * table.window_ms) / table.limit / 1000);
    return [name, { name, ...table, burst, capacity, seconds, window: BigInt(table.window_ms) * 1_000_000n }];
  }),
);

const limiter = process.env.REDIS_URL ? new Store(process.env.REDIS_URL) : new Memory();
const app = express();
app.disable("x-powered-by");
app.disable("etag");

app.get("/healthz", (_, response) => {
  response.json({ status: "ok" });
});

app.get("/stats", (_, response) => {
  response.json({ tracked_clients: limiter.tracked });
});

app.get("/resource/:policy", findPolicy, findClient, findCost, decide);

app.use((_, response) => problem(response, 404, "unknown path"));

function problem(response, status, title, members = {}) {
  response.status(status).type("application/problem+json").send(JSON.stringify({ title, status, ...members }));
}

function findPolicy(request, response, next) {
  const policy = policies.get(request.params.policy);
  if (!policy) return problem(response, 404, "unknown policy");
  response.locals.policy = policy;
  next();
}

function findClient(request, response, next) {
  const client = request.get("X-Client-Id") ?? "";
  if (!/^[!-~]{1,128}$/.test(client)) return problem(response, 400, "invalid client id");
  response.locals.client = client;
  next();
}

function findCost(request, response, next) {
  const text = request.query.cost ?? "1";
  const cost = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : Infinity;
  if (cost > 1000) return problem(response, 400, "invalid cost");
  if (cost > response.locals.policy.capacity) return problem(response, 422, "cost beyond the limit");
  response.locals.cost = cost;
  next();
}

async function decide(_, response) {
  const { policy, client, cost } = response.locals;
  try {
    tell(response, await limiter.decide(policy, client, cost));
  } catch (error) {
    if (limiter instanceof Memory) throw error;
    degrade(response);
  }
}

function tell(response, { admitted, left, wait, grows }) {
  const { policy, client } = response.locals;
  response.set("RateLimit-Policy", `"${policy.name}";q=${policy.capacity};w=${policy.seconds}`);
  response.set("RateLimit", `"${policy.name}";r=${left};t=${up(grows, 1_000_000_000n)}`);
  if (admitted) return response.json({ policy: policy.name, client, remaining: left });
  const ms = up(wait, 1_000_000n);
  response.set("Retry-After", String(up(ms, 1000n)));
  problem(response, 429, "too many requests", { retry_after_ms: Number(ms) });
}

function degrade(response) {
  const { policy, client } = response.locals;
  if (policy.on_store_failure !== "open") {
    return problem(response.set("Retry-After", "1"), 503, "no store");
  }
  response.set("X-RateLimit-Degraded", "true").json({ policy: policy.name, client });
}

const server = app.listen(Number(process.env.PORT), process.env.HOST);

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => server.closeAllConnections(), 3000);
});
