"""Shares of repeated runs: exact binomial bounds, because a handful of runs is where approximations are worst.

Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934).
"""

from __future__ import annotations

import math

CONFIDENCE = 0.95
"""Of the bounds that are shown."""
NEXT_TO_IMPOSSIBLE = 0.001
"""A share is refused only where what was seen is rarer than this under it."""
LEAST_RACE_RUNS = 5
"""So often at least is a race run before its share is judged."""
_HALVINGS = 60


def at_most(count: int, of: int, share: float) -> float:
    """The chance of `count` or fewer hits in `of` independent runs, each a hit with the chance `share`."""
    if count >= of:
        return 1.0
    return math.fsum(math.comb(of, hits) * share**hits * (1 - share) ** (of - hits) for hits in range(count + 1))


def upper_bound(count: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The largest true share under which `count` or fewer of `of` are still credible (one-sided, exact); 1 for no runs."""
    if of <= count:
        return 1.0
    low, high = count / of, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if at_most(count, of, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def refutes(count: int, of: int, share: float) -> bool:
    """Whether `count` hits of `of` are too few to believe that each run is one with the chance `share`."""
    return at_most(count, of, share) < NEXT_TO_IMPOSSIBLE


def runs_to_judge(share: float) -> int:
    """So many runs that none of them being a hit would refute `share`; at least `LEAST_RACE_RUNS`."""
    return max(LEAST_RACE_RUNS, math.ceil(math.log(NEXT_TO_IMPOSSIBLE) / math.log1p(-share)))
