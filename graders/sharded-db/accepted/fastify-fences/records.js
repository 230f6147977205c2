// Records, over all shards.

import { Gone, Refusal, Unavailable } from "./asking.js";
import { GONE } from "./schema.js";
import { slotOf } from "./topology.js";

const SECOND_LOOK_MS = 250; // for what moves meanwhile
const LOOK = `
  SELECT k.key, r.value::text AS value, r.version, g.records AS gone
  FROM unnest($1::text[]) AS k (key)
  LEFT JOIN public.records r ON r.key = k.key
  LEFT JOIN public.gone g ON g.slot = public.slot_of(k.key)`;
const PAGE = `
  SELECT (SELECT coalesce(json_object_agg(slot, records), '{}') FROM public.gone) AS gone,
         (SELECT coalesce(json_agg(json_build_object('key', key, 'value', value, 'version', version)), '[]')
          FROM (SELECT * FROM public.records
                WHERE key >= $1 AND substring(convert_to(key, 'UTF8') FROM 1 FOR $2) = $3
                  AND ($4::text IS NULL OR key > $4)
                ORDER BY key LIMIT $5) AS page) AS items`;

const compare = (one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key));

export class Records {
  #topology;
  #patience;

  constructor(topology, patience) {
    this.#topology = topology;
    this.#patience = patience;
  }

  /** Status and version. */
  put(key, text, { version, isAbsent }) {
    return this.#write(key, "SELECT * FROM public.put($1, $2::jsonb, $3, $4)", [key, text, version, isAbsent]);
  }

  /** The status. */
  remove(key, { version }) {
    return this.#write(key, "SELECT * FROM public.remove($1, $2)", [key, version]);
  }

  /** One statement. The shard that has the key's slot carries it out, and no other. */
  #write(key, text, values) {
    const until = performance.now() + this.#patience + SECOND_LOOK_MS;
    return this.#topology.settled(async (holder) => {
      const [{ status, made }] = await holder(key).use((ask) => ask(text, values), until);
      if (status === GONE) throw new Gone(slotOf(key), made);
      if (status >= 400) throw new Refusal(status, status === 404 ? "no such record" : "the condition is not met");
      return { status, version: made };
    }, until);
  }

  /** What these keys hold: each is in `items`, in `missing`, or in `unavailable`. */
  async look(keys) {
    const until = performance.now() + this.#patience + SECOND_LOOK_MS;
    const found = { items: [], missing: [], unavailable: [] };
    for (let left = keys; left.length > 0; ) {
      const { view } = this.#topology;
      const groups = Map.groupBy(left, (key) => view.holder(slotOf(key)));
      left = [];
      const isLate = performance.now() > until;
      await Promise.all(
        [...groups].map(async ([shard, group]) => {
          const rows = isLate ? null : await unlessAway(shard.use((ask) => ask(LOOK, [group]), until));
          if (rows === null) found.unavailable.push(...group);
          for (const { key, value, version, gone } of rows ?? []) {
            if (gone !== null) {
              view.flip(slotOf(key), gone);
              left.push(key);
            } else if (version === null) {
              found.missing.push(key);
            } else {
              found.items.push({ key, value: JSON.parse(value), version });
            }
          }
        }),
      );
    }
    return found;
  }

  /** The next records, the key after which there may be more, and the shards that do not answer. */
  async page({ prefix, limit, after }) {
    const until = performance.now() + this.#patience + SECOND_LOOK_MS;
    const items = [];
    const away = new Set();
    const head = new TextDecoder("utf-8", { ignoreBOM: true }).decode(prefix).replace(/\ufffd.*$/s, "");
    do {
      const { view } = this.#topology;
      const part = await partOf(view, [head, prefix.length, prefix, after], limit - items.length, until);
      if (this.#topology.view !== view) {
        if (performance.now() > until) throw new Unavailable("(moving)");
        continue; // a move began or ended meanwhile
      }
      items.push(...part.items);
      after = part.more;
      for (const id of part.away) away.add(id);
      if (after === null) break;
    } while (items.length < limit && (items.length === 0 || performance.now() < until));
    return { items, more: after, away: [...away].sort() };
  }
}

/** Null when the shard does not answer. */
async function unlessAway(asking) {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Unavailable) return null;
    throw error;
  }
}

/**
 * Those that give are asked first: what they say they gave is found where it went.
 */
async function partOf(view, asked, limit, until) {
  const flipped = new Set(view.flipped);
  const pages = new Map();
  const ask = async (ids) => {
    const answers = ids.map((id) => {
      return unlessAway(view.shards.get(id).use(async (ask) => (await ask(PAGE, [...asked, limit + 1]))[0], until));
    });
    for (const [at, page] of (await Promise.all(answers)).entries()) pages.set(ids[at], page);
  };
  const givers = view.isMoving ? [...new Set(view.toMove().map(({ from }) => from.id))] : [];
  await ask(givers);
  await ask([...view.shards.keys()].filter((id) => !givers.includes(id)));

  const away = new Set([...pages.keys()].filter((id) => pages.get(id) === null));
  const items = [];
  for (const [id, page] of pages) {
    for (const item of page?.items ?? []) {
      const slot = slotOf(item.key);
      const [from, to] = [view.before[slot], view.after[slot]];
      const giver = pages.get(from);
      const hasGone = from !== to && (giver === null ? flipped.has(slot) : slot in giver.gone);
      if (id === (hasGone ? to : from)) items.push(item);
      else if (giver === null && id === to) away.add(to); // only the giver knows
    }
  }
  const edges = [...pages.values()].filter((page) => page?.items.length > limit).map((page) => page.items.at(-1));
  const edge = edges.sort(compare)[0];
  const shown = items.sort(compare).filter((item) => edge === undefined || compare(item, edge) <= 0);
  const more = shown.length > limit ? shown[limit - 1].key : (edge?.key ?? null);
  return { items: shown.slice(0, limit), more, away };
}
