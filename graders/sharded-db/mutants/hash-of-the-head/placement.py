"""Which shard has a key: rendezvous hashing. Each shard bids for the key, and the highest bid has it.

A shard that joins wins its share and takes nothing else; one that leaves leaves only what it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def place(key: str, shards: Iterable[str]) -> str:
    """The shard of a key: a function of the key and the set of ids alone."""
    return max(shards, key=lambda shard: (_bid(shard, key), shard))


def _bid(shard: str, key: str) -> bytes:
    return hashlib.sha256(f"{shard}/".encode() + key.encode()[:16]).digest()
