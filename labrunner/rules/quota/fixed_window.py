"""A fixed window, opened by the request that is admitted when none is open (RL-12).

What is known after some decisions in a certain order is a *zone*: bounds of the last moment t, of the window's opening
o, and of their difference. A further decision adds such bounds again, and leaving the old t out of them is exact; so
one zone of constant size says all, and it is empty if and only if no placement of the moments exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.quota.items import FOREVER, MILLISECOND, SECOND, SLACK

if TYPE_CHECKING:
    from labrunner.rules.quota.items import Item

STAY, OPEN = 0, 1


@dataclass(frozen=True, slots=True)
class Zone:
    """Bounds, in ns.

    Attributes:
        t1, t2: of the last moment.
        o1, o2: of the opening of the last window.
        d1, d2: of the last moment minus the opening.
        used: units spent in that window; 0 when there was none yet.
    """

    t1: int
    t2: int
    o1: int
    o2: int
    d1: int
    d2: int
    used: int


class FixedWindow:
    """Satisfies `labrunner.rules.quota.placement.Model`."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._zones = [Zone(-FOREVER, FOREVER, -FOREVER, -FOREVER, -FOREVER, FOREVER, 0)]

    @property
    def earliest(self) -> int:
        """Of the last decision's moment, in ns."""
        return self._zones[-1].t1

    def moves(self, item: Item) -> tuple[int, ...]:
        """The ways in which it may come next."""
        if self._zones[-1].used == 0:
            return () if item.denied else (OPEN,)
        return (STAY,) if item.denied else (STAY, OPEN)

    def push(self, item: Item, move: int) -> bool:
        """Append it, if a placement is left."""
        zone = self._opened(item) if move == OPEN else self._stayed(item)
        if zone is not None:
            self._zones.append(zone)
        return zone is not None

    def pop(self) -> None:
        """Take the last decision back."""
        self._zones.pop()

    def _opened(self, item: Item) -> Zone | None:
        zone, whole = self._zones[-1], self._window
        t1 = max(item.sent, zone.t1)
        if zone.used:
            t1 = max(t1, zone.o1 + whole - SLACK)
        if t1 > item.answered:
            return None
        if item.judged:
            if item.cost > self._limit or (item.left is not None and item.left != self._limit - item.cost):
                return None
            if item.reset is not None and not item.reset - SECOND - SLACK <= whole <= item.reset + SLACK:
                return None
        return Zone(t1, item.answered, t1, item.answered, 0, 0, item.cost)

    def _stayed(self, item: Item) -> Zone | None:
        zone, whole = self._zones[-1], self._window
        used = zone.used if item.denied else zone.used + item.cost
        if item.judged and not self._fits(item, used):
            return None
        d1, d2 = max(zone.d1, 0), whole + SLACK
        # The window's end is so far away as the answer says; a wait is rounded up to whole ms, a reset to seconds.
        for told, unit in ((item.wait, MILLISECOND), (item.reset, SECOND)):
            if told is not None and item.judged:
                d1, d2 = max(d1, whole - told - SLACK), min(d2, whole - told + unit + SLACK)
        return _tight(Zone(max(item.sent, zone.t1), item.answered, zone.o1, zone.o2, d1, d2, used))

    def _fits(self, item: Item, used: int) -> bool:
        """Whether the number of units lets the item be answered as it was, with `used` units spent after it."""
        if item.left is not None and item.left != self._limit - used:
            return False
        return used + item.cost > self._limit if item.denied else used <= self._limit

    def expectation(self, item: Item) -> str:
        """What a correct service can answer here."""
        zone, limit = self._zones[-1], self._limit
        now1, now2 = max(item.sent, zone.t1), item.answered
        spent = set()
        if zone.used and now1 <= zone.o2 + self._window + SLACK:
            spent.add(zone.used)
        if not zone.used or now2 >= zone.o1 + self._window - SLACK:
            spent.add(0)
        answers = [f"{_told(limit - used - item.cost)} ({used} of {limit} units were used in this window)"
                   for used in sorted(spent)]  # fmt: skip
        if zone.used and (item.wait is not None or item.reset is not None):
            most = (zone.o2 + self._window - now1 + SLACK) / SECOND
            least = max(0, zone.o1 + self._window - now2 - SLACK) / SECOND
            answers = [f"{answer}, and from {least:.3f} to {most:.3f} s until its end" for answer in answers]
        return " or ".join(answers)


def _told(left: int) -> str:
    return "429" if left < 0 else f"200 with {left} left"


def _tight(zone: Zone) -> Zone | None:
    """The same zone with every bound that follows from the others; None when it is empty."""
    t1, t2, o1, o2, d1, d2 = zone.t1, zone.t2, zone.o1, zone.o2, zone.d1, zone.d2
    for _ in range(2):
        t1, t2 = max(t1, o1 + d1), min(t2, o2 + d2)
        o1, o2 = max(o1, t1 - d2), min(o2, t2 - d1)
        d1, d2 = max(d1, t1 - o2), min(d2, t2 - o1)
        if t1 > t2 or o1 > o2 or d1 > d2:
            return None
    return Zone(t1, t2, o1, o2, d1, d2, zone.used)
