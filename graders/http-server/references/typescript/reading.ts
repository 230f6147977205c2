// Bytes from a socket, in the pieces that a parser wants, whatever pieces they arrive in.

import type net from "node:net";

export class Gone extends Error {}
export class Late extends Error {}
export class TooLong extends Error {}

const LF = 0x0a;

// What a client sends. `deadline` is a moment of performance.now(); every read ends there with Late.
export class Source {
  deadline = 0;
  buffer: Buffer = Buffer.alloc(0);
  private waiting: (() => void) | undefined;
  private pieces: Buffer[] = [];
  private hasEnded = false;
  private readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (piece: Buffer) => {
      this.pieces.push(piece);
      socket.pause(); // no more is read than is asked for
      this.wake();
    });
    socket.on("end", () => this.end());
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
    socket.pause();
  }

  // Nothing more will be read; what has arrived still counts.
  end(): void {
    this.hasEnded = true;
    this.wake();
  }

  // Adds what arrives next.
  async fill(): Promise<void> {
    if (this.pieces.length === 0 && !this.hasEnded) {
      const left = this.deadline - performance.now();
      if (left <= 0) {
        throw new Late();
      }
      await this.news(left);
    }
    if (this.pieces.length > 0) {
      this.buffer = Buffer.concat([this.buffer, ...this.pieces.splice(0)]);
      return;
    }
    throw this.hasEnded ? new Gone() : new Late();
  }

  async wait(): Promise<void> {
    if (this.buffer.length === 0) {
      await this.fill();
    }
  }

  // A line without its LF.
  async line(limit: number): Promise<Buffer> {
    let start = 0;
    let end = this.buffer.indexOf(LF);
    while (end < 0) {
      start = this.buffer.length;
      if (start > limit) {
        throw new TooLong();
      }
      await this.fill();
      end = this.buffer.indexOf(LF, start);
    }
    if (end > limit) {
      throw new TooLong();
    }
    const line = this.buffer.subarray(0, end);
    this.buffer = this.buffer.subarray(end + 1);
    return line;
  }

  async exactly(count: number): Promise<Buffer> {
    const parts = [this.buffer];
    let length = this.buffer.length;
    while (length < count) {
      this.buffer = Buffer.alloc(0);
      await this.fill();
      parts.push(this.buffer);
      length += this.buffer.length;
    }
    const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    this.buffer = all.subarray(count);
    return all.subarray(0, count);
  }

  private news(left: number): Promise<void> {
    return new Promise((resolve) => {
      // A timer may fire a millisecond early, and a time-out must not.
      const timer = setTimeout(() => this.wake(), left + 2);
      this.waiting = () => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve();
      };
      this.socket.resume();
    });
  }

  private wake(): void {
    this.waiting?.();
  }
}
