"""Is there an order of the decisions, and a moment for each in its interval, under which all answers are right?

A depth-first search over the orders. Each algorithm's model says exactly whether an order can be extended by one more
decision; what may come next is what was sent before the earliest of the outstanding answers. Where requests do not
overlap there is one order, and the search is a walk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labrunner.rules.quota.items import FOREVER
from labrunner.rules.quota.records import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labrunner.rules.quota.items import Item


class Model(Protocol):
    """All placements of the decisions pushed so far, in the order in which they were pushed."""

    @property
    def earliest(self) -> int:
        """The earliest moment, in ns, that the last decision can have."""

    def moves(self, item: Item) -> tuple[int, ...]:
        """The ways in which `item` may come next; each is tried."""

    def push(self, item: Item, move: int) -> bool:
        """Append it; False, and nothing changes, when no placement is left."""

    def pop(self) -> None:
        """Take the last decision back."""

    def expectation(self, item: Item) -> str:
        """What a correct service can answer to `item` when it comes next, in words."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the search found.

    Attributes:
        verdict: whether a placement exists.
        steps: decisions that were tried.
        stuck: when none exists, the item at which the longest attempt ended; None when that is not known.
        expected: what a correct service would have answered to it.
    """

    verdict: Verdict
    steps: int
    stuck: Item | None = None
    expected: str = ""


class _Pending:
    """The items that are not placed yet."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._all = items
        self._items = [item for item in items if item.answered < FOREVER]
        self._unknown = [item for item in items if item.answered == FOREVER]
        self._placed = [False] * len(self._items)
        self._spent = [False] * len(self._unknown)
        self._first = 0
        self.left = len(self._items)

    def next_ones(self) -> tuple[list[tuple[int, Item]], int]:
        """Those that may come next, the most urgent first, with their keys; and when the most urgent was answered."""
        pool: list[tuple[int, int, int]] = []
        urgent = FOREVER
        for key in range(self._first, len(self._items)):
            item = self._items[key]
            if item.sent > urgent:
                break
            if not self._placed[key]:
                pool.append((item.answered, item.sent, key))
                urgent = min(urgent, item.answered)
        if len(pool) > 1:
            pool.sort()
        chosen, seen = [], dict[tuple[object, ...], int]()
        for _, sent, key in pool:
            item = self._items[key]
            # Of two that differ only in their intervals, one sent and answered no later may as well come first.
            if sent > urgent or (len(pool) > 1 and seen.get(item.kind, FOREVER) <= sent):
                continue
            seen[item.kind] = min(sent, seen.get(item.kind, FOREVER))
            chosen.append((key, item))
        chosen += [
            (-1 - key, item) for key, item in enumerate(self._unknown) if not self._spent[key] and item.sent <= urgent
        ]
        return chosen, urgent

    def take(self, key: int) -> None:
        """It is placed."""
        if key < 0:
            self._spent[-1 - key] = True
            return
        self._placed[key] = True
        self.left -= 1
        while self._first < len(self._items) and self._placed[self._first]:
            self._first += 1

    def put_back(self, key: int) -> None:
        """It is not placed after all."""
        if key < 0:
            self._spent[-1 - key] = False
            return
        self._placed[key] = False
        self.left += 1
        self._first = min(self._first, key)


class Search:
    """One search.

    Args:
        items: ordered by the moment of sending.
        model: without any decision.
        effort: steps after which the search is given up.
        explains: whether to say at which item it got stuck.
    """

    def __init__(self, items: Sequence[Item], model: Model, effort: int, *, explains: bool = False) -> None:
        self._pending = _Pending(items)
        self._model = model
        self._effort = effort
        self._explains = explains
        self._steps = 0
        self._fewest = len(items) + 1
        self._stuck: Item | None = None
        self._expected = ""

    def run(self) -> Found:
        """Search until a placement is found, there is none, or the effort is spent."""
        choices = [self._choices()]
        path: list[int] = []
        while self._pending.left:
            chosen = self._step(choices[-1])
            if self._steps > self._effort:
                return Found(Verdict.UNKNOWN, self._steps)
            if chosen is not None:
                self._pending.take(chosen)
                path.append(chosen)
                choices.append(self._choices())
            elif path:
                choices.pop()
                self._pending.put_back(path.pop())
                self._model.pop()
            else:
                return Found(Verdict.IMPOSSIBLE, self._steps, self._stuck, self._expected)
        return Found(Verdict.CONSISTENT, self._steps)

    def _choices(self) -> Iterator[tuple[int, Item, int]]:
        pool, urgent = self._pending.next_ones()
        if self._explains and self._pending.left < self._fewest and pool:
            self._fewest, self._stuck = self._pending.left, pool[0][1]
            self._expected = self._model.expectation(pool[0][1])
        if self._model.earliest > urgent:
            return iter(())
        return ((key, item, move) for key, item in pool for move in self._model.moves(item))

    def _step(self, choices: Iterator[tuple[int, Item, int]]) -> int | None:
        """Push the next choice that the model takes; its key, or None when there is none."""
        for key, item, move in choices:
            self._steps += 1
            if self._model.push(item, move):
                return key
            if self._steps > self._effort:
                return None
        return None
