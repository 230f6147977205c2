"""Stage concurrency: however many requests overlap, exactly what the rule admits is admitted."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from environment import HOUR, name_each, timed_table
from vocabulary import Crowd, Policy, policies, whole_number

from labrunner.checks import GRANULARITY, fail, undecided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.checks import Answer, Services

AT_ONCE = 200
PAIRS = 50
ONE = ("fixed-window", "sliding-window", "token-bucket")
MANY = tuple(f"{algorithm}-of-many" for algorithm in ONE)
EXACT = "What is read, decided and written for a pair belongs together, however many requests overlap."


def _crowd(services: Services, rng: random.Random) -> tuple[Crowd, dict[str, Policy]]:
    """A service of its own: bursts would hold up the checks beside this one."""
    purposes = (*ONE, *MANY)
    names = name_each(purposes, rng)
    tables = {names[name]: timed_table(name, HOUR, (80, 120), None, rng) for name in ONE}
    tables |= {names[f"{name}-of-many"]: timed_table(name, HOUR, (2, 3), None, rng) for name in ONE}
    service = services.start({"POLICIES": json.dumps(tables)})
    return Crowd(service, rng), policies(service, purposes)


def test_one_pair_at_once(services: Services, rng: random.Random) -> None:
    """RL-16: of 200 requests of one pair, as many as the limit are admitted, each with another number left."""
    crowd, found = _crowd(services, rng)
    for algorithm in ONE:
        for _ in range(2):
            policy, client = found[algorithm], crowd.new_client()
            answers = crowd.ask([(policy, client, 1)] * AT_ONCE)
            _judge(policy, answers, [1] * AT_ONCE)


def test_many_pairs_at_once(services: Services, rng: random.Random) -> None:
    """RL-16: of 200 requests of 50 pairs, each pair gets as many as the limit."""
    crowd, found = _crowd(services, rng)
    for algorithm in MANY:
        for _ in range(2):
            policy = found[algorithm]
            clients = [crowd.new_client() for _ in range(PAIRS)]
            asked = clients * (AT_ONCE // PAIRS)
            rng.shuffle(asked)
            answers = crowd.ask([(policy, client, 1) for client in asked])
            for client in clients:
                own = [answer for answer, who in zip(answers, asked, strict=True) if who == client]
                _judge(policy, own, [1] * len(own))


def test_costs_at_once(services: Services, rng: random.Random) -> None:
    """RL-6, RL-16: with costs, what is spent is what was admitted, and nobody is denied for whom there was room."""
    crowd, found = _crowd(services, rng)
    for algorithm in ONE:
        policy, client = found[algorithm], crowd.new_client()
        costs = [rng.randint(1, 4) for _ in range(AT_ONCE)]
        _judge(policy, crowd.ask([(policy, client, cost) for cost in costs]), costs)


def _judge(policy: Policy, answers: Sequence[Answer], costs: Sequence[int]) -> None:
    """Nothing can come back meanwhile: the window is an hour. So each admission takes what the one before it left."""
    span = max(answer.answered for answer in answers) - min(answer.sent for answer in answers) + GRANULARITY
    if span * policy.limit / policy.window >= 1:
        undecided("units may have come back while the requests were under way")
    admitted = [(answer, cost) for answer, cost in zip(answers, costs, strict=True) if answer.status == 200]
    denied = [(answer, cost) for answer, cost in zip(answers, costs, strict=True) if answer.status != 200]
    for answer, _ in denied:
        answer.expect(429, why="A request beyond the limit is denied, not refused.")
    spent = sum(cost for _, cost in admitted)
    got = f"{spent} units admitted: {len(admitted)} of {len(answers)} requests"
    if spent > policy.capacity:
        fail(*[answer for answer, _ in admitted[-3:]], expected=f"{policy.capacity} units admitted", got=got, why=EXACT)
    cheapest = min(denied, key=lambda one: one[1], default=None)
    if cheapest is not None and cheapest[1] <= policy.capacity - spent:
        expected = (
            f"200 for a cost of {cheapest[1]}: {policy.capacity - spent} of {policy.capacity} units were never spent"
        )
        fail(cheapest[0], expected=expected, got=f"429; {got}", why=EXACT)
    left = policy.capacity
    for answer, cost in sorted(admitted, key=lambda one: -whole_number(one[0], "remaining", EXACT)):
        told = whole_number(answer, "remaining", EXACT)
        if told != left - cost:
            expected = f"remaining: {left - cost} after a cost of {cost}, as one of the requests must have left it"
            fail(answer, expected=expected, got=f"remaining: {told}", why=EXACT)
        left = told
