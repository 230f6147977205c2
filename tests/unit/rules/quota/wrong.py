"""Limiters with one fault each, as one meets them, and the plan of requests that a check would look for it with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from labrunner.rules.quota import Algorithm, Limit
from tests.unit.rules.quota.histories import Bucket, Fixed, Limiter, Said, Sliding

FIXED, SLIDING, BUCKET = Algorithm.FIXED_WINDOW, Algorithm.SLIDING_WINDOW, Algorithm.TOKEN_BUCKET


@dataclass(frozen=True)
class Wrong:
    """A fault.

    Attributes:
        plan: (pause before it in seconds, cost) of each request.
    """

    name: str
    limit: Limit
    limiter: Callable[[], Limiter]
    plan: tuple[tuple[float, int], ...]


class AlignedWindow(Fixed):
    """Follows the clock."""

    def decide(self, now: float, cost: int) -> Said:
        if now >= self.opened + self.window:
            self.opened, self.used = math.floor(now / self.window) * self.window, 0
        return super().decide(now, cost)


class LengthenedWindow(Fixed):
    """Each denial starts it anew."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        if not said.admitted:
            self.opened = now
        return said


class TwoCounters(Sliding):
    """Weighs the last clock window's count by what of it is still in sight."""

    def decide(self, now: float, cost: int) -> Said:
        start = math.floor(now / self.window) * self.window
        current = sum(units for at, units in self.log if at >= start)
        earlier = sum(units for at, units in self.log if start - self.window <= at < start)
        used = current + earlier * (1 - (now - start) / self.window)
        if admitted := used + cost <= self.limit:
            self.log.append((now, cost))
            used += cost
        return Said(admitted, max(0, math.floor(self.limit - used)), self.window / 2, self.window)


class WindowForSliding(Fixed):
    """A fixed window where a sliding one was asked for."""


class DeniedLogged(Sliding):
    """Denied requests stay in the log."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        if not said.admitted:
            self.log.append((now, cost))
        return said


class WaitForNewest(Sliding):
    """Tells the wait until all has left."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        return Said(said.admitted, said.left, self.log[-1][0] + self.window - now, said.reset)


class ResetByNewest(Sliding):
    """T is told by the newest unit."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        return Said(said.admitted, said.left, said.wait, self.log[-1][0] + self.window - now)


class RequestsLogged(Sliding):
    """Counts requests, not units."""

    def decide(self, now: float, cost: int) -> Said:
        return super().decide(now, 1)


@dataclass
class Overflowing(Bucket):
    """Fills above its size."""

    def decide(self, now: float, cost: int) -> Said:
        rate = self.limit / self.window
        self.level = self.burst if self.at == -math.inf else self.level + (now - self.at) * rate
        self.at, admitted = now, self.level >= cost
        self.level -= cost if admitted else 0
        left = max(0, math.floor(self.level))
        return Said(admitted, left, max(0, cost - self.level) / rate, (left + 1 - self.level) / rate)


class WholeSeconds(Bucket):
    """Refills by whole seconds of the clock."""

    def decide(self, now: float, cost: int) -> Said:
        return super().decide(math.floor(now), cost)


class FractionLost(Bucket):
    """Adds whole tokens and forgets the rest at every request."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        self.level = math.floor(self.level)
        return said


class StartsEmpty(Bucket):
    """A new pair has nothing."""

    def decide(self, now: float, cost: int) -> Said:
        if self.at == -math.inf:
            self.at, self.level = now, 0.0
        return super().decide(now, cost)


class OneTooMany(Bucket):
    """Lets one more token be taken than there is."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost - 1)
        self.level -= 1 if said.admitted else 0
        return said


class CostIgnored(Bucket):
    """Takes one token whatever the cost."""

    def decide(self, now: float, cost: int) -> Said:
        return super().decide(now, 1)


class WaitWholeBucket(Bucket):
    """Tells how long it takes until the bucket is full."""

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        return Said(said.admitted, said.left, (self.burst - self.level) * self.window / self.limit, said.reset)


@dataclass
class Debt(Bucket):
    """Charges denied requests too."""

    taken: list[float] = field(default_factory=list)

    def decide(self, now: float, cost: int) -> Said:
        said = super().decide(now, cost)
        self.level -= 0 if said.admitted else 0.5
        return said


def _bucket(kind: type[Bucket], limit: int, window: float, burst: int) -> tuple[Limit, Callable[[], Limiter]]:
    return Limit(BUCKET, limit, window, burst), lambda: kind(limit, window, burst)


def _sliding(kind: type[Sliding], limit: int, window: float) -> tuple[Limit, Callable[[], Limiter]]:
    return Limit(SLIDING, limit, window), lambda: kind(limit, window)


def _fixed(kind: type[Fixed], limit: int, window: float) -> tuple[Limit, Callable[[], Limiter]]:
    return Limit(FIXED, limit, window), lambda: kind(limit, window)


SPREAD = tuple((0.12, 1) for _ in range(30))
LATE_BURST = ((0.0, 1), (1.7, 1), *((0.0, 1),) * 4, (0.35, 1), *((0.0, 1),) * 6)
HASTE = ((0.0, 1), *((0.0, 1),) * 12, *((0.06, 1),) * 20)
COSTLY = ((0.0, 4), (0.3, 5), (0.1, 4), (0.3, 3), (0.1, 6), (0.5, 2), (0.4, 5), (0.3, 6))

WRONG = (
    Wrong("a window that follows the clock", *_fixed(AlignedWindow, 4, 1.0), SPREAD),
    Wrong("a denial that lengthens the window", *_fixed(LengthenedWindow, 4, 1.0), SPREAD),
    Wrong("two counters for a sliding window", *_sliding(TwoCounters, 6, 2.0), LATE_BURST),
    Wrong("a fixed window for a sliding one", Limit(SLIDING, 6, 2.0), lambda: WindowForSliding(6, 2.0), LATE_BURST),
    Wrong("denied requests in the log", *_sliding(DeniedLogged, 4, 1.0), SPREAD),
    Wrong("a wait by the newest unit", *_sliding(WaitForNewest, 4, 1.0), SPREAD),
    Wrong("a reset by the newest unit", *_sliding(ResetByNewest, 4, 3.0), SPREAD),
    Wrong("requests counted for units", *_sliding(RequestsLogged, 10, 1.0), COSTLY),
    Wrong("a bucket that overflows", *_bucket(Overflowing, 10, 1.0, 5), ((0.0, 3), (1.5, 1), *((0.0, 1),) * 9)),
    Wrong("refills by the second", *_bucket(WholeSeconds, 10, 1.0, 5), HASTE),
    Wrong("fractions that are lost", *_bucket(FractionLost, 10, 1.0, 5), HASTE),
    Wrong("a bucket that starts empty", *_bucket(StartsEmpty, 10, 2.0, 10), HASTE),
    Wrong("one token in ten too many", *_bucket(OneTooMany, 10, 2.0, 10), HASTE),
    Wrong("a bucket of nine for one of ten", Limit(BUCKET, 10, 2.0, 10), lambda: Bucket(10, 2.0, 9), HASTE),
    Wrong("a bucket of N for one of B", Limit(BUCKET, 10, 2.0, 20), lambda: Bucket(10, 2.0, 10), HASTE),
    Wrong("the cost ignored", *_bucket(CostIgnored, 10, 1.0, 10), COSTLY),
    Wrong("a wait for the full bucket", *_bucket(WaitWholeBucket, 10, 1.0, 5), HASTE),
    Wrong("denied requests charged", *_bucket(Debt, 10, 1.0, 5), HASTE),
    Wrong("a rate one tenth too high", Limit(BUCKET, 10, 1.0, 5), lambda: Bucket(11, 1.0, 5), HASTE),
)
