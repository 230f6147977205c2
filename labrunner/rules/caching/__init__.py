"""Can a correct shared cache have answered so? RFC 9111 and 5861 as the contract of the lab ``cache`` narrows them.

A history is one URI's exchanges, one after the other, with what the origin saw and said meanwhile. The model keeps every
store that a correct cache may hold by then (an age is known within bounds only), and asks of each exchange whether some of
them allow it. When none does, `judge` says what was allowed.
"""

from labrunner.rules.caching.directives import Directives
from labrunner.rules.caching.judge import Impossible, judge
from labrunner.rules.caching.lru import ideal_hits
from labrunner.rules.caching.records import Asked, Exchange, Got, Said

__all__ = ["Asked", "Directives", "Exchange", "Got", "Impossible", "Said", "ideal_hits", "judge"]
