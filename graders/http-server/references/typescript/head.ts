// A request's head: the request line and the fields, and what is wrong with them.

import { type Source, TooLong } from "./reading.ts";

const MOST_TARGET = 8192;
const MOST_FIELDS = 32 * 1024;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TARGET = /^[\x21-\x7e]+$/;
const VERSION = /^HTTP\/([0-9])\.([0-9])$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

// A request that cannot be served, and after which nothing on the connection can be trusted.
export class Bad extends Error {
  readonly status: number;

  constructor(status: number) {
    super(String(status));
    this.status = status;
  }
}

// One request. Names of fields are in lower case.
export class Request {
  fields: Array<[string, string]> = [];
  body: Buffer = Buffer.alloc(0);
  readonly method: string;
  readonly target: string;
  readonly minor: number;

  constructor(method: string, target: string, minor: number) {
    this.method = method;
    this.target = target;
    this.minor = minor;
  }

  all(name: string): string[] {
    return this.fields.filter(([key]) => key === name).map(([, value]) => value);
  }

  get(name: string): string | undefined {
    const found = this.all(name);
    return found.length > 0 ? found.join(", ") : undefined;
  }

  // The members of a list, in lower case.
  members(name: string): string[] {
    const parts = (this.get(name) ?? "").split(",").map((part) => trimmed(part).toLowerCase());
    return parts.filter((part) => part !== "");
  }

  get staysOpen(): boolean {
    const options = this.members("connection");
    return !options.includes("close") && (this.minor >= 1 || options.includes("keep-alive"));
  }
}

// The next line without CR LF; a CR anywhere else, or none at the end, is refused.
export async function readLine(source: Source, limit: number, status: number): Promise<string> {
  let line: string;
  try {
    line = (await source.line(limit)).toString("latin1");
  } catch (fault) {
    throw fault instanceof TooLong ? new Bad(status) : fault;
  }
  if (line.indexOf("\r") !== line.length - 1 || line === "") {
    throw new Bad(400);
  }
  return line.slice(0, -1);
}

export async function readHead(source: Source): Promise<Request> {
  let line = await readLine(source, MOST_TARGET + 200, 414);
  if (line === "") {
    line = await readLine(source, MOST_TARGET + 200, 414); // one empty line before a request is forgiven
  }
  const request = parseRequestLine(line);
  let left = MOST_FIELDS;
  while ((line = await readLine(source, Math.max(left, 0), 431)) !== "") {
    left -= line.length + 2;
    request.fields.push(parseField(line));
  }
  const hosts = request.all("host").length;
  if (hosts > 1 || (hosts === 0 && request.minor >= 1)) {
    throw new Bad(400);
  }
  return request;
}

function parseRequestLine(line: string): Request {
  const [method = "", target = "", version = "", ...more] = line.split(" ");
  const found = VERSION.exec(version);
  if (more.length > 0 || !TOKEN.test(method) || !TARGET.test(target) || found === null) {
    throw new Bad(400);
  }
  if (found[1] !== "1") {
    throw new Bad(505);
  }
  if (target.length > MOST_TARGET) {
    throw new Bad(414);
  }
  return new Request(method, target, Number(found[2]));
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  const value = line.slice(colon + 1);
  if (!TOKEN.test(name) || !VALUE.test(value)) {
    throw new Bad(400);
  }
  return [name.toLowerCase(), trimmed(value)];
}

// Without the white space that HTTP knows around a value: no other is dropped.
function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
