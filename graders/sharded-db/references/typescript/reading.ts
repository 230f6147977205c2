// Reads over the shards, also while records move.
//
// A reader takes no lock. It looks at a key's new shard and then at its old one, and afterwards asks whether the key was
// brought home meanwhile: if so, it looks again. A scan looks the other way round, at those that records come from first:
// what moves meanwhile it sees twice, but never misses.

import * as records from "./records.ts";
import { type Known, type Record } from "./records.ts";
import { Unavailable, type Connection, type Shard } from "./shard.ts";
import { type Topology, type View } from "./topology.ts";

const SECOND_LOOK_MS = 200; // for what is asked after the first shards were

/** What was found of the keys that were asked for. */
export type Answer = { items: Map<string, Record>; missing: string[]; unavailable: string[] };

/** A part of a scan: `more` is the last key that it has gone over, null at the end. */
export type Page = { items: Record[]; more: string | null; unavailable: Set<string> };

/** Reads from the shards. */
export class Reading {
  #topology: Topology;
  #patience: number;

  constructor(topology: Topology, patience: number) {
    this.#topology = topology;
    this.#patience = patience;
  }

  /** Each key once. */
  async keys(keys: string[]): Promise<Answer> {
    const answer: Answer = { items: new Map(), missing: [], unavailable: [] };
    const deadline = performance.now() + this.#patience;
    for (let left = keys; left.length > 0; ) {
      if (performance.now() > deadline + SECOND_LOOK_MS) {
        answer.unavailable.push(...left);
        break;
      }
      left = await this.#look(this.#topology.view, left, answer, deadline);
    }
    return answer;
  }

  /** Look once; those to look for again. */
  async #look(view: View, keys: string[], answer: Answer, deadline: number): Promise<string[]> {
    const unsettled = new Set(keys.filter((key) => !view.isSettled(key)));
    const atHome = await lookAt((key) => view.home(key), keys, deadline);
    const isDoubtful = (key: string) => unsettled.has(key) && !atHome.known.keys.has(key) && !atHome.silent.has(key);
    const doubtful = keys.filter(isDoubtful);
    const before = await lookAt((key) => view.former(key), doubtful, deadline + SECOND_LOOK_MS);
    if (this.#topology.view !== view) {
      return keys;
    }
    const again = new Set(doubtful.filter((key) => view.isSettled(key)));
    for (const key of keys.filter((key) => !again.has(key))) {
      const found = atHome.known.records.get(key) ?? before.known.records.get(key);
      if (atHome.silent.has(key) || before.silent.has(key)) {
        answer.unavailable.push(key);
      } else if (found === undefined) {
        answer.missing.push(key);
      } else {
        answer.items.set(key, found);
      }
    }
    return [...again];
  }

  /** The next records. */
  async page(prefix: Buffer, after: string | null, limit: number): Promise<Page> {
    const deadline = performance.now() + this.#patience;
    let page: Page = { items: [], more: after, unavailable: new Set() };
    do {
      const { view } = this.#topology;
      const part = await pageOf(view, prefix, page.more, limit - page.items.length, deadline);
      if (this.#topology.view === view) {
        const unavailable = page.unavailable.union(part.unavailable);
        page = { items: [...page.items, ...part.items], more: part.more, unavailable };
        if (part.more === null || performance.now() > deadline + SECOND_LOOK_MS) {
          break;
        }
      }
    } while (page.items.length < limit);
    return page;
  }
}

/** What is found in one look; perhaps fewer than there are, when some of it is what a move left behind. */
async function pageOf(view: View, prefix: Buffer, after: string | null, limit: number, deadline: number): Promise<Page> {
  const readPage = (connection: Connection) => records.readPage(connection, prefix, after, limit + 1);
  const first = await gather(new Map(view.givers().map((shard) => [shard, readPage])), deadline);
  const strays = [...first.found].flatMap(([shard, part]) => part.filter(({ key }) => view.home(key) !== shard));

  const secondLook = (shard: Shard) => async (connection: Connection) => {
    const page = await readPage(connection);
    const moving = strays.map(({ key }) => key).filter((key) => view.home(key) === shard);
    return { page, known: await records.look(connection, moving) };
  };
  const asks = view.takers().map((shard) => [shard, secondLook(shard)] as const);
  const second = await gather(new Map(asks), deadline + SECOND_LOOK_MS);

  const pages = [...first.found.values(), ...[...second.found.values()].map(({ page }) => page)];
  const found = new Map([...first.found.values()].flat().map((record) => [record.key, record]));
  for (const { key } of strays) {
    const home = second.found.get(view.home(key));
    if (home === undefined || home.known.keys.has(key)) {
      found.delete(key); // what its home knows counts, and follows
    }
  }
  for (const { page, known } of second.found.values()) {
    for (const record of [...page, ...known.records.values()]) {
      found.set(record.key, record); // the second was asked after the first, and may know more
    }
  }
  return cut([...found.values()], pages.filter((page) => page.length > limit), limit, [...first.silent, ...second.silent]);
}

/** The first ones. No shard was asked beyond the last record of its page, where that is full. */
function cut(found: Record[], full: Record[][], limit: number, silent: Shard[]): Page {
  const [edge] = full.map((page) => page.at(-1)!.key).sort(inBytes);
  const items = found
    .filter(({ key }) => edge === undefined || inBytes(key, edge) <= 0)
    .sort((one, other) => inBytes(one.key, other.key));
  const more = items.length > limit ? items[limit - 1].key : (edge ?? null);
  return { items: items.slice(0, limit), more, unavailable: new Set(silent.map((shard) => shard.name)) };
}

function inBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** What these shards know of the keys, and the keys of those that could not be asked. */
async function lookAt(
  where: (key: string) => Shard,
  keys: string[],
  deadline: number,
): Promise<{ known: Known; silent: Set<string> }> {
  const groups = Map.groupBy(keys, where);
  const looks = [...groups].map(([shard, group]) => [shard, (use: Connection) => records.look(use, group)] as const);
  const { found, silent } = await gather(new Map(looks), deadline);
  const known: Known = { records: new Map(), keys: new Set() };
  for (const part of found.values()) {
    known.records = new Map([...known.records, ...part.records]);
    known.keys = known.keys.union(part.keys);
  }
  return { known, silent: new Set(silent.flatMap((shard) => groups.get(shard)!)) };
}

/** Ask these shards at the same time; what was found, and which of them could not be asked. */
async function gather<T>(
  work: Map<Shard, (connection: Connection) => Promise<T>>,
  deadline: number,
): Promise<{ found: Map<Shard, T>; silent: Shard[] }> {
  const found = new Map<Shard, T>();
  const silent: Shard[] = [];
  const ask = async (shard: Shard, question: (connection: Connection) => Promise<T>) => {
    try {
      found.set(shard, await shard.use(question, deadline));
    } catch (error) {
      if (!(error instanceof Unavailable)) {
        throw error;
      }
      silent.push(shard);
    }
  };
  await Promise.all([...work].map(([shard, question]) => ask(shard, question)));
  return { found, silent };
}
