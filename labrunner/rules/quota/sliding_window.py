"""An exact sliding window: a unit spent at a counts until just before a + W (RL-13).

In a given order of decisions, which unit must have left, and which must still count, follows from the costs alone. So
every rule is a bound on the difference of two moments, and a placement exists if and only if the least solution of
these bounds exists and keeps below the moments of the answers. The least solution is kept up to date by relaxation.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labrunner.rules.quota.items import MILLISECOND, SECOND, SLACK

if TYPE_CHECKING:
    from labrunner.rules.quota.items import Item

Bound = tuple[int, "int | None", "int | None"]
"""(k, least, most): the moment of this decision minus that of the k-th unit-spending one."""


@dataclass(slots=True)
class Frame:
    """What `pop` has to undo."""

    spends: bool
    sources: list[int] = field(default_factory=list)
    raised: list[tuple[int, int]] = field(default_factory=list)


class SlidingWindow:
    """Satisfies `labrunner.rules.quota.placement.Model`."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._low: list[int] = []
        self._high: list[int] = []
        self._after: list[list[tuple[int, int]]] = []
        self._spent: list[int] = []
        self._total = [0]
        self._frames: list[Frame] = []

    @property
    def earliest(self) -> int:
        """Of the last decision's moment, in ns."""
        return self._low[-1] if self._low else 0

    def moves(self, item: Item) -> tuple[int, ...]:
        """The ways in which it may come next."""
        return (0,)

    def push(self, item: Item, move: int) -> bool:
        """Append it, if a placement is left."""
        bounds = self._bounds(item) if item.judged else []
        if bounds is None:
            return False
        node, frame = len(self._low), Frame(spends=not item.denied)
        self._low.append(max(item.sent, self._low[-1] if self._low else item.sent))
        self._high.append(item.answered)
        self._after.append([])
        self._frames.append(frame)
        if node:
            self._link(node - 1, node, 0, frame)
        for which, least, most in bounds:
            spender = self._spent[which]
            if least is not None:
                self._link(spender, node, least, frame)
                self._low[node] = max(self._low[node], self._low[spender] + least)
            if most is not None:
                self._link(node, spender, -most, frame)
        if frame.spends:
            self._spent.append(node)
            self._total.append(self._total[-1] + item.cost)
        if self._low[node] <= item.answered and self._relax(node, frame):
            return True
        self.pop()
        return False

    def _link(self, source: int, target: int, weight: int, frame: Frame) -> None:
        """The moment of `target` is at least that of `source` plus `weight`."""
        self._after[source].append((target, weight))
        frame.sources.append(source)

    def pop(self) -> None:
        """Take the last decision back."""
        frame = self._frames.pop()
        for node, low in reversed(frame.raised):
            self._low[node] = low
        for source in frame.sources:
            self._after[source].pop()
        self._low.pop()
        self._high.pop()
        self._after.pop()
        if frame.spends:
            self._spent.pop()
            self._total.pop()

    def _relax(self, changed: int, frame: Frame) -> bool:
        """Bring the least solution up to date; False when there is none.

        There was one before, and all new bounds are of the new moment: so if moments now push one another up for ever,
        then the new one is among them, and is itself pushed up.
        """
        low, high, queue = self._low, self._high, [changed]
        for node in queue:
            for target, weight in self._after[node]:
                if low[target] >= low[node] + weight:
                    continue
                if target == changed or low[node] + weight > high[target]:
                    return False
                frame.raised.append((target, low[target]))
                low[target] = low[node] + weight
                queue.append(target)
        return True

    def _bounds(self, item: Item) -> list[Bound] | None:
        """What the item's answer says about moments; None when the costs alone refute it."""
        total, limit = self._total[-1], self._limit
        cost = 0 if item.denied else item.cost
        if item.left is not None:
            if item.denied and item.cost <= item.left:
                return None
            return self._of_left(item, total + cost - (limit - item.left))
        if item.denied:
            return self._of_wait(item)
        if cost > limit:
            return None
        gone = bisect_left(self._total, total + cost - limit)
        return [(gone - 1, self._window - SLACK, None)] if gone else []

    def _of_left(self, item: Item, gone_units: int) -> list[Bound] | None:
        """Exactly `gone_units` of all that was ever spent do not count any more."""
        gone = bisect_left(self._total, gone_units)
        if item.left is None or not 0 <= item.left <= self._limit or gone_units < 0:
            return None
        if gone == len(self._total) or self._total[gone] != gone_units:
            return None
        bounds: list[Bound] = [(gone - 1, self._window - SLACK, None)] if gone else []
        is_held = gone < len(self._spent)
        if is_held:
            bounds.append((gone, None, self._window + SLACK))
        if item.reset is not None:
            if is_held:
                bounds.append((gone, *self._until_it_leaves(item.reset, SECOND)))
            elif not item.reset - SECOND - SLACK <= self._window <= item.reset + SLACK:
                return None
        if not item.denied:
            return bounds
        more = self._of_wait(item)
        return None if more is None else bounds + more

    def _of_wait(self, item: Item) -> list[Bound] | None:
        """A denial: the unit that must leave before the item fits still counts, for as long as was told."""
        last = bisect_left(self._total, self._total[-1] + item.cost - self._limit) - 1
        if not 0 <= last < len(self._spent):
            return None
        bounds: list[Bound] = [(last, None, self._window + SLACK)]
        if item.wait is not None:
            bounds.append((last, *self._until_it_leaves(item.wait, MILLISECOND)))
        return bounds

    def _until_it_leaves(self, told: int, unit: int) -> tuple[int, int]:
        """Bounds of (now - spent) when a unit leaves in `told`, rounded up to whole `unit`."""
        return self._window - told - SLACK, self._window - told + unit + SLACK

    def expectation(self, item: Item) -> str:
        """What a correct service can answer here."""
        now1, now2 = max(item.sent, self.earliest), item.answered
        most_gone = sum(self._low[node] + self._window - SLACK <= now2 for node in self._spent)
        least_gone = sum(self._high[node] + self._window + SLACK < now1 for node in self._spent)
        most, least = self._total[-1] - self._total[least_gone], self._total[-1] - self._total[most_gone]
        used = f"{least}" if least == most else f"{least} to {most}"
        answer = " or ".join(sorted({"429" if units + item.cost > self._limit else "200" for units in (least, most)}))
        detail = ""
        if answer == "200" and item.left is not None:
            spread = sorted({self._limit - most - item.cost, self._limit - least - item.cost})
            detail = f" with {' to '.join(map(str, spread))} left"
        if answer == "429" and item.wait is not None and least == most:
            last = bisect_left(self._total, self._total[-1] + item.cost - self._limit) - 1
            soon, late = self._leaves(last, now1, now2)
            detail = f" with retry_after_ms from {soon // MILLISECOND} to {-(-late // MILLISECOND)}"
        if item.reset is not None and least == most and least_gone < len(self._spent):
            soon, late = self._leaves(least_gone, now1, now2)
            detail += f" and t from {max(1, -(-soon // SECOND))} to {max(1, -(-late // SECOND))}"
        return f"{answer}{detail} ({used} of {self._limit} units were in use)"

    def _leaves(self, which: int, now1: int, now2: int) -> tuple[int, int]:
        """In how many ns, at least and at most, the units of the `which`-th spender leave."""
        node = self._spent[which]
        soon = self._low[node] + self._window - SLACK - now2
        return max(0, soon), self._high[node] + self._window + SLACK - now1
