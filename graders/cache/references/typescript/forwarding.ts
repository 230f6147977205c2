// What goes on to the origin, and what comes back.

import { ask } from "./asking.ts";
import { values, type Fields, type Request, type Response } from "./http_plumbing.ts";
import { type Entry } from "./store.ts";

const HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
const NOT_FORWARDED = ["host", "content-length", "expect"];

/** What a validation asks in place of the client. */
export const CONDITIONS = ["if-none-match", "if-modified-since"];

/** Where answers come from. */
export class Origin {
  authority: string;
  #host: string;
  #port: number;
  #timeoutMs: number;

  constructor(url: string, timeoutMs: number) {
    const parts = new URL(url);
    this.authority = url.replace(/^http:\/\//, "").replace(/\/$/, "");
    this.#host = parts.hostname;
    this.#port = Number(parts.port || "80");
    this.#timeoutMs = timeoutMs;
  }

  /** Forward it; with the entry's validators in place of the client's conditions. Throws `NotAnswered`. */
  async fetch(request: Request, validated?: Entry): Promise<Response> {
    const leftOut = validated === undefined ? NOT_FORWARDED : [...NOT_FORWARDED, ...CONDITIONS];
    const fields: Fields = [["Host", this.authority], ...without(endToEnd(request.fields), leftOut), ["Via", "1.1 lab"]];
    if (validated !== undefined) {
      const stored = validated.response.fields;
      values(stored, "etag").slice(0, 1).forEach((value) => fields.push(["If-None-Match", value]));
      values(stored, "last-modified").slice(0, 1).forEach((value) => fields.push(["If-Modified-Since", value]));
    }
    const response = await ask(this.#host, this.#port, { ...request, fields }, this.#timeoutMs);
    return { ...response, fields: dated(endToEnd(response.fields)) };
  }
}

/** CA-2: without the fields of one connection. */
function endToEnd(fields: Fields): Fields {
  const named = values(fields, "connection").flatMap((value) => value.split(","));
  return without(fields, [...HOP, ...named.map((name) => name.trim().toLowerCase())]);
}

/** RFC 9110, 6.6.1: who receives an answer without `Date` appends the time of its arrival. */
function dated(fields: Fields): Fields {
  return values(fields, "date").length > 0 ? fields : [...fields, ["Date", new Date().toUTCString()]];
}

/** Without the fields of these names. */
export function without(fields: Fields, names: string[]): Fields {
  return fields.filter(([name]) => !names.includes(name.toLowerCase()));
}
