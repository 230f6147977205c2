"""The environment of the run's shared service: time-outs so long that no stall of the machine is taken for one."""

from __future__ import annotations

import random

PATIENT_MS = 6_000
"""The ledger's time-out where no fault is injected (C-17)."""
DAY_MS = 86_400_000


def environment(rng: random.Random) -> dict[str, str]:
    """``LEDGER_URL`` comes from the shared ledger."""
    return {"LEDGER_TIMEOUT_MS": str(PATIENT_MS + rng.randint(1, 900)), "KEY_TTL_MS": str(DAY_MS)}


def load_environment(rng: random.Random) -> dict[str, str]:
    """For both services under load."""
    return environment(rng)
