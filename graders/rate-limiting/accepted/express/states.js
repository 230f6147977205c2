// The three algorithms on one pair's state, in nanoseconds that are BigInts. Each answers
// { admitted, left, wait, grows }, the last two in nanoseconds.

class FixedWindow {
  end = 0n;
  used = 0;

  decide({ limit, window }, cost, now) {
    if (now >= this.end) {
      this.end = now + window;
      this.used = 0;
    }
    const admitted = this.used + cost <= limit;
    if (admitted) this.used += cost;
    return { admitted, left: limit - this.used, wait: this.end - now, grows: this.end - now };
  }

  get idleAt() {
    return this.end;
  }
}

class SlidingWindow {
  requests = [];

  decide({ limit, window }, cost, now) {
    const gone = this.requests.findIndex(({ leaves }) => leaves > now);
    this.requests.splice(0, gone < 0 ? this.requests.length : gone);
    const used = this.requests.reduce((sum, request) => sum + request.cost, 0);
    const admitted = used + cost <= limit;
    if (admitted) this.requests.push({ leaves: now + window, cost });
    let free = limit - used;
    const last = this.requests.find((request) => (free += request.cost) >= cost);
    const left = limit - used - (admitted ? cost : 0);
    return { admitted, left, wait: last.leaves - now, grows: this.requests[0].leaves - now };
  }

  get idleAt() {
    return this.requests.at(-1).leaves;
  }
}

// A token is cut into as many parts as the window has nanoseconds; `limit` parts flow in per nanosecond.
class TokenBucket {
  missing = 0n;
  seen = 0n;
  limit = 1n;

  decide({ limit, window, burst }, cost, now) {
    this.limit = BigInt(limit);
    const flown = this.missing - (now - this.seen) * this.limit;
    this.missing = flown > 0n ? flown : 0n;
    this.seen = now;
    const room = BigInt(burst - cost) * window;
    const admitted = this.missing <= room;
    const wait = admitted ? 0n : up(this.missing - room, this.limit);
    if (admitted) this.missing += BigInt(cost) * window;
    const left = burst - Number(up(this.missing, window));
    return { admitted, left, wait, grows: up(this.missing - BigInt(burst - left - 1) * window, this.limit) };
  }

  get idleAt() {
    return this.seen + up(this.missing, this.limit);
  }
}

export function up(amount, unit) {
  return (amount + unit - 1n) / unit;
}

const KINDS = { "fixed-window": FixedWindow, "sliding-window": SlidingWindow, "token-bucket": TokenBucket };
const LONGEST_TIMER_MS = 2 ** 31 - 1;

// Per policy a Map of clients. Each state has a timer of its own, which drops it when it is idle.
export class Memory {
  clients = new Map();
  tracked = 0;

  decide(policy, client, cost) {
    const now = process.hrtime.bigint();
    if (!this.clients.has(policy)) this.clients.set(policy, new Map());
    const states = this.clients.get(policy);
    let state = states.get(client);
    const isNew = state === undefined;
    if (isNew) {
      state = new KINDS[policy.algorithm]();
      states.set(client, state);
      this.tracked += 1;
    }
    const decision = state.decide(policy, cost, now);
    if (isNew) this.dropWhenIdle(states, client, state);
    return decision;
  }

  dropWhenIdle(states, client, state) {
    const wait = state.idleAt - process.hrtime.bigint();
    if (wait <= 0n) {
      states.delete(client);
      this.tracked -= 1;
    } else {
      const ms = Math.min(Number(up(wait, 1_000_000n)), LONGEST_TIMER_MS);
      setTimeout(() => this.dropWhenIdle(states, client, state), ms).unref();
    }
  }
}
