"""Conditions that hold in every order and at all moments: quick, and easy to explain. Each returns a proof, or None.

They are necessary, not sufficient: what they find is impossible; what they do not find is left to the search.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from labrunner.rules.quota.items import FOREVER, SECOND, SLACK
from labrunner.rules.quota.records import Answered
from labrunner.rules.quota.token_bucket import LOSS_PER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labrunner.rules.quota.items import Item

MOST_TOLD = 20
"""Items of a proof that many others would do for as well."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That no correct service answers so.

    Attributes:
        telling: the items that show it, the decisive one last.
    """

    telling: tuple[Item, ...]
    expected: str
    got: str


class _Sums:
    """Sums over a growing set of numbered costs (a Fenwick tree)."""

    def __init__(self, size: int) -> None:
        self._tree = [0] * (size + 1)

    def add(self, place: int, cost: int) -> None:
        place += 1
        while place < len(self._tree):
            self._tree[place] += cost
            place += place & -place

    def below(self, place: int) -> int:
        """Of all places below `place`."""
        total = 0
        while place:
            total += self._tree[place]
            place &= place - 1
        return total


def crowded_window(items: Sequence[Item], limit: int, window: int) -> Proof | None:
    """Sliding window: requests that surely fall into less than one window together cost more than the limit."""
    admitted = [item for item in items if item.answer is Answered.ADMITTED]
    if not _may_be_crowded(admitted, limit, window):
        return None
    answers = sorted(item.answered for item in admitted)
    sums = _Sums(len(admitted))
    ranks: dict[int, int] = {}
    for item in sorted(admitted, key=lambda item: item.answered):
        ranks[item.index] = len(ranks)
    for item in sorted(admitted, key=lambda item: -item.sent):
        sums.add(ranks[item.index], item.cost)
        spent = sums.below(bisect_left(answers, item.sent + window - SLACK))
        if spent > limit:
            inside = [other for other in admitted
                      if other.sent >= item.sent and other.answered < item.sent + window - SLACK]  # fmt: skip
            return _crowd(inside, limit, f"in a window of {window / SECOND:g} s")
    return None


def _may_be_crowded(admitted: Sequence[Item], limit: int, window: int) -> bool:
    """Whether, by the moments of sending alone, more than the limit may be in one window."""
    spent, first = 0, 0
    for item in admitted:
        spent += item.cost
        while admitted[first].sent + window < item.sent:
            spent -= admitted[first].cost
            first += 1
        if spent > limit:
            return True
    return False


def _crowd(inside: Iterable[Item], limit: int, where: str) -> Proof:
    """The fewest of them, the last answered ones left out, that are already too many."""
    telling: list[Item] = []
    spent = 0
    for item in sorted(inside, key=lambda item: item.answered):
        telling.append(item)
        spent += item.cost
        if spent > limit:
            break
    span = (telling[-1].answered - min(item.sent for item in telling)) / SECOND
    return Proof(tuple(telling), f"at most {limit} units {where}", f"{spent} units admitted within {span:.3f} s")


def crowded_fixed_window(items: Sequence[Item], limit: int, window: int) -> Proof | None:
    """Fixed window: requests that surely fall into one and the same window together cost more than the limit.

    Windows are told apart as long as it is sure which one comes next; a silence longer than a window starts afresh.
    In any case no more than two windows can have a part in a span that is shorter than one.
    """
    if two := crowded_window(items, 2 * limit, window):
        return two
    if any(item.answer is Answered.UNKNOWN for item in items):
        return None
    admitted = [item for item in items if item.answer is Answered.ADMITTED]
    for run in _runs(admitted, window):
        rest: Sequence[Item] = run
        least, most = -FOREVER, FOREVER
        while rest:
            # `rest`: all that may be in this window or later ones; `sure`: those that are surely not in an earlier one.
            sure = [item for item in rest if least == -FOREVER or item.sent > most + window + SLACK]
            if not sure:
                break
            opened = min(max(item.sent, least + window - SLACK) for item in rest)
            most = min(item.answered for item in sure)
            least = opened
            inside = [item for item in sure if item.answered < least + window - SLACK]
            if sum(item.cost for item in inside) > limit:
                return _crowd(inside, limit, f"in the window of {window / SECOND:g} s that the first of them opened")
            rest = [item for item in rest if item.answered >= least + window - SLACK]
    return None


def _runs(admitted: Sequence[Item], window: int) -> Iterable[Sequence[Item]]:
    """Parts between which no window can be open."""
    begin, last = 0, -FOREVER
    for place, item in enumerate(admitted):
        if place > begin and item.sent > last + window + SLACK:
            yield admitted[begin:place]
            begin = place
        last = max(last, item.answered)
    yield admitted[begin:]


def needless_denial(items: Sequence[Item], limit: int, window: int) -> Proof | None:
    """Windows: a request was denied although all units that can have been in use left room for it.

    Holds for a fixed window too: what is used in it was spent in the time of one window before.
    """
    spenders = [item for item in items if not item.denied]
    steps = sorted(
        [(item.sent, item.cost) for item in spenders]
        + [(item.answered + window + SLACK + 1, -item.cost) for item in spenders if item.answered < FOREVER]
    )
    moments = [moment for moment, _ in steps]
    level = [0]
    for _, change in steps:
        level.append(level[-1] + change)
    for item in items:
        if not item.denied or item.cost > limit:
            continue
        begin, end = bisect_right(moments, item.sent), bisect_right(moments, item.answered)
        used = max(level[begin : end + 1])
        if used + item.cost <= limit:
            possible = [other for other in spenders
                        if other.sent <= item.answered and other.answered + window + SLACK >= item.sent]  # fmt: skip
            expected = f"200: at most {used} of {limit} units can have been in use, so {item.cost} more fit"
            return Proof((*possible, item), expected, f"429 for a cost of {item.cost}")
    return None


def crowded_bucket(items: Sequence[Item], limit: int, window: int, burst: int) -> Proof | None:
    """Bucket: the requests of some span cost more than a full bucket and all that flows in meanwhile.

    For each end of a span, the greatest of (cost inside - inflow) over all beginnings is carried along; with requests
    that overlap, a request counts from the end of its interval on, for spans that begin before it was sent.
    """
    admitted = sorted((item for item in items if item.answer is Answered.ADMITTED), key=lambda item: item.answered)
    begins = sorted({item.sent for item in admitted})
    heads: list[tuple[int, int]] = []
    top = burst * window + SLACK * limit
    for item in admitted:
        # `heads`: (beginning, cost since then in tokens' worth of time), for beginnings that may still matter.
        place = bisect_right(begins, item.sent)
        heads = _charged(heads, begins[place - 1], item.cost * window)
        begin, spent = max(heads, key=lambda head: head[1] + head[0] * limit)
        if spent > top + (item.answered - begin) * limit:
            inside = [other for other in admitted if other.sent >= begin and other.answered <= item.answered]
            span = (item.answered - begin) / SECOND
            most = (top + (item.answered - begin) * limit) // window
            expected = f"at most {most} tokens in {span:.3f} s: a full bucket of {burst} and what flows in"
            return Proof(tuple(inside), expected, f"{spent // window} tokens admitted")
        heads = _telling(heads, limit)
    return None


def _telling(heads: Sequence[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Without the beginnings that an earlier one outdoes already: what comes counts for the earlier one as well."""
    kept: list[tuple[int, int]] = []
    best = -FOREVER * limit
    for begin, spent in heads:
        if spent + begin * limit > best:
            best = spent + begin * limit
            kept.append((begin, spent))
    return kept


def _charged(heads: list[tuple[int, int]], begin: int, worth: int) -> list[tuple[int, int]]:
    """The cost counts for each span that begins no later than the request was sent."""
    charged = [(head, spent + worth if head <= begin else spent) for head, spent in heads]
    if not any(head == begin for head, _ in heads):
        # What was answered since `begin`, and sent since, is what the next later beginning holds.
        later = [spent for head, spent in heads if head > begin]
        charged.append((begin, worth + max(later, default=0)))
        charged.sort()
    return charged


def needless_denial_by_bucket(items: Sequence[Item], limit: int, window: int, burst: int) -> Proof | None:
    """Bucket: a request was denied although enough tokens were there, however late all others spent theirs.

    The level is lowest when each request is decided as late as it can be, for what a full bucket does not take is lost.
    What was never taken from the first bucketful is there whatever a clock shows.
    """
    spenders = sorted((item for item in items if not item.denied), key=lambda item: item.sent)
    denials = sorted((item for item in items if item.denied and item.cost <= burst), key=lambda item: item.sent)
    late = SLACK * limit * (2 + len(items) // LOSS_PER)
    lows, begins = _lowest_levels(spenders, denials, limit, window, burst * window)
    sent = [item.sent for item in spenders]
    taken = [0, *accumulate(item.cost for item in spenders)]
    for item, begin in zip(denials, begins, strict=True):
        least = lows[begin][1]
        for moment, low in islice(lows, begin, None):
            if moment > item.answered:
                break
            least = min(least, low)
        untouched = burst - taken[bisect_right(sent, item.answered)]
        if untouched >= item.cost or least > item.cost * window + late:
            telling = [other for other in spenders if other.sent <= item.answered][-MOST_TOLD:]
            expected = f"200: at least {max(untouched, least / window):.2f} of {burst} tokens were there"
            return Proof((*telling, item), expected, f"429 for a cost of {item.cost}")
    return None


def _lowest_levels(
    spenders: Sequence[Item], denials: Sequence[Item], limit: int, window: int, full: int
) -> tuple[list[tuple[int, int]], list[int]]:
    """(moment, lowest level) wherever it may turn, in tokens' worth of time; and the place in it of each denial."""
    ends = sorted(item.answered for item in spenders if item.answered < FOREVER)
    costs = [item.cost for item in sorted(spenders, key=lambda item: item.answered)]
    points = sorted(
        [(moment, 0, place) for place, moment in enumerate(ends)]
        + [(item.sent, 1, place) for place, item in enumerate(spenders)]
        + [(item.sent, 2, place) for place, item in enumerate(denials)]
    )
    level, before, owed = full, 0, 0
    lows: list[tuple[int, int]] = []
    begins: list[int] = []
    for moment, kind, place in points:
        level = min(full, level + (moment - before) * limit)
        before = moment
        if kind == 0:
            level -= costs[place] * window
            owed -= costs[place] * window
        elif kind == 1:
            owed += spenders[place].cost * window
        else:
            begins.append(len(lows))
        lows.append((moment, level - owed))
    return lows, begins
