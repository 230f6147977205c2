"""The environment of the run's shared service: one policy per purpose, all names and quotas chosen by the run's seed.

Each check has policies to itself, so that a limiter that mixes up clients or policies fails the checks that are about
that, and no others.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence

HOUR = 3_600_000
MINUTE = 60_000
SECOND = 1_000

PURPOSES = {
    "first-answer": HOUR,
    "counts-down": HOUR,
    "quota": HOUR,
    "cost": HOUR,
    "denied-is-free": HOUR,
    "window-from-first-request": SECOND,
    "window-reopens": SECOND,
    "denial-does-not-lengthen": SECOND,
    "retry-after-ms": MINUTE,
    "retry-after": MINUTE,
    "wait-is-enough": SECOND,
    "policy-field": MINUTE,
    "limit-field": MINUTE,
    "clients-apart": HOUR,
    "policies-apart": HOUR,
    "policies-apart-twin": HOUR,
    "client-id-bytes": HOUR,
    "bad-client-id": HOUR,
    "bad-cost": HOUR,
    "refusal-order": HOUR,
    "impossible-cost": HOUR,
}
"""Window in ms by purpose; a check finds its policy by the purpose's place in POLICIES."""
TIMED = {
    "sliding": ("sliding-window", SECOND, (5, 8), None),
    "sliding-costs": ("sliding-window", SECOND, (20, 30), None),
    "sliding-seconds": ("sliding-window", 6 * SECOND, (4, 7), None),
    "bucket-below": ("token-bucket", SECOND, (9, 12), (4, 6)),
    "bucket-at": ("token-bucket", 2 * SECOND, (8, 11), None),
    "bucket-above": ("token-bucket", 2 * SECOND, (6, 8), (14, 18)),
    "bucket-seconds": ("token-bucket", 30 * SECOND, (7, 9), (4, 6)),
}
"""Algorithm, window in ms, and from where to where limit and burst are chosen (None: left out), by purpose. Each is
used by several checks of its stage, for clients of their own: there may be 32 policies, no more."""
ALL = (*PURPOSES, *TIMED)
"""All purposes, in the order of POLICIES."""
LARGE = {"bad-cost"}
"""Purposes whose quota must allow the largest cost."""
ROOMY = {"client-id-bytes"}
"""Purposes whose quota must outlast every try of the check (`labrunner.rules.verdict.TRIES`): it has clients whose names
it cannot choose anew."""


def environment(rng: random.Random) -> dict[str, str]:
    """``POLICIES``: names that tell nothing, quotas that differ from run to run."""
    names = name_each(ALL, rng)
    tables = {purpose: _table(purpose, window_ms, rng) for purpose, window_ms in PURPOSES.items()}
    tables |= {purpose: timed_table(*numbers, rng) for purpose, numbers in TIMED.items()}
    # Only equal policies show whether they share what was spent; only names of which one continues the other show
    # whether a key that is joined of policy and client can be taken apart again.
    tables["policies-apart-twin"] = tables["policies-apart"]
    names["policies-apart-twin"] = f"{names['policies-apart']}-{names['policies-apart']}"
    return {"POLICIES": json.dumps({names[purpose]: table for purpose, table in tables.items()})}


def policy_name(rng: random.Random) -> str:
    """Letters, digits and a hyphen: all that a name may be made of."""
    return "-".join("".join(rng.choices(string.ascii_lowercase + string.digits, k=3)) for _ in range(2))


def name_each(purposes: Sequence[str], rng: random.Random) -> dict[str, str]:
    """A name for each purpose."""
    names: set[str] = set()
    while len(names) < len(purposes):
        names.add(policy_name(rng))
    return dict(zip(purposes, sorted(names), strict=True))


def timed_table(
    algorithm: str, window_ms: int, limits: tuple[int, int], bursts: tuple[int, int] | None, rng: random.Random
) -> dict[str, object]:
    """A policy whose numbers are chosen between those."""
    table: dict[str, object] = {"algorithm": algorithm, "limit": rng.randint(*limits), "window_ms": window_ms}
    return table | ({"burst": rng.randint(*bursts)} if bursts else {})


def _table(purpose: str, window_ms: int, rng: random.Random) -> dict[str, object]:
    least, most = (1200, 9000) if purpose in LARGE else (8, 12) if purpose in ROOMY else (4, 9)
    limit = rng.randint(least, most)
    # Whole windows other than a power of ten tell T and w apart from constants.
    window = window_ms if window_ms == SECOND else window_ms + SECOND * rng.randint(1, 50)
    return {"algorithm": "fixed-window", "limit": limit, "window_ms": window}
