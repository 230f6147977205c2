"""A sliding window: the exact one, which remembers when each unit was spent."""

from __future__ import annotations

from collections import deque

from decision import Decision
from policies import Policy


class SlidingWindow:
    """What one pair spent within the last window."""

    __slots__ = ("policy", "spent", "used")

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy = policy
        self.spent: deque[tuple[int, int]] = deque()  # when, and how many units; the oldest first
        self.used = 0

    def decide(self, cost: int, now: int) -> Decision:
        """Admit `cost` units now, or not at all."""
        self.forget(now)
        missing = self.used + cost - self.policy.limit
        if missing <= 0:
            self.spent.append((now, cost))
            self.used += cost
        wait = 0 if missing <= 0 else self.frees(missing) - now
        return Decision(missing <= 0, self.policy.limit - self.used, wait, self.frees(1) - now)

    def forget(self, now: int) -> None:
        """A unit spent at a counts in [a, a + window)."""
        while self.spent and now >= self.spent[0][0] + self.policy.window_us:
            self.used -= self.spent.popleft()[1]

    def frees(self, units: int) -> int:
        """When so many units will have left the window."""
        freed = 0
        for moment, cost in self.spent:
            freed += cost
            if freed >= units:
                return moment + self.policy.window_us
        raise AssertionError("a request never misses more units than were spent")

    @property
    def idle_at(self) -> int:
        """When the last unit leaves the window."""
        return self.spent[-1][0] + self.policy.window_us
