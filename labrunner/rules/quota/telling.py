"""Of a history that is impossible, the part that proves it, in words that a learner understands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from labrunner.rules.quota.items import FOREVER, MILLISECOND, SECOND
from labrunner.rules.quota.placement import Search
from labrunner.rules.quota.records import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.rules.quota.items import Item
    from labrunner.rules.quota.placement import Model

MOST_TO_CUT = 400
"""Longer proofs are not cut down further."""


def explain(items: list[Item], model: Callable[[], Model], effort: int, reach: int) -> Judgement:
    """Why no placement of the items exists. Each cut only ever makes it easier to find one, so what is left is a proof.

    Args:
        items: of which the search found that there is none; ordered by the moment of sending.
        model: makes a model without decisions.
        effort: of one search.
        reach: ns for which what was spent can matter.
    """
    cutter = _Cutter(model, effort)
    needed = cutter.shortest(items)
    if len(needed) <= MOST_TO_CUT:
        needed = cutter.without_needless(needed)
    found = Search(needed, model(), effort, explains=True).run()
    stuck = found.stuck or needed[-1]
    others = [item for item in needed if item is not stuck and (item.judged or _matters(item, stuck, reach))]
    others.sort(key=lambda item: item.answered)
    telling = (*(item.index for item in others), stuck.index)
    return Judgement(Verdict.IMPOSSIBLE, telling, found.expected, _told(stuck), cutter.steps)


def _matters(item: Item, stuck: Item, reach: int) -> bool:
    """Whether what it spent can still count where the placement failed."""
    return not item.denied and stuck.sent - reach <= item.answered and item.sent <= stuck.answered


class _Cutter:
    def __init__(self, model: Callable[[], Model], effort: int) -> None:
        self._model = model
        self._effort = effort
        self.steps = 0

    def _is_impossible(self, items: list[Item]) -> bool:
        found = Search(items, self._model(), self._effort).run()
        self.steps += found.steps
        return found.verdict is Verdict.IMPOSSIBLE

    def shortest(self, items: list[Item]) -> list[Item]:
        """The shortest beginning that is impossible by itself, as halving finds it."""
        low, high = 1, len(items)
        while low < high:
            middle = (low + high) // 2
            if self._is_impossible(_beginning(items, middle)):
                high = middle
            else:
                low = middle + 1
        return _beginning(items, high)

    def without_needless(self, items: list[Item]) -> list[Item]:
        """Question only those answers without which nothing would be wrong."""
        size = len(items)
        while size:
            for begin in range(0, len(items), size):
                part = {item.index for item in items[begin : begin + size]}
                fewer = [kept for item in items if (kept := _unquestioned(item) if item.index in part else item)]
                if fewer != items and self._is_impossible(fewer):
                    return self.without_needless(fewer)
            size //= 2
        return items


def _beginning(items: list[Item], count: int) -> list[Item]:
    """The first `count` items.

    Only answers that came before anything that is left out was sent are questioned: what is left out came after them.
    """
    if count == len(items):
        return items
    later = items[count].sent
    kept = [item if item.answered < later else _unquestioned(item) for item in items[:count]]
    return [item for item in kept if item is not None]


def _unquestioned(item: Item) -> Item | None:
    """The item as a mere fact: it spent its cost; a denial spends nothing, so it is left out."""
    return None if item.denied else dataclasses.replace(item, judged=False)


def _told(item: Item) -> str:
    """What was answered, in one line."""
    if item.answered == FOREVER:
        return "no answer"
    words = f"{'429' if item.denied else '200'} for a cost of {item.cost}"
    if item.left is not None:
        words += f", {item.left} left"
    if item.wait is not None:
        words += f", retry_after_ms {item.wait // MILLISECOND}"
    if item.reset is not None:
        words += f", t={item.reset // SECOND}"
    return words
