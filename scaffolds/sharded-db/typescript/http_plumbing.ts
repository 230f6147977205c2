// HTTP and JSON plumbing: done, so that you can think about the shards. You need not change anything here.
//
// `serve(route)` listens on $HOST:$PORT and calls `route` with each request. SIGTERM lets requests in flight finish, then
// ends the program with 0.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const KEEP_ALIVE_MS = 60_000;
const LAST_MOMENT_MS = 3_000;

/**
 * One request. `path` is as it was sent: percent-encoded, and so is `search`, what follows the question mark. `fields(name)`
 * is every line of a header field; an empty list when there is none.
 */
export type Request = {
  method: string;
  path: string;
  search: string;
  query: URLSearchParams;
  fields: (name: string) => string[];
  body: Buffer;
};

/** An answer. `content` is sent as JSON; when it is a Buffer, as it is. */
export type Response = {
  status: number;
  content: unknown;
  headers?: Record<string, string>;
  contentType?: string;
};

/** What answers a request, at once or later. */
export type Route = (request: Request) => Response | Promise<Response>;

/** Thrown where code is still to be written. */
export class NotImplemented extends Error {}

/** An error as a problem document (RFC 9457), with further members if you like. */
export function problem(
  status: number,
  title: string,
  headers: Record<string, string> = {},
  members: Record<string, unknown> = {},
): Response {
  return { status, content: { title, status, ...members }, headers, contentType: "application/problem+json" };
}

/** Serve until SIGTERM. */
export function serve(route: Route): void {
  // Longer than any client here keeps a connection idle: whoever closes first should be the client.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    void handle(server, route, incoming, outgoing);
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

/** Ask `route`; what it throws becomes an answer too. */
async function handle(server: Server, route: Route, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    answer(server, incoming, outgoing, await route(await read(incoming)));
  } catch (error) {
    if (!incoming.complete) {
      return; // the client left in the middle of its request
    }
    answer(server, incoming, outgoing, sorry(error));
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
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) {
    chunks.push(chunk as Buffer);
  }
  const [path, ...rest] = (incoming.url ?? "/").split("?");
  const search = rest.join("?");
  return {
    method: incoming.method ?? "GET",
    path,
    search,
    query: new URLSearchParams(search),
    fields: (name) => incoming.headersDistinct[name.toLowerCase()] ?? [],
    body: Buffer.concat(chunks),
  };
}

/** Send it in one piece, and note it on standard error, but for the health checks. */
function answer(server: Server, incoming: IncomingMessage, outgoing: ServerResponse, response: Response): void {
  const { content } = response;
  const body = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  outgoing.writeHead(response.status, {
    "Content-Type": response.contentType ?? "application/json",
    ...(response.status === 204 ? {} : { "Content-Length": body.length }),
    ...(server.listening ? {} : { Connection: "close" }),
    ...response.headers,
  });
  outgoing.end(response.status === 204 ? undefined : body);
  if (incoming.url !== "/healthz") {
    console.error(`${incoming.method} ${incoming.url} ${response.status}`);
  }
}
