"""The environment of the run's shared service: time-outs so long that a stalled grader never meets them."""

from __future__ import annotations

import random

LONG_MS = 30_000


def environment(rng: random.Random) -> dict[str, str]:
    """``FILES_DIR`` is below ``DATA_DIR``; only the runtime knows where that is."""
    return {
        "FILES_DIR": "$DATA_DIR/files",
        "KEEP_ALIVE_TIMEOUT_MS": str(LONG_MS + rng.randint(0, 9_999)),
        "HEADER_TIMEOUT_MS": str(LONG_MS + rng.randint(0, 9_999)),
    }


def load_environment(rng: random.Random) -> dict[str, str]:
    """The same for both services under load: no connection may time out in a window of the other side."""
    return environment(rng)
