// `Cache-Control`, and the fields that say how long an answer is good.

import { values, type Fields } from "./http_plumbing.ts";

const DIRECTIVE = /\s*([\w!#$%&'*+.^`|~-]+)(?:=("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)/y;
const SECONDS = /^[0-9]+$/;
const DATES = [
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]+, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/,
];
const OLD_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/** Names in small letters, arguments without quotes; "" without one. */
export type Directives = Map<string, string>;

/** The directives of a request or an answer. What is none is passed over, up to the next comma. */
export function directives(fields: Fields): Directives {
  const found: Directives = new Map();
  const text = values(fields, "cache-control").join(",");
  for (let at = 0; at < text.length; ) {
    DIRECTIVE.lastIndex = at;
    const match = DIRECTIVE.exec(text);
    if (match === null) {
      const comma = text.indexOf(",", at);
      at = comma < 0 ? text.length : comma + 1;
      continue;
    }
    const name = match[1].toLowerCase();
    if (!found.has(name)) {
      found.set(name, unquoted(match[2] ?? ""));
    }
    at = DIRECTIVE.lastIndex;
  }
  return found;
}

function unquoted(argument: string): string {
  return argument.startsWith('"') ? argument.slice(1, -1).replace(/\\(.)/g, "$1") : argument;
}

/** Undefined when the directive is absent, 0 when it is no integer. */
export function seconds(told: Directives, name: string): number | undefined {
  const argument = told.get(name);
  return argument === undefined ? undefined : SECONDS.test(argument) ? Number(argument) : 0;
}

/** Seconds since 1970; undefined when the field is absent or no date. `Date.parse` alone takes 0 for one. */
export function dateOf(fields: Fields, name: string): number | undefined {
  const text = values(fields, name)[0] ?? "";
  if (DATES.some((form) => form.test(text))) {
    return fromMilliseconds(Date.parse(text));
  }
  return OLD_DATE.test(text) ? fromMilliseconds(Date.parse(`${text} GMT`)) : undefined;
}

function fromMilliseconds(found: number): number | undefined {
  return Number.isNaN(found) ? undefined : found / 1000;
}

/** CA-11; 0 when stale at once. */
export function lifetimeOf(fields: Fields, told: Directives): number {
  const explicit = seconds(told, "s-maxage") ?? seconds(told, "max-age");
  if (explicit !== undefined) {
    return explicit;
  }
  const expires = dateOf(fields, "expires");
  return expires === undefined ? 0 : Math.max(0, expires - (dateOf(fields, "date") ?? Date.now() / 1000));
}

/** CA-12: how old an answer is when it arrives. `took`: seconds of the forward. */
export function ageAtArrival(fields: Fields, took: number): number {
  const date = dateOf(fields, "date");
  const apparent = date === undefined ? 0 : Math.max(0, Date.now() / 1000 - date);
  const told = values(fields, "age")[0] ?? "";
  return Math.max(apparent, (SECONDS.test(told) ? Number(told) : 0) + took);
}

/** A field's lines joined, without the blanks around commas; undefined when it is absent. */
export function joined(fields: Fields, name: string): string | undefined {
  const lines = values(fields, name);
  const parts = lines.join(",").split(",");
  return lines.length === 0 ? undefined : parts.map((part) => part.trim()).join(",");
}
