"""A fixed window, opened by the first request that is admitted."""

from __future__ import annotations

from decision import Decision
from policies import Policy


class FixedWindow:
    """One pair's window."""

    __slots__ = ("opened_at", "policy", "used")

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy = policy
        self.opened_at = now
        self.used = 0

    def decide(self, cost: int, now: int) -> Decision:
        """Admit `cost` units now, or not at all. A denied request finds a window that is open, and leaves it so."""
        if now >= self.idle_at:
            self.opened_at, self.used = now, 0
        is_admitted = self.used + cost <= self.policy.limit
        if is_admitted:
            self.used += cost
        left = self.idle_at - now
        if not is_admitted:
            self.opened_at = now
        return Decision(is_admitted, self.policy.limit - self.used, 0 if is_admitted else left, left)

    @property
    def idle_at(self) -> int:
        """When the window is over."""
        return self.opened_at + self.policy.window_us
