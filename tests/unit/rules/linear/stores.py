"""Simulated stores: each operation takes effect at one moment of its interval, or, where a vice says so, does not."""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labrunner.rules.linear import ABSENT, Delete, Get, Operation, Put, Read, Swap, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.rules.linear import Action

VALUES = 4


@dataclass(slots=True)
class Planned:
    """An operation before it was answered; `at` is None when it never takes effect."""

    client: int
    sent: float
    at: float | None
    answered: float | None
    action: Action


def plan(rng: random.Random, draw: Callable[[random.Random], Action], *, clients: int, each: int) -> list[Planned]:
    """Clients that ask one after the other, amid stalls, lost requests and lost answers, sorted by the effects."""
    planned: list[Planned] = []
    stall, lost = rng.choice([0.0, 0.1, 0.4]), rng.choice([0.0, 0.05, 0.2])
    for client in range(clients):
        now = rng.random()
        for _ in range(each):
            ways = [rng.expovariate(100) + (rng.random() * 2 if rng.random() < stall else 0) for _ in range(2)]
            at, answered = now + ways[0], now + ways[0] + ways[1]
            if rng.random() >= lost:
                planned.append(Planned(client, now, at, answered, draw(rng)))
            else:
                late = rng.choice([None, at, at + rng.random() * 5])
                planned.append(Planned(client, now, late, None, draw(rng)))
            now = answered + rng.choice([0.0, rng.expovariate(10)])
    return sorted(planned, key=lambda one: one.sent if one.at is None else one.at)


class Register:
    """A compare-and-set register."""

    def __init__(self) -> None:
        self.value: Hashable = None

    def answer(self, action: Action) -> Action:
        match action:
            case Read():
                return Read(self.value)
            case Write(value):
                self.value = value
                return action
            case Swap(expected, value):
                done = self.value == expected
                if done:
                    self.value = value
                return Swap(expected, value, done)
            case _:
                raise AssertionError(action)

    @staticmethod
    def draw(rng: random.Random) -> Action:
        kind = rng.randrange(3)
        some = rng.randrange(VALUES)
        return (Read(None), Write(some), Swap(rng.randrange(VALUES), some))[kind]


class Records:
    """The contract's record, with versions that a creation takes from a clock."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.value: Hashable = ABSENT
        self.version = 0

    def answer(self, action: Action) -> Action:
        absent = self.value == ABSENT
        match action:
            case Get():
                return Get(self.value, 0 if absent else self.version)
            case Put(value, if_match=condition, if_absent=alone):
                if (condition is not None and (absent or condition != self.version)) or (alone and not absent):
                    return replace(action, status=412)
                self.version += self.rng.randint(1, 3) if absent else 1
                self.value = value
                return replace(action, status=201 if absent else 200, version=self.version)
            case Delete(if_match=condition):
                if absent or (condition is not None and condition != self.version):
                    return replace(action, status=404 if absent else 412)
                self.value = ABSENT
                return replace(action, status=204)
            case _:
                raise AssertionError(action)

    @staticmethod
    def draw(rng: random.Random) -> Action:
        some = str(rng.randrange(VALUES))
        actions: list[Action] = [
            Get(ABSENT),
            Get(ABSENT),
            Put(some),
            Put(some, if_match=rng.randint(1, 20)),
            Put(some, if_absent=True),
            Delete(),
            Delete(if_match=rng.randint(1, 20)),
        ]
        return rng.choice(actions)


def history(planned: list[Planned], answer: Callable[[Action], Action], key: str = "k") -> list[Operation]:
    """What the clients saw."""
    seen = []
    for one in planned:
        action = one.action if one.at is None else answer(one.action)
        told = action if one.answered is not None else one.action
        seen.append(Operation(key, one.client, one.sent, one.answered, told))
    return seen
