"""Histories of simulated limiters, right and wrong ones, on machines that stall and reorder at will.

Written anew from the contract, in floats and with a clock: nothing of the oracle is used here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from labrunner.rules.quota import Algorithm, Answered, Decision, Limit

if TYPE_CHECKING:
    from collections.abc import Sequence

GRAIN = 0.010


@dataclass
class Said:
    """What a limiter says of one request; times in seconds."""

    admitted: bool
    left: int
    wait: float = 0.0
    reset: float = 0.0


class Limiter(Protocol):
    def decide(self, now: float, cost: int) -> Said: ...


@dataclass
class Fixed:
    limit: int
    window: float
    opened: float = -math.inf
    used: int = 0

    def decide(self, now: float, cost: int) -> Said:
        if now >= self.opened + self.window:
            self.opened, self.used = now, 0
            # With N at least the cost, the request below is admitted: a denied one opens no window.
        if admitted := self.used + cost <= self.limit:
            self.used += cost
        rest = self.opened + self.window - now
        return Said(admitted, self.limit - self.used, rest, rest)


@dataclass
class Sliding:
    limit: int
    window: float
    log: list[tuple[float, int]] = field(default_factory=list)

    def decide(self, now: float, cost: int) -> Said:
        self.log = [(at, units) for at, units in self.log if now < at + self.window]
        used = sum(units for _, units in self.log)
        if admitted := used + cost <= self.limit:
            self.log.append((now, cost))
            used += cost
        wait, left = 0.0, self.limit - used
        for at, units in self.log:
            if left >= cost or admitted:
                break
            left += units
            wait = at + self.window - now
        return Said(admitted, self.limit - used, wait, self.log[0][0] + self.window - now)


@dataclass
class Bucket:
    limit: int
    window: float
    burst: int
    at: float = -math.inf
    level: float = 0.0

    def decide(self, now: float, cost: int) -> Said:
        rate = self.limit / self.window
        self.level = self.burst if self.at == -math.inf else min(self.burst, self.level + (now - self.at) * rate)
        self.at = now
        if admitted := self.level >= cost - 1e-9:
            self.level -= cost
        left = max(0, math.floor(self.level + 1e-9))
        return Said(admitted, left, max(0.0, cost - self.level) / rate, (left + 1 - self.level) / rate)


def limiter_of(limit: Limit) -> Limiter:
    """A correct one."""
    match limit.algorithm:
        case Algorithm.FIXED_WINDOW:
            return Fixed(limit.limit, limit.window)
        case Algorithm.SLIDING_WINDOW:
            return Sliding(limit.limit, limit.window)
        case Algorithm.TOKEN_BUCKET:
            return Bucket(limit.limit, limit.window, limit.capacity)


def any_limit(rng: random.Random) -> Limit:
    """Any algorithm, small numbers."""
    algorithm = rng.choice(list(Algorithm))
    units = rng.choice([1, 2, 3, 5, 7, 10, 30])
    burst = rng.choice([None, 1, 2, units, 3 * units]) if algorithm is Algorithm.TOKEN_BUCKET else None
    return Limit(algorithm, units, rng.choice([1.0, 2.0, 5.0]), burst)


@dataclass(frozen=True)
class Machine:
    """How badly time is treated.

    Attributes:
        clients: senders side by side, each waiting for its answer.
        lag: usual seconds between sending and decision, and between decision and answer.
        stalls: share of requests that are held up for up to a second.
        coarse: whether the service's clock ticks in 10 ms.
        lost: share of answers that never come.
    """

    clients: int
    lag: float
    stalls: float
    coarse: bool
    lost: float


def any_machine(rng: random.Random) -> Machine:
    """Quiet, busy or stalling."""
    lag = rng.choice([0.0001, 0.001, 0.02])
    return Machine(rng.choice([1, 1, 1, 2, 4]), lag, rng.choice([0, 0.05, 0.3]), rng.random() < 0.3,
                   rng.choice([0, 0, 0, 0.05]))  # fmt: skip


@dataclass
class _Request:
    sent: float
    at: float
    answered: float
    cost: int
    lost: bool


def history(limit: Limit, limiter: Limiter, machine: Machine, rng: random.Random, count: int) -> list[Decision]:
    """What the clients saw."""
    requests = _requests(limit, machine, rng, count)
    made: list[Decision] = []
    late = rng.random() * 0.009
    for request in sorted(requests, key=lambda request: request.at):
        if request.lost and rng.random() < 0.5:
            made.append(Decision(request.sent, 0.0, request.cost, Answered.UNKNOWN))
            continue
        now = math.floor(request.at / GRAIN) * GRAIN if machine.coarse else request.at - late
        made.append(_seen(request, limiter.decide(now, request.cost)))
    rng.shuffle(made)
    return made


def _seen(request: _Request, said: Said) -> Decision:
    if request.lost:
        return Decision(request.sent, 0.0, request.cost, Answered.UNKNOWN)
    answer = Answered.ADMITTED if said.admitted else Answered.DENIED
    wait = None if said.admitted else math.ceil(said.wait * 1000 - 1e-6)
    reset = max(1, math.ceil(said.reset - 1e-9))
    return Decision(request.sent, request.answered, request.cost, answer, said.left, wait, reset)


def _requests(limit: Limit, machine: Machine, rng: random.Random, count: int) -> list[_Request]:
    origin = rng.uniform(0, 10_000)
    clocks = [origin] * machine.clients
    pace = limit.window / max(2, limit.limit) * rng.choice([0.1, 0.5, 1, 2])
    made = []
    for _ in range(count):
        who = rng.randrange(machine.clients)
        sent = clocks[who] + rng.choice([0, 0, rng.expovariate(1 / pace), limit.window * rng.random()])
        held = [rng.expovariate(1 / machine.lag) + (rng.random() if rng.random() < machine.stalls else 0) for _ in "ab"]
        lost = rng.random() < machine.lost
        # A request without an answer may be carried out long after its sender gave up.
        at = sent + held[0] + (rng.random() * 3 if lost else 0)
        clocks[who] = sent + held[0] + held[1]
        cost = rng.choice([1, 1, 1, rng.randint(1, min(limit.capacity, 1000))])
        made.append(_Request(sent, at, clocks[who], cost, lost))
    return made


def planned(limiter: Limiter, plan: Sequence[tuple[float, int]], rng: random.Random) -> list[Decision]:
    """What one client sees that sends these costs, each after a pause, to a limiter on an ordinary machine."""
    now, seen = rng.uniform(1000, 1050), []
    for pause, cost in plan:
        sent = now + pause
        at = sent + rng.expovariate(1000)
        now = at + rng.expovariate(1000)
        seen.append(_seen(_Request(sent, at, now, cost, lost=False), limiter.decide(at, cost)))
    return seen
