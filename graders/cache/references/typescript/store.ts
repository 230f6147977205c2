// What is stored: entries by target, bounded, the least recently used first to go.

import { ageAtArrival, dateOf, directives, joined, lifetimeOf, seconds, type Directives } from "./directives.ts";
import { values, type Fields, type Request, type Response } from "./http_plumbing.ts";

const STORABLE = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
const SHARED_ANYWAY = ["public", "s-maxage", "must-revalidate"];
const NEVER_STALE = ["no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"];

/** CA-8 and CA-9. */
export function mayStore(request: Request, response: Response): boolean {
  const { fields } = response;
  const told = directives(fields);
  if (request.method !== "GET" || has(request.fields, "range") || !STORABLE.includes(response.status)) {
    return false;
  }
  if (told.has("no-store") || told.has("private") || directives(request.fields).has("no-store")) {
    return false;
  }
  if (varyOf(fields).includes("*")) {
    return false;
  }
  if (has(request.fields, "authorization") && !SHARED_ANYWAY.some((name) => told.has(name))) {
    return false;
  }
  return told.has("s-maxage") || told.has("max-age") || has(fields, "expires") || hasValidator(fields);
}

function has(fields: Fields, name: string): boolean {
  return values(fields, name).length > 0;
}

function hasValidator(fields: Fields): boolean {
  return has(fields, "etag") || has(fields, "last-modified");
}

/** The names in `Vary`, in small letters. */
function varyOf(fields: Fields): string[] {
  return (joined(fields, "vary") ?? "").toLowerCase().split(",").filter((name) => name !== "");
}

/** A stored answer, the moment from which its age is counted, and the request's fields that `Vary` names. */
export class Entry {
  target: string;
  response: Response;
  told: Directives;
  lifetime: number;
  date: number;
  hasValidator: boolean;
  isRefreshing = false;
  #born: number;
  #variant: [name: string, value: string | undefined][];

  /** `took`: seconds of the forward. */
  constructor(request: Request, response: Response, took: number) {
    const { fields } = response;
    this.target = request.target;
    this.response = { ...response, fields: fields.filter(([name]) => name.toLowerCase() !== "age") };
    this.told = directives(fields);
    this.lifetime = lifetimeOf(fields, this.told);
    this.date = dateOf(fields, "date") ?? Date.now() / 1000;
    this.hasValidator = hasValidator(fields);
    this.#born = performance.now() / 1000 - ageAtArrival(fields, took);
    this.#variant = varyOf(fields).map((name) => [name, joined(request.fields, name)]);
  }

  /** Seconds. */
  get age(): number {
    return performance.now() / 1000 - this.#born;
  }

  /** CA-21. */
  matches(request: Request): boolean {
    return this.#variant.every(([name, value]) => joined(request.fields, name) === value);
  }

  /** CA-28, CA-29: whether the directive of that name lets it be used now, though stale. */
  mayBeStale(name: string): boolean {
    const window = seconds(this.told, name);
    const isForbidden = NEVER_STALE.some((each) => this.told.has(each));
    return window !== undefined && !isForbidden && this.age - this.lifetime <= window;
  }
}

/** Entries in the order of their use. */
export class Store {
  evictions = 0;
  #capacity: number;
  #byTarget = new Map<string, Entry[]>();
  #order = new Set<Entry>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many there are. */
  get size(): number {
    return this.#order.size;
  }

  /** Whether anything is stored for a target. */
  has(target: string): boolean {
    return this.#byTarget.has(target);
  }

  /** Whether it is stored still. */
  holds(entry: Entry): boolean {
    return this.#order.has(entry);
  }

  /** The newest that matches. */
  find(request: Request): Entry | undefined {
    const matching = (this.#byTarget.get(request.target) ?? []).filter((entry) => entry.matches(request));
    return matching.sort((one, other) => other.date - one.date)[0];
  }

  /** It was served. */
  use(entry: Entry): void {
    if (this.#order.delete(entry)) {
      this.#order.add(entry);
    }
  }

  /** Store it, and make room. */
  put(entry: Entry, insteadOf: Entry | undefined): void {
    if (insteadOf !== undefined) {
      this.drop(insteadOf);
    }
    this.#byTarget.set(entry.target, [...(this.#byTarget.get(entry.target) ?? []), entry]);
    this.#order.add(entry);
    for (const oldest of this.#order) {
      if (this.#order.size <= this.#capacity) {
        break;
      }
      this.drop(oldest);
      this.evictions += 1;
    }
  }

  /** Forget it. */
  drop(entry: Entry): void {
    if (!this.#order.delete(entry)) {
      return;
    }
    const others = (this.#byTarget.get(entry.target) ?? []).filter((each) => each !== entry);
    if (others.length > 0) {
      this.#byTarget.set(entry.target, others);
    } else {
      this.#byTarget.delete(entry.target);
    }
  }

  /** Forget all variants; whether there were any. */
  dropAll(target: string): boolean {
    const mine = this.#byTarget.get(target) ?? [];
    mine.forEach((entry) => this.drop(entry));
    return mine.length > 0;
  }
}
