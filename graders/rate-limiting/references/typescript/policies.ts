// What the environment variable POLICIES says.

/** A named limit: so many cost units per window of so many milliseconds. */
export class Policy {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly onStoreFailure: "open" | "closed";

  constructor(name: string, table: Table) {
    this.name = name;
    this.algorithm = table.algorithm;
    this.limit = table.limit;
    this.windowMs = table.window_ms;
    this.burst = table.burst ?? table.limit;
    this.onStoreFailure = table.on_store_failure ?? "closed";
  }

  /** The most units that could ever be had at once. */
  get capacity(): number {
    return this.algorithm === "token-bucket" ? this.burst : this.limit;
  }

  /** The window in microseconds, in which time is counted everywhere. */
  get windowUs(): number {
    return this.windowMs * 1000;
  }

  /** How long all of the capacity takes to come back: the window, or the time in which an empty bucket fills. */
  get fillsInUs(): number {
    return this.algorithm === "token-bucket" ? Math.ceil((this.burst * this.windowUs) / this.limit) : this.windowUs;
  }
}

export type Algorithm = "fixed-window" | "sliding-window" | "token-bucket";

type Table = {
  algorithm: Algorithm;
  limit: number;
  window_ms: number;
  burst?: number;
  on_store_failure?: "open" | "closed";
};

/** Policies by their name. In a Map, because an object would also have policies called "constructor" and the like. */
export function parse(text: string): Map<string, Policy> {
  const tables = Object.entries<Table>(JSON.parse(text));
  return new Map(tables.map(([name, table]) => [name, new Policy(name, table)]));
}
