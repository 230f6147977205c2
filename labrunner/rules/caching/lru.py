"""What an ideal store of bounded size makes of a trace."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


def ideal_hits(trace: Iterable[Hashable], capacity: int) -> int:
    """How many requests of a trace an exact LRU store answers, when every answer is storable and nothing ends.

    Args:
        trace: keys in the order in which they are asked for.
        capacity: entries, at least 1.
    """
    stored: OrderedDict[Hashable, None] = OrderedDict()
    hits = 0
    for key in trace:
        if key in stored:
            hits += 1
            stored.move_to_end(key)
            continue
        stored[key] = None
        if len(stored) > capacity:
            stored.popitem(last=False)
    return hits
