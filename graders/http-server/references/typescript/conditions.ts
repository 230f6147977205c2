// Conditional requests, ranges and gzip, for files (RFC 9110, 12.5.3, 13 and 14).

import { promisify } from "node:util";
import zlib from "node:zlib";

import { type Answer, error } from "./answers.ts";
import type { File } from "./files.ts";
import type { Request } from "./head.ts";

const GZIP_FROM = 1024;
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const RANGE = /^bytes=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*$/;
const DATE = /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2}) [\d:]{8} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}$/;
const gzip = promisify(zlib.gzip);

export async function serveFile(request: Request, file: File): Promise<Answer> {
  let { body, tag } = file;
  const fields: Record<string, string> = { Vary: "Accept-Encoding" };
  const isZipped = body.length >= GZIP_FROM && request.get("range") === undefined && wantsGzip(request);
  if (isZipped) {
    tag = `${tag.slice(0, -1)}-gzip"`;
  }
  Object.assign(fields, {
    ETag: tag,
    "Last-Modified": new Date(file.modified * 1000).toUTCString(),
    "Accept-Ranges": "bytes",
  });
  if (isUnchanged(request, tag, file.modified)) {
    return { status: 304, body: Buffer.alloc(0), fields };
  }
  if (isZipped) {
    body = await gzip(body, { level: 5 });
    fields["Content-Encoding"] = "gzip";
  }
  fields["Content-Type"] = "application/octet-stream";
  const range = askedRange(request, tag, body.length);
  if (range === undefined) {
    return { status: 200, body, fields };
  }
  const [first, last] = range;
  if (first > last) {
    return error(416, { "Content-Range": `bytes */${body.length}` });
  }
  fields["Content-Range"] = `bytes ${first}-${last}/${body.length}`;
  return { status: 206, body: body.subarray(first, last + 1), fields };
}

// Whether the client has this very state already.
function isUnchanged(request: Request, tag: string, modified: number): boolean {
  const known = request.get("if-none-match");
  if (known !== undefined) {
    return known.trim() === "*" || matchesWeakly(known, tag);
  }
  const since = dateOf(request.get("if-modified-since") ?? "");
  return since !== undefined && modified * 1000 <= since;
}

// Milliseconds since 1970, from any form that a recipient must accept (RFC 9110, 5.6.7); undefined for what is no date.
function dateOf(text: string): number | undefined {
  const found = DATE.test(text) ? Date.parse(text) : ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
  return Number.isNaN(found) ? undefined : found;
}

// Whether the conditions of a PUT let it replace `old`.
export function allows(request: Request, old: File | undefined): boolean {
  const wanted = request.get("if-match");
  if (wanted !== undefined) {
    if (old === undefined || (wanted.trim() !== "*" && !(wanted.match(TAG) ?? []).includes(old.tag))) {
      return false;
    }
  }
  const unwanted = request.get("if-none-match");
  return unwanted === undefined || old === undefined || (unwanted.trim() !== "*" && !matchesWeakly(unwanted, old.tag));
}

function weak(tag: string): string {
  return tag.replace(/^W\//, "");
}

function matchesWeakly(list: string, tag: string): boolean {
  return (list.match(TAG) ?? []).some((each) => weak(each) === weak(tag));
}

// First and last byte; undefined for the whole, first > last when it cannot be satisfied.
function askedRange(request: Request, tag: string, length: number): [number, number] | undefined {
  const condition = request.get("if-range");
  const found = RANGE.exec(request.get("range") ?? "");
  if (found === null || request.method !== "GET" || (condition !== undefined && condition !== tag)) {
    return undefined;
  }
  if (found[3] !== undefined) {
    const suffix = Number(found[3]);
    return suffix === 0 ? [1, 0] : [Math.max(0, length - suffix), length - 1];
  }
  const first = Number(found[1]);
  const last = found[2] === "" ? length - 1 : Number(found[2]);
  if (found[2] !== "" && last < first) {
    return undefined;
  }
  return first < length ? [first, Math.min(last, length - 1)] : [1, 0];
}

// Whether the client takes gzip; by name before by the star.
function wantsGzip(request: Request): boolean {
  const weights = new Map<string, number>();
  for (const member of request.members("accept-encoding")) {
    const [coding = "", ...parameters] = member.split(";").map((part) => part.trim());
    const weight = parameters.find((part) => part.startsWith("q="));
    weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  return (weights.get("gzip") ?? weights.get("*") ?? 0) > 0;
}
