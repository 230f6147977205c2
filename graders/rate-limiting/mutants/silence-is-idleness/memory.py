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

State = FixedWindow | SlidingWindow | TokenBucket
ALGORITHMS: dict[str, type[State]] = {
    "fixed-window": FixedWindow,
    "sliding-window": SlidingWindow,
    "token-bucket": TokenBucket,
}
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
        self.states: dict[Pair, State] = {}
        self.queue: list[tuple[int, Pair]] = []
        self.asked: dict[Pair, int] = {}
        threading.Thread(target=self.sweep, daemon=True).start()

    def decide(self, policy: Policy, client: str, cost: int) -> Decision:
        """Admit `cost` units now, or not at all."""
        pair = (policy.name, client)
        with self.lock:
            now = time.monotonic_ns() // 1000
            state = self.states.get(pair)
            self.asked[pair] = now
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
            for pair in [pair for pair, asked in self.asked.items() if now > asked + 2_000_000]:
                del self.states[pair], self.asked[pair]
            return False
