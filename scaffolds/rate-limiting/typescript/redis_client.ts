// A small Redis client: done, so that the stage `shared` needs no download. `redis` or `ioredis` from npm are as welcome.
//
//   const connection = new Connection(process.env.REDIS_URL, 250);
//   await connection.ask("EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, "some key", 5); // 5
//
// One connection, for many commands at once: replies come in the order of the commands. When it is lost (the promise of
// each command that waits is rejected then), it stays so. When to make a new one, and what happens while Redis does not
// answer, is yours to decide.

import { createConnection, type Socket } from "node:net";

/** One reply. */
export type Reply = number | string | null | Reply[];

/** Redis answered with an error. The connection can be used further. */
export class RedisError extends Error {}

/** The connection is lost, or there was no reply in time: whether the command was or will be carried out is unknown. */
export class ConnectionLost extends Error {}

/** Thrown inside when the rest of a reply is still to come. */
class Incomplete extends Error {}

type Waiting = { resolve: (reply: Reply) => void; reject: (reason: Error) => void; timer: NodeJS.Timeout };

/** Speaks RESP2, which every Redis understands. `timeoutMs`: for each command, connecting included. */
export class Connection {
  readonly timeoutMs: number;
  isLost = false;
  private readonly socket: Socket;
  private readonly waiting: Waiting[] = [];
  private received = Buffer.alloc(0);
  private position = 0;

  constructor(url: string, timeoutMs: number) {
    const { hostname, port } = new URL(url);
    this.timeoutMs = timeoutMs;
    this.socket = createConnection({ host: hostname, port: Number(port || "6379"), noDelay: true });
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", (error) => this.lose(error.message));
    this.socket.on("close", () => this.lose("Redis closed the connection"));
  }

  /** What Redis says to a command: a number, a text, null, or an array of these. */
  ask(...words: (string | number)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.isLost) {
        reject(new ConnectionLost("the connection is lost"));
        return;
      }
      const timer = setTimeout(() => this.lose("no reply in time"), this.timeoutMs);
      this.waiting.push({ resolve, reject, timer });
      const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
      this.socket.write(`*${words.length}\r\n${parts.join("")}`);
    });
  }

  /** Hang up. After a time-out, too: a late reply would be taken for that to another command. */
  lose(reason: string): void {
    this.isLost = true;
    this.socket.destroy();
    for (const waiting of this.waiting.splice(0)) {
      clearTimeout(waiting.timer);
      waiting.reject(new ConnectionLost(reason));
    }
  }

  /** Give replies to those who wait for them. */
  private take(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
    for (let reply = this.next(); reply !== undefined; reply = this.next()) {
      const waiting = this.waiting.shift();
      clearTimeout(waiting?.timer);
      if (reply instanceof RedisError) {
        waiting?.reject(reply);
      } else {
        waiting?.resolve(reply);
      }
    }
  }

  /** The next reply, if it is complete. */
  private next(): Reply | RedisError | undefined {
    this.position = 0;
    try {
      const reply = this.read();
      this.received = this.received.subarray(this.position);
      return reply;
    } catch (error) {
      if (error instanceof Incomplete) {
        return undefined;
      }
      throw error;
    }
  }

  private read(): Reply | RedisError {
    const line = this.until(this.received.indexOf("\r\n", this.position));
    const rest = line.slice(1);
    switch (line[0]) {
      case "-":
        return new RedisError(rest);
      case ":":
        return Number(rest);
      case "$":
        return rest === "-1" ? null : this.until(this.position + Number(rest));
      case "*":
        return rest === "-1" ? null : this.array(Number(rest));
      default:
        return rest;
    }
  }

  /** So many replies; an error among them stands for all, once all are read. */
  private array(length: number): Reply | RedisError {
    const replies = Array.from({ length }, () => this.read());
    return replies.find((reply) => reply instanceof RedisError) ?? (replies as Reply[]);
  }

  /** The text up to `end`, where a line ends. */
  private until(end: number): string {
    if (end < 0 || end + 2 > this.received.length) {
      throw new Incomplete();
    }
    const text = this.received.toString("utf8", this.position, end);
    this.position = end + 2;
    return text;
  }
}
