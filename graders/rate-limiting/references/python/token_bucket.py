"""A bucket into which tokens trickle.

`limit` tokens per window are `limit` parts per microsecond when a token is cut into as many parts as the window has
microseconds. So the level is a whole number of parts, and no fraction is ever lost.
"""

from __future__ import annotations

from decision import Decision, up
from policies import Policy


class TokenBucket:
    """One pair's bucket."""

    __slots__ = ("level", "policy", "seen_at")

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy = policy
        self.level = self.full
        self.seen_at = now

    def decide(self, cost: int, now: int) -> Decision:
        """Admit `cost` units now, or not at all."""
        self.refill(now)
        token = self.policy.window_us
        is_admitted = self.level >= cost * token
        if is_admitted:
            self.level -= cost * token
        remaining = self.level // token
        wait = 0 if is_admitted else self.reaches(cost * token)
        return Decision(is_admitted, remaining, wait, self.reaches((remaining + 1) * token))

    def refill(self, now: int) -> None:
        """What has trickled in since the bucket was last seen."""
        self.level = min(self.full, self.level + (now - self.seen_at) * self.policy.limit)
        self.seen_at = now

    def reaches(self, level: int) -> int:
        """How long the bucket takes from here to `level`."""
        return up(level - self.level, self.policy.limit)

    @property
    def full(self) -> int:
        """The level of a full bucket."""
        return self.policy.burst * self.policy.window_us

    @property
    def idle_at(self) -> int:
        """When the bucket is full."""
        return self.seen_at + self.reaches(self.full)
