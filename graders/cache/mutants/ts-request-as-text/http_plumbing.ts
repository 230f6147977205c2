// HTTP plumbing: done, so that you can think about the cache. You need not change anything here.
//
// `serve(answer)` listens on $HOST:$PORT and calls `answer` with each request. SIGTERM lets requests in flight finish, then
// ends the program with 0. To ask another server, see asking.ts.

import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const KEEP_ALIVE_MS = 60_000;
const LAST_MOMENT_MS = 3_000;
const WITHOUT_BODY = [204, 304];

/** All lines of a header section in their order, names as they were written. */
export type Fields = [name: string, value: string][];

/** One request. `target` is path and query, byte for byte. */
export type Request = {
  method: string;
  target: string;
  fields: Fields;
  body: Buffer;
};

/** An answer. Its `Content-Length` is written by whoever sends it; one to HEAD may have a body, which is not sent. */
export type Response = {
  status: number;
  fields: Fields;
  body: Buffer;
  reason?: string;
};

/** What answers a request, at once or later. */
export type Answer = (request: Request) => Response | Promise<Response>;

/** Thrown where code is still to be written. */
export class NotImplemented extends Error {}

/** Every line of a header field, whose name is given in small letters; an empty list when there is none. */
export function values(fields: Fields, name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** Node's flat list of names and values, by pairs. */
export function paired(raw: string[]): Fields {
  return Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at], raw[2 * at + 1]]);
}

/** An answer of your own; an error as a problem document (RFC 9457). */
export function asJson(status: number, content: unknown): Response {
  const kind = status >= 400 ? "application/problem+json" : "application/json";
  return { status, fields: [["Content-Type", kind]], body: Buffer.from(JSON.stringify(content)) };
}

/** An error of your own. */
export function problem(status: number, title: string): Response {
  return asJson(status, { title, status });
}

/** Serve until SIGTERM. */
export function serve(find: Answer): void {
  // Longer than any client here keeps a connection idle: whoever closes first should be the client.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    void handle(server, find, incoming, outgoing);
  });
  server.listen({ host: process.env.HOST ?? "127.0.0.1", port: Number(process.env.PORT ?? "8000"), backlog: 1024 });
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => stop(server));
  }
}

/** Accept no more, let requests in flight finish, and end. */
function stop(server: Server): void {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // To Node, a connection that never sent a request is not idle.
  setTimeout(() => server.closeAllConnections(), LAST_MOMENT_MS);
}

/** Ask `find`; what it throws becomes an answer too. */
async function handle(server: Server, find: Answer, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    send(server, incoming, outgoing, await find(await read(incoming)));
  } catch (error) {
    if (!incoming.complete) {
      return; // the client left in the middle of its request
    }
    send(server, incoming, outgoing, sorry(error));
  }
}

function sorry(error: unknown): Response {
  if (error instanceof NotImplemented) {
    return problem(501, `not implemented yet: ${error.message}`);
  }
  console.error(error);
  return problem(500, "internal error");
}

/** The request in our own words. */
async function read(incoming: IncomingMessage): Promise<Request> {
  let text = "";
  for await (const chunk of incoming) {
    text += chunk;
  }
  return {
    method: incoming.method ?? "GET",
    target: incoming.url ?? "/",
    fields: paired(incoming.rawHeaders),
    body: Buffer.from(text),
  };
}

/** Send it in one piece. */
function send(server: Server, incoming: IncomingMessage, outgoing: ServerResponse, response: Response): void {
  const { status, body } = response;
  const isBare = incoming.method === "HEAD" || WITHOUT_BODY.includes(status);
  const isCounted = !isBare || body.length > 0;
  const lines = response.fields.filter(([name]) => !isCounted || name.toLowerCase() !== "content-length");
  if (isCounted) {
    lines.push(["Content-Length", String(body.length)]);
  }
  if (!server.listening) {
    lines.push(["Connection", "close"]);
  }
  outgoing.writeHead(status, response.reason ?? STATUS_CODES[status] ?? "", lines.flat());
  outgoing.end(isBare ? undefined : body);
}
