"""Keys fall into slots, and slots belong to shards: the next point of a ring on which each shard has 128."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable
from functools import lru_cache

SLOTS = 1024
POINTS = 128


def slot_of(key: str) -> int:
    """The same as `slot_of` in SCHEMA of shard.py."""
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:4], 16) % SLOTS


def owners(shards: Iterable[str]) -> list[str]:
    """The shard of each slot: a function of the set of ids alone."""
    return _owners(frozenset(shards))


@lru_cache(maxsize=8)
def _owners(shards: frozenset[str]) -> list[str]:
    points = sorted((_position(f"{shard}#{number}"), shard) for shard in shards for number in range(POINTS))
    at = [point for point, _ in points]
    return [points[bisect.bisect(at, _position(f"slot {slot}")) % len(points)][1] for slot in range(SLOTS)]


def _position(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
