// The ledger by `fetch`: what became of a charge, as far as anybody can know.

export class Ledger {
  constructor(url, timeout) {
    this.url = url.replace(/\/$/, "");
    this.timeout = timeout;
  }

  /** `{charge}`, or one of "declined", "unavailable", "unknown". */
  async charge(order) {
    try {
      const { status, content } = await this.post("/charges", order);
      if (status === 201) return { charge: content.charge_id };
      return { 402: "declined", 503: "unavailable" }[status] ?? "unknown";
    } catch (error) {
      return error.cause?.code === "ECONNREFUSED" ? "unavailable" : "unknown";
    }
  }

  /** The charges under a reference, for good; undefined when nobody can tell now. */
  async close(reference) {
    try {
      const { status, content } = await this.post(`/references/${reference}/close`);
      return status === 200 ? content.charges : undefined;
    } catch {
      return undefined;
    }
  }

  async post(path, content) {
    const answer = await fetch(this.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: content && JSON.stringify(content),
      signal: AbortSignal.timeout(this.timeout),
    });
    return { status: answer.status, content: await answer.json() };
  }
}
