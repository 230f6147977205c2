"""The oracle's own form of a history: whole nanoseconds, so that no comparison is off by a rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.quota.records import Answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.quota.records import Decision

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
SLACK = 10 * MILLISECOND
"""A stated duration may be missed by so much either way, in the service's favour (C-20)."""
FOREVER = 1 << 80


@dataclass(slots=True)
class Item:
    """One request. See `Decision` for what the attributes mean.

    Attributes:
        index: in the history that was given.
        sent, answered: ns since the history's first moment.
        wait: `retry_after_ms` in ns.
        reset: in ns.
        judged: False for a request that surely spent its cost, but whose admission is not to be questioned.
    """

    index: int
    sent: int
    answered: int
    cost: int
    answer: Answered
    left: int | None
    wait: int | None
    reset: int | None
    judged: bool = True

    @property
    def denied(self) -> bool:
        """Whether it spent nothing."""
        return self.answer is Answered.DENIED

    @property
    def kind(self) -> tuple[object, ...]:
        """Two items of one kind differ in nothing but their intervals."""
        return (self.answer, self.cost, self.left, self.wait, self.reset, self.judged)


def items_of(history: Sequence[Decision]) -> list[Item]:
    """The history, ordered by the moment of sending."""
    origin = min((decision.sent for decision in history), default=0.0)
    items = [_item(index, decision, origin) for index, decision in enumerate(history)]
    items.sort(key=lambda item: (item.sent, item.answered))
    return items


def _item(index: int, decision: Decision, origin: float) -> Item:
    known = decision.answer is not Answered.UNKNOWN
    denied = decision.answer is Answered.DENIED
    wait, reset = decision.retry_after_ms, decision.reset
    return Item(
        index,
        math.floor((decision.sent - origin) * SECOND),
        math.ceil((decision.answered - origin) * SECOND) if known else FOREVER,
        decision.cost,
        decision.answer,
        decision.remaining if known else None,
        wait * MILLISECOND if denied and wait is not None else None,
        reset * SECOND if known and decision.remaining is not None and reset is not None else None,
    )
