"""Of a history that is impossible, the part that proves it.

Every cut only ever makes it easier to find an order, so that what is left is a proof: what came later is left out; what
was over before some moment is left out when nothing is then assumed of the state; an answer is no longer questioned, so
that its operation may have taken effect within its interval, or never.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from labrunner.rules.linear.records import Judgement, Verdict
from labrunner.rules.linear.search import Search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.linear.records import Model, State
    from labrunner.rules.linear.search import Item

MOST_SEARCHES = 10
"""All cuts together take at most so many times the effort of one search; a longer proof is shown as it is then."""
MOST_ANSWERS = 4
"""So many possible answers are told."""


def explain(model: Model, key: str, items: Sequence[Item], search: Search, effort: int) -> Judgement:
    """Why no order of the items exists.

    Args:
        model: that was searched with.
        key: whose items these are.
        items: of which `search` found that there is none.
        search: that found so.
        effort: of one search; a cut that takes more is not made.
    """
    stuck = search.stuck
    cutter = _Cutter(effort)
    later = search.later
    needed = [_unquestioned(item) if item.index in later else item for item in items]
    needed = [item for item in needed if item.sent <= stuck.answered and _counts(item)]
    since: float | None = None
    alone = [item if item is stuck else _unquestioned(item) for item in needed]
    alone = [item for item in alone if _counts(item)]
    if cutter.is_impossible(alone, model.initial):
        needed = alone
    else:
        since = cutter.latest_start(needed, model, stuck)
        needed = needed if since is None else _since(needed, since)
        needed = cutter.without_needless(needed, model.initial if since is None else model.anything, stuck)
    known = sorted((item for item in needed if item.known and item is not stuck), key=lambda item: item.answered)
    telling = (*(item.index for item in known), stuck.index)
    answers = sorted({stuck.action.right_in(seen) for seen in search.states})
    expected = " or ".join(answers[:MOST_ANSWERS]) + (" ..." if len(answers) > MOST_ANSWERS else "")
    origin = _origin(items, telling, stuck)
    steps = search.steps + cutter.steps
    return Judgement(Verdict.IMPOSSIBLE, key, telling, since, origin, expected, stuck.action.got(), steps)


def _origin(items: Sequence[Item], telling: tuple[int, ...], last: Item) -> int | None:
    """The last operation, sent before the impossible answer, after which that answer would have been right."""
    found: Item | None = None
    for item in items:
        if item.action.only_reads or item.sent > last.answered or item is last:
            continue
        state = item.action.after((), known=False)
        if state and last.action.after(state, known=True) is not None and (found is None or item.sent > found.sent):
            found = item
    return None if found is None or found.index in telling else found.index


class _Cutter:
    def __init__(self, effort: int) -> None:
        self._effort = effort
        self.steps = 0

    def is_impossible(self, items: Sequence[Item], state: State) -> bool:
        """Whether that is sure, with what effort is left."""
        if self.steps > MOST_SEARCHES * self._effort:
            return False
        search = Search(items, state, self._effort)
        verdict = search.run()
        self.steps += search.steps
        return verdict is Verdict.IMPOSSIBLE

    def latest_start(self, items: list[Item], model: Model, stuck: Item) -> float | None:
        """The last moment since which the items are impossible, whatever was before, as halving finds it."""
        starts = sorted({item.sent for item in items if item.sent <= stuck.sent})
        low, high = -1, len(starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.is_impossible(_since(items, starts[middle]), model.anything):
                low = middle
            else:
                high = middle - 1
        return None if low < 0 else starts[low]

    def without_needless(self, items: list[Item], state: State, stuck: Item) -> list[Item]:
        """Question only those answers without which the one that is stuck would not be wrong."""
        size = sum(item.known for item in items)
        while size:
            begin = 0
            while begin < len(known := [item.index for item in items if item.known and item.index != stuck.index]):
                part = set(known[begin : begin + size])
                fewer = [_unquestioned(item) if item.index in part else item for item in items]
                fewer = [item for item in fewer if _counts(item)]
                if self.is_impossible(fewer, state):
                    items = fewer
                else:
                    begin += size
            size //= 2
        return items


def _since(items: Sequence[Item], moment: float) -> list[Item]:
    """What may have taken effect after `moment`; what may have done so before is not questioned."""
    kept = [item if item.sent >= moment else _unquestioned(item) for item in items if item.answered >= moment]
    return [item for item in kept if _counts(item)]


def _unquestioned(item: Item) -> Item:
    return dataclasses.replace(item, known=False) if item.known else item


def _counts(item: Item) -> bool:
    """A read whose answer is not questioned says nothing."""
    return item.known or not item.action.only_reads
