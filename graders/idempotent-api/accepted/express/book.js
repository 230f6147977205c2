// All that is known, in memory, and every change of it as a line of a file before anybody hears of it.

import { closeSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

const ENOUGH_BYTES = 8 * 1024 * 1024;

export class Book {
  keys = new Map();
  payments = new Map(); // by tenant, the oldest first
  count = 0;
  written = 0;

  constructor(path, ttl) {
    this.path = path;
    this.ttl = ttl;
    for (const line of read(path)) this.apply(line);
    this.rewrite();
  }

  /** What is known of a key; nothing once it has expired. */
  find(name) {
    const entry = this.keys.get(name);
    return entry?.finish && entry.finish.at + this.ttl <= Date.now() ? undefined : entry;
  }

  /** Note a change, then make it. */
  note(change) {
    this.written += writeSync(this.file, `${JSON.stringify(change)}\n`);
    this.apply(change);
  }

  apply({ name, entry, payment }) {
    if (name && entry) this.keys.set(name, entry);
    else if (name) this.keys.delete(name);
    if (!payment) return;
    const paid = this.payments.get(payment.tenant) ?? [];
    paid.push({ ...payment, number: ++this.count });
    this.payments.set(payment.tenant, paid);
  }

  /** Forget what nobody can use any more; and the lines about it, when there are many. */
  tidy() {
    for (const [name, { finish }] of this.keys) {
      if (finish && finish.at + this.ttl <= Date.now()) this.keys.delete(name);
    }
    if (this.written > ENOUGH_BYTES) this.rewrite();
  }

  /** The file anew, without what is past. Whoever is killed meanwhile still has the old one. */
  rewrite() {
    const file = openSync(`${this.path}.new`, "w");
    const paid = [...this.payments.values()].flat().sort((one, other) => one.number - other.number);
    for (const { number, ...payment } of paid) writeSync(file, `${JSON.stringify({ payment })}\n`);
    for (const [name, entry] of this.keys) writeSync(file, `${JSON.stringify({ name, entry })}\n`);
    renameSync(`${this.path}.new`, this.path);
    if (this.file !== undefined) closeSync(this.file);
    this.file = file;
    this.written = 0;
  }
}

/** The changes that were written; a last line without its end was never acknowledged. */
function read(path) {
  try {
    return readFileSync(path, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
