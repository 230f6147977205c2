// State in Redis through ioredis: one script, in which a sliding window is a stream.

import { readFileSync } from "node:fs";
import { Redis } from "ioredis";

const CONNECT_MS = 250;
const SILENCE_MS = 1000; // a connection that went silent is given up, not only the command
const SLICES = 5;
const SLICE_MS = 50;

export class Store {
  tracked = 0;

  constructor(url) {
    this.redis = new Redis(url, {
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false, // a decision that may have been made must not be made again
      retryStrategy: () => 50,
      scripts: { decide: { numberOfKeys: 1, lua: readFileSync(new URL("decide.lua", import.meta.url), "utf8") } },
    });
    this.redis.on("error", () => {}); // each command says so itself
  }

  // Throws when nothing was decided, or nobody knows.
  async decide({ name, algorithm, limit, window, burst }, client, cost) {
    const words = [algorithm, limit, window / 1000n, cost, burst].map(String);
    const [admitted, left, wait, grows] = await inTime(this.redis.decide(`${name} ${client}`, ...words));
    return { admitted: admitted === 1, left, wait: BigInt(wait) * 1000n, grows: BigInt(grows) * 1000n };
  }
}

// Wait a quarter of a second, in slices: when this process itself was held up, that takes one of them, not all.
async function inTime(asked) {
  let settled = false;
  const answer = asked.finally(() => (settled = true));
  answer.catch(() => {}); // it may fail after nobody waits any more
  for (let slice = 0; slice < SLICES && !settled; slice += 1) {
    let timer;
    const pause = new Promise((resolve) => (timer = setTimeout(resolve, SLICE_MS)));
    await Promise.race([answer, pause]);
    clearTimeout(timer);
  }
  if (!settled) throw new Error("no answer in time");
  return answer;
}
