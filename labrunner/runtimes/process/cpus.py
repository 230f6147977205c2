"""Which CPUs timed services use, and which the load generator: each its own, so that neither slows the other."""

from __future__ import annotations

import os


def shares() -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """CPUs for services and for the generator; None for any, where there is one CPU or the system cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        return None, None
    return (mine[0],), tuple(mine[1:])
