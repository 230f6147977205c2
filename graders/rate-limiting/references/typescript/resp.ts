// What Redis says (RESP2), as it comes in pieces.

/** What Redis says when it does not do what it was asked. */
export class RedisError extends Error {}

/** One reply. */
export type Reply = number | string | null | Reply[];

/** Thrown inside when the rest of a reply is still to come. */
class Incomplete extends Error {}

/** Reads replies out of a stream of bytes. */
export class Replies {
  private received = Buffer.alloc(0);
  private position = 0;

  /** The replies that are complete now that `data` has come. */
  read(data: Buffer): (Reply | RedisError)[] {
    this.received = Buffer.concat([this.received, data]);
    const replies = [];
    let complete = 0;
    this.position = 0;
    try {
      while (this.position < this.received.length) {
        replies.push(this.one());
        complete = this.position;
      }
    } catch (error) {
      if (!(error instanceof Incomplete)) {
        throw error;
      }
    }
    this.received = this.received.subarray(complete);
    return replies;
  }

  private one(): Reply | RedisError {
    const line = this.line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "-":
        return new RedisError(rest);
      case ":":
        return Number(rest);
      case "$":
        return rest === "-1" ? null : this.text(Number(rest));
      case "*":
        return rest === "-1" ? null : Array.from({ length: Number(rest) }, () => this.one() as Reply);
      default:
        return rest;
    }
  }

  private line(): string {
    const end = this.received.indexOf("\r\n", this.position);
    if (end < 0) {
      throw new Incomplete();
    }
    const line = this.received.toString("utf8", this.position, end);
    this.position = end + 2;
    return line;
  }

  private text(size: number): string {
    const end = this.position + size;
    if (end + 2 > this.received.length) {
      throw new Incomplete();
    }
    const text = this.received.toString("utf8", this.position, end);
    this.position = end + 2;
    return text;
  }
}
