// A request's body: how long it is (RFC 9112, 6.3), and its bytes.

import { Bad, type Request, readLine } from "./head.ts";
import type { Source } from "./reading.ts";

const MOST_BODY = 1024 * 1024;
const MOST_CHUNK_LINE = 4096;
const MOST_TRAILERS = 32 * 1024;
const CHUNK = /^([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;

// The length of the body; undefined when it is chunked.
export function framing(request: Request): number | undefined {
  const lengths = request.all("content-length");
  if (request.all("transfer-encoding").length > 0) {
    refuseCodings(request, lengths);
    return undefined;
  }
  if (lengths.length === 0) {
    return 0;
  }
  if (!lengths.every((length) => /^[0-9]+$/.test(length) && length === lengths[0])) {
    throw new Bad(400);
  }
  const length = Number(lengths[0]);
  if (length > MOST_BODY) {
    throw new Bad(413);
  }
  return length;
}

function refuseCodings(request: Request, lengths: string[]): void {
  const codings = request.members("transfer-encoding");
  const chunked = codings.filter((coding) => coding === "chunked").length;
  if (lengths.length > 0 || request.minor === 0 || chunked !== 1 || codings.at(-1) !== "chunked") {
    throw new Bad(400);
  }
  if (codings.length > 1) {
    throw new Bad(501);
  }
}

export async function readBody(source: Source, length: number | undefined): Promise<Buffer> {
  if (length !== undefined) {
    return source.exactly(length);
  }
  const chunks: Buffer[] = [];
  let total = 0;
  for (let size = await chunkSize(source); size > 0; size = await chunkSize(source)) {
    total += size;
    if (total > MOST_BODY) {
      throw new Bad(413);
    }
    chunks.push(await source.exactly(size));
    if ((await source.exactly(2)).toString("latin1") !== "\r\n") {
      throw new Bad(400);
    }
  }
  let left = MOST_TRAILERS;
  for (let line = await readLine(source, left, 400); line !== ""; line = await readLine(source, left, 400)) {
    left = Math.max(left - line.length - 2, 0);
  }
  return Buffer.concat(chunks);
}

async function chunkSize(source: Source): Promise<number> {
  const found = CHUNK.exec(await readLine(source, MOST_CHUNK_LINE, 400));
  if (found === null) {
    throw new Bad(400);
  }
  return Number(`0x${found[1]}`);
}
