// As much of a Redis client as a limiter needs: one connection for all, and an answer in time or none.
//
// Redis can be killed, paused or cut off from us at any moment, and be back at any other. It is asked for a sign of life
// all the time; as long as it does not answer, nobody waits for it.

import { createHash } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { Replies, RedisError, type Reply } from "./resp.ts";

/** For one command, its connection included; our own clients wait half a second. */
const PATIENCE_MS = 250;
const HEARTBEAT_MS = 200;

/** Redis gave no answer. Whether it did, or will do, what it was told is unknown. */
export class Unreachable extends Error {}

/** A program for Redis. */
export class Script {
  readonly text: string;
  readonly digest: string;

  constructor(text: string) {
    this.text = text;
    this.digest = createHash("sha1").update(text).digest("hex");
  }
}

/** Who waits for a reply. */
type Waiting = { resolve: (reply: Reply) => void; reject: (reason: Error) => void };

/** One Redis, as `redis://host:port/0` names it. */
export class Redis {
  readonly host: string;
  readonly port: number;
  connection?: Connection;
  isUp = false;
  /** Fulfilled when it is known for the first time whether Redis answers. */
  readonly known: Promise<void>;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.host = hostname;
    this.port = Number(port || "6379");
    this.known = new Promise((settle) => void this.watch(settle));
  }

  /** What a script returns that has one key. The text is sent only to a Redis that does not know it. */
  async run(script: Script, key: string, ...words: (string | number)[]): Promise<Reply> {
    try {
      return await this.ask("EVALSHA", script.digest, 1, key, ...words);
    } catch (error) {
      if (error instanceof RedisError && error.message.startsWith("NOSCRIPT")) {
        return await this.ask("EVAL", script.text, 1, key, ...words);
      }
      throw error;
    }
  }

  /** What Redis says to a command. Throws Unreachable, RedisError. */
  async ask(...words: (string | number)[]): Promise<Reply> {
    await this.known;
    if (!this.isUp || this.connection === undefined) {
      throw new Unreachable("Redis has not answered since it was last asked");
    }
    return await this.connection.ask(words);
  }

  /** Ask Redis for a sign of life, for ever. It notices each restart, also one while nobody asked for anything. */
  private async watch(settle: () => void): Promise<void> {
    for (;;) {
      const connection = new Connection(this.host, this.port);
      connection.onLost = () => {
        this.isUp = false;
      };
      try {
        for (;;) {
          await connection.ask(["PING"]);
          this.connection = connection;
          this.isUp = true;
          settle();
          await pause(HEARTBEAT_MS);
        }
      } catch (error) {
        connection.lose(error as Error);
        settle();
      }
      await pause(HEARTBEAT_MS / 4);
    }
  }
}

/** One connection for many commands at once: replies come in the order of the commands. */
class Connection {
  readonly socket: Socket;
  readonly replies = new Replies();
  readonly waiting: Waiting[] = [];
  isLost = false;
  onLost = (): void => {};

  constructor(host: string, port: number) {
    this.socket = createConnection({ host, port, noDelay: true });
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", (error) => this.lose(error));
    this.socket.on("close", () => this.lose(new Error("Redis closed the connection")));
  }

  /** What Redis says to a command. */
  ask(words: (string | number)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.isLost) {
        reject(new Unreachable("the connection is lost"));
        return;
      }
      const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
      this.socket.write(`*${words.length}\r\n${parts.join("")}`);
      const timer = setTimeout(() => {
        // If it was us who stood still, the reply is here and will be read before this:
        setImmediate(() => this.waiting.includes(waiting) && this.lose(new Error("no reply in time")));
      }, PATIENCE_MS);
      const waiting: Waiting = {
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
      };
      this.waiting.push(waiting);
    });
  }

  /** Give replies to those who wait for them. */
  private take(data: Buffer): void {
    for (const reply of this.replies.read(data)) {
      const first = this.waiting.shift();
      if (reply instanceof RedisError) {
        first?.reject(reply);
      } else {
        first?.resolve(reply);
      }
    }
  }

  /** Hang up: a late reply would be taken for that to another command. */
  lose(reason: Error): void {
    if (!this.isLost) {
      this.isLost = true;
      this.onLost();
      this.socket.destroy();
      for (const waiting of this.waiting.splice(0)) {
        waiting.reject(new Unreachable(reason.message));
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
