"""The quota oracle never convicts a correct limiter, and finds wrong ones."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from labrunner.rules.quota import Algorithm, Answered, Decision, Judgement, Limit, Verdict, judge
from tests.unit.rules.quota.histories import Machine, any_limit, any_machine, history, limiter_of, planned
from tests.unit.rules.quota.wrong import WRONG, Wrong

HISTORIES = int(os.environ.get("LABRUNNER_HISTORIES", "2000"))
"""`make validate` asks for 100,000."""
LIVES = 20
FOUND = 0.9
"""Share of its lives in which each wrong limiter must be found."""
MOST_UNKNOWN = 0.01
ADMITTED, DENIED, UNKNOWN = Answered.ADMITTED, Answered.DENIED, Answered.UNKNOWN
WINDOW = Limit(Algorithm.SLIDING_WINDOW, 3, 1.0)
FIXED = Limit(Algorithm.FIXED_WINDOW, 3, 1.0)
BUCKET = Limit(Algorithm.TOKEN_BUCKET, 10, 1.0, 3)


def test_a_correct_limiter_is_never_convicted() -> None:
    """Whatever the machine does: stalls, pauses, a coarse clock, requests that overtake one another, lost answers."""
    answers: Counter[Verdict] = Counter()
    for number in range(HISTORIES):
        rng = random.Random(f"right/{number}")
        limit, machine = any_limit(rng), any_machine(rng)
        seen = history(limit, limiter_of(limit), machine, rng, rng.randint(1, 60))
        judgement = judge(limit, seen)
        assert judgement.verdict is not Verdict.IMPOSSIBLE, (number, limit, machine, judgement)
        answers[judgement.verdict] += 1
    # C-26: unknown at most once in a hundred histories.
    assert answers[Verdict.UNKNOWN] <= max(1, HISTORIES * MOST_UNKNOWN)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "-"))
def test_a_wrong_limiter_is_found(wrong: Wrong) -> None:
    """With a plan that looks for its fault, on an ordinary machine."""
    found = [_life(wrong, number)[1] for number in range(LIVES)]
    assert sum(judgement.verdict is Verdict.IMPOSSIBLE for judgement in found) >= LIVES * FOUND


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "-"))
def test_what_is_told_is_enough(wrong: Wrong) -> None:
    """The telling part alone is impossible too, is said in words, and ends with the decisive request."""
    for number in range(LIVES):
        seen, judgement = _life(wrong, number)
        if judgement.verdict is Verdict.IMPOSSIBLE:
            told = [seen[index] for index in judgement.telling]
            assert judge(wrong.limit, told).verdict is Verdict.IMPOSSIBLE
            assert judgement.expected
            assert judgement.got
            assert len(told) <= len(seen)


def _life(wrong: Wrong, number: int) -> tuple[list[Decision], Judgement]:
    rng = random.Random(f"{wrong.name}/{number}")
    seen = planned(wrong.limiter(), wrong.plan, rng)
    return seen, judge(wrong.limit, seen)


def _steps(*answers: tuple[float, float, Answered, int]) -> list[Decision]:
    return [Decision(sent, answered, cost, answer) for sent, answered, answer, cost in answers]


@pytest.mark.parametrize("limit", [WINDOW, FIXED, BUCKET], ids=lambda limit: limit.algorithm.value)
def test_a_request_without_an_answer_may_have_spent_or_not(limit: Limit) -> None:
    """C-16: both a denial and an admission right after it are possible, but not a second denial's worth of units."""
    lost = _steps((0.0, 0.0, UNKNOWN, 2))
    denied = _steps((0.01, 0.02, DENIED, 2))
    admitted = _steps((0.01, 0.02, ADMITTED, 2), (0.03, 0.031, ADMITTED, 1))
    assert judge(limit, lost + denied).verdict is Verdict.CONSISTENT
    assert judge(limit, lost + admitted).verdict is Verdict.CONSISTENT
    assert judge(limit, lost + _steps((0.01, 0.02, DENIED, 1))).verdict is Verdict.IMPOSSIBLE


@pytest.mark.parametrize("limit", [WINDOW, FIXED, BUCKET], ids=lambda limit: limit.algorithm.value)
def test_requests_that_overlap_may_be_decided_in_any_order(limit: Limit) -> None:
    """C-23: a request that was sent later may have been decided earlier."""
    overlapping = _steps((0.0, 0.05, DENIED, 1), (0.001, 0.04, ADMITTED, 2), (0.002, 0.03, ADMITTED, 1))
    assert judge(limit, overlapping).verdict is Verdict.CONSISTENT
    one_by_one = _steps((0.0, 0.01, DENIED, 1), (0.02, 0.04, ADMITTED, 2), (0.05, 0.06, ADMITTED, 1))
    assert judge(limit, one_by_one).verdict is Verdict.IMPOSSIBLE


def test_ten_milliseconds_are_forgiven_and_no_more() -> None:
    """C-20, RL-15: at the window's end either answer is right within 10 ms."""
    full = _steps((0.0, 0.0, ADMITTED, 3))
    for at, answer, verdict in (
        (0.991, ADMITTED, Verdict.CONSISTENT),
        (0.989, ADMITTED, Verdict.IMPOSSIBLE),
        (1.009, DENIED, Verdict.CONSISTENT),
        (1.011, DENIED, Verdict.IMPOSSIBLE),
    ):
        for limit in (WINDOW, FIXED):
            assert judge(limit, full + _steps((at, at, answer, 1))).verdict is verdict, (limit, at, answer)


def test_a_bucket_that_is_one_token_in_ten_off_is_found() -> None:
    """Tight: nine or eleven tokens where ten were asked for."""
    limit = Limit(Algorithm.TOKEN_BUCKET, 10, 10.0, 10)
    quick = [(0.001 * n, 0.001 * n + 0.0005, ADMITTED, 1) for n in range(11)]
    assert judge(limit, _steps(*quick[:10])).verdict is Verdict.CONSISTENT
    assert judge(limit, _steps(*quick)).verdict is Verdict.IMPOSSIBLE
    denied = (0.02, 0.021, DENIED, 1)
    assert judge(limit, _steps(*quick[:9], denied)).verdict is Verdict.IMPOSSIBLE
    assert judge(limit, _steps(*quick[:10], denied)).verdict is Verdict.CONSISTENT


def test_a_wide_interval_proves_nothing() -> None:
    """A request that was held up for longer than the window may have been decided before or after its end."""
    for limit in (WINDOW, FIXED):
        full = _steps((0.0, 0.001, ADMITTED, 3))
        for answer in (ADMITTED, DENIED):
            assert judge(limit, full + _steps((0.5, 1.5, answer, 1))).verdict is Verdict.CONSISTENT


def test_a_search_that_is_given_up_claims_nothing() -> None:
    """C-25: unknown, when the effort is spent; the sweeps alone never say consistent."""
    seen = _steps(*((0.001 * n, 0.9, ADMITTED, 1) for n in range(3)))
    assert judge(WINDOW, seen, effort=1).verdict is Verdict.UNKNOWN
    assert judge(WINDOW, seen, effort=0).verdict is Verdict.UNKNOWN
    assert judge(WINDOW, []).verdict is Verdict.CONSISTENT


@pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda algorithm: algorithm.value)
def test_a_trace_of_load_is_judged(algorithm: Algorithm) -> None:
    """A thousand requests of one pair from four clients at once: a placement is found; one unit too many is found."""
    limit = Limit(algorithm, 50, 1.0, 25 if algorithm is Algorithm.TOKEN_BUCKET else None)
    rng = random.Random("load")
    machine = Machine(clients=4, lag=0.002, stalls=0.0, coarse=False, lost=0.0)
    seen = history(limit, limiter_of(limit), machine, rng, 1000)
    bare = [Decision(one.sent, one.answered, one.cost, one.answer) for one in seen]
    assert judge(limit, bare).verdict is Verdict.CONSISTENT
    last = max(one.answered for one in bare if one.answer is DENIED)
    flood = [Decision(last + 1e-3 * n, last + 1e-3 * n, limit.capacity, ADMITTED) for n in range(3)]
    assert judge(limit, bare + flood, effort=0).verdict is Verdict.IMPOSSIBLE
