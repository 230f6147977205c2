"""The environment of the run's shared service: a time-out so long that no stall of the machine is taken for one."""

from __future__ import annotations

import random

PATIENT_MS = 4_000
"""A shard's time-out where no fault is injected (C-17)."""
PROMPT_MS = 500
"""The same where one is: the default of the lab."""


def environment(rng: random.Random) -> dict[str, str]:
    """``SHARDS`` comes from the companions beside it."""
    return {"SHARD_TIMEOUT_MS": str(PATIENT_MS + rng.randint(1, 900))}


def load_environment(rng: random.Random) -> dict[str, str]:
    """For both services under load."""
    return environment(rng)
