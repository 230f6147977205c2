"""The environment of the run's shared service: a time-out so long that no stall of the machine is taken for one."""

from __future__ import annotations

import random

PATIENT_MS = 6_000
"""The origin's time-out where no fault is injected (C-17)."""
ROOMY = 20_000


def environment(rng: random.Random) -> dict[str, str]:
    """``ORIGIN_URL`` comes from the shared origin."""
    return {"ORIGIN_TIMEOUT_MS": str(PATIENT_MS + rng.randint(1, 900)), "CACHE_MAX_ENTRIES": str(ROOMY)}


def load_environment(rng: random.Random) -> dict[str, str]:
    """For both services under load: less room than there are things."""
    return environment(rng) | {"CACHE_MAX_ENTRIES": str(rng.randint(300, 400))}
