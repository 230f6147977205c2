// Locks of keys, within this router: whoever writes a key or moves it holds its lock.

const LOOK_EVERY_MS = 50;

/** Others held the key for too long. */
export class Busy extends Error {}

/** A lock for each key that somebody wants, handed on in turn. */
export class KeyLocks {
  #queues = new Map<string, (() => void)[]>();
  #holders = new Set<object>();

  /**
   * Do `work` while holding all of these keys, taken in order, so that nobody waits in a circle.
   *
   * `look` is called now and then while waiting, and may throw what ends it.
   */
  async hold<T>(keys: string[], deadline: number, look: () => void, work: () => Promise<T>): Promise<T> {
    const held: string[] = [];
    const holder = {};
    try {
      for (const key of [...new Set(keys)].sort()) {
        await this.#take(key, deadline, look);
        held.push(key);
      }
      this.#holders.add(holder);
      return await work();
    } finally {
      this.#holders.delete(holder);
      for (const key of held) {
        this.#release(key);
      }
    }
  }

  /** Until everybody who holds a lock now has let it go. */
  async waitForHolders(): Promise<void> {
    const now = [...this.#holders];
    while (now.some((holder) => this.#holders.has(holder))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #take(key: string, deadline: number, look: () => void): Promise<void> {
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, []);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        clearInterval(timer);
        resolve();
      };
      const timer = setInterval(() => {
        try {
          look();
          if (performance.now() > deadline) {
            throw new Busy();
          }
        } catch (error) {
          clearInterval(timer);
          queue.splice(queue.indexOf(turn), 1);
          reject(error);
        }
      }, LOOK_EVERY_MS);
      queue.push(turn);
    });
  }

  #release(key: string): void {
    const next = this.#queues.get(key)?.shift();
    if (next === undefined) {
      this.#queues.delete(key);
    } else {
      next();
    }
  }
}
