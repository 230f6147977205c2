"""The oracle's answers are those of trying everything."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from labrunner.rules.quota import Algorithm, Answered, Decision, Limit, Verdict, judge
from tests.unit.rules.quota.brute import STEP, has_placement

CASES = 400


def _case(algorithm: Algorithm, rng: random.Random) -> tuple[Limit, list[Decision]]:
    units = rng.choice([1, 2, 3])
    window = rng.choice([4, 6]) if units == 2 else rng.choice([3, 6])
    burst = rng.choice([1, 2, 3]) if algorithm is Algorithm.TOKEN_BUCKET else None
    limit = Limit(algorithm, units, window * STEP, burst)
    history, at = [], 0
    for _ in range(rng.randint(2, 5)):
        at += rng.randint(0, 4)
        sent = max(0, at - rng.randint(0, 2))
        answer = rng.choice([Answered.ADMITTED] * 4 + [Answered.DENIED] * 3 + [Answered.UNKNOWN])
        cost = rng.randint(1, limit.capacity)
        remaining = rng.randint(0, limit.capacity) if rng.random() < 0.3 and answer is not Answered.UNKNOWN else None
        history.append(Decision(sent * STEP, (sent + rng.randint(0, 3)) * STEP, cost, answer, remaining))
    return limit, history


@pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda algorithm: algorithm.value)
def test_it_finds_a_placement_if_and_only_if_there_is_one(algorithm: Algorithm) -> None:
    """Small histories at random, right and wrong ones: the same answer as by trying every order and moment."""
    rng = random.Random(f"brute/{algorithm.value}")
    answers: Counter[Verdict] = Counter()
    for _ in range(CASES):
        limit, history = _case(algorithm, rng)
        expected = Verdict.CONSISTENT if has_placement(limit, history) else Verdict.IMPOSSIBLE
        judgement = judge(limit, history)
        assert judgement.verdict is expected, (limit, history, judgement)
        answers[expected] += 1
    assert min(answers[Verdict.CONSISTENT], answers[Verdict.IMPOSSIBLE]) > CASES // 10
