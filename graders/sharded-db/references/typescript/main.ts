// The reference router: what may be asked of it, and who answers.

import pg from "pg";
import * as asking from "./asking.ts";
import { Refusal } from "./asking.ts";
import { problem, serve, type Request, type Response } from "./http_plumbing.ts";
import { Moves } from "./moves.ts";
import { Reading } from "./reading.ts";
import * as records from "./records.ts";
import { Unavailable, type Connection } from "./shard.ts";
import { Topology } from "./topology.ts";
import { Transfers } from "./transfers.ts";

const PATIENCE_MS = Number(process.env.SHARD_TIMEOUT_MS ?? "500");
const QUEUE_MS = 200; // that a write may wait in addition, for others of its key and for its move
const REACH_WITHIN_MS = 2000;

const topology = new Topology(process.env.DATA_DIR ?? ".", JSON.parse(process.env.SHARDS ?? "{}"), PATIENCE_MS);
const moves = new Moves(topology);
const reading = new Reading(topology, PATIENCE_MS);
const transfers = new Transfers(topology, moves, PATIENCE_MS);

/** Find what answers a request. */
async function route(request: Request): Promise<Response> {
  try {
    return await answer(request);
  } catch (error) {
    if (error instanceof Refusal) {
      return problem(error.status, error.message);
    }
    if (error instanceof Unavailable) {
      return problem(503, `shard ${error.message} does not answer`, { "Retry-After": "1" });
    }
    if (/^22/.test((error as { code?: string }).code ?? "")) {
      return problem(400, "the shard cannot keep such a value");
    }
    throw error;
  }
}

/** By method and path. */
async function answer(request: Request): Promise<Response> {
  const { method, path } = request;
  if (path === "/healthz") {
    return { status: 200, content: { status: "ok" } };
  }
  if (path.startsWith("/records/")) {
    return one(request, asking.keyOf(path.slice("/records/".length)));
  }
  switch (`${method} ${path}`) {
    case "GET /records":
      return scan(request);
    case "POST /records:batchGet":
      return batch(asking.keysOf(request.body));
    case "POST /transfers": {
      const wanted = asking.transferOf(request.body);
      await transfers.transfer(wanted);
      return { status: 201, content: wanted };
    }
    case "GET /rebalance": {
      const state = topology.view.move === null ? "idle" : "running";
      return { status: 200, content: { state, moved: topology.moved() } };
    }
  }
  return ofShards(request);
}

/** `/shards` and what is below it. */
async function ofShards({ method, path, body }: Request): Promise<Response> {
  if (path.startsWith("/shards/locate/")) {
    const key = asking.keyOf(path.slice("/shards/locate/".length));
    return { status: 200, content: { shard: topology.view.home(key).name } };
  }
  if (path === "/shards" && method === "GET") {
    return { status: 200, content: topology.view.statuses() };
  }
  if (path === "/shards" && method === "POST") {
    const { id, dsn } = asking.shardOf(body);
    topology.refuseToJoin(id);
    await reach(dsn);
    topology.join(id, dsn);
    return { status: 202, content: { id } };
  }
  if (path.startsWith("/shards/") && method === "DELETE") {
    const id = path.slice("/shards/".length);
    topology.drain(id);
    return { status: 202, content: { id } };
  }
  return problem(404, "unknown path");
}

async function reach(dsn: string): Promise<void> {
  try {
    const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: REACH_WITHIN_MS });
    client.on("error", () => {});
    const timer = setTimeout(() => client.connection.stream.destroy(), REACH_WITHIN_MS);
    try {
      await client.connect();
      await client.query("SELECT 1");
    } finally {
      clearTimeout(timer);
      client.connection.stream.destroy();
    }
  } catch {
    throw new Refusal(422, "the shard cannot be reached");
  }
}

/** `/records/{key}`. */
async function one(request: Request, key: string): Promise<Response> {
  if (request.method === "PUT") {
    return put(request, key);
  }
  if (request.method === "DELETE") {
    const condition = asking.conditionOf(request);
    const wasThere = await write(key, (connection) => records.remove(connection, key, condition));
    return wasThere ? { status: 204, content: Buffer.alloc(0) } : problem(404, "no such record");
  }
  const { items, unavailable } = await reading.keys([key]);
  if (unavailable.length > 0) {
    throw new Unavailable(topology.view.home(key).name);
  }
  const record = items.get(key);
  if (record === undefined) {
    return problem(404, "no such record");
  }
  return { status: 200, content: Buffer.from(records.shown(record)), headers: { ETag: `"${record.version}"` } };
}

/** `PUT /records/{key}`. */
async function put(request: Request, key: string): Promise<Response> {
  const json = asking.jsonTextOf(request.body);
  const condition = asking.conditionOf(request);
  const { status, version } = await write(key, (connection) => records.put(connection, key, json, condition));
  return { status, content: { key, version }, headers: { ETag: `"${version}"` } };
}

/** A transaction in the key's shard, while nobody moves the key. */
function write<T>(key: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS + QUEUE_MS;
  return moves.atHome([key], deadline, deadline, (view) => view.home(key).transaction(work, deadline));
}

/** `POST /records:batchGet`. */
async function batch(keys: string[]): Promise<Response> {
  const { items, missing, unavailable } = await reading.keys(keys);
  return listed(items.values(), { missing, unavailable });
}

/** `GET /records`: every shard's next records, merged. */
async function scan(request: Request): Promise<Response> {
  const [prefix, after, limit] = [asking.prefixOf(request), asking.afterOf(request), asking.limitOf(request)];
  const page = await reading.page(prefix, after, limit);
  const next = page.more === null ? null : asking.cursorAfter(page.more);
  return listed(page.items, { next, unavailable: [...page.unavailable].sort() });
}

/** Records with further members; their values are JSON already. */
function listed(items: Iterable<records.Record>, members: object): Response {
  const rest = JSON.stringify(members).slice(1);
  return { status: 200, content: Buffer.from(`{"items": [${[...items].map(records.shown).join(", ")}], ${rest}`) };
}

serve(route);
