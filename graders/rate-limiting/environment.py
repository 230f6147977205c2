"""The environment of the run's shared service: one policy per purpose, all names and quotas chosen by the run's seed.

Each check has policies to itself, so that a limiter that mixes up clients or policies fails the checks that are about
that, and no others.
"""

from __future__ import annotations

import json
import random

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
LARGE = {"bad-cost"}
"""Purposes whose quota must allow the largest cost."""


def environment(rng: random.Random) -> dict[str, str]:
    """``POLICIES``: names that tell nothing, quotas that differ from run to run."""
    names = rng.sample(range(1000, 10_000), len(PURPOSES))
    tables = {purpose: _table(purpose, window_ms, rng) for purpose, window_ms in PURPOSES.items()}
    # Only equal policies show whether they share what was spent.
    tables["policies-apart-twin"] = tables["policies-apart"]
    return {"POLICIES": json.dumps({f"p{number}": table for number, table in zip(names, tables.values(), strict=True)})}


def _table(purpose: str, window_ms: int, rng: random.Random) -> dict[str, object]:
    limit = rng.randint(1200, 9000) if purpose in LARGE else rng.randint(4, 9)
    # Whole windows other than a power of ten tell T and w apart from constants.
    window = window_ms if window_ms == SECOND else window_ms + SECOND * rng.randint(1, 50)
    return {"algorithm": "fixed-window", "limit": limit, "window_ms": window}
