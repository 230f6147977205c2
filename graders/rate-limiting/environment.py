"""The environment of the run's shared service: one policy per purpose, all names and quotas chosen by the run's seed.

Each check has policies to itself, so that a limiter that mixes up clients or policies fails the checks that are about
that, and no others.
"""

from __future__ import annotations

import json
import random
import string

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
LOAD_ALGORITHMS = ("fixed-window", "sliding-window", "token-bucket")
"""What is asked for under load."""
ROOMY = {"client-id-bytes"}
"""Purposes whose quota must outlast every try of the check (`labrunner.rules.verdict.TRIES`): it has clients whose names
it cannot choose anew."""


def environment(rng: random.Random) -> dict[str, str]:
    """``POLICIES``: names that tell nothing, quotas that differ from run to run."""
    names = _names(rng)
    tables = {purpose: _table(purpose, window_ms, rng) for purpose, window_ms in PURPOSES.items()}
    # Only equal policies show whether they share what was spent; only names of which one continues the other show
    # whether a key that is joined of policy and client can be taken apart again.
    tables["policies-apart-twin"] = tables["policies-apart"]
    names["policies-apart-twin"] = f"{names['policies-apart']}-{names['policies-apart']}"
    return {"POLICIES": json.dumps({names[purpose]: table for purpose, table in tables.items()})}


def load_environment(rng: random.Random) -> dict[str, str]:
    """``POLICIES`` for both services under load: windows that outlast it, and short ones that end in it."""
    tables: dict[str, dict[str, object]] = {}
    for algorithm in LOAD_ALGORITHMS:
        for window, limit in ((HOUR, rng.randint(5, 9)), (SECOND * rng.randint(1, 2), rng.randint(7, 12))):
            tables[policy_name(rng)] = {"algorithm": algorithm, "limit": limit, "window_ms": window}
    return {"POLICIES": json.dumps(tables)}


def policy_name(rng: random.Random) -> str:
    """Letters, digits and a hyphen: all that a name may be made of."""
    return "-".join("".join(rng.choices(string.ascii_lowercase + string.digits, k=3)) for _ in range(2))


def _names(rng: random.Random) -> dict[str, str]:
    names: set[str] = set()
    while len(names) < len(PURPOSES):
        names.add(policy_name(rng))
    return dict(zip(PURPOSES, sorted(names), strict=True))


def _table(purpose: str, window_ms: int, rng: random.Random) -> dict[str, object]:
    least, most = (1200, 9000) if purpose in LARGE else (8, 12) if purpose in ROOMY else (4, 9)
    limit = rng.randint(least, most)
    # Whole windows other than a power of ten tell T and w apart from constants.
    window = window_ms if window_ms == SECOND else window_ms + SECOND * rng.randint(1, 50)
    return {"algorithm": "fixed-window", "limit": limit, "window_ms": window}
