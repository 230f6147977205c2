// An accepted solution in another style: Express, plain JavaScript, a Map per policy.

import express from "express";

const policies = new Map(
  Object.entries(JSON.parse(process.env.POLICIES)).map(([name, policy]) => [name, { ...policy, windows: new Map() }]),
);

const app = express();
app.disable("x-powered-by");
app.disable("etag");

app.get("/healthz", (_, response) => {
  response.json({ status: "ok" });
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
  if (cost > response.locals.policy.limit) return problem(response, 422, "cost beyond the limit");
  response.locals.cost = cost;
  next();
}

function decide(request, response) {
  const { policy, client, cost } = response.locals;
  const now = process.hrtime.bigint();
  const length = BigInt(policy.window_ms) * 1_000_000n;
  const open = policy.windows.get(client);
  const { end, used } = open && now < open.end ? open : { end: now + length, used: 0 };
  const admitted = used + cost <= policy.limit;
  const left = policy.limit - used - (admitted ? cost : 0);
  if (admitted) policy.windows.set(client, { end, used: used + cost });
  const wait = Number((end - now + 999_999n) / 1_000_000n);
  const name = request.params.policy;
  response.set("RateLimit-Policy", `"${name}";q=${policy.limit};w=${policy.window_ms / 1000}`);
  response.set("RateLimit", `"${name}";r=${left};t=${Math.ceil(wait / 1000)}`);
  if (admitted) return response.json({ policy: name, client, remaining: left });
  response.set("Retry-After", String(Math.ceil(wait / 1000)));
  problem(response, 429, "too many requests", { retry_after_ms: wait });
}

const server = app.listen(Number(process.env.PORT), process.env.HOST);

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => server.closeAllConnections(), 3000);
});
