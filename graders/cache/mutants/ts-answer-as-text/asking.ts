// Asking another server: done, like http_plumbing.ts.

import { request as begin, type IncomingMessage } from "node:http";

import { paired, values, type Request, type Response } from "./http_plumbing.ts";

const WITH_BODY = ["POST", "PUT", "PATCH"];

/** Why there is no answer. */
export class NotAnswered extends Error {}

/** Nobody listens, the connection was closed, or what came is no HTTP. */
export class NoAnswer extends NotAnswered {}

/** No complete field section in time, or no connection. */
export class TooLate extends NotAnswered {}

/** The body ended early, or stalled. */
export class CutShort extends NotAnswered {}

/**
 * Send a request as it is, with its `Content-Length`, over a connection of its own, and read the whole answer. Nothing is
 * tried again.
 *
 * Throws `NoAnswer`, `TooLate` or `CutShort`.
 */
export function ask(host: string, port: number, request: Request, timeoutMs: number): Promise<Response> {
  const { method, target, body } = request;
  const lines = [...request.fields, ["Connection", "close"]];
  if (body.length > 0 || WITH_BODY.includes(method) || values(request.fields, "content-type").length > 0) {
    lines.push(["Content-Length", String(body.length)]);
  }
  return new Promise((resolve, reject) => {
    const asking = begin({ host, port, method, path: target, headers: lines.flat(), agent: false });
    const late = setTimeout(() => asking.destroy(new TooLate()), timeoutMs);
    asking.on("error", (error) => {
      clearTimeout(late);
      reject(error instanceof TooLate ? error : new NoAnswer());
    });
    asking.on("response", (incoming) => {
      clearTimeout(late);
      resolve(readAnswer(incoming, timeoutMs));
    });
    asking.end(body);
  });
}

/** The whole body, however long it takes, as long as it goes on. */
async function readAnswer(incoming: IncomingMessage, timeoutMs: number): Promise<Response> {
  let text = "";
  const stalled = setTimeout(() => incoming.destroy(), timeoutMs);
  try {
    for await (const chunk of incoming) {
      text += chunk;
      stalled.refresh();
    }
  } catch {
    throw new CutShort();
  } finally {
    clearTimeout(stalled);
  }
  if (!incoming.complete) {
    throw new CutShort();
  }
  return {
    status: incoming.statusCode ?? 0,
    fields: paired(incoming.rawHeaders),
    body: Buffer.from(text),
    reason: incoming.statusMessage,
  };
}
