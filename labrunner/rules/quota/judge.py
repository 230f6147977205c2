"""The oracle: can a correct service have given these answers?

First the sweeps, which hold in every order; then the search for an order and for moments. What is impossible is then
cut down: which of the answers are needed for the proof?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.rules.quota import sweeps
from labrunner.rules.quota.fixed_window import FixedWindow
from labrunner.rules.quota.items import SECOND, SLACK, items_of
from labrunner.rules.quota.placement import Found, Search
from labrunner.rules.quota.records import Algorithm, Judgement, Verdict
from labrunner.rules.quota.sliding_window import SlidingWindow
from labrunner.rules.quota.telling import explain
from labrunner.rules.quota.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.quota.items import Item
    from labrunner.rules.quota.placement import Model
    from labrunner.rules.quota.records import Decision, Limit
    from labrunner.rules.quota.sweeps import Proof

STEPS_PER_ITEM = 60
LEAST_STEPS = 5000


def judge(limit: Limit, history: Sequence[Decision], *, effort: int | None = None) -> Judgement:
    """Whether a correct limiter can have decided the requests of one pair so, all of them since its first.

    A pair that was idle for sure may be taken for one never seen. Costs above the capacity (422) do not belong here.

    Args:
        limit: the policy.
        history: in any order.
        effort: steps of the search; None for a number that fits the history; 0 for the sweeps alone, which find what
            is wrong in every order of the decisions and never answer *consistent*.
    """
    items = items_of(history)
    if not items:
        return Judgement(Verdict.CONSISTENT)
    proof = _sweep(limit, items)
    if proof is not None:
        return Judgement(Verdict.IMPOSSIBLE, tuple(item.index for item in proof.telling), proof.expected, proof.got)
    steps = max(LEAST_STEPS, STEPS_PER_ITEM * len(items)) if effort is None else effort
    found = Search(items, _model(limit, len(items)), steps).run() if steps else Found(Verdict.UNKNOWN, 0)
    if found.verdict is not Verdict.IMPOSSIBLE:
        return Judgement(found.verdict, steps=found.steps)
    return explain(items, lambda: _model(limit, len(items)), steps, _reach(limit))


def _reach(limit: Limit) -> int:
    """How long, in ns, what was spent can matter."""
    return _ns(limit.window) * max(1, -(-limit.capacity // limit.limit)) + SLACK


def _sweep(limit: Limit, items: Sequence[Item]) -> Proof | None:
    units, window = limit.limit, _ns(limit.window)
    match limit.algorithm:
        case Algorithm.FIXED_WINDOW:
            return sweeps.crowded_fixed_window(items, units, window) or sweeps.needless_denial(items, units, window)
        case Algorithm.SLIDING_WINDOW:
            return sweeps.crowded_window(items, units, window) or sweeps.needless_denial(items, units, window)
        case Algorithm.TOKEN_BUCKET:
            return sweeps.crowded_bucket(items, units, window, limit.capacity) or sweeps.needless_denial_by_bucket(
                items, units, window, limit.capacity
            )


def _model(limit: Limit, requests: int) -> Model:
    match limit.algorithm:
        case Algorithm.FIXED_WINDOW:
            return FixedWindow(limit.limit, _ns(limit.window))
        case Algorithm.SLIDING_WINDOW:
            return SlidingWindow(limit.limit, _ns(limit.window))
        case Algorithm.TOKEN_BUCKET:
            return TokenBucket(limit.limit, _ns(limit.window), limit.capacity, requests)


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
