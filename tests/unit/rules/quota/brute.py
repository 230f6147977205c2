"""The oracle's question answered by trying everything: every order, and every moment on a grid of 10 ms.

Only for histories whose moments, window and tokens are whole steps of the grid: then a placement on the grid exists
whenever there is one at all, for the rules bound nothing but differences of moments by whole steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.quota import Algorithm, Answered, Decision, Limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STEP = 0.010
SLACK = 1
"""In steps: 10 ms."""


@dataclass(frozen=True)
class Seen:
    """A decision, in steps."""

    sent: int
    answered: int
    cost: int
    denied: bool
    unknown: bool
    left: int | None


def has_placement(limit: Limit, history: Sequence[Decision]) -> bool:
    """Whether any order and any moments on the grid make all answers right."""
    window = round(limit.window / STEP)
    end = max(round(decision.answered / STEP) for decision in history) + window + 5
    seen = [
        Seen(
            round(decision.sent / STEP),
            end if decision.answer is Answered.UNKNOWN else round(decision.answered / STEP),
            decision.cost,
            decision.answer is Answered.DENIED,
            decision.answer is Answered.UNKNOWN,
            decision.remaining,
        )
        for decision in history
    ]
    return _places(limit, window, tuple(seen), (), -1)


def _places(limit: Limit, window: int, rest: tuple[Seen, ...], spent: tuple[tuple[int, int], ...], now: int) -> bool:
    """`spent`: (moment, cost) so far, in order; for fixed windows a cost below zero opened one."""
    if all(item.unknown for item in rest):
        return True
    for place, item in enumerate(rest):
        others = rest[:place] + rest[place + 1 :]
        if min((other.answered for other in others), default=item.sent) < item.sent:
            continue
        for moment in range(max(now, item.sent), item.answered + 1):
            for after in _afters(limit, window, item, spent, moment):
                if _places(limit, window, others, after, moment):
                    return True
    return False


def _afters(
    limit: Limit, window: int, item: Seen, spent: tuple[tuple[int, int], ...], moment: int
) -> Iterator[tuple[tuple[int, int], ...]]:
    if limit.algorithm is Algorithm.TOKEN_BUCKET:
        if _bucket_allows(limit, window, item, spent, moment):
            yield spent if item.denied else (*spent, (moment, item.cost))
        return
    fixed = limit.algorithm is Algorithm.FIXED_WINDOW
    may_hold = _is_one_window if fixed else _is_in_sight
    for gone in range(len(spent) + 1):
        held = spent[gone:]
        if not may_hold(window, spent[:gone], held, moment):
            continue
        used = sum(abs(cost) for _, cost in held)
        if item.denied:
            if used + item.cost > limit.limit and item.left in {None, limit.limit - used}:
                yield spent
        elif used + item.cost <= limit.limit and item.left in {None, limit.limit - used - item.cost}:
            yield (*spent, (moment, -item.cost if fixed and not held else item.cost))


def _is_one_window(window: int, gone: Sequence[tuple[int, int]], held: Sequence[tuple[int, int]], moment: int) -> bool:
    """Whether `held` can be the open window: it begins with its opening, and there is no other in it."""
    if any(cost < 0 for _, cost in held[1:]) or (held and held[0][1] > 0):
        return False
    openings = [at for at, cost in gone if cost < 0]
    if held:
        return moment <= held[0][0] + window + SLACK
    return not openings or moment >= openings[-1] + window - SLACK


def _is_in_sight(window: int, gone: Sequence[tuple[int, int]], held: Sequence[tuple[int, int]], moment: int) -> bool:
    """Whether exactly `held` can be in use."""
    return all(moment >= at + window - SLACK for at, _ in gone) and all(moment <= at + window + SLACK for at, _ in held)


def _bucket_allows(limit: Limit, window: int, item: Seen, spent: tuple[tuple[int, int], ...], moment: int) -> bool:
    token = window // limit.limit
    full = limit.capacity * token
    level, before = full, None
    for at, cost in spent:
        level = full if before is None else min(full, level + at - before)
        level -= cost * token
        before = at
    level = full if before is None else min(full, level + moment - before)
    # What was never taken is there whatever a clock shows; only what flowed in may be 10 ms off, and 10 ms lost.
    untouched = limit.capacity - sum(cost for _, cost in spent)
    early, late = SLACK, 2 * SLACK
    right = level <= item.cost * token + late and untouched < item.cost
    if not (right if item.denied else level >= item.cost * token - early):
        return False
    if item.left is None:
        return True
    cost = 0 if item.denied else item.cost
    return (
        item.left >= untouched - cost
        and item.left * token - early <= level - cost * token <= (item.left + 1) * token + late
    )
