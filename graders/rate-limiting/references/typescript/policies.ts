// What the environment variable POLICIES says.

/** A named limit: so many cost units per window of so many milliseconds. */
export class Policy {
  readonly name: string;
  readonly algorithm: string;
  readonly limit: number;
  readonly windowMs: number;

  constructor(name: string, table: Table) {
    this.name = name;
    this.algorithm = table.algorithm;
    this.limit = table.limit;
    this.windowMs = table.window_ms;
  }

  /** The most units that could ever be had at once. */
  get capacity(): number {
    return this.limit;
  }
}

type Table = { algorithm: string; limit: number; window_ms: number };

/** Policies by their name. In a Map, because an object would also have policies called "constructor" and the like. */
export function parse(text: string): Map<string, Policy> {
  const tables = Object.entries<Table>(JSON.parse(text));
  return new Map(tables.map(([name, table]) => [name, new Policy(name, table)]));
}
