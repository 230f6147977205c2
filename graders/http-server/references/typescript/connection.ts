// One connection: requests one after another, until one side has had enough.

import type net from "node:net";

import { type Answer, error, head } from "./answers.ts";
import { framing, readBody } from "./bodies.ts";
import { Bad, type Request, readHead } from "./head.ts";
import { Gone, Late, Source } from "./reading.ts";
import type { Routes } from "./routes.ts";

const BODY_MS = 60_000;
const LINGER_MS = 1000;

export type Settings = { keepAlive: number; header: number; isStopping: boolean };

export class Connection {
  private readonly source: Source;
  private isBusy = false;
  private readonly socket: net.Socket;
  private readonly routes: Routes;
  private readonly settings: Settings;

  constructor(socket: net.Socket, routes: Routes, settings: Settings) {
    this.socket = socket;
    this.routes = routes;
    this.settings = settings;
    this.source = new Source(socket);
  }

  // Until the end, whatever it is.
  async serve(): Promise<void> {
    try {
      while (await this.serveOne()) {
        if (this.settings.isStopping) {
          this.stop(); // what was answered had begun before the end was known
        }
      }
      await this.sayGoodbye();
    } catch (fault) {
      if (!(fault instanceof Gone)) {
        console.error(fault);
      }
    } finally {
      this.socket.destroy();
    }
  }

  // Lets it go when it is idle.
  stop(): void {
    if (!this.isBusy) {
      this.source.end();
    }
  }

  // One request; whether another may follow.
  private async serveOne(): Promise<boolean> {
    this.source.deadline = performance.now() + this.settings.keepAlive;
    try {
      await this.source.wait();
    } catch (fault) {
      if (fault instanceof Late) {
        return false;
      }
      throw fault;
    }
    let method = "";
    try {
      this.source.deadline = performance.now() + this.settings.header;
      const request = await readHead(this.source);
      method = request.method;
      this.isBusy = true;
      return await this.serveRequest(request);
    } catch (fault) {
      if (fault instanceof Bad) {
        return this.refuse(fault.status, method);
      }
      if (fault instanceof Late) {
        return this.refuse(408, method);
      }
      throw fault;
    } finally {
      this.isBusy = false;
    }
  }

  private async serveRequest(request: Request): Promise<boolean> {
    this.source.deadline = performance.now() + BODY_MS;
    const length = framing(request);
    const waits = request.minor >= 1 && request.members("expect").includes("100-continue");
    if (waits && length !== 0 && this.source.buffer.length === 0) {
      await this.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    request.body = await readBody(this.source, length);
    let answer: Answer;
    try {
      answer = await this.routes.answer(request);
    } catch (fault) {
      console.error(fault);
      answer = error(500);
    }
    const endsWithConnection = answer.chunks !== undefined && request.minor === 0;
    const staysOpen = request.staysOpen && !this.settings.isStopping && !endsWithConnection;
    await this.send(request, answer, staysOpen);
    return staysOpen;
  }

  private async send(request: Request, answer: Answer, staysOpen: boolean): Promise<void> {
    const connection = !staysOpen ? "close" : request.minor === 0 ? "keep-alive" : undefined;
    const isChunked = request.minor >= 1;
    const first = head(answer, connection, isChunked);
    if (request.method === "HEAD") {
      return this.write(first);
    }
    if (answer.chunks === undefined) {
      return this.write(Buffer.concat([first, answer.body]));
    }
    await this.write(first);
    for await (const chunk of answer.chunks) {
      const size = Buffer.from(`${chunk.length.toString(16)}\r\n`);
      await this.write(isChunked ? Buffer.concat([size, chunk, Buffer.from("\r\n")]) : chunk);
    }
    if (isChunked) {
      await this.write(Buffer.from("0\r\n\r\n"));
    }
  }

  // Answers what cannot be understood; nothing after it can be trusted.
  private async refuse(status: number, method: string): Promise<boolean> {
    const answer = error(status);
    const first = head(answer, "close", false);
    await this.write(method === "HEAD" ? first : Buffer.concat([first, answer.body]));
    return false;
  }

  private write(data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed || !this.socket.writable) {
        reject(new Gone());
        return;
      }
      const gone = () => reject(new Gone());
      this.socket.once("close", gone);
      this.socket.write(data, (fault) => {
        this.socket.off("close", gone);
        if (fault) {
          gone();
        } else {
          resolve();
        }
      });
    });
  }

  // Stops sending and reads on for a while: unread bytes would make a reset that overtakes the last answer.
  private async sayGoodbye(): Promise<void> {
    this.socket.end();
    this.source.deadline = performance.now() + LINGER_MS;
    try {
      for (;;) {
        this.source.buffer = Buffer.alloc(0);
        await this.source.fill();
      }
    } catch {
      // the client has closed, or has had its second
    }
  }
}
