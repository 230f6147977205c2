"""A token bucket: B tokens at first, N per W more, never above B (RL-14).

Instead of the level, z is followed: the moment at which the bucket would have been empty had it always filled at its
rate. Refilling does not change z, a full bucket lifts it to (now - K), spending c lifts it by c tokens' worth of time.
After some decisions in a certain order, the possible (t, z) are those with t in [a, b] and z between two functions of
t: the lower one is max(L, t - k), the upper one rises with slope 0 or 1. Every rule cuts this region along a line of
slope 1, and both functions minus t never grow, so what is left is again of that form: the region is exact.

Times are in ns times N, so that a token is a whole number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from labrunner.rules.quota.items import FOREVER, MILLISECOND, SECOND, SLACK

if TYPE_CHECKING:
    from labrunner.rules.quota.items import Item

LOSS_PER = 10_000
"""So many requests may lose up to `SLACK` of refill in all (RL-14)."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where (t, z) can be.

    Attributes:
        floor, lag: z is at least max(floor, t - lag).
        upper: corners (t, z) of the upper bound, from the first possible t to the last; slopes are 0 or 1.
    """

    floor: int
    lag: int
    upper: tuple[tuple[int, int], ...]


class TokenBucket:
    """Satisfies `labrunner.rules.quota.placement.Model`."""

    def __init__(self, limit: int, window: int, burst: int, requests: int) -> None:
        self._rate = limit
        self._token = window
        self._burst = burst
        self._full = burst * window
        self._early = SLACK * limit
        self._late = SLACK * limit * (2 + requests // LOSS_PER)
        self._regions: list[Region | None] = [None]
        self._taken = [0]

    @property
    def earliest(self) -> int:
        """Of the last decision's moment, in ns."""
        region = self._regions[-1]
        return -FOREVER if region is None else region.upper[0][0] // self._rate

    def moves(self, item: Item) -> tuple[int, ...]:
        """The ways in which it may come next."""
        return (0,)

    def push(self, item: Item, move: int) -> bool:
        """Append it, if a placement is left."""
        if item.judged and not self._grants_what_is_untouched(item):
            return False
        region = self._moved(item)
        if region is not None and item.judged:
            region = self._cut(region, item)
        if region is None:
            return False
        if not item.denied:
            worth = item.cost * self._token
            corners = tuple((t, z + worth) for t, z in region.upper)
            region = Region(region.floor + worth, region.lag - worth, corners)
        self._regions.append(region)
        self._taken.append(self._taken[-1] + (0 if item.denied else item.cost))
        return True

    def pop(self) -> None:
        """Take the last decision back."""
        self._regions.pop()
        self._taken.pop()

    def _grants_what_is_untouched(self, item: Item) -> bool:
        """Without any refill, and so whatever a clock shows, what was not taken yet is there."""
        untouched = self._burst - self._taken[-1]
        if item.denied:
            return untouched < item.cost and (item.left is None or item.left >= untouched)
        return item.left is None or item.left >= untouched - item.cost

    def _moved(self, item: Item) -> Region | None:
        """The region at the moment of the item, before its answer is looked at."""
        first, last = item.sent * self._rate, item.answered * self._rate
        region = self._regions[-1]
        if region is None:
            return Region(-FOREVER * self._rate, self._full, ((first, first - self._full), (last, last - self._full)))
        first = max(first, region.upper[0][0])
        if first > last:
            return None
        floor = max(region.floor, region.upper[0][0] - region.lag)
        return Region(floor, self._full, _raised(_between(region.upper, first, last), self._full))

    def _cut(self, region: Region, item: Item) -> Region | None:
        """What is left of it when the item is answered as it was: `level` is bounded from both sides."""
        least, most = self._levels(item)
        upper = region.upper if least is None else _lowered(region.upper, least)
        lag = region.lag if most is None else min(region.lag, most)
        return _clipped(Region(region.floor, lag, upper))

    def _levels(self, item: Item) -> tuple[int | None, int | None]:
        """Bounds of the level before the decision, in tokens' worth of time, that make the answer right."""
        token, early, late = self._token, self._early, self._late
        least, most = (None, item.cost * token + late) if item.denied else (item.cost * token - early, None)
        spent = 0 if item.denied else item.cost
        bounds: list[tuple[int, int]] = []
        if item.left is not None:
            top = (spent + item.left + 1) * token
            bounds.append((top - token, top))
            if item.reset is not None:
                bounds.append((top - item.reset * self._rate, top - (item.reset - SECOND) * self._rate))
        if item.wait is not None:
            needed = item.cost * token
            bounds.append((needed - item.wait * self._rate, needed - (item.wait - MILLISECOND) * self._rate))
        for low, high in bounds:
            least = low - early if least is None else max(least, low - early)
            most = high + late if most is None else min(most, high + late)
        return least, most

    def expectation(self, item: Item) -> str:
        """What a correct service can answer here."""
        region = self._moved(item)
        if region is None:
            return "a decision in the order of the requests"
        first, last = region.upper[0], region.upper[-1]
        least = max(0, first[0] - first[1]) / self._token
        most = max(0, min(last[0] - region.floor, region.lag)) / self._token
        answer = " or ".join(sorted({"429" if level < item.cost else "200" for level in (least, most)}))
        left = ""
        if answer == "200" and item.left is not None:
            whole = sorted({int(least) - item.cost, int(most) - item.cost})
            left = f" with {' to '.join(map(str, whole))} left"
        if answer == "429" and item.wait is not None:
            waits = [max(0.0, item.cost - level) * self._token / self._rate / MILLISECOND for level in (most, least)]
            left = f" with retry_after_ms from {waits[0]:.0f} to {waits[1]:.0f}"
        return f"{answer}{left} ({least:.2f} to {most:.2f} of {self._burst} tokens were there)"


Corners = tuple[tuple[int, int], ...]


def _at(corners: Corners, moment: int) -> int:
    """The bound at `moment`; flat after the last corner."""
    for (t1, z1), (t2, z2) in pairwise(corners):
        if t1 <= moment <= t2:
            return z1 if z1 == z2 else z1 + moment - t1
    return corners[-1][1]


def _between(corners: Corners, first: int, last: int) -> Corners:
    """The part from `first` to `last`."""
    inner = tuple(corner for corner in corners if first < corner[0] < last)
    return ((first, _at(corners, first)), *inner, (last, _at(corners, last)))


def _crossing(corners: Corners, lag: int) -> int | None:
    """Where the bound, which is not below t - lag at first, meets that line; None if it never does.

    The bound minus t never grows, so there is at most one such moment.
    """
    for (t1, z1), (t2, z2) in pairwise(corners):
        if z2 < t2 - lag:
            return max(z1 + lag, t1)
    return None


def _raised(corners: Corners, lag: int) -> Corners:
    """The greater of the bound and t - lag."""
    first, last = corners[0][0], corners[-1][0]
    if corners[0][1] <= first - lag:
        return ((first, first - lag), (last, last - lag))
    where = _crossing(corners, lag)
    if where is None:
        return corners
    return (*(corner for corner in corners if corner[0] < where), (where, where - lag), (last, last - lag))


def _lowered(corners: Corners, lag: int) -> Corners:
    """The smaller of the bound and t - lag."""
    first, last = corners[0][0], corners[-1][0]
    if corners[0][1] <= first - lag:
        return corners
    where = _crossing(corners, lag)
    if where is None:
        return ((first, first - lag), (last, last - lag))
    return ((first, first - lag), (where, where - lag), *(corner for corner in corners if corner[0] > where))


def _clipped(region: Region) -> Region | None:
    """Without the moments at which nothing is possible."""
    corners = region.upper
    first, last = corners[0][0], corners[-1][0]
    if corners[-1][1] < region.floor:
        return None
    for (t1, z1), (_, z2) in pairwise(corners):
        if z1 < region.floor <= z2:
            first = t1 + region.floor - z1
        if z2 >= region.floor > z1:
            break
    if _at(corners, first) < first - region.lag:
        return None
    last = _last_above(corners, region.lag, last)
    if last < first:
        return None
    return Region(region.floor, region.lag, _between(corners, first, last))


def _last_above(corners: Corners, lag: int, last: int) -> int:
    """The last moment at which the bound is not below t - lag."""
    where = _crossing(corners, lag)
    return last if where is None else where
