// What must outlive the process: keys and payments, in SQLite.
//
// A commit is in the operating system's hands when it returns, so it survives SIGKILL. Surviving a power cut, too, would
// take `PRAGMA synchronous = FULL`.

import { DatabaseSync, type StatementSync } from "node:sqlite";

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS keys (
  tenant TEXT, key TEXT, payload TEXT NOT NULL, reference TEXT NOT NULL,
  status INTEGER, content_type TEXT, location TEXT, body BLOB, finished_ms INTEGER,
  PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS payments (
  number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, id TEXT, account TEXT, body BLOB, UNIQUE (tenant, id)
);
CREATE INDEX IF NOT EXISTS payments_by_account ON payments (tenant, account, number);
`;

/** The answer that a key ended with. */
export type Finish = { status: number; contentType: string; location: string | null; body: Buffer };

/** What is known of a key. Without a finish its charge request may have been sent: it is unresolved. */
export type Entry = { payload: string; reference: string; finish?: Finish };

/** Every call is synchronous: nothing else of this program runs meanwhile. */
export class Store {
  database: DatabaseSync;
  ttl: number;
  statements = new Map<string, StatementSync>();

  constructor(path: string, ttl: number) {
    this.ttl = ttl;
    this.database = new DatabaseSync(path);
    this.database.exec(SCHEMA);
  }

  /** What is known of the key; nothing once it has expired. */
  find(tenant: string, key: string): Entry | undefined {
    const row: any = this.sql("SELECT * FROM keys WHERE tenant = ? AND key = ?").get(tenant, key);
    if (row === undefined || (row.finished_ms !== null && row.finished_ms + this.ttl <= Date.now())) {
      return undefined;
    }
    const { payload, reference, status, content_type: contentType, location } = row;
    return status === null
      ? { payload, reference }
      : { payload, reference, finish: { status, contentType, location, body: Buffer.from(row.body) } };
  }

  /** Note that money will be asked for under `reference`, before it is. */
  begin(tenant: string, key: string, payload: string, reference: string): void {
    const insert = "INSERT OR REPLACE INTO keys (tenant, key, payload, reference) VALUES (?, ?, ?, ?)";
    this.sql(insert).run(tenant, key, payload, reference);
  }

  /** The key is as if it had never been used. */
  forget(tenant: string, key: string): void {
    this.sql("DELETE FROM keys WHERE tenant = ? AND key = ?").run(tenant, key);
  }

  /** Note how the key ended, and the payment with it: both or neither. */
  finish(tenant: string, key: string, finish: Finish, payment?: { id: string; account: string }): void {
    this.database.exec("BEGIN IMMEDIATE");
    try {
      this.sql(
        "UPDATE keys SET status = ?, content_type = ?, location = ?, body = ?, finished_ms = ? WHERE tenant = ? AND key = ?",
      ).run(finish.status, finish.contentType, finish.location, finish.body, Date.now(), tenant, key);
      if (payment !== undefined) {
        const insert = "INSERT INTO payments (tenant, id, account, body) VALUES (?, ?, ?, ?)";
        this.sql(insert).run(tenant, payment.id, payment.account, finish.body);
      }
      this.database.exec("COMMIT");
    } catch (error) {
      this.database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Drop the keys that nobody can use any more. An unresolved one never is such a key. */
  dropExpired(): void {
    this.sql("DELETE FROM keys WHERE finished_ms <= ?").run(Date.now() - this.ttl);
  }

  /** How many keys are held. */
  countKeys(): number {
    return (this.sql("SELECT count(*) AS n FROM keys").get() as { n: number }).n;
  }

  /** The payment as JSON. */
  payment(tenant: string, id: string): Buffer | undefined {
    const row: any = this.sql("SELECT body FROM payments WHERE tenant = ? AND id = ?").get(tenant, id);
    return row && Buffer.from(row.body);
  }

  /** Number and JSON of the newest payments that are older than the number `before`. */
  payments(tenant: string, account: string | null, before: number | null, limit: number): { number: number; body: string }[] {
    const rows: any[] = this.sql(
      "SELECT number, body FROM payments WHERE tenant = $tenant" +
        " AND ($account IS NULL OR account = $account) AND ($before IS NULL OR number < $before)" +
        " ORDER BY number DESC LIMIT $limit",
    ).all({ $tenant: tenant, $account: account, $before: before, $limit: limit });
    return rows.map(({ number, body }) => ({ number, body: Buffer.from(body).toString() }));
  }

  /** A statement, prepared once. */
  private sql(text: string): StatementSync {
    const known = this.statements.get(text) ?? this.database.prepare(text);
    this.statements.set(text, known);
    return known;
  }
}
