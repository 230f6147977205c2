"""A pair's state as a plain list of whole numbers, here and in Redis, and three functions from state to state.

Each takes what is known (None of a pair never seen), and gives: the new state, when that is idle, and the verdict. Times
are microseconds. A denied request has no new state.
"""

from __future__ import annotations

from typing import NamedTuple

State = list[int]


class Policy(NamedTuple):
    """One entry of POLICIES."""

    name: str
    algorithm: str
    limit: int
    window: int
    burst: int
    on_store_failure: str

    @property
    def capacity(self) -> int:
        return self.burst if self.algorithm == "token-bucket" else self.limit


class Verdict(NamedTuple):
    """Admitted or not; whole units left; how long until it would be, and until more is left."""

    admitted: bool
    left: int
    wait: int
    grows: int


class Change(NamedTuple):
    """What a request does to a pair."""

    state: State | None
    idle_at: int
    verdict: Verdict


def decide(policy: Policy, state: State | None, cost: int, now: int) -> Change:
    """One request."""
    return ALGORITHMS[policy.algorithm](policy, state or [], cost, now)


def fixed(policy: Policy, state: State, cost: int, now: int) -> Change:
    """[end, used]."""
    end, used = state if state and now < state[0] else (now + policy.window, 0)
    if used + cost > policy.limit:
        return Change(None, end, Verdict(False, policy.limit - used, end - now, end - now))
    return Change([end, used + cost], end, Verdict(True, policy.limit - used - cost, 0, end - now))


def sliding(policy: Policy, state: State, cost: int, now: int) -> Change:
    """[leaves, units, leaves, units, ...], the oldest first."""
    alive = next((i for i in range(0, len(state), 2) if now < state[i]), len(state))
    state = state[alive:]
    free = policy.limit - sum(state[1::2])
    if free >= cost:
        leaves = now + policy.window
        state = [*state, leaves, cost]
        return Change(state, leaves, Verdict(True, free - cost, 0, state[0] - now))
    total = free
    for leaves, units in zip(state[::2], state[1::2], strict=True):
        total += units
        if total >= cost:
            return Change(None, state[-2], Verdict(False, free, leaves - now, state[0] - now))
    raise AssertionError("a cost beyond the capacity was refused before")


def bucket(policy: Policy, state: State, cost: int, now: int) -> Change:
    """[missing, since]: parts missing from a full bucket; a token has as many parts as the window has microseconds."""
    missing, since = state or (0, now)
    missing = max(0, missing - (now - since) * policy.limit)
    room = (policy.burst - cost) * policy.window
    admitted = missing <= room
    wait = 0 if admitted else up(missing - room, policy.limit)
    if admitted:
        missing += cost * policy.window
    left = policy.burst - up(missing, policy.window)
    grows = up(missing - (policy.burst - left - 1) * policy.window, policy.limit)
    full = now + up(missing, policy.limit)
    return Change([missing, now] if admitted else None, full, Verdict(admitted, left, wait, grows))


def up(amount: int, unit: int) -> int:
    """A division that rounds up."""
    return -(-amount // unit)


ALGORITHMS = {"fixed-window": fixed, "sliding-window": sliding, "token-bucket": bucket}
