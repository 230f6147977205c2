// An accepted solution in another style: Fastify, pools of pg, and functions in the shards, which know what is theirs.

import Fastify from "fastify";
import * as asking from "./asking.js";
import { Refusal, Unavailable } from "./asking.js";
import { keepMoving } from "./mover.js";
import { Records } from "./records.js";
import { mustBeReached } from "./shard.js";
import { Topology, slotOf } from "./topology.js";
import { Transfers } from "./transfers.js";

const { DATA_DIR = ".", SHARDS = "{}", SHARD_TIMEOUT_MS = "500", HOST, PORT } = process.env;
const patience = Number(SHARD_TIMEOUT_MS);
const topology = new Topology(DATA_DIR, JSON.parse(SHARDS), patience);
const records = new Records(topology, patience);
const transfers = new Transfers(topology, patience);

const app = Fastify({ routerOptions: { maxParamLength: 5000 }, return503OnClosing: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));

app.setErrorHandler((error, _, reply) => {
  if (error instanceof Refusal) return problem(reply, error.status, error.message);
  if (error instanceof Unavailable) {
    return problem(reply.header("Retry-After", "1"), 503, `shard ${error.message} does not answer`);
  }
  if (/^22/.test(error.code ?? "")) return problem(reply, 400, "the shard cannot keep that");
  if (error.statusCode < 500) return problem(reply, error.statusCode, error.message);
  console.error(error);
  return problem(reply, 500, "internal error");
});
app.setNotFoundHandler((_, reply) => problem(reply, 404, "unknown path"));

function problem(reply, status, title) {
  return reply.code(status).type("application/problem+json").send(JSON.stringify({ title, status }));
}

app.get("/healthz", () => ({ status: "ok" }));

app.put("/records/*", async (request, reply) => {
  const key = asking.keyAfter("/records/", request);
  const { text } = asking.jsonOf(request);
  const { status, version } = await records.put(key, text, asking.conditionOf(request));
  return reply.code(status).header("ETag", `"${version}"`).send({ key, version });
});

app.get("/records/*", async (request, reply) => {
  const key = asking.keyAfter("/records/", request);
  const { items, unavailable } = await records.look([key]);
  if (unavailable.length > 0) throw new Unavailable(topology.view.holder(slotOf(key)).id);
  if (items.length === 0) throw new Refusal(404, "no such record");
  return reply.header("ETag", `"${items[0].version}"`).send(items[0]);
});

app.delete("/records/*", async (request, reply) => {
  const { status } = await records.remove(asking.keyAfter("/records/", request), asking.conditionOf(request));
  return reply.code(status).send();
});

app.post("/records::batchGet", async (request) => records.look(asking.keysOf(request)));

app.get("/records", async (request) => {
  const { items, more, away } = await records.page(asking.scanOf(request));
  return { items, next: more === null ? null : asking.cursorAfter(more), unavailable: away };
});

app.get("/shards", () => topology.statuses());

app.get("/shards/locate/*", (request, reply) => {
  const slot = slotOf(asking.keyAfter("/shards/locate/", request));
  reply.send({ shard: topology.view.after[slot] });
});

app.post("/shards", async (request, reply) => {
  const { id, dsn } = asking.shardOf(request);
  topology.checkJoin(id);
  await mustBeReached(dsn);
  topology.join(id, dsn);
  return reply.code(202).send({ id });
});

app.delete("/shards/:id", async (request, reply) => {
  topology.drain(request.params.id);
  return reply.code(202).send({ id: request.params.id });
});

app.get("/rebalance", () => ({ state: topology.view.isMoving ? "running" : "idle", moved: topology.view.moved }));

app.post("/transfers", async (request, reply) => {
  const wanted = asking.transferOf(request);
  await transfers.transfer(wanted);
  return reply.code(201).send(wanted);
});

void keepMoving(topology, transfers);
void transfers.keepResolving();
await app.listen({ port: Number(PORT ?? "8000"), host: HOST ?? "127.0.0.1", backlog: 1024 });

process.on("SIGTERM", () => {
  app.close().then(() => process.exit(0));
  setTimeout(() => app.server.closeAllConnections(), 3000).unref(); // some never sent anything
});
