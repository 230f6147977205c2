"""The three algorithms on one pair's state, in nanoseconds and fractions; each pair is decided under its stripe's lock."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple


class Verdict(NamedTuple):
    """Admitted or not, whole units left, milliseconds until it would be, and until more is left (both rounded up)."""

    admitted: bool
    left: int
    wait_ms: int
    grows_ms: int


@dataclass(frozen=True)
class Policy:
    """One entry of POLICIES."""

    name: str
    algorithm: str
    limit: int
    window_ms: int
    burst: int
    opens: bool

    @classmethod
    def read(cls, name: str, table: dict) -> Policy:
        burst = table.get("burst", table["limit"])
        opens = table.get("on_store_failure") == "open"
        return cls(name, table["algorithm"], table["limit"], table["window_ms"], burst, opens)

    @property
    def capacity(self) -> int:
        return self.burst if self.algorithm == "token-bucket" else self.limit

    @property
    def seconds(self) -> int:
        return math.ceil(Fraction(self.capacity * self.window_ms, self.limit * 1000))

    @property
    def window(self) -> int:
        return self.window_ms * 1_000_000


def ms(nanoseconds: Fraction | int) -> int:
    return math.ceil(Fraction(nanoseconds, 1_000_000))


class Fixed:
    """A window that ends."""

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy, self.ends, self.used = policy, now, 0

    def decide(self, cost: int, now: int) -> Verdict:
        if self.ends <= now:
            self.ends, self.used = now + self.policy.window, 0
        admitted = self.used + cost <= self.policy.limit
        self.used += cost * admitted
        return Verdict(admitted, self.policy.limit - self.used, ms(self.ends - now), ms(self.ends - now))


class Sliding:
    """Requests by the moment at which they leave. `ends` is the last of these."""

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy, self.ends, self.requests = policy, now, []

    def decide(self, cost: int, now: int) -> Verdict:
        self.requests = [request for request in self.requests if request[0] > now]
        free = self.policy.limit - sum(units for _, units in self.requests)
        if free >= cost:
            self.ends = now + self.policy.window
            self.requests.append((self.ends, cost))
            return Verdict(True, free - cost, 0, ms(self.requests[0][0] - now))
        totals = accumulate((units for _, units in self.requests), initial=free)
        leaves = [moment for moment, _ in self.requests]
        fits = next(moment for moment, total in zip(leaves, list(totals)[1:], strict=True) if total >= cost)
        return Verdict(False, free, ms(fits - now), ms(leaves[0] - now))


class Bucket:
    """Tokens as a fraction. `ends` is when it is full."""

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy, self.ends = policy, Fraction(now)

    def decide(self, cost: int, now: int) -> Verdict:
        each = Fraction(self.policy.window, self.policy.limit)
        missing = max(Fraction(0), (self.ends - now) / each)
        admitted = self.policy.burst - missing >= cost
        if admitted:
            missing += cost
            self.ends = now + missing * each
        left = math.floor(self.policy.burst - missing)
        wait = (cost - (self.policy.burst - missing)) * each
        return Verdict(admitted, left, ms(max(0, wait)), ms((left + 1 - (self.policy.burst - missing)) * each))


KINDS = {"fixed-window": Fixed, "sliding-window": Sliding, "token-bucket": Bucket}
STRIPES = 64


class Memory:
    """Pairs spread over stripes, each with a lock of its own."""

    def __init__(self) -> None:
        self.stripes: list[tuple[threading.Lock, dict]] = [(threading.Lock(), {}) for _ in range(STRIPES)]
        threading.Thread(target=self.clean, daemon=True).start()

    def decide(self, policy: Policy, client: str, cost: int) -> Verdict:
        pair = (policy.name, client)
        lock, states = self.stripes[hash(pair) % STRIPES]
        with lock:
            now = time.monotonic_ns()
            if pair not in states:
                states[pair] = KINDS[policy.algorithm](policy, now)
            return states[pair].decide(cost, now)

    def clean(self) -> None:
        """Go over one stripe after the other, once a second."""
        while True:
            for lock, states in self.stripes:
                time.sleep(1 / STRIPES)
                with lock:
                    now = time.monotonic_ns()
                    for pair in [pair for pair, state in states.items() if state.ends <= now]:
                        del states[pair]

    def tracked(self) -> int:
        return sum(len(states) for _, states in self.stripes)
