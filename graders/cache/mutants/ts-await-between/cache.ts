// The cache: what is answered from the store, what is forwarded, and who waits for whom.

import { readFile } from "node:fs/promises";
import { changedTargets } from "./changes.ts";
import { directives, type Directives } from "./directives.ts";
import { Flights, keyOf, type Flight, type Outcome } from "./flights.ts";
import { CONDITIONS, without, type Origin } from "./forwarding.ts";
import { asJson, problem, values, type Request, type Response } from "./http_plumbing.ts";
import { failure, marked, merged, served, whyNot } from "./serving.ts";
import { Entry, mayStore, Store } from "./store.ts";

const FAILED = [500, 502, 503, 504];
const SELECTING = ["no-cache", "max-age", "min-fresh", "no-store"];

/** A request for something that may be stored, what is stored of it, and why that is not enough. */
type Wish = { request: Request; asked: Directives; entry?: Entry; why: string };

/** Between two `await`s nothing else happens: no step below leaves the store in between. */
export class Cache {
  #origin: Origin;
  #store: Store;
  #flights = new Flights();
  #hits = 0;
  #misses = 0;
  #collapsed = 0;

  constructor(origin: Origin, capacity: number) {
    this.#origin = origin;
    this.#store = new Store(capacity);
  }

  /** CA-31. */
  stats(): Response {
    const { size, evictions } = this.#store;
    const counted = { hits: this.#hits, misses: this.#misses, collapsed: this.#collapsed };
    return asJson(200, { entries: size, ...counted, evictions });
  }

  /** CA-23. */
  purge(target: string): Response {
    return this.#invalidate(target) ? { status: 204, fields: [], body: Buffer.alloc(0) } : problem(404, "not stored");
  }

  /** Drop what is stored, and what is on its way. */
  #invalidate(target: string): boolean {
    this.#flights.voidAll(target);
    return this.#store.dropAll(target);
  }

  /** Anything that is not for the service itself. */
  async answer(request: Request): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return this.#relay(request, "method");
    }
    if (values(request.fields, "range").length > 0) {
      return this.#relay(request, "bypass");
    }
    const asked = directives(request.fields);
    const entry = this.#store.find(request);
    const missing = this.#store.has(request.target) ? "vary-miss" : "uri-miss";
    const why = entry === undefined ? missing : whyNot(entry, asked);
    const wish = { request, asked, entry, why };
    if (entry !== undefined && (why === "" || mayServeStale(wish))) {
      this.#hits += 1;
      this.#store.use(entry);
      if (why !== "" && !entry.isRefreshing) {
        this.#refresh(request, entry).catch(console.error);
      }
      return served(request.fields, entry, "hit");
    }
    if (asked.has("only-if-cached")) {
      return problem(504, "not stored");
    }
    this.#misses += 1;
    return this.#fetch(wish);
  }

  /** Forward it; nothing is stored, but what was changed is forgotten. */
  async #relay(request: Request, why: string): Promise<Response> {
    try {
      const response = await this.#origin.fetch(request);
      changedTargets(request, response, this.#origin.authority).forEach((target) => this.#invalidate(target));
      return marked(response, `fwd=${why}`);
    } catch (fault) {
      return failure(fault);
    }
  }

  /** Forward a GET or HEAD, or wait for one like it (CA-25). */
  async #fetch(wish: Wish): Promise<Response> {
    const { request, why } = wish;
    const key = isPlain(wish) ? keyOf(request) : undefined;
    const joined = key === undefined ? undefined : this.#flights.find(request.target, key)?.outcome;
    await readFile(new URL(import.meta.url));
    if (joined === undefined) {
      return told(request, await this.#forward(wish, key), `fwd=${why}`);
    }
    const outcome = await joined;
    if (outcome.kind === "alone") {
      return told(request, await this.#forward(wish), `fwd=${why}`); // and nobody waits for this one
    }
    this.#collapsed += 1;
    return told(request, outcome, `fwd=${why}; collapsed`);
  }

  #forward(wish: Wish, key?: string): Promise<Outcome> {
    return this.#flights.begin(wish.request.target, key, (flight) => this.#settle(wish, flight));
  }

  /** Ask the origin, and keep what may be kept (CA-17, CA-29). */
  async #settle(wish: Wish, flight: Flight): Promise<Outcome> {
    const { request, asked, entry } = wish;
    const changesStore = request.method === "GET" && !asked.has("no-store");
    const validated = changesStore && entry?.hasValidator ? entry : undefined;
    const began = performance.now();
    let response: Response;
    try {
      response = await this.#origin.fetch(request, validated);
    } catch (fault) {
      return this.#inSpite(wish) ?? { kind: "failed", response: failure(fault) };
    }
    const took = (performance.now() - began) / 1000;
    const instead = FAILED.includes(response.status) ? this.#inSpite(wish) : undefined;
    if (instead !== undefined) {
      return instead;
    }
    if (response.status === 304 && validated !== undefined) {
      return this.#refreshed(wish, validated, response, took, flight);
    }
    return changesStore ? this.#kept(wish, response, took, flight) : { kind: "alone", response };
  }

  /** CA-29: the stored answer though the forward failed. */
  #inSpite({ entry, why }: Wish): Outcome | undefined {
    if (entry === undefined || why !== "stale" || !entry.mayBeStale("stale-if-error")) {
      return undefined;
    }
    this.#store.use(entry);
    return { kind: "reused", entry };
  }

  /** CA-17: it did not change. */
  #refreshed({ request }: Wish, validated: Entry, response: Response, took: number, flight: Flight): Outcome {
    const entry = new Entry(request, merged(validated.response, response), took);
    if (!flight.isVoid && this.#store.holds(validated)) {
      this.#store.put(entry, validated);
    }
    return { kind: "reused", entry };
  }

  /** Store it, or drop what it shows to be old. */
  #kept({ request, entry }: Wish, response: Response, took: number, flight: Flight): Outcome {
    if (mayStore(request, response)) {
      if (!flight.isVoid) {
        const old = entry !== undefined && this.#store.holds(entry) ? entry : this.#store.find(request);
        this.#store.put(new Entry(request, response, took), old);
      }
      return { kind: "fetched", response, isStored: !flight.isVoid };
    }
    if (response.status >= 500) {
      return { kind: "failed", response };
    }
    if (entry !== undefined && response.status !== 304) {
      this.#store.drop(entry);
    }
    return { kind: "alone", response };
  }

  /** CA-28: behind the client's back; one that fails changes nothing. */
  async #refresh(asking: Request, entry: Entry): Promise<void> {
    entry.isRefreshing = true;
    const fields = without(asking.fields, [...CONDITIONS, "cache-control"]);
    const request = { method: "GET", target: asking.target, fields, body: Buffer.alloc(0) };
    try {
      await this.#forward({ request, asked: new Map(), entry, why: "stale" });
    } finally {
      entry.isRefreshing = false;
    }
  }
}

/** CA-28. */
function mayServeStale({ asked, entry, why }: Wish): boolean {
  const isSelecting = SELECTING.some((name) => asked.has(name));
  return why === "stale" && !isSelecting && (entry?.mayBeStale("stale-while-revalidate") ?? false);
}

/** Whether equal requests may share one forward. */
function isPlain({ request, asked }: Wish): boolean {
  const isConditional = request.fields.some(([name]) => name.toLowerCase().startsWith("if-"));
  return request.method === "GET" && !isConditional && !SELECTING.some((name) => asked.has(name));
}

/** The client's answer. */
function told(request: Request, outcome: Outcome, status: string): Response {
  if (outcome.kind === "reused") {
    return served(request.fields, outcome.entry, status);
  }
  const isNew = outcome.kind === "fetched" && outcome.isStored && !status.endsWith("collapsed");
  return marked(outcome.response, isNew ? `${status}; stored` : status);
}
