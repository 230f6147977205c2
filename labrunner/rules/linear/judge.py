"""The oracle: key by key, for a history is linearizable if and only if that of each key is (Herlihy and Wing, 1990)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.rules.linear.records import Judgement, Verdict
from labrunner.rules.linear.search import FOREVER, Item, Search
from labrunner.rules.linear.telling import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.linear.records import Model, Operation

STEPS_PER_OPERATION = 200
LEAST_STEPS = 200_000


def judge(model: Model, history: Sequence[Operation], *, effort: int | None = None) -> Judgement:
    """Whether a linearizable service can have answered so. An impossible key is told before an unknown one.

    Args:
        model: where each key begins.
        history: every operation that may have changed one of its keys, in any order.
        effort: steps of the search for each key; None for a number that fits its history.
    """
    keys: dict[str, list[Item]] = {}
    for index, operation in enumerate(history):
        items = keys.setdefault(operation.key, [])
        answered = FOREVER if operation.answered is None else operation.answered
        if operation.answered is not None or not operation.action.only_reads:
            items.append(Item(index, operation.sent, answered, operation.action, operation.answered is not None))
    steps = 0
    given_up: str | None = None
    for key, items in keys.items():
        most = effort if effort is not None else LEAST_STEPS + STEPS_PER_OPERATION * len(items)
        search = Search(items, model.initial, most)
        verdict = search.run()
        steps += search.steps
        if verdict is Verdict.IMPOSSIBLE:
            return explain(model, key, items, search, most)
        if verdict is Verdict.UNKNOWN and given_up is None:
            given_up = key
    if given_up is not None:
        return Judgement(Verdict.UNKNOWN, given_up, steps=steps)
    return Judgement(Verdict.CONSISTENT, steps=steps)
