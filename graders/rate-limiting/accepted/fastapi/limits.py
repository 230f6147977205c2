"""The three algorithms on one pair's state, in seconds and floating point: what they lose is far below a millisecond."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple


class Verdict(NamedTuple):
    """Admitted or not; whole units left; seconds until it would be, and until more is left."""

    admitted: bool
    left: int
    wait: float
    grows: float


@dataclass
class Policy:
    """One entry of POLICIES, with its defaults."""

    name: str
    algorithm: str
    limit: int
    window_ms: int
    burst: int = 0
    on_store_failure: str = "closed"

    def __post_init__(self) -> None:
        self.burst = self.burst or self.limit
        self.capacity = self.burst if self.algorithm == "token-bucket" else self.limit
        self.window = self.window_ms / 1000
        share = self.capacity * self.window_ms / self.limit if self.algorithm == "token-bucket" else self.window_ms
        self.field = f'"{self.name}";q={self.capacity};w={math.ceil(share / 1000)}'


@dataclass
class Fixed:
    """A window that ends."""

    policy: Policy
    end: float = -math.inf
    used: int = 0

    def decide(self, cost: int, now: float) -> Verdict:
        if now >= self.end:
            self.end, self.used = now + self.policy.window, 0
        if self.used + cost > self.policy.limit:
            return Verdict(False, self.policy.limit - self.used, self.end - now, self.end - now)
        self.used += cost
        return Verdict(True, self.policy.limit - self.used, 0, self.end - now)

    def is_idle(self, now: float) -> bool:
        return now >= self.end


@dataclass
class Sliding:
    """One moment per unit, for whoever likes it simple."""

    policy: Policy
    units: list[float] = field(default_factory=list)

    def decide(self, cost: int, now: float) -> Verdict:
        self.units = [leaves for leaves in self.units if leaves > now]
        missing = len(self.units) + cost - self.policy.limit
        if missing > 0:
            return Verdict(
                False, self.policy.limit - len(self.units), self.units[missing - 1] - now, self.units[0] - now
            )
        self.units += [now + self.policy.window] * cost
        return Verdict(True, self.policy.limit - len(self.units), 0, self.units[0] - now)

    def is_idle(self, now: float) -> bool:
        return now >= self.units[-1]


@dataclass
class Bucket:
    """Tokens, and when they were counted."""

    policy: Policy
    tokens: float = math.inf
    counted: float = 0

    def decide(self, cost: int, now: float) -> Verdict:
        rate = self.policy.limit / self.policy.window
        self.tokens = min(self.policy.burst, self.tokens + (now - self.counted) * rate)
        self.counted = now
        admitted = self.tokens >= cost
        if admitted:
            self.tokens -= cost
        left = math.floor(self.tokens)
        wait = 0 if admitted else (cost - self.tokens) / rate
        return Verdict(admitted, left, wait, (left + 1 - self.tokens) / rate)

    def is_idle(self, now: float) -> bool:
        return self.tokens + (now - self.counted) * self.policy.limit / self.policy.window >= self.policy.burst


KINDS = {"fixed-window": Fixed, "sliding-window": Sliding, "token-bucket": Bucket}
