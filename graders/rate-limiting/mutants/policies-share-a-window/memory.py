"""State in this process: of the pairs that are not idle, and hardly any other."""

from __future__ import annotations

import heapq
import threading
import time

from decision import Decision
from fixed_window import FixedWindow
from policies import Policy
from sliding_window import SlidingWindow
from token_bucket import TokenBucket

ALGORITHMS = {"fixed-window": FixedWindow, "sliding-window": SlidingWindow, "token-bucket": TokenBucket}
PAUSE = 0.5
BATCH = 200
"""So many pairs are looked at before other requests have their turn."""

Pair = tuple[str, str]


class Memory:
    """Decides one request at a time.

    Each pair stands once in `queue`, at a moment before which it is not idle. When that moment has come it is dropped,
    or stands in line again if it has been busy since.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.states: dict[Pair, FixedWindow | SlidingWindow | TokenBucket] = {}
        self.queue: list[tuple[int, Pair]] = []
        threading.Thread(target=self.sweep, daemon=True).start()

    def decide(self, policy: Policy, client: str, cost: int) -> Decision:
        """Admit `cost` units now, or not at all."""
        pair = ("", client)
        with self.lock:
            now = time.monotonic_ns() // 1000
            state = self.states.get(pair)
            if state is not None:
                return state.decide(cost, now)
            state = self.states[pair] = ALGORITHMS[policy.algorithm](policy, now)
            decision = state.decide(cost, now)  # always admitted: what is more than the capacity was refused before
            heapq.heappush(self.queue, (state.idle_at, pair))
            return decision

    def tracked(self) -> int:
        """How many pairs there is state for."""
        return len(self.states)

    def sweep(self) -> None:
        """Drop idle pairs, for ever."""
        while True:
            time.sleep(PAUSE)
            while self.drop_idle():
                pass

    def drop_idle(self) -> bool:
        """Drop some of the pairs that are idle; whether there may be more."""
        with self.lock:
            now = time.monotonic_ns() // 1000
            for _ in range(BATCH):
                if not self.queue or now < self.queue[0][0]:
                    return False
                pair = self.queue[0][1]
                idle_at = self.states[pair].idle_at
                if now < idle_at:
                    heapq.heapreplace(self.queue, (idle_at, pair))
                else:
                    heapq.heappop(self.queue)
                    del self.states[pair]
            return True
