// What a change is about (CA-22).

import { values, type Request, type Response } from "./http_plumbing.ts";

const SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"];
const ABSOLUTE = /^(?:https?:)?\/\/([^/?]*)(.*)$/i;

/** The targets that are not any more what they were; `authority` is the origin's. */
export function changedTargets(request: Request, response: Response, authority: string): string[] {
  if (SAFE.includes(request.method) || response.status < 200 || response.status >= 400) {
    return [];
  }
  const ours = [authority, ...values(request.fields, "host")].map((name) => name.toLowerCase());
  const named = [...values(response.fields, "location"), ...values(response.fields, "content-location")];
  return [request.target, ...named.flatMap((reference) => targetOf(reference, request.target, ours))];
}

/** The target of a reference, byte for byte, if it is one of ours. */
function targetOf(reference: string, base: string, ours: string[]): string[] {
  const plain = reference.split("#")[0];
  const absolute = ABSOLUTE.exec(plain);
  if (absolute !== null) {
    const target = absolute[2].startsWith("/") ? absolute[2] : `/${absolute[2]}`;
    return ours.includes(absolute[1].toLowerCase()) ? [target] : [];
  }
  if (plain.startsWith("/")) {
    return [plain];
  }
  const found = URL.parse(plain, `http://ours${base}`);
  return found?.host === "ours" ? [found.pathname + found.search] : [];
}
