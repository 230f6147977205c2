// Which request is answered by what.

import { setTimeout as sleep } from "node:timers/promises";

import { type Answer, empty, error, text } from "./answers.ts";
import { allows, serveFile } from "./conditions.ts";
import type { Store } from "./files.ts";
import type { Request } from "./head.ts";

const KNOWN = ["GET", "HEAD", "POST", "PUT", "DELETE"];
const LONGEST_SLEEP = 10_000;
const MOST_CHUNKS = 1000;
const BETWEEN_CHUNKS = 11; // a timer may fire a millisecond early
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/;

type Handler = (request: Request, rest: Buffer) => Answer | Promise<Answer>;
type Handlers = Partial<Record<string, Handler>>;

export class Routes {
  private readonly prefixes: Array<[string, Handlers]>;
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
    this.prefixes = [
      ["/echo/", { GET: (_request, rest) => text(rest) }],
      ["/slow/", { GET: slow }],
      ["/stream/", { GET: stream }],
      ["/files/", { GET: this.getFile, PUT: this.putFile, DELETE: this.deleteFile }],
    ];
  }

  async answer(request: Request): Promise<Answer> {
    if (!KNOWN.includes(request.method)) {
      return error(501);
    }
    const path = decodedPath(request.target);
    if (path === undefined) {
      return error(400);
    }
    const found = this.find(path);
    if (found === undefined) {
      return error(404);
    }
    const [handlers, rest] = found;
    const handler = handlers[request.method === "HEAD" ? "GET" : request.method];
    if (handler === undefined) {
      const allowed = Object.keys(handlers).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
      return error(405, { Allow: allowed.join(", ") });
    }
    return handler(request, rest);
  }

  private find(path: Buffer): [Handlers, Buffer] | undefined {
    const name = path.toString("latin1");
    if (name === "/") {
      return [{ GET: () => text("ok\n") }, path];
    }
    if (name === "/headers") {
      return [{ GET: headers }, path];
    }
    if (name === "/echo") {
      return [{ POST: echoBody }, path];
    }
    for (const [prefix, handlers] of this.prefixes) {
      if (name.startsWith(prefix)) {
        return [handlers, path.subarray(prefix.length)];
      }
    }
    return undefined;
  }

  private readonly getFile: Handler = async (request, name) => {
    const found = isName(name) ? await this.store.read(name) : undefined;
    return found === undefined ? error(404) : serveFile(request, found);
  };

  private readonly putFile: Handler = async (request, name) => {
    if (!isName(name)) {
      return error(400);
    }
    const status = await this.store.write(name, request.body, (old) => allows(request, old));
    return status === 412 ? error(412) : empty(status);
  };

  private readonly deleteFile: Handler = async (_request, name) => {
    return isName(name) && (await this.store.remove(name)) ? empty(204) : error(404);
  };
}

// The path of the target, percent-decoded once.
function decodedPath(target: string): Buffer | undefined {
  const start = ABSOLUTE.exec(target);
  if (start !== null) {
    target = target.slice(start[0].length);
    target = target.startsWith("/") ? target : `/${target}`;
  }
  const path = target.split("?", 1)[0] ?? "";
  if (!path.startsWith("/") || /%(?![0-9A-Fa-f]{2})/.test(path)) {
    return undefined;
  }
  const decoded = path.replace(/%(..)/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return Buffer.from(decoded, "latin1");
}

// Whether a file may be called so.
function isName(name: Buffer): boolean {
  const word = name.toString("latin1");
  if (word.length < 1 || word.length > 200 || word === "." || word === ".." || /[/\\\0]/.test(word)) {
    return false;
  }
  return Buffer.from(name.toString("utf8")).equals(name);
}

function number(data: Buffer, least: number, most: number): number | undefined {
  const word = data.toString("latin1");
  const value = /^[0-9]{1,9}$/.test(word) ? Number(word) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

function headers(request: Request): Answer {
  const joined = new Map<string, string>();
  for (const [name, value] of request.fields) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const body = Buffer.from(JSON.stringify(Object.fromEntries(joined)));
  return { status: 200, body, fields: { "Content-Type": "application/json" } };
}

function echoBody(request: Request): Answer {
  const kind = request.get("content-type") ?? "application/octet-stream";
  return { status: 200, body: request.body, fields: { "Content-Type": kind } };
}

async function slow(_request: Request, rest: Buffer): Promise<Answer> {
  const milliseconds = number(rest, 0, LONGEST_SLEEP);
  if (milliseconds === undefined) {
    return error(400);
  }
  await sleep(milliseconds + 1);
  return text("ok\n");
}

function stream(_request: Request, rest: Buffer): Answer {
  const count = number(rest, 1, MOST_CHUNKS);
  if (count === undefined) {
    return error(400);
  }
  return { status: 200, body: Buffer.alloc(0), fields: { "Content-Type": "text/plain" }, chunks: chunks(count) };
}

// One by one, with a pause between two.
async function* chunks(count: number): AsyncGenerator<Buffer> {
  for (let index = 1; index <= count; index += 1) {
    if (index > 1) {
      await sleep(BETWEEN_CHUNKS);
    }
    yield Buffer.from(`chunk ${index}\n`);
  }
}
