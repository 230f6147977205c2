// The client of the ledger. What it cannot know, it says: "unknown".

import { request } from "node:http";

/** What became of a charge request. */
export type Charged =
  | { outcome: "charged"; charge: string }
  | { outcome: "declined" | "unavailable" | "unknown" };

type Answer = { status: number; content: any };

/** Each request on a connection of its own: one that is kept may break at any moment, and who knows when it did? */
export class Ledger {
  url: string;
  timeout: number;

  constructor(url: string, timeout: number) {
    this.url = url.replace(/\/$/, "");
    this.timeout = timeout;
  }

  /** Move money. */
  async charge(reference: string, amount: number, currency: string, account: string): Promise<Charged> {
    try {
      const { status, content } = await this.post("/charges", { reference, amount, currency, account });
      switch (status) {
        case 201:
          return { outcome: "charged", charge: String(content.charge_id) };
        case 402:
          return { outcome: "declined" };
        case 503:
          return { outcome: "unavailable" };
        default:
          return { outcome: "unknown" };
      }
    } catch (error) {
      // Nobody listened, so nothing was sent.
      return { outcome: (error as NodeJS.ErrnoException).code === "ECONNREFUSED" ? "unavailable" : "unknown" };
    }
  }

  /** Let nothing happen under `reference` any more: the ids of the charges that did, or undefined when it failed. */
  async close(reference: string): Promise<string[] | undefined> {
    try {
      const { status, content } = await this.post(`/references/${encodeURIComponent(reference)}/close`);
      return status === 200 ? content.charges.map((charge: { charge_id: string }) => charge.charge_id) : undefined;
    } catch {
      return undefined;
    }
  }

  /** The whole answer, all of it within the timeout. */
  private post(path: string, content?: unknown): Promise<Answer> {
    const body = content === undefined ? "" : JSON.stringify(content);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        this.url + path,
        {
          method: "POST",
          agent: false,
          signal: AbortSignal.timeout(this.timeout),
          headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => {
            try {
              const text = Buffer.concat(chunks).toString();
              resolve({ status: incoming.statusCode ?? 0, content: JSON.parse(text) });
            } catch (error) {
              reject(error);
            }
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }
}
